"""How long a pixel takes from its painter to a viewer, both in this one process, on one clock."""

import random
from collections import Counter
from time import monotonic, monotonic_ns

from benchmarks.load.connection import Connection, Totals
from benchmarks.load.dialect import PIXEL_BYTES, TILE, View, pixel_bytes
from benchmarks.load.painting import Box
from benchmarks.load.reactor import Reactor
from benchmarks.load.worker import Answer, Command, Worker, dialect_maker

_GRACE_S = 2.0
_CONNECT_WITHIN_S = 30.0
_OWN_RED = 0x80_0000
"""The load's painters leave these colours to the probe."""


class Waiting:
    """The probe's pixels that are on their way, and how long the others took."""

    def __init__(self) -> None:
        self.sent_ns: dict[bytes, int] = {}
        self.took_ns: list[int] = []
        self._tail = b""

    def look_for(self, data: bytes, now_ns: int) -> None:
        """A message came: take off the pixels that it holds."""
        data = self._tail + data
        # A peer's message may end within a pixel.
        self._tail = data[1 - PIXEL_BYTES :]
        for pixel in [pixel for pixel in self.sent_ns if pixel in data]:
            self.took_ns.append(now_ns - self.sent_ns.pop(pixel))


class ProbeViewer(Connection):
    """Notes when bytes came, then looks for the probe's pixels in them."""

    waiting: Waiting | None = None
    _came_ns = 0

    def take(self, data: bytes) -> None:
        """See :meth:`Connection.take`."""
        self._came_ns = monotonic_ns()
        super().take(data)

    def message(self, opcode: int, data: bytes) -> None:
        """See :meth:`Connection.message`."""
        if self.waiting is not None:
            self.waiting.look_for(data, self._came_ns)
        super().message(opcode, data)


class Probing:
    """``action`` for a reactor: one pixel at a time, at random moments, ``rate`` a second."""

    def __init__(
        self, painter: Connection, waiting: Waiting, rate: float, box: Box, ends: float, seed: int
    ) -> None:
        self.painted = 0
        self.tiles: Counter[tuple[int, int]] = Counter()
        self.over = False
        self._painter = painter
        self._waiting = waiting
        self._rate = rate
        self._box = box
        self._ends = ends
        self._random = random.Random(seed)
        self._next = 0.0

    def __call__(self, now: float) -> float | None:
        """Paint one pixel if its moment has come."""
        if now >= self._ends:
            self.over = True
            return None
        if self._next == 0.0:
            self._next = now + self._random.expovariate(self._rate)
        if now >= self._next:
            self._paint()
            self._next += self._random.expovariate(self._rate)
        return self._next

    def _paint(self) -> None:
        x0, y0, x1, y1 = self._box
        x, y = self._random.randint(x0, x1), self._random.randint(y0, y1)
        rgb = _OWN_RED | self._random.getrandbits(23)
        pixel = pixel_bytes(x, y, rgb)
        self._waiting.sent_ns[pixel] = monotonic_ns()
        if self._painter.paint(x, y, rgb):
            self.painted += 1
            self.tiles[x // TILE, y // TILE] += 1
        else:
            del self._waiting.sent_ns[pixel]


class Probe:
    """The commands of the probe's process."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._totals = Totals()
        self._painter: Connection | None = None
        self._viewer: ProbeViewer | None = None
        worker.on("connect", self.connect)
        worker.on("measure", self.measure)
        worker.on("counts", self.counts)

    def connect(self, command: Command) -> Answer:
        """Connect a painter and a viewer of ``view``."""
        make = dialect_maker(command["dialect"])
        reactor: Reactor = self._worker.reactor
        painter = Connection(reactor, command["port"], make(), None, self._totals)
        viewer = ProbeViewer(reactor, command["port"], make(), View(*command["view"]), self._totals)
        reactor.run_until(lambda: painter.ready and viewer.ready, _CONNECT_WITHIN_S)
        self._painter, self._viewer = painter, viewer
        codes = [client.close_code for client in (painter, viewer) if client.close_code is not None]
        return {
            "ready": painter.ready + viewer.ready,
            "asked": 2,
            "close_codes": [[code, 1] for code in codes],
        }

    def counts(self, _: Command) -> Answer:
        """What its viewer received until now."""
        return {
            "pixels": self._totals.pixels,
            "frames": self._totals.frames,
            "bytes": self._totals.bytes,
        }

    def measure(self, command: Command) -> None:
        """Probe for ``seconds``; answers when that is over and the last pixels have come."""
        assert self._painter is not None
        assert self._viewer is not None
        waiting = self._viewer.waiting = Waiting()
        now = monotonic()
        probing = Probing(
            self._painter,
            waiting,
            command["rate"],
            tuple(command["box"]),
            now + command["seconds"],
            command["seed"],
        )
        self._worker.reactor.keep_doing(probing)

        def finish(now: float) -> float | None:
            if not probing.over or (waiting.sent_ns and now < ends):
                return now + 0.05
            self._worker.answer(
                command,
                {
                    "took_ns": waiting.took_ns,
                    "lost": len(waiting.sent_ns),
                    "painted": probing.painted,
                    "painted_tiles": [[*tile, count] for tile, count in probing.tiles.items()],
                },
            )
            return None

        ends = now + command["seconds"] + _GRACE_S
        self._worker.reactor.keep_doing(finish)


if __name__ == "__main__":
    serving = Worker()
    Probe(serving)
    serving.run()
