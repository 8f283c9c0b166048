"""Painters that draw as fast as they may, or at a steady rate, and time the durable ACKs."""

import random
import zlib
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

import numpy as np

from benchmarks.load.connection import Connection, Totals
from benchmarks.load.crowd import Crowd, main
from benchmarks.load.dialect import OPCODE_BINARY, TILE, Dialect, Payload, View, pixel_bytes
from benchmarks.load.painting import Box
from benchmarks.load.reactor import Reactor
from benchmarks.load.tilecast import TilecastDialect
from benchmarks.load.worker import Answer, Command, Worker
from protocol.codec import encode
from protocol.messages import TABLE, Patch, Reject, Stroke
from tiles.raster import rasterise

_FRAMES = 64
_PIXELS_A_FRAME = 500
_STROKES_A_FRAME = 10
_STROKE_SIZE = 3
_STROKE_POINTS = 32
_STROKE_STEP = 10
_PATCHES_A_FRAME = 4
_PATCH_SIDE = 64
_COLOURS = 16
_NOISE_SIDE = 100
_TICK_S = 0.001
_REJECT = next(row.number for row in TABLE if row.message is Reject)


class Batch(NamedTuple):
    """One frame: its messages, and how many distinct pixels each of them paints, summed up."""

    data: bytes
    messages: int
    pixels: int


def pixel_batch(rng: random.Random, box: Box) -> Batch:
    """Single pixels at random places."""
    x0, y0, x1, y1 = box
    data = b"".join(
        pixel_bytes(rng.randint(x0, x1), rng.randint(y0, y1), rng.getrandbits(24))
        for _ in range(_PIXELS_A_FRAME)
    )
    return Batch(data, _PIXELS_A_FRAME, _PIXELS_A_FRAME)


def stroke_batch(rng: random.Random, box: Box) -> Batch:
    """Wandering strokes, as a hand makes them."""
    _, _, x1, y1 = box
    strokes = [_stroke(rng, box) for _ in range(_STROKES_A_FRAME)]
    pixels = 0
    for stroke in strokes:
        for paint in rasterise(stroke, x1 + 1, y1 + 1):
            painted = np.zeros((TILE, TILE), dtype=np.bool_)
            paint.cover(painted)
            pixels += int(painted.sum())
    return Batch(b"".join(map(encode, strokes)), len(strokes), pixels)


def _stroke(rng: random.Random, box: Box) -> Stroke:
    x0, y0, x1, y1 = box
    margin = _STROKE_POINTS * _STROKE_STEP
    x, y = rng.randint(x0 + margin, x1 - margin), rng.randint(y0 + margin, y1 - margin)
    points = []
    for _ in range(_STROKE_POINTS):
        points.append((x, y))
        x += rng.randint(-_STROKE_STEP, _STROKE_STEP)
        y += rng.randint(-_STROKE_STEP, _STROKE_STEP)
    r, g, b = rng.randbytes(3)
    return Stroke(_STROKE_SIZE, r, g, b, tuple(points))


def patch_batch(rng: random.Random, box: Box) -> Batch:
    """Squares of a small picture: blocks of 2 × 2 pixels in one of sixteen colours."""
    x0, y0, x1, y1 = box
    patches = []
    for _ in range(_PATCHES_A_FRAME):
        x, y = rng.randint(x0, x1 - _PATCH_SIDE), rng.randint(y0, y1 - _PATCH_SIDE)
        data = picture(rng, _PATCH_SIDE)
        patches.append(Patch(x, y, x + _PATCH_SIDE - 1, y + _PATCH_SIDE - 1, data))
    return Batch(b"".join(map(encode, patches)), len(patches), len(patches) * _PATCH_SIDE**2)


