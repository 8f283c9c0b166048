"""Batches, counts and tiles into rows, many to a statement.

Python's interpreter lock is given up and asked for again at every statement, and under a busy event
loop each asking waits out a switch interval. So one INSERT takes as many rows as fit.
"""

from collections.abc import Iterable, Sequence
from functools import cache

import apsw

from tiles.log.base import Author, Batch, SavedTile, SessionCount
from tiles.log.checksum import row_checksum
from tiles.log.schema import pack_rejections

AUTHORS_KEPT = 16_384
"""So many authors' ids are held in memory; beyond, they are looked up afresh."""

_ROWS_PER_STATEMENT = (256, 64, 16, 4, 1)
_LOG = "INSERT INTO log VALUES {rows}"
_SESSIONS = (
    "INSERT INTO sessions VALUES {rows} ON CONFLICT DO UPDATE SET "
    "handled = excluded.handled, rejected = excluded.rejected, seen_ms = excluded.seen_ms, "
    "claim = excluded.claim, client = excluded.client"
)
_TILES = (
    "INSERT INTO tiles VALUES {rows} ON CONFLICT DO UPDATE SET "
    "seq = excluded.seq, data = excluded.data"
)

Value = int | str | bytes


class RowWriter:
    """Writes rows over a connection, within a transaction that is its caller's.

    After a transaction that failed a new one is due: this one remembers ids that may not be there.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._authors: dict[Author, int] = {}
        self._last_author: int = connection.execute("SELECT coalesce(max(id), 0) FROM authors").get

    def batches(self, batches: Iterable[Batch]) -> None:
        """Add rows to the log."""
        self._insert(
            _LOG,
            [_row(batch, self._author(batch.author)) for batch in batches],
        )

    def counts(self, counts: Iterable[SessionCount]) -> None:
        """Set sessions' counts; a session may be named once only."""
        self._insert(
            _SESSIONS,
            [
                (
                    count.session,
                    count.handled,
                    pack_rejections(count.rejected),
                    count.seen_ms,
                    count.claim,
                    count.client,
                )
                for count in counts
            ],
        )

    def tiles(self, tiles: Iterable[SavedTile]) -> None:
        """Set tiles' checkpoints."""
        self._insert(_TILES, [(tile.key, tile.seq, tile.data) for tile in tiles])

    def _author(self, author: Author) -> int:
        known = self._authors.get(author)
        if known is not None:
            return known
        values = (author.session, author.name, author.address, author.subject)
        row = self._connection.execute(
            "SELECT id FROM authors WHERE session = ? AND name = ? AND address = ? AND subject = ?",
            values,
        ).fetchone()
        if row is None:
            self._last_author += 1
            row = (self._last_author,)
            self._connection.execute(
                "INSERT INTO authors VALUES (?, ?, ?, ?, ?)", (self._last_author, *values)
            )
        if len(self._authors) >= AUTHORS_KEPT:
            self._authors.clear()
        found: int = row[0]
        self._authors[author] = found
        return found

    def _insert(self, statement: str, rows: Sequence[tuple[Value, ...]]) -> None:
        start = 0
        for size in _ROWS_PER_STATEMENT:
            while len(rows) - start >= size:
                values = [value for row in rows[start : start + size] for value in row]
                self._connection.execute(_filled(statement, size, len(rows[0])), values)
                start += size


def _row(batch: Batch, author: int) -> tuple[Value, ...]:
    head = batch.first_seq, batch.last_seq, author, batch.time_ms
    checksum = row_checksum(*head, batch.box, batch.messages)
    return *head, *batch.box, batch.messages, checksum


@cache
def _filled(statement: str, rows: int, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return statement.format(rows=", ".join([row] * rows))
