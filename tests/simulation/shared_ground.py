"""The ground of several nodes: one stream, in memory, and a fold of it for each."""

import random
from collections.abc import Callable, Sequence
from typing import Protocol

from tests.memory_bus import MemoryNetwork
from tests.memory_log import MemoryLog, MemoryStore
from tests.memory_stream import Fate, MemoryStream, MemoryStreamStore
from tests.simulation.ground import DELAYS_S, Opened, ProcessBus, compare_start
from tests.simulation.plan import Plan
from tests.simulation.stream_truth import StreamTruth
from tests.simulation.truth import Truth
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import Process, VirtualTime
from tests.whole_canvas import whole_canvas
from tiles.log.base import CanvasInfo
from tiles.recovery import recover
from tiles.shared.log import SharedLog
from tiles.shared.stream import Bounds, Delivered, Follower, StreamError

STREAM_DELAYS_S = (0.0005, 0.003, 0.05)
"""One way between a node and the stream."""
_UNUSUAL = (Fate.UNSTORED, Fate.UNANSWERED, Fate.LATE)
_LIMITS = (
    (("tiles.shared.fold.SESSIONS_MAX",), (50_000, 3, 0)),
    (("tiles.shared.intake.WAITING_MAX", "server.following.WAITING_MAX"), (1024, 8)),
    (
        ("tiles.shared.offers.JOINED_MAX_BYTES", "tiles.shared.entry.JOINED_MAX_BYTES"),
        (1 << 19, 300),
    ),
    (("server.reception._IDENTITY_KEEP_S",), (600, 1)),
)
"""Constants that are so low in some runs that they are reached."""
_STARTED_MS = 1_700_000_000_000


class Keeper(Protocol):
    """Where the entries are really held, if it isn't here."""

    def store(self, data: bytes) -> Delivered:
        """The entry as it is held from now on."""

    def read(self, after: int, limit: int) -> Sequence[Delivered]:
        """See :meth:`tiles.shared.stream.Stream.read`."""

    def bounds(self) -> Bounds:
        """See :meth:`tiles.shared.stream.Stream.bounds`."""


class SharedGround:
    """``quiet`` tells whether no entry is to get lost any more; ``keeper`` makes one, by epoch."""

    def __init__(
        self,
        time: VirtualTime,
        rng: random.Random,
        verdict: Verdict,
        info: CanvasInfo,
        plan: Plan,
        quiet: Callable[[], bool],
        keeper: Callable[[int], Keeper] | None,
    ) -> None:
        self._time = time
        self._rng = rng
        self._verdict = verdict
        self._info = info
        self._quiet = quiet
        self._mishaps = plan.mishaps * rng.choice((0, 0.1, 1))
        self.limits: dict[str, int] = {}
        for names, values in _LIMITS:
            self.limits |= dict.fromkeys(names, rng.choice(values))
        self.truth: Truth
        self.truth = self.stream_truth = StreamTruth(verdict, info)
        self.stream = _WatchedStore(time, rng, self.stream_truth, keeper)
        self._network = MemoryNetwork(schedule=time.do_after, delay_s=self.stream.delay_s)
        self.folds = [self._fold() for _ in range(plan.nodes)]

    def _fold(self) -> MemoryStore:
        return MemoryStore(self._info, epoch=self.stream.epoch)

    @property
    def epoch(self) -> int:
        """See :class:`tests.simulation.ground.Ground`."""
        return self.stream.epoch

    def open(self, server: int, process: Process) -> Opened:
        """See :class:`tests.simulation.ground.Ground`."""
        opening = True

        def write(delay_s: float, call: Callable[[], None]) -> None:
            """A start waits for its disk; it takes no time here."""
            if opening:
                call()
            else:
                process.call_later(delay_s, call)

        delay_s = self._rng.choice(DELAYS_S)
        disk = MemoryLog(self.folds[server], schedule=write, delay_s=delay_s, keeps_epoch=True)
        stream = self.stream.node_stream(process)
        stream.fate = self._fate
        log = VirtualSharedLog(disk, stream, self._time, process, self._rng)
        recovered = log.open()
        opening = False
        pyramid = recover(log, recovered)
        compare_start(self._verdict, self.truth, whole_canvas(log, recovered))
        bus = self._network.join(ProcessBus(self._network, process))
        return Opened(log, recovered, pyramid, disk, stream, bus)

    def lose(self, server: int) -> None:
        """See :class:`tests.simulation.ground.Ground`."""
        self.folds[server] = self._fold()

    def shown(self, truth: Truth, hub_seq: int) -> int:
        """See :class:`tests.simulation.ground.Ground`: what a node has applied, it shows."""
        return hub_seq

    def _fate(self) -> Fate:
        if self._quiet() or self._rng.random() >= self._mishaps:
            return Fate.STORED
        return self._rng.choice(_UNUSUAL)


