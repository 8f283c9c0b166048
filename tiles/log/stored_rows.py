"""The log's rows as they stand in a file that may hold anything."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import apsw

from tiles.geometry import Rectangle
from tiles.log.schema import has_checksums

PIECE_ROWS = 256
_ROWS = """
SELECT first_seq, last_seq, author, time_ms, x0, y0, x1, y1, {checksum}, messages FROM log
WHERE first_seq > ? ORDER BY first_seq LIMIT ?
"""
Unreadable = (apsw.Error, UnicodeDecodeError)
"""What reading a damaged file raises."""


class LogRow(NamedTuple):
    """A row of the log as it stands; ``checksum`` is None in rows of old formats."""

    first_seq: int
    last_seq: int
    author: int
    time_ms: int
    box: Rectangle
    checksum: int | None
    messages: bytes


def log_rows(connection: apsw.Connection, after: int) -> Iterator[LogRow]:
    """The rows whose first seq is past ``after``, in order; raises :data:`Unreadable`."""
    checksum = "checksum" if has_checksums(connection) else "NULL"
    statement = _ROWS.format(checksum=checksum)
    while True:
        cursor = connection.execute(statement, (after, PIECE_ROWS))
        count = 0
        for row in cursor:
            count += 1
            after = row[0]
            kinds = (*(int,) * 8, type(None) if row[8] is None else int, bytes)
            check_kinds(row, kinds, f"the log at seq {after}")
            first, last, author, time_ms, x0, y0, x1, y1, total, messages = row
            yield LogRow(first, last, author, time_ms, (x0, y0, x1, y1), total, messages)
        if count < PIECE_ROWS:
            return


def check_kinds(row: Sequence[object], kinds: Sequence[type], what: str) -> None:
    """Raise ``apsw.CorruptError`` unless the values of a row are of these types.

    What SQLite refuses to write into a strict table it reads without a word.
    """
    if [type(value) for value in row] != [*kinds]:
        raise apsw.CorruptError(f"{what} holds values of other kinds")