def picture(rng: random.Random, side: int) -> bytes:
    """PATCH data, ``side`` × ``side``: 2 × 2 blocks in random ones of sixteen colours."""
    generator = np.random.default_rng(rng.getrandbits(32))
    colours = generator.integers(0, 256, (_COLOURS, 4), dtype=np.uint8)
    colours[:, 3] = 255
    blocks = colours[generator.integers(0, _COLOURS, (side // 2, side // 2))]
    return zlib.compress(blocks.repeat(2, axis=0).repeat(2, axis=1).tobytes(), 1)


def noise_batch(rng: random.Random, box: Box) -> Batch:
    """A square of noise: some 30 KB that no compression makes less of."""
    x0, y0, x1, y1 = box
    x, y = rng.randint(x0, x1 - _NOISE_SIDE), rng.randint(y0, y1 - _NOISE_SIDE)
    pixels = b"".join(rng.randbytes(3) + b"\xff" for _ in range(_NOISE_SIDE**2))
    last = _NOISE_SIDE - 1
    patch = Patch(x, y, x + last, y + last, zlib.compress(pixels, 1))
    return Batch(encode(patch), 1, _NOISE_SIDE**2)


_BATCHES = {
    "pixels": pixel_batch,
    "strokes": stroke_batch,
    "patches": patch_batch,
    "noise": noise_batch,
}


class Pourer(Connection):
    """Sends batches and notes when each was durable."""

    def __init__(
        self, reactor: Reactor, port: int, dialect: Dialect, view: View | None, totals: Totals
    ) -> None:
        if not isinstance(dialect, TilecastDialect):
            raise TypeError("only Tilecast says what is durable")
        self.tilecast = dialect
        self.sent = 0
        """Messages, since it connected."""
        self.pixels_durable = 0
        self.took_s: list[float] = []
        self._waiting: deque[tuple[int, float, int]] = deque()
        super().__init__(reactor, port, dialect, view, totals)

    @property
    def unacked(self) -> int:
        """Messages sent that aren't durable yet."""
        return self.sent - self.tilecast.durable

    def pour(self, batch: Batch) -> None:
        """Send one frame, if there is room."""
        if self.say([Payload(OPCODE_BINARY, batch.data)]):
            self.sent += batch.messages
            self._waiting.append((self.sent, monotonic(), batch.pixels))

    def message(self, opcode: int, data: bytes) -> None:
        """See :meth:`Connection.message`."""
        super().message(opcode, data)
        while self._waiting and self._waiting[0][0] <= self.tilecast.durable:
            _, at, pixels = self._waiting.popleft()
            self.took_s.append(monotonic() - at)
            self.pixels_durable += pixels


class Filling:
    """``action`` for a reactor: keeps every painter's messages on the way at a number."""

    def __init__(
        self,
        pourers: Sequence[Pourer],
        batches: Sequence[Batch],
        unacked_max: int,
        messages: int | None,
    ) -> None:
        self._pourers = pourers
        self._batches = batches
        self._unacked_max = unacked_max
        self._left = messages if messages is not None else float("inf")
        self._turn = 0

    @property
    def over(self) -> bool:
        """Whether all messages have been sent."""
        return self._left <= 0

    def __call__(self, now: float) -> float | None:
        """Send what there is room for; when to come back."""
        for pourer in self._pourers:
            while not self.over and pourer.unacked < self._unacked_max and pourer.writable():
                batch = self._batches[self._turn % len(self._batches)]
                pourer.pour(batch)
                self._left -= batch.messages
                self._turn += 1
        return None if self.over else now + _TICK_S


def _batches(command: Command) -> list[Batch]:
    rng = random.Random(command["seed"])
    make = _BATCHES[command["kind"]]
    return [make(rng, tuple(command["box"])) for _ in range(_FRAMES)]


class Pouring:
    """The commands ``pour`` and ``poured``, beside a crowd's."""

    def __init__(self, crowd: Crowd, worker: Worker) -> None:
        crowd.connection_class = Pourer
        self._crowd = crowd
        self._reactor = worker.reactor
        self._filling: Filling | None = None
        worker.on("pour", self.pour)
        worker.on("poured", self.poured)
        worker.on("drain", self.drain)
        worker.on("pour_all", self.pour_all)

    def pour(self, command: Command) -> Answer:
        """Draw ``kind`` in ``box``: ``rate`` messages a second in all, or as fast as possible.

        Then each connection has at most ``unacked`` messages on the way.
        """
        batches = _batches(command)
        pourers = self._pourers()
        for pourer in pourers:
            pourer.took_s.clear()
        if command["rate"] is None:
            self._filling = Filling(pourers, batches, command["unacked"], None)
            self._reactor.keep_doing(self._filling)
        else:
            turn = 0

            def act() -> None:
                nonlocal turn
                pourers[turn % len(pourers)].pour(batches[turn % len(batches)])
                turn += 1

            self._crowd.keep_doing(command["rate"] / batches[0].messages, act)
        return {}

    def pour_all(self, command: Command) -> Answer:
        """Draw ``messages`` in all as fast as possible, and wait until they are durable."""
        filling = Filling(
            self._pourers(), _batches(command), command["unacked"], command["messages"]
        )
        before = sum(pourer.sent for pourer in self._pourers())
        began = monotonic()
        self._reactor.keep_doing(filling)
        drained = self._reactor.run_until(
            lambda: filling.over and not any(pourer.unacked for pourer in self._pourers()),
            command["within_s"],
        )
        return {
            "drained": drained,
            "sent": sum(pourer.sent for pourer in self._pourers()) - before,
            "seconds": monotonic() - began,
        }

    def drain(self, command: Command) -> Answer:
        """Send no more, and wait until all that was sent is durable."""
        self._crowd.hush({})
        if self._filling is not None:
            self._reactor.stop_doing(self._filling)
            self._filling = None
        pourers = self._pourers()
        return {
            "drained": self._reactor.run_until(
                lambda: not any(pourer.unacked for pourer in pourers), command["within_s"]
            )
        }

    def poured(self, _: Command) -> Answer:
        """What is durable until now, and what the ACKs since the last ``pour`` took."""
        pourers = self._pourers()
        return {
            "at": monotonic(),
            "sent": sum(pourer.sent for pourer in pourers),
            "durable": sum(pourer.tilecast.durable for pourer in pourers),
            "pixels": sum(pourer.pixels_durable for pourer in pourers),
            "rejects": sum(pourer.tilecast.kinds.get(_REJECT, 0) for pourer in pourers),
            "took_s": [took for pourer in pourers for took in pourer.took_s],
            "closed": sum(pourer.close_code is not None for pourer in pourers),
        }

    def _pourers(self) -> list[Pourer]:
        return [client for client in self._crowd.connections if isinstance(client, Pourer)]


if __name__ == "__main__":
    main(Pouring)
