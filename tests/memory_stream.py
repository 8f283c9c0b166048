"""A canvas's stream in memory: what nodes share in a test or a simulation in virtual time."""

from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum, auto

from tests.memory_log import Schedule
from tiles.log.schema import new_epoch
from tiles.shared.stream import Bounds, Delivered, Follower, MissingError, StreamError

GROUP_MAX = 256
"""The most entries that are delivered at once."""
TIME_MS = 1_700_000_000_000


class Fate(Enum):
    """What becomes of an entry that is published."""

    STORED = auto()
    """It is stored, and its node is told unless it is cut off by then."""
    UNSTORED = auto()
    """It is lost on its way there."""
    UNANSWERED = auto()
    """It is stored, and the answer is lost on its way back."""
    LATE = auto()
    """It is stored ``late_s`` later, when its node has long given it up."""


class MemoryStreamStore:
    """What the servers would hold: it outlives the streams that are opened over it.

    With a ``schedule``, all that goes either way takes ``delay_s``. Without one, :meth:`settle`
    says when. ``time_ms`` says when an entry is taken; by default each is 1 ms after the last.
    """

    def __init__(
        self,
        *,
        schedule: Schedule | None = None,
        delay_s: float = 0.0,
        time_ms: Callable[[], int] | None = None,
        epoch: int | None = None,
    ) -> None:
        self.delay_s = delay_s
        self.epoch = new_epoch() if epoch is None else epoch
        self.canvas_epoch: int | None = None
        """What clients are told, if another than ``epoch``."""
        self.incarnation = 1
        """Counts the streams that have stood in each other's place."""
        self.first = 1
        self.entries: list[Delivered] = []
        """The entries from ``first`` on."""
        self._time_ms = time_ms
        self._schedule = schedule
        self._due: deque[Callable[[], None]] = deque()
        self._streams: list[MemoryStream] = []

    @property
    def last(self) -> int:
        """The last place; one before the first where nothing is held."""
        return self.first + len(self.entries) - 1

    def stream(self) -> "MemoryStream":
        """The stream, as another node or another life of a node has it."""
        self._streams.append(MemoryStream(self))
        return self._streams[-1]

    def take(self, data: bytes) -> Delivered:
        """Store an entry now."""
        place = self.last + 1
        time_ms = TIME_MS + place if self._time_ms is None else self._time_ms()
        self.entries.append(Delivered(place, time_ms, data))
        self._changed()
        return self.entries[-1]

    def trim(self, through: int) -> None:
        """Drop the entries up to ``through``."""
        through = min(through, self.last)
        del self.entries[: max(0, through + 1 - self.first)]
        self.first = max(self.first, through + 1)
        self._changed()

    def shorten(self, last: int) -> None:
        """Lose the entries past ``last``, as servers do that hadn't written them to disk."""
        del self.entries[max(0, last + 1 - self.first) :]
        self._changed()

    def replace(self, epoch: int | None = None) -> None:
        """Put an empty stream in its place."""
        self.epoch = new_epoch() if epoch is None else epoch
        self.incarnation += 1
        self.first = 1
        self.entries.clear()
        self._changed()

    def settle(self) -> None:
        """Without a schedule: let all that is under way arrive, and what comes of it."""
        while self._due:
            self._due.popleft()()

    def after(self, delay_s: float, call: Callable[[], None]) -> None:
        """Have ``call`` called so much later."""
        if self._schedule is None:
            self._due.append(call)
        else:
            self._schedule(delay_s, call)

    def _changed(self) -> None:
        for stream in self._streams:
            stream.stir()


