"""Reading a canvas's SQLite file beside its writer, from any thread.

What a reader sees is durable: a commit shows only after the write-ahead log was synced. Long reads
go in pieces, each a short transaction, since an open one keeps that log from being cut.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw

from tiles.geometry import Rectangle
from tiles.log.base import Author, Batch, DamagedError, LogError, SavedTile, SessionCount
from tiles.log.checksum import row_checksum
from tiles.log.schema import connect, unpack_rejections

CONNECTIONS_MAX = 4
"""So many pieces are read at once; who comes then waits, first come, first served."""

PIECE_ROWS = 512
PIECE_BYTES = 1024 * 1024
"""A piece ends with the row that reaches one of these."""

WAIT_S = 2.0
"""So long a reader waits for a free connection, or for the file to be opened again."""

_AUTHORS_KEPT = 16_384
_BATCHES = """
SELECT first_seq, last_seq, author, time_ms, x0, y0, x1, y1, checksum, messages FROM log
WHERE first_seq >= ? AND first_seq <= ? ORDER BY first_seq LIMIT ?
"""
# Rows outside the box come without their messages, so that a piece of them is short too.
_BATCHES_IN_BOX = """
SELECT first_seq, last_seq, author, time_ms, x0, y0, x1, y1, checksum,
CASE WHEN x0 <= ? AND y0 <= ? AND x1 >= ? AND y1 >= ? THEN messages END FROM log
WHERE first_seq >= ? AND first_seq <= ? ORDER BY first_seq LIMIT ?
"""
# These alone are looked for in SQLite: one read is as long as the range that it is given.
_BATCHES_BACK = """
SELECT first_seq, last_seq, author, time_ms, x0, y0, x1, y1, checksum, messages FROM log
WHERE x0 <= ? AND y0 <= ? AND x1 >= ? AND y1 >= ?
AND first_seq >= ? AND first_seq <= ? ORDER BY first_seq DESC LIMIT ?
"""
_TILES = "SELECT key, seq, data FROM tiles WHERE key > ? ORDER BY key LIMIT ?"
_SAVED = "SELECT key, seq, data FROM tiles WHERE key BETWEEN ? AND ? ORDER BY key"
_SEQ_MAX = 2**63 - 1

Row = tuple[Any, ...]


class Readers:
    """Read-only connections to one file; suspended until :meth:`resume`."""

    def __init__(self, path: Path, vfs: str | None = None) -> None:
        self._path = path
        self._vfs = vfs
        self._changed = threading.Condition()
        self._idle: list[apsw.Connection] = []
        self._waiting: deque[object] = deque()
        self._busy = 0
        self._suspended = True
        self._closed = False

    def resume(self) -> None:
        """Let reads begin."""
        with self._changed:
            self._suspended = False
            self._changed.notify_all()

    def suspend(self) -> None:
        """Let no more reads begin, wait for those under way, and close every connection.

        A piece under way takes milliseconds; longer only where the disk itself hangs.
        """
        with self._changed:
            self._suspended = True
            self._changed.wait_for(lambda: self._busy == 0)
            while self._idle:
                self._discard(self._idle.pop())

    def close(self) -> None:
        """Suspend for good: who reads from here on, or waits to, gets a :class:`LogError`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.suspend()

    @contextmanager
    def _connection(self) -> Iterator[apsw.Connection]:
        with self._changed:
            self._wait_for_turn()
            self._busy += 1
            connection = self._idle.pop() if self._idle else None
        try:
            if connection is None:
                connection = connect(self._path, readonly=True, vfs=self._vfs)
            yield connection
        except BaseException as error:
            if connection is not None:
                self._discard(connection)
                connection = None
            if isinstance(error, apsw.CorruptError | apsw.NotADBError):
                raise DamagedError(f"{self._path} is damaged: {error}") from error
            if isinstance(error, apsw.Error):
                raise LogError(f"{self._path} can't be read: {error}") from error
            raise
        finally:
            with self._changed:
                self._busy -= 1
                if connection is not None:
                    self._idle.append(connection)
                self._changed.notify_all()

    def _wait_for_turn(self) -> None:
        """Wait for a free connection in the order of asking.

        Without that order a long read, which asks for its next piece as soon as it has one, would
        always be there before those that have yet to wake up, and starve them.
        """
        turn = object()
        self._waiting.append(turn)
        try:
            free = self._changed.wait_for(lambda: self._closed or self._is_free_for(turn), WAIT_S)
        finally:
            self._waiting.remove(turn)
            self._changed.notify_all()
        if self._closed or not free:
            raise LogError(f"{self._path} can't be read now")

    def _is_free_for(self, turn: object) -> bool:
        return not self._suspended and self._busy < CONNECTIONS_MAX and self._waiting[0] is turn

    @staticmethod
    def _discard(connection: apsw.Connection) -> None:
        with suppress(apsw.Error):
            connection.close(force=True)

    def _piece(self, statement: str, values: tuple[int, ...]) -> list[Row]:
        """The first rows of a query, as many as are a piece. The last column is the bulk."""
        rows: list[Row] = []
        size = 0
        with self._connection() as connection:
            cursor = connection.execute(statement, (*values, PIECE_ROWS))
            for row in cursor:
                rows.append(row)
                size += len(row[-1] or b"")
                if size >= PIECE_BYTES:
                    break
            cursor.close(force=True)
        return rows

    def batches(
        self, after: int, until: int | None, box: Rectangle | None = None
    ) -> Iterator[Batch]:
        """The batches that hold any seq in (after, until], in order; see :class:`.base.Log`."""
        end = _SEQ_MAX if until is None else until
        if end <= after:
            return
        authors: dict[int, Author] = {}
        start = self._first_row(after)
        statement: str = _BATCHES
        reach: tuple[int, ...] = ()
        if box is not None:
            statement, reach = _BATCHES_IN_BOX, (box[2], box[3], box[0], box[1])
        while rows := self._piece(statement, (*reach, start, end)):
            start = rows[-1][1] + 1
            yield from self._checked([row for row in rows if row[-1] is not None], authors)

    def batches_back(self, after: int, until: int, box: Rectangle) -> Iterator[Batch]:
        """What :meth:`batches` gives for the same, newest first; see :class:`.base.Log`."""
        if until <= after:
            return
        authors: dict[int, Author] = {}
        start, end = self._first_row(after), until
        reach = box[2], box[3], box[0], box[1]
        while rows := self._piece(_BATCHES_BACK, (*reach, start, end)):
            end = rows[-1][0] - 1
            yield from self._checked(rows, authors)

    def _checked(self, rows: list[Row], authors: dict[int, Author]) -> Iterator[Batch]:
        """The batches of rows of the log, whose authors are added to ``authors``."""
        self._name_authors(authors, {row[2] for row in rows})
        for first, last, author, time_ms, x0, y0, x1, y1, checksum, messages in rows:
            around = x0, y0, x1, y1
            if checksum is not None and checksum != row_checksum(
                first, last, author, time_ms, around, messages
            ):
                raise DamagedError(
                    f"{self._path} is damaged: the log at seq {first} isn't what was written"
                )
            yield Batch(first, last, authors[author], time_ms, around, messages)

    def _first_row(self, after: int) -> int:
        """Where the row with the first seq past ``after`` begins, or would begin."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT first_seq, last_seq FROM log WHERE first_seq <= ? "
                "ORDER BY first_seq DESC LIMIT 1",
                (after,),
            ).fetchone()
        first: int = after + 1 if row is None or row[1] <= after else row[0]
        return first

    def _name_authors(self, authors: dict[int, Author], ids: set[int]) -> None:
        missing = ids - authors.keys()
        if not missing:
            return
        if len(authors) + len(missing) > _AUTHORS_KEPT:
            authors.clear()
            missing = ids
        marks = ", ".join("?" * len(missing))
        with self._connection() as connection:
            for number, *values in connection.execute(
                f"SELECT id, session, name, address, subject FROM authors WHERE id IN ({marks})",
                list(missing),
            ):
                authors[number] = Author(*values)
        unnamed = ids - authors.keys()
        if unnamed:
            raise DamagedError(f"{self._path} is damaged: author {min(unnamed)} is missing")

    def tiles(self) -> Iterator[SavedTile]:
        """Every tile checkpoint, in order of key."""
        key = -1
        while rows := self._piece(_TILES, (key,)):
            for row in rows:
                yield SavedTile(*row)
            key = rows[-1][0]

    def saved(self, tiles: Sequence[int]) -> list[SavedTile]:
        """The checkpoints of these tiles, in order of key."""
        found: list[SavedTile] = []
        with self._connection() as connection:
            for first, last in _runs(sorted(set(tiles))):
                found += [SavedTile(*row) for row in connection.execute(_SAVED, (first, last))]
        return found

    def session(self, session: bytes) -> SessionCount | None:
        """One session's count."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT handled, rejected, seen_ms, claim, client FROM sessions WHERE session = ?",
                (session,),
            ).fetchone()
        if row is None:
            return None
        handled, rejected, seen_ms, claim, client = row
        return SessionCount(session, handled, unpack_rejections(rejected), seen_ms, claim, client)


def _runs(keys: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and last of each run of consecutive numbers, which rise."""
    start = 0
    for end in range(1, len(keys) + 1):
        if end == len(keys) or keys[end] != keys[end - 1] + 1:
            yield keys[start], keys[end - 1]
            start = end