class _WatchedStore(MemoryStreamStore):
    """The stream, with the truth listening where the order is fixed."""

    def __init__(
        self,
        time: VirtualTime,
        rng: random.Random,
        truth: StreamTruth,
        keeper: Callable[[int], Keeper] | None,
    ) -> None:
        super().__init__(
            schedule=time.do_after,
            delay_s=rng.choice(STREAM_DELAYS_S),
            time_ms=lambda: _STARTED_MS + int(1000 * time.now),
            epoch=rng.randrange(1, 1 << 53),
        )
        self.usual_delay_s = self.delay_s
        self.keeper = keeper(self.epoch) if keeper else None
        self._truth = truth

    def take(self, data: bytes) -> Delivered:
        """See :meth:`tests.memory_stream.MemoryStreamStore.take`."""
        if self.keeper is None:
            delivered = super().take(data)
        else:
            delivered = self.keeper.store(data)
            self.entries.append(delivered)
            self._changed()
        self._truth.stored(delivered)
        return delivered

    def node_stream(self, process: Process) -> "_NodeStream":
        """The stream, as a process has it."""
        stream = _NodeStream(self, process)
        self._streams.append(stream)
        return stream


class _NodeStream(MemoryStream):
    """As one node's process sees it: what comes while that is frozen, it sees later."""

    def __init__(self, store: _WatchedStore, process: Process) -> None:
        super().__init__(store)
        self._process = process
        self._keeper = store.keeper

    def bounds(self) -> Bounds:
        """See :class:`tiles.shared.stream.Stream`."""
        return super().bounds() if self._keeper is None else self._keeper.bounds()

    def _entries(self, after: int, limit: int) -> Sequence[Delivered]:
        keeper = self._keeper
        return super()._entries(after, limit) if keeper is None else keeper.read(after, limit)

    def follow(self, after: int, follower: Follower) -> None:
        """See :class:`tiles.shared.stream.Stream`."""
        super().follow(after, _Received(self._process, follower))


class _Received:
    """Hands on to a follower what its process receives."""

    def __init__(self, process: Process, follower: Follower) -> None:
        self._process = process
        self._follower = follower

    def delivered(self, entries: Sequence[Delivered], behind: int) -> None:
        """See :class:`tiles.shared.stream.Follower`."""
        self._process.enter(lambda: self._follower.delivered(entries, behind))

    def answered(self, number: int, error: StreamError | None) -> None:
        """See :class:`tiles.shared.stream.Follower`."""
        self._process.enter(lambda: self._follower.answered(number, error))

    def linked(self, error: StreamError | None) -> None:
        """See :class:`tiles.shared.stream.Follower`."""
        self._process.enter(lambda: self._follower.linked(error))

    def lost(self, error: StreamError) -> None:
        """See :class:`tiles.shared.stream.Follower`."""
        self._process.enter(lambda: self._follower.lost(error))


class VirtualSharedLog(SharedLog):
    """A shared log that waits, at its end, while virtual time goes on."""

    def __init__(
        self,
        disk: MemoryLog,
        stream: MemoryStream,
        time: VirtualTime,
        process: Process,
        rng: random.Random,
    ) -> None:
        super().__init__(disk, stream, process, process.offload, random=rng.randbytes)
        self._time = time

    def close(self, timeout_s: float) -> bool:
        """See :meth:`tiles.shared.log.SharedLog.close`."""
        ticket = self._order.ticket if self._order else 0
        self._time.run(self._time.now + timeout_s, lambda: self._deciding.done(ticket))
        return super().close(0)
