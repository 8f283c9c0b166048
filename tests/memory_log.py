"""The log in memory: what a test or a simulation in virtual time runs a canvas on."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tiles.geometry import Rectangle, overlap
from tiles.log.base import (
    Batch,
    CanvasInfo,
    Commit,
    Listener,
    LogError,
    Mark,
    Ordered,
    Recovered,
    SavedTile,
    SessionCount,
)
from tiles.log.order import Order
from tiles.log.schema import new_epoch

Schedule = Callable[[float, Callable[[], None]], None]
"""Calls a function after so many seconds, of whatever clock."""


@dataclass(slots=True)
class MemoryStore:
    """What a disk would hold: it outlives the logs that are opened over it."""

    info: CanvasInfo
    epoch: int = field(default_factory=new_epoch)
    clean: bool = True
    in_use: bool = False
    batches: list[Batch] = field(default_factory=list)
    counts: dict[bytes, SessionCount] = field(default_factory=dict)
    tiles: dict[int, SavedTile] = field(default_factory=dict)
    checkpoint_seq: int = 0
    overviews: bool = True
    mark: Mark = field(default_factory=Mark)

    @property
    def seq(self) -> int:
        """The last seq stored."""
        return self.batches[-1].last_seq if self.batches else self.checkpoint_seq


class MemoryLog:
    """A :class:`tiles.log.base.Log` with no thread: its caller, or ``schedule``, moves it on.

    With a ``schedule``, a group of commits is durable ``delay_s`` after it was begun, and what was
    appended meanwhile is the next group, as with a real disk. Without one, :meth:`commit` says
    when. The listener is called from within those calls. One that ``keeps_epoch`` is the fold of a
    shared log: a crash doesn't change it.
    """

    shared = False
    behind = 0

    def __init__(
        self,
        store: MemoryStore,
        *,
        schedule: Schedule | None = None,
        delay_s: float = 0.0,
        epochs: Callable[[], int] = new_epoch,
        keeps_epoch: bool = False,
    ) -> None:
        self.store = store
        self.delay_s = delay_s
        self._schedule = schedule
        self._epochs = epochs
        self._keeps_epoch = keeps_epoch
        self._order: Order | None = None
        self._listener: Listener | None = None
        self._commits: deque[Commit] = deque()
        self._chores: deque[tuple[int, Callable[[], None]]] = deque()
        self._durable_ticket = 0
        self._under_way = False
        self._closed = False
        self._failure: Exception | None = None
        self._told: Exception | None = None

    def open(self) -> Recovered:
        """Take the store."""
        store = self.store
        if self._order is not None or self._closed or store.in_use:
            raise LogError("the log is in use, or was")
        if store.batches and store.seq < store.checkpoint_seq:
            raise LogError("the log ends before its tiles")
        clean = store.clean
        if not (clean or self._keeps_epoch):
            store.epoch = self._epochs()
        store.clean = False
        store.in_use = True
        self._order = Order(store.seq)
        return Recovered(
            store.info,
            store.epoch,
            store.seq,
            store.checkpoint_seq,
            clean,
            store.overviews,
            mark=store.mark,
        )

    def start(self, listener: Listener, ordered: Callable[[Ordered], None] | None = None) -> None:
        """Begin to write."""
        if self._order is None or self._listener is not None or self._closed:
            raise LogError("the log can't be started now")
        self._listener = listener

    def append(self, commit: Commit) -> None:
        """Queue a commit."""
        self._started().admit(commit)
        self._commits.append(commit)
        self._begin()

    def claim(
        self,
        session: bytes,
        done: Callable[[SessionCount | LogError], None],
        seen: int | None = None,
    ) -> None:
        """Nobody else writes it."""
        raise LogError("the log is not shared")

    def hold(self, *, held: bool) -> None:
        """Nobody else writes it."""
        raise LogError("the log is not shared")

    def checkpoint(
        self,
        tiles: Sequence[SavedTile],
        through: int | None,
        written: Callable[[], None] | None = None,
    ) -> None:
        """Queue tiles."""

        def save() -> None:
            self.store.tiles.update((tile.key, tile) for tile in tiles)
            if through is not None:
                self.store.checkpoint_seq = through
                self.store.overviews = True
            if written is not None:
                written()

        self._add_chore(save)

    def forget_sessions(self, before_ms: int) -> None:
        """Queue the removal of old counts."""

        def forget() -> None:
            counts = self.store.counts
            for session in [key for key, count in counts.items() if count.seen_ms < before_ms]:
                del counts[session]

        self._add_chore(forget)

    def _add_chore(self, chore: Callable[[], None]) -> None:
        self._chores.append((self._started().ticket, chore))
        self._begin()

    def read(
        self, after: int, until: int | None = None, box: Rectangle | None = None
    ) -> Iterator[Batch]:
        """The durable batches that hold any seq in (after, until], in order."""
        self._readable()
        if until is not None and until <= after:
            return
        start = bisect_right(self.store.batches, after, key=lambda batch: batch.last_seq)
        for batch in self.store.batches[start:]:
            if until is not None and batch.first_seq > until:
                return
            if box is None or overlap(batch.box, box):
                yield batch

    def read_back(self, after: int, until: int, box: Rectangle) -> Iterator[Batch]:
        """The same, newest first."""
        yield from reversed(list(self.read(after, until, box)))

    def saved(self, tiles: Sequence[int]) -> list[SavedTile]:
        """The checkpoints of these tiles, in order of key."""
        self._readable()
        stored = self.store.tiles
        return [stored[tile] for tile in sorted(set(tiles)) if tile in stored]

    def tiles(self) -> Iterator[SavedTile]:
        """Every tile checkpoint, in order of key."""
        self._readable()
        yield from sorted(self.store.tiles.values(), key=lambda tile: tile.key)

    def session(self, session: bytes) -> SessionCount | None:
        """A session's durable count."""
        self._readable()
        return self.store.counts.get(session)

    def update(self, info: CanvasInfo) -> None:
        """Store settings, at once."""
        self._readable()
        if self._failure is not None:
            raise LogError(f"storage is in trouble: {self._failure}")
        self.store.info = info

    def close(self, timeout_s: float) -> bool:
        """Write all that is queued, at once, unless the storage fails; it takes no time."""
        if self._closed or self._order is None:
            self._closed = True
            return True
        while self._failure is None and (self._commits or self._chores):
            self._finish(len(self._commits))
        self.store.clean = self._failure is None
        self.crash()
        return self.store.clean

    def crash(self) -> None:
        """End as a killed process would: what isn't durable is lost, and nobody is told."""
        if self._order is not None and not self._closed:
            self.store.in_use = False
        self._closed = True
        self._commits.clear()
        self._chores.clear()

    def commit(self) -> None:
        """Make all that is queued durable now."""
        self._started()
        self._finish(len(self._commits))

    def fail(self, error: Exception) -> None:
        """From here on every write fails."""
        self._failure = error

    def heal(self) -> None:
        """Writes succeed again, and those that failed are done now or as scheduled."""
        self._failure = None
        if self._schedule is None:
            self.commit()
        else:
            self._begin()

    def _begin(self) -> None:
        """Start on what is queued, unless something is under way already."""
        if self._schedule is None or self._under_way or not (self._commits or self._chores):
            return
        self._under_way = True
        size = len(self._commits)
        self._schedule(self.delay_s, lambda: self._end(size))

    def _end(self, size: int) -> None:
        self._under_way = False
        if self._closed:
            return
        # close() and commit() may have written some of it in the meantime.
        self._finish(min(size, len(self._commits)))
        if self._failure is None:
            self._begin()

    def _finish(self, size: int) -> None:
        assert self._listener is not None
        if self._failure is not None:
            if self._told is None:
                self._told = self._failure
                self._listener.trouble(self._failure)
            return
        for _ in range(size):
            commit = self._commits.popleft()
            self.store.batches += commit.batches
            self.store.counts.update((count.session, count) for count in commit.counts)
            self.store.mark = commit.mark or self.store.mark
            self.store.info = commit.info or self.store.info
            self._durable_ticket = commit.ticket
        while self._chores and self._chores[0][0] <= self._durable_ticket:
            self._chores.popleft()[1]()
        if size:
            self._listener.durable(self._durable_ticket)
        if self._told is not None and not self._commits:
            self._told = None
            self._listener.trouble(None)

    def _started(self) -> Order:
        if self._order is None or self._listener is None or self._closed:
            raise LogError("the log is not open for writing")
        return self._order

    def _readable(self) -> None:
        if self._order is None or self._closed:
            raise LogError("the log is closed")
