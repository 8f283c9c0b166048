"""What a simulation's servers stand on: where the log is, and what is true of it."""

import random
from typing import NamedTuple, Protocol

from tests.memory_bus import MemoryBus, MemoryNetwork
from tests.memory_log import MemoryLog, MemoryStore
from tests.memory_stream import MemoryStream
from tests.simulation.truth import Truth, WatchedLog
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import Process, VirtualTime
from tests.whole_canvas import whole_canvas
from tiles.geometry import key, tiles_across
from tiles.log.base import CanvasInfo, Log, Recovered
from tiles.pyramid import Pyramid
from tiles.recovery import recover

DELAYS_S = (0.001, 0.01, 0.2)
"""What a write to the disk takes."""


class ProcessBus(MemoryBus):
    """What comes while its process is frozen, it hears later."""

    def __init__(self, network: MemoryNetwork, process: Process) -> None:
        super().__init__(network)
        self._process = process

    def hear(self, subject: str, data: bytes) -> None:
        """See :meth:`tests.memory_bus.MemoryBus.hear`."""
        hear = super().hear
        self._process.enter(lambda: hear(subject, data))


class Opened(NamedTuple):
    """A server's log, as it is at its start. ``disk`` is what may fail.

    A node's ways to the others, ``stream`` and ``bus``, may be cut off.
    """

    log: Log
    recovered: Recovered
    pyramid: Pyramid
    disk: MemoryLog
    stream: MemoryStream | None = None
    bus: ProcessBus | None = None

    def crash(self) -> None:
        """The process is killed: what its disk doesn't hold is lost."""
        self.disk.crash()
        if self.stream is not None and self.bus is not None:
            self.stream.close()
            self.bus.cut()

    def cut(self) -> None:
        """Cut the process off from all other nodes, and from the stream."""
        if self.stream is not None and self.bus is not None:
            self.stream.cut()
            self.bus.cut()

    def mend(self) -> None:
        """Join it again."""
        if self.stream is not None and self.bus is not None:
            self.stream.mend()
            self.bus.mend()


class Ground(Protocol):
    """The canvas's log, whoever serves it."""

    truth: Truth
    """Of the epoch of now."""
    limits: dict[str, int]
    """Constants of the server, by what they are called, as they are in this run."""

    @property
    def epoch(self) -> int:
        """As it is stored."""

    def open(self, server: int, process: Process) -> Opened:
        """A server starts, its ``process`` is new."""

    def lose(self, server: int) -> None:
        """A server that is down loses its disk, if it is nothing but a copy."""

    def shown(self, truth: Truth, hub_seq: int) -> int:
        """How far a server that is at ``hub_seq`` has come, or may have."""


class OneWriter:
    """A log in memory: a crash begins another epoch, and another truth, with what was durable."""

    def __init__(
        self, time: VirtualTime, rng: random.Random, verdict: Verdict, info: CanvasInfo
    ) -> None:
        self._time = time
        self._rng = rng
        self._verdict = verdict
        self.store = MemoryStore(info, epoch=rng.randrange(1, 1 << 53))
        self.truth = self._new_truth()
        self.limits: dict[str, int] = {}

    def _new_truth(self) -> Truth:
        store = self.store
        return Truth(self._verdict, store.info, lambda: store.seq, store.batches)

    @property
    def epoch(self) -> int:
        """See :class:`Ground`."""
        return self.store.epoch

    def open(self, server: int, process: Process) -> Opened:
        """See :class:`Ground`."""
        log = WatchedLog(
            self.store,
            schedule=self._time.do_after,
            delay_s=self._rng.choice(DELAYS_S),
            epochs=lambda: self._rng.randrange(1, 1 << 53),
        )
        recovered = log.open()
        pyramid = recover(log, recovered)
        if self.truth.seq != recovered.seq or not recovered.clean:
            self.truth = self._new_truth()
        log.truth = self.truth
        compare_start(self._verdict, self.truth, whole_canvas(log, recovered))
        return Opened(log, recovered, pyramid, log)

    def lose(self, server: int) -> None:
        """See :class:`Ground`: it is the log itself."""

    def shown(self, truth: Truth, hub_seq: int) -> int:
        """See :class:`Ground`: what is ordered is painted at once."""
        return truth.seq


def compare_start(verdict: Verdict, truth: Truth, pyramid: Pyramid) -> None:
    """What a start finds, at every level, is the fold of the log (REC-1)."""
    oracle = truth.oracle
    for level in range(pyramid.levels):
        across = tiles_across(oracle.width, level)
        for ty in range(tiles_across(oracle.height, level)):
            for tx in range(across):
                held = pyramid.tile(key(level, tx, ty)).tobytes()
                same = held == oracle.tile(level, tx, ty)
                verdict.check(same, "REC-1", f"tile {level}/{tx}/{ty} differs")