class MemoryStream:
    """One node's :class:`tiles.shared.stream.Stream`, without a thread.

    Its follower is called from within the schedule, or :meth:`MemoryStreamStore.settle`; when the
    node is cut off, from within :meth:`cut`.
    """

    timeout_s = 2.0
    late_s = 5.0

    def __init__(self, store: MemoryStreamStore) -> None:
        self.fate: Callable[[], Fate] = lambda: Fate.STORED
        """Asked once for each entry that is published."""
        self._store = store
        self._incarnation = 0
        """Of the stream that this is; 0 until it is settled."""
        self._follower: Follower | None = None
        self._place = 0
        self._last: Delivered | None = None
        self._serial = 0
        self._waiting: dict[int, int] = {}
        """The number of each entry without an answer, by serial."""
        self._on_the_way: deque[tuple[int, bytes, Fate]] = deque()
        self._error: StreamError | None = None
        self._told: StreamError | None = None
        self._held = False
        self._closed = False
        self._due = False

    # -- the protocol --------------------------------------------------------------------------

    def bounds(self) -> Bounds:
        """What it holds. Raises :class:`StreamError`."""
        self._reach()
        store = self._store
        return Bounds(store.first, store.last, store.epoch, store.canvas_epoch or store.epoch)

    def read(self, after: int, limit: int) -> Sequence[Delivered]:
        """Up to ``limit`` of the entries past ``after``. Raises :class:`MissingError`."""
        self._reach()
        return self._entries(after, limit)

    def follow(self, after: int, follower: Follower) -> None:
        """Deliver all entries past ``after``. Once in its life."""
        if self._follower is not None or self._closed:
            raise RuntimeError("the stream is followed already, or closed")
        self._follower = follower
        self._place = after
        self._incarnation = self._incarnation or self._store.incarnation
        self.stir()

    def publish(self, number: int, data: bytes) -> None:
        """Offer an entry."""
        if self._follower is None:
            raise RuntimeError("the stream isn't followed yet")
        self._serial += 1
        serial = self._serial
        self._waiting[serial] = number
        if self._error is not None:
            self._store.after(0.0, lambda: self._answer(serial, self._error))
            return
        fate = self.fate()
        if fate is Fate.LATE:
            self._store.after(self.late_s, lambda: self._arrive(serial, data, fate))
        else:
            self._on_the_way.append((serial, data, fate))
            self._store.after(
                self._store.delay_s, lambda: self._arrive(*self._on_the_way.popleft())
            )
        if fate is not Fate.STORED:
            error = StreamError(f"no answer within {self.timeout_s} s")
            self._store.after(self.timeout_s, lambda: self._answer(serial, error))

    def hold(self) -> None:
        """Deliver nothing more until :meth:`release`."""
        self._held = True

    def release(self) -> None:
        """Go on delivering."""
        self._held = False
        self.stir()

    def close(self) -> None:
        """Deliver nothing more; entries that were published still arrive."""
        self._closed = True
        self._waiting.clear()

    # -- what tests do to it -------------------------------------------------------------------

    def cut(self) -> None:
        """Cut the node off. What it published before still arrives, as its fate has it."""
        self._error = self._error or StreamError("the stream is cut off")
        waiting, self._waiting = self._waiting, {}
        for number in waiting.values():
            if self._follower is not None and not self._closed:
                self._follower.answered(number, self._error)
        self.stir()
        self._tell()

    def mend(self) -> None:
        """Join it again."""
        self._error = None
        self.stir()

    def stir(self) -> None:
        """Something changed: look soon."""
        if self._follower is not None and not self._due and not self._closed:
            self._due = True
            self._store.after(self._store.delay_s, self._look)

    # -- inside --------------------------------------------------------------------------------

    def _reach(self) -> None:
        if self._error is not None:
            raise StreamError(str(self._error))
        self._incarnation = self._incarnation or self._store.incarnation
        if self._incarnation != self._store.incarnation:
            raise StreamError("the stream is another one than it was")

    def _entries(self, after: int, limit: int) -> Sequence[Delivered]:
        store = self._store
        if store.first > after + 1:
            raise MissingError(f"entry {after + 1} is trimmed: the first is {store.first}")
        start = after + 1 - store.first
        return store.entries[start : start + limit]

    def _arrive(self, serial: int, data: bytes, fate: Fate) -> None:
        if fate is not Fate.UNSTORED and self._incarnation in {0, self._store.incarnation}:
            self._store.take(data)
            if fate is Fate.STORED:
                self._store.after(self._store.delay_s, lambda: self._answer(serial, None))

    def _answer(self, serial: int, error: StreamError | None) -> None:
        number = self._waiting.pop(serial, None)
        if number is not None and self._follower is not None:
            self._follower.answered(number, error)

    def _tell(self) -> None:
        """Say whether the stream is reached, where that isn't what was said last."""
        if (self._error is None) != (self._told is None) and self._follower is not None:
            self._told = self._error
            if not self._closed:
                self._follower.linked(self._error)

    def _look(self) -> None:
        """Deliver what there is."""
        self._due = False
        if self._closed or self._follower is None:
            return
        store = self._store
        if self._error is not None:
            self._tell()
            return
        if self._incarnation != store.incarnation:
            self._lose(StreamError("the stream is another one than it was"))
        elif store.last < self._place:
            self._lose(StreamError(f"the stream ends at {store.last}, before {self._place}"))
        elif store.first > self._place + 1:
            self._lose(StreamError(f"entry {self._place + 1} is trimmed"))
        elif self._differs():
            self._lose(StreamError(f"entry {self._place} is another one than it was"))
        else:
            self._tell()
            entries = [] if self._held else self._entries(self._place, GROUP_MAX)
            if entries:
                self._last = entries[-1]
                self._place = self._last.place
                self._follower.delivered(entries, store.last - self._place)
                self.stir()

    def _differs(self) -> bool:
        """Whether the entry that was delivered last is still held, and another."""
        held = self._place - self._store.first
        return self._last is not None and held >= 0 and self._store.entries[held] != self._last

    def _lose(self, error: StreamError) -> None:
        self.close()
        assert self._follower is not None
        self._follower.lost(error)
