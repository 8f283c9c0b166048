"""The log in SQLite: one file a canvas, written ahead, synced at every commit (:func:`create`)."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import apsw

from tiles.geometry import Rectangle
from tiles.log.base import (
    Batch,
    CanvasInfo,
    Commit,
    Listener,
    LogError,
    Ordered,
    Recovered,
    SavedTile,
    SessionCount,
)
from tiles.log.order import Order
from tiles.log.readers import Readers
from tiles.log.schema import create
from tiles.log.store import Store
from tiles.log.writer import Backoff, Writer

__all__ = ["SqliteLog", "create"]


class SqliteLog:
    """A :class:`tiles.log.base.Log` over the file that :func:`create` made.

    ``commit_interval_s`` is the shortest time from one sync of commits to the next,
    ``retry_initial_s`` and ``retry_max_s`` bound the wait before a failed write is tried again,
    ``update_timeout_s`` how long :meth:`update` waits. ``vfs`` names a SQLite VFS to go through.
    ``keeps_epoch``: what a crash loses can be had again, so the epoch stays.
    """

    shared = False
    behind = 0

    def __init__(
        self,
        path: Path,
        *,
        commit_interval_s: float = 0.0,
        retry_initial_s: float = 0.05,
        retry_max_s: float = 1.0,
        update_timeout_s: float = 5.0,
        vfs: str | None = None,
        keeps_epoch: bool = False,
    ) -> None:
        self._path = path
        self._commit_interval_s = commit_interval_s
        self._backoff = Backoff(retry_initial_s, retry_max_s)
        self._update_timeout_s = update_timeout_s
        self._readers = Readers(path, vfs)
        self._store = Store(path, self._readers, vfs, keeps_epoch=keeps_epoch)
        self._recovered: Recovered | None = None
        self._writer: Writer | None = None

    def open(self) -> Recovered:
        """Open the file and store its epoch; see :meth:`tiles.log.base.Log.open`."""
        if self._recovered is not None:
            raise LogError(f"{self._path} was opened before")
        self._recovered = self._store.open()
        return self._recovered

    def start(self, listener: Listener, ordered: Callable[[Ordered], None] | None = None) -> None:
        """Start the writer's thread."""
        if self._recovered is None or self._writer is not None:
            raise LogError(f"{self._path} can't be started now")
        self._writer = Writer(
            self._store,
            Order(self._recovered.seq),
            listener,
            self._backoff,
            self._commit_interval_s,
        )
        self._writer.start()

    def append(self, commit: Commit) -> None:
        """Queue a commit; ``ValueError`` where it isn't the next."""
        self._started().append(commit)

    def claim(
        self,
        session: bytes,
        done: Callable[[SessionCount | LogError], None],
        seen: int | None = None,
    ) -> None:
        """Nobody else writes it: there is nothing to claim."""
        raise LogError(f"{self._path} is not shared")

    def hold(self, *, held: bool) -> None:
        """Nobody else writes it: it tells of no order."""
        raise LogError(f"{self._path} is not shared")

    def checkpoint(
        self,
        tiles: Sequence[SavedTile],
        through: int | None,
        written: Callable[[], None] | None = None,
    ) -> None:
        """Queue tiles; they are written a few at a time, between commits."""
        self._started().save_tiles(tiles, through, written)

    def forget_sessions(self, before_ms: int) -> None:
        """Queue the removal of counts last seen before ``before_ms``."""
        self._started().forget_sessions(before_ms)

    def _started(self) -> Writer:
        if self._writer is None:
            raise LogError(f"{self._path} is not open for writing")
        return self._writer

    def read(
        self, after: int, until: int | None = None, box: Rectangle | None = None
    ) -> Iterator[Batch]:
        """The durable batches that hold any seq in (after, until], in order."""
        return self._readers.batches(after, until, box)

    def read_back(self, after: int, until: int, box: Rectangle) -> Iterator[Batch]:
        """The same, newest first."""
        return self._readers.batches_back(after, until, box)

    def saved(self, tiles: Sequence[int]) -> list[SavedTile]:
        """The checkpoints of these tiles, in order of key."""
        return self._readers.saved(tiles)

    def tiles(self) -> Iterator[SavedTile]:
        """Every tile checkpoint, in order of key."""
        return self._readers.tiles()

    def session(self, session: bytes) -> SessionCount | None:
        """A session's durable count."""
        return self._readers.session(session)

    def update(self, info: CanvasInfo) -> None:
        """Store changed settings and wait until they are durable."""
        if self._writer is not None:
            self._writer.update(info, self._update_timeout_s)
            return
        try:
            self._store.update(info)
        except apsw.Error as error:
            raise LogError(f"the settings could not be stored: {error}") from error

    def close(self, timeout_s: float) -> bool:
        """Write what is queued and close; see :meth:`tiles.log.base.Log.close`."""
        if self._writer is not None:
            return self._writer.close(timeout_s)
        if self._recovered is None:
            return True
        return self._store.close_clean()
