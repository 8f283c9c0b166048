"""The writing side of one canvas's SQLite file: one connection, one thread at a time.

Each method that writes is one transaction and returns when it would survive a power cut. Which one
to do next, and what to do when one fails, is :mod:`tiles.log.writer`'s business.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from tiles.log.base import (
    CanvasInfo,
    Commit,
    DamagedError,
    LogError,
    Recovered,
    SavedTile,
)
from tiles.log.lock import FileLock
from tiles.log.place import Place
from tiles.log.readers import Readers
from tiles.log.rows import RowWriter
from tiles.log.schema import (
    connect,
    decode_info,
    encode_info,
    has_overviews,
    new_epoch,
    read_mark,
    read_meta,
    transaction,
    upgrade,
    write_mark,
    write_meta,
)
from tiles.log.wal import wal_end

WAL_CHECKPOINT_PAGES = 1000
"""After so many pages the write-ahead log is copied into the file: 4 MiB, some milliseconds."""

_RESYNC_BYTES = 64 * 1024  # SQLite's own VFS takes less than 128 KiB at once
_LAST_SEQ = "SELECT last_seq FROM log ORDER BY first_seq DESC LIMIT 1"
_FIRST_GAP = """
SELECT first_seq, due FROM (
    SELECT first_seq, last_seq, lag(last_seq, 1, :through) OVER (ORDER BY first_seq) + 1 AS due
    FROM log WHERE last_seq > :through AND first_seq >= (
        SELECT coalesce(max(first_seq), 0) FROM log WHERE first_seq <= :through + 1
    )
) WHERE last_seq < first_seq OR (first_seq <> due AND (due <> :through + 1 OR first_seq > due))
LIMIT 1
"""


class Store:
    """Reads what a canvas holds when it is opened, and then writes."""

    def __init__(
        self, path: Path, readers: Readers, vfs: str | None = None, *, keeps_epoch: bool = False
    ) -> None:
        self._path = path
        self._keeps_epoch = keeps_epoch
        self._vfs = vfs
        self._readers = readers
        self._lock = FileLock(path)
        self._place = Place(path)
        self._connection: apsw.Connection | None = None
        self._rows: RowWriter | None = None
        self._epoch = 0
        self._seq = 0
        self._attempted_seq = 0
        self._doubtful = False
        self._wal_pages = 0
        self._wal_pages_copied = 0

    def open(self) -> Recovered:
        """Take the file's lock, check what it holds, store its epoch and that it is in use.

        Raises :class:`LogError`, and leaves everything closed, if any of it fails.
        """
        if not self._path.is_file():
            raise LogError(f"there is no canvas at {self._path}")
        self._lock.acquire()
        try:
            connect(self._path, readonly=True, vfs=self._vfs).close()
            end = wal_end(self._path)
            self._resync_wal()
            recovered = self._recover(self._connect())
            if end.damaged or end.dropped_frames:
                recovered.notes.append(str(end))
        except BaseException as error:
            self._disconnect()
            self._lock.release()
            if isinstance(error, apsw.CorruptError | apsw.NotADBError):
                raise DamagedError(f"{self._path} is damaged: {error}") from error
            if isinstance(error, apsw.Error | OSError):
                raise LogError(f"{self._path} can't be opened: {error}") from error
            raise
        self._readers.resume()
        return recovered

    def _recover(self, connection: apsw.Connection) -> Recovered:
        info = decode_info(read_meta(connection, "info"))
        checkpoint_seq = read_meta(connection, "checkpoint_seq")
        clean = bool(read_meta(connection, "clean"))
        self._epoch = read_meta(connection, "epoch")
        self._seq = self._attempted_seq = last_seq(connection, checkpoint_seq, self._path)
        notes = []
        if not clean and not self._keeps_epoch:
            self._epoch = new_epoch()
            notes.append("the last stop was not clean: the canvas has a new epoch")
        overviews = has_overviews(connection)
        with self._transaction(connection):
            upgrade(connection)
            write_meta(connection, "epoch", self._epoch)
            write_meta(connection, "clean", 0)
        return Recovered(
            info=info,
            epoch=self._epoch,
            seq=self._seq,
            checkpoint_seq=checkpoint_seq,
            clean=clean,
            overviews=overviews,
            notes=notes,
            mark=read_mark(connection),
        )

    def commit(self, commits: Sequence[Commit]) -> None:
        """Write commits, all of them or none. What is there already is not written twice."""
        batches = [
            batch for commit in commits for batch in commit.batches if batch.last_seq > self._seq
        ]
        latest = {count.session: count for commit in commits for count in commit.counts}
        connection, rows = self._opened()
        if batches:
            self._attempted_seq = batches[-1].last_seq
        with self._transaction(connection):
            rows.batches(batches)
            rows.counts(latest.values())
            for info in [commit.info for commit in commits if commit.info is not None][-1:]:
                write_meta(connection, "info", encode_info(info))
            for mark in [commit.mark for commit in commits if commit.mark is not None][-1:]:
                write_mark(connection, mark)
        self._seq = self._attempted_seq

    def save_tiles(self, tiles: Sequence[SavedTile], through: int | None) -> None:
        """Write tiles' checkpoints and, unless it is None, what all of them hold."""
        connection, rows = self._opened()
        with self._transaction(connection):
            rows.tiles(tiles)
            if through is not None:
                write_meta(connection, "checkpoint_seq", through)
                write_meta(connection, "overviews", 1)

    def forget_sessions(self, before_ms: int, after: bytes, limit: int) -> bytes | None:
        """Look at ``limit`` counts past session ``after`` and drop those not seen since a time.

        Returns the last session looked at, or None where that was the end.
        """
        connection, _ = self._opened()
        row = connection.execute(
            "SELECT session FROM sessions WHERE session > ? ORDER BY session LIMIT 1 OFFSET ?",
            (after, limit - 1),
        ).fetchone()
        until: bytes | None = None if row is None else row[0]
        with self._transaction(connection):
            connection.execute(
                "DELETE FROM sessions WHERE session > ? AND (?2 IS NULL OR session <= ?2) "
                "AND seen_ms < ?3",
                (after, until, before_ms),
            )
        return until

    def update(self, info: CanvasInfo) -> None:
        """Store changed settings."""
        self._set_meta("info", encode_info(info))

    def mark_clean(self) -> None:
        """Store that nothing was lost: the next start keeps the epoch."""
        self._set_meta("clean", 1)

    def _set_meta(self, key: str, value: int | str) -> None:
        connection, _ = self._opened()
        with self._transaction(connection):
            write_meta(connection, key, value)

    @contextmanager
    def _transaction(self, connection: apsw.Connection) -> Iterator[None]:
        """A transaction that is durable at the end, in files that a start would find."""
        with transaction(connection):
            yield
        self._place.check()

    @property
    def wal_is_long(self) -> bool:
        """Whether :meth:`checkpoint_wal` is due."""
        return self._wal_pages >= self._wal_pages_copied + WAL_CHECKPOINT_PAGES

    def checkpoint_wal(self) -> None:
        """Copy the write-ahead log into the file, as far as nobody is in the way."""
        connection, _ = self._opened()
        with suppress(apsw.BusyError):  # somebody's SQLite shell is at it
            _, copied = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            self._wal_pages_copied = copied

    def reset(self, error: Exception) -> None:
        """After an error, bring the connection into a state in which the write can be tried again.

        A full disk or a lock in the way leave the file as it was. After any other error the file is
        made durable as it can be read, closed, opened again and compared with what was promised.
        Either way a first small write shows whether it takes any. Raises :class:`LogError` or
        ``apsw.Error`` if something of this fails; then it is to be called again.
        """
        if not isinstance(error, apsw.FullError | apsw.BusyError):
            self._doubtful = True  # until it was reopened, whatever else fails on the way there
        if self._doubtful:
            self._reopen()
            self._doubtful = False
        else:
            connection, _ = self._opened()
            self._rows = RowWriter(connection)
        self._set_meta("clean", 0)

    def _reopen(self) -> None:
        """Open the file afresh, once the disk takes writes.

        Until it does, readers go on, since the old connection stays open: as long as there is one,
        SQLite keeps its index of the write-ahead log, and with it what was durable, and doesn't
        find there the commits whose sync failed. It is also all that still holds a file that was
        deleted.
        """
        self._place.check_file()
        if self._place.lacks_wal():
            self._rescue_wal()
        else:
            self._resync_wal()
        self._readers.suspend()
        self._disconnect(checkpoint=False)
        connection = self._connect()
        try:
            self._verify(connection)
        except BaseException:
            self._disconnect(checkpoint=False)
            raise
        self._readers.resume()

    def _rescue_wal(self) -> None:
        """Copy into the file what the connection has of a write-ahead log that was deleted."""
        if self._connection is not None:
            self._readers.suspend()
            try:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_FULL)
            finally:
                self._readers.resume()

    def _verify(self, connection: apsw.Connection) -> None:
        epoch = read_meta(connection, "epoch")
        if epoch != self._epoch:
            raise LogError(f"{self._path} was replaced: its epoch is {epoch}, not {self._epoch}")
        seq = last_seq(connection, self._seq, self._path)
        if seq > self._attempted_seq:
            raise LogError(
                f"{self._path} was written by another: it ends at seq {seq}, "
                f"past {self._attempted_seq}"
            )
        self._seq = seq

    def _resync_wal(self) -> None:
        """Write the write-ahead log over itself and sync it.

        When fsync fails, the system may keep pages that never reached the disk and hold them for
        clean: SQLite would find a commit there that the next power cut takes away. Written again
        they are dirty again, so what is read from here on is what the disk holds.
        """
        wal = self._path.with_name(self._path.name + "-wal")
        if not wal.exists():
            return
        flags = [apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_WAL, 0]
        file = apsw.VFSFile(self._vfs or "", str(wal), flags)
        try:
            size = file.xFileSize()
            for offset in range(0, size, _RESYNC_BYTES):
                data = file.xRead(min(_RESYNC_BYTES, size - offset), offset)
                file.xWrite(data, offset)
            file.xSync(apsw.SQLITE_SYNC_FULL)
        finally:
            file.xClose()

    def _connect(self) -> apsw.Connection:
        connection = connect(self._path, vfs=self._vfs)
        self._connection = connection
        self._place.connected()
        self._rows = RowWriter(connection)
        self._wal_pages = self._wal_pages_copied = 0
        connection.set_wal_hook(self._count_wal_pages)
        return connection

    def _count_wal_pages(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        if pages < self._wal_pages:
            self._wal_pages_copied = 0
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _opened(self) -> tuple[apsw.Connection, RowWriter]:
        if self._connection is None or self._rows is None:
            raise LogError(f"{self._path} is closed")
        return self._connection, self._rows

    def close_clean(self) -> bool:
        """Mark the stop as clean and close; returns whether the mark was written."""
        try:
            self.mark_clean()
        except (apsw.Error, LogError):
            return False
        else:
            return True
        finally:
            self.close()

    def close(self, *, checkpoint: bool = True) -> None:
        """Close the file and release its lock; never raises.

        ``checkpoint``: copy the write-ahead log into the file, so that it is one file again.
        """
        self._readers.close()
        self._disconnect(checkpoint=checkpoint)
        self._lock.release()

    def _disconnect(self, *, checkpoint: bool = True) -> None:
        connection, self._connection, self._rows = self._connection, None, None
        if connection is None:
            return
        with suppress(apsw.Error):
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(not checkpoint))
        with suppress(apsw.Error):
            connection.close(force=True)


def last_seq(connection: apsw.Connection, checkpoint_seq: int, path: Path) -> int:
    """Where the log ends, once it is known to reach there from ``checkpoint_seq`` without a gap.

    A log without rows ends at its checkpoints: a copy may start from tiles alone. Raises
    :class:`LogError` where rows are missing.
    """
    row = connection.execute(_LAST_SEQ).fetchone()
    if row is None:
        return checkpoint_seq
    last: int = row[0]
    if last < checkpoint_seq:
        raise DamagedError(
            f"{path} is damaged: the log ends at seq {last}, but reached {checkpoint_seq} before"
        )
    row = connection.execute(_FIRST_GAP, {"through": checkpoint_seq}).fetchone()
    if row is not None:
        raise DamagedError(
            f"{path} is damaged: the log goes on at seq {row[0]} where {row[1]} is due"
        )
    return last
