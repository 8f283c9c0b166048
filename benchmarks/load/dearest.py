"""Clients that ask for the dearest that the protocol allows, as fast as the server takes it."""

import random
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from time import monotonic
from typing import ClassVar, NamedTuple

from benchmarks.load.connection import Connection, Totals
from benchmarks.load.crowd import Crowd, main
from benchmarks.load.dialect import OPCODE_BINARY, TILE, Dialect, Payload, View, pixel_bytes
from benchmarks.load.painting import Box
from benchmarks.load.reactor import Reactor
from benchmarks.load.tilecast import TilecastDialect
from benchmarks.load.worker import Answer, Command, Worker
from protocol.codec import encode
from protocol.errors import RejectCode
from protocol.messages import (
    CLIENT_FRAME_MAX_BYTES,
    TABLE,
    CursorMove,
    Follow,
    Patch,
    PresenceSet,
    Rect,
    Reject,
    Stroke,
    Viewport,
)

_COST_MAX = 1_048_576
_POINTS_MAX = 4096
_SIZE_MAX = 64
_RECT_SIDE = 1024
_PATCH_SIDE = 256
_NOISE_SIDE = 120
_VIEW_TILES = 64
_FRAMES = 16
_ASKS = 4
"""Different frames of each kind, sent by turns."""
_DEAR_IN_FLIGHT = 4
_SMALL_IN_FLIGHT = 2
_TICK_S = 0.001
_REJECT = next(row.number for row in TABLE if row.message is Reject)


class Ask(NamedTuple):
    """One frame, and how many messages it holds: either drawing, which an ACK answers, or not."""

    data: bytes
    drawing: int
    other: int = 0


class Terms(NamedTuple):
    """Where to draw, and what the server still draws on its event loop, in pixels."""

    box: Box
    threshold: int


def _point(rng: random.Random, box: Box) -> tuple[int, int]:
    return rng.randint(box[0], box[2]), rng.randint(box[1], box[3])


def _some_box(rng: random.Random, box: Box, width: int, height: int) -> Box:
    """A rectangle of that size somewhere in ``box``."""
    x = rng.randint(box[0], box[2] - width + 1)
    y = rng.randint(box[1], box[3] - height + 1)
    return x, y, x + width - 1, y + height - 1


def _polyline(rng: random.Random, box: Box, size: int, step: int, cost_max: int) -> Stroke:
    """A stroke to here and there in ``box`` that costs nearly ``cost_max``."""
    points = [_point(rng, box)]
    length = 0
    while len(points) < _POINTS_MAX:
        x, y = points[-1]
        x = min(max(x + rng.choice((-1, 1)) * step, box[0]), box[2])
        y = min(max(y + rng.choice((-1, 1)) * step, box[1]), box[3])
        longer = length + max(abs(x - points[-1][0]), abs(y - points[-1][1]))
        if size * (size + len(points) + longer) > cost_max:
            break
        points.append((x, y))
        length = longer
    r, g, b = rng.randbytes(3)
    return Stroke(size, r, g, b, tuple(points))


def _strokes(rng: random.Random, terms: Terms) -> Ask:
    """As thick as may be, at the limit of cost."""
    return Ask(encode(_polyline(rng, terms.box, _SIZE_MAX, 2000, _COST_MAX)), 1)


def _thin_strokes(rng: random.Random, terms: Terms) -> Ask:
    """A million pixels of line, on a square of 4,096 tiles."""
    side = _VIEW_TILES * TILE
    x0, y0, _, _ = _some_box(rng, terms.box, side, side)
    x0, y0 = x0 // TILE * TILE, -(-y0 // TILE) * TILE
    box = x0, y0, x0 + side - 1, min(y0 + side - 1, terms.box[3])
    return Ask(encode(_polyline(rng, box, 1, 255, _COST_MAX)), 1)


def _strokes_below(rng: random.Random, terms: Terms) -> Ask:
    """Thin lines over many tiles, just cheap enough for the loop, many in a frame."""
    some = [encode(_polyline(rng, terms.box, 1, 1000, terms.threshold)) for _ in range(_FRAMES)]
    return Ask(b"".join(some), len(some))


def _thick_strokes_below(rng: random.Random, terms: Terms) -> Ask:
    """The same as thick as may be."""
    some = [
        encode(_polyline(rng, terms.box, _SIZE_MAX, 8, terms.threshold)) for _ in range(_FRAMES)
    ]
    return Ask(b"".join(some), len(some))


def _rects(rng: random.Random, terms: Terms) -> Ask:
    """Filled, at the limit of cost."""
    return Ask(
        encode(Rect(0, *_some_box(rng, terms.box, _RECT_SIDE, _RECT_SIDE), *rng.randbytes(3))), 1
    )


def _rects_below(rng: random.Random, terms: Terms) -> Ask:
    """Outlines over many tiles, just cheap enough for the loop, many in a frame."""
    side = terms.threshold // 4
    side = min(side, terms.box[3] - terms.box[1])
    some = [
        encode(Rect(1, *_some_box(rng, terms.box, side, side), *rng.randbytes(3)))
        for _ in range(_FRAMES)
    ]
    return Ask(b"".join(some), len(some))


def _patches(rng: random.Random, terms: Terms) -> Ask:
    """As large as may be, of a few bytes, many in a frame."""
    pixels = zlib.compress(bytes((*rng.randbytes(3), 255)) * _PATCH_SIDE**2, 9)
    some = [
        encode(Patch(*_some_box(rng, terms.box, _PATCH_SIDE, _PATCH_SIDE), pixels))
        for _ in range(_FRAMES)
    ]
    return Ask(b"".join(some), len(some))


def _noisy_patches(rng: random.Random, terms: Terms) -> Ask:
    """As many bytes as a frame holds."""
    pixels = b"".join(rng.randbytes(3) + b"\xff" for _ in range(_NOISE_SIDE**2))
    box = _some_box(rng, terms.box, _NOISE_SIDE, _NOISE_SIDE)
    return Ask(encode(Patch(*box, zlib.compress(pixels, 1))), 1)


def _patches_below(rng: random.Random, terms: Terms) -> Ask:
    """Just cheap enough for the loop, many in a frame."""
    width = TILE
    pixels = zlib.compress(bytes((*rng.randbytes(3), 255)) * terms.threshold, 9)
    height = terms.threshold // width
    some = [
        encode(Patch(*_some_box(rng, terms.box, width, height), pixels)) for _ in range(_FRAMES)
    ]
    return Ask(b"".join(some), len(some))


def _pixels(rng: random.Random, terms: Terms) -> Ask:
    """A frame full of them, each on a tile of its own as good as always."""
    count = CLIENT_FRAME_MAX_BYTES // 8
    data = b"".join(pixel_bytes(*_point(rng, terms.box), rng.getrandbits(23)) for _ in range(count))
    return Ask(data, count)


def _cursors(rng: random.Random, terms: Terms) -> Ask:
    """A frame full of them."""
    count = CLIENT_FRAME_MAX_BYTES // 6
    some = [encode(CursorMove(*_point(rng, terms.box), 0)) for _ in range(count)]
    return Ask(b"".join(some), 0, count)


def _presences(rng: random.Random, terms: Terms) -> Ask:
    """A frame full of them, with the longest names."""
    count = CLIENT_FRAME_MAX_BYTES // 69
    some = [encode(PresenceSet(1, 2, 3, f"{rng.random():.60f}")) for _ in range(count)]
    return Ask(b"".join(some), 0, count)


def _follows(rng: random.Random, terms: Terms) -> Ask:
    """A frame full of them, by turns somebody who is there."""
    count = CLIENT_FRAME_MAX_BYTES // 5
    some = [encode(Follow(rng.randrange(1, 60))) for _ in range(count)]
    return Ask(b"".join(some), 0, count)


def _view(rng: random.Random, box: Box) -> Box:
    side = _VIEW_TILES * TILE
    x0, y0, _, _ = _some_box(rng, box, side, side)
    x0, y0 = x0 // TILE * TILE, y0 // TILE * TILE
    return x0, y0, x0 + side - 1, y0 + side - 1


def _viewports(rng: random.Random, terms: Terms) -> Ask:
    """4,096 tiles, each time others."""
    return Ask(encode(Viewport(0, *_view(rng, terms.box), ())), 0, 1)


def _known_viewports(rng: random.Random, terms: Terms) -> Ask:
    """The same, all of them known, if that were true."""
    x0, y0, x1, y1 = _view(rng, terms.box)
    known = tuple(
        (tx, ty, 1)
        for ty in range(y0 // TILE, y1 // TILE + 1)
        for tx in range(x0 // TILE, x1 // TILE + 1)
    )
    return Ask(encode(Viewport(0, x0, y0, x1, y1, known)), 0, 1)


KINDS: dict[str, Callable[[random.Random, Terms], Ask]] = {
    "strokes": _strokes,
    "thin strokes": _thin_strokes,
    "strokes below": _strokes_below,
    "thick strokes below": _thick_strokes_below,
    "rects": _rects,
    "rects below": _rects_below,
    "patches": _patches,
    "noisy patches": _noisy_patches,
    "patches below": _patches_below,
    "pixels": _pixels,
    "viewports": _viewports,
    "known viewports": _known_viewports,
    "cursors": _cursors,
    "presences": _presences,
    "follows": _follows,
}
"""Each kind of the dearest there is; *below* is what is just cheap enough for the event loop."""


class DearDialect(TilecastDialect):
    """Notes when the server says to wait."""

    watched: ClassVar[frozenset[int]] = frozenset({_REJECT})

    def __init__(self) -> None:
        super().__init__()
        self.refused: Counter[int] = Counter()
        """REJECTs, by code."""
        self.not_before = 0.0

    def watch(self, kind: int, data: bytes) -> None:
        """See :meth:`TilecastDialect.watch`: a REJECT."""
        code, retry_ms = data[5], int.from_bytes(data[6:10], "little")
        self.refused[code] += 1
        if code == RejectCode.RATE:
            self.not_before = max(self.not_before, monotonic() + retry_ms / 1000)


class Asker(Connection):
    """Has so much on its way at any time, and waits when it is told to."""

    def __init__(
        self, reactor: Reactor, port: int, dialect: Dialect, view: View | None, totals: Totals
    ) -> None:
        if not isinstance(dialect, DearDialect):
            raise TypeError("only Tilecast's messages are known to be dear")
        self.dear = dialect
        self.asks: Sequence[Ask] = ()
        self.others_a_second = 0.0
        """Messages that aren't drawing, of which the server takes only so many."""
        self.sent_messages = 0
        self._next = 0
        self._not_before = 0.0
        super().__init__(reactor, port, dialect, view, totals)

    def ask(self, now: float) -> None:
        """Ask for more, if that is to be."""
        if not self.asks or self.close_code is not None:
            return
        ask = self.asks[self._next % len(self.asks)]
        if now < max(self._not_before, self.dear.not_before) or not self.writable():
            return
        if ask.drawing:
            most = ask.drawing * _SMALL_IN_FLIGHT if ask.drawing > 1 else _DEAR_IN_FLIGHT
            if self.sent_messages + ask.drawing - self.dear.handled > most:
                return
        if self.say([Payload(OPCODE_BINARY, ask.data)]):
            self._next += 1
            self.sent_messages += ask.drawing
            if ask.other:
                self._not_before = now + ask.other / self.others_a_second


class Asking:
    """The commands ``ask_for`` and ``asked``, beside a crowd's."""

    def __init__(self, crowd: Crowd, worker: Worker) -> None:
        crowd.connection_class = Asker
        self._crowd = crowd
        worker.on("ask_for", self.ask_for)
        worker.on("asked", self.asked)
        worker.reactor.keep_doing(self._act)

    def ask_for(self, command: Command) -> Answer:
        """From now on the clients ask for ``kinds``, by turns; an empty list ends it.

        Each sends at most ``others_a_second`` messages that aren't drawing.
        """
        rng = random.Random(command["seed"])
        terms = Terms(tuple(command["box"]), command["threshold"])
        asks = {kind: [KINDS[kind](rng, terms) for _ in range(_ASKS)] for kind in command["kinds"]}
        for index, asker in enumerate(self._askers()):
            asker.asks = asks[command["kinds"][index % len(asks)]] if asks else ()
            asker.others_a_second = command["others_a_second"]
        return {}

    def asked(self, _: Command) -> Answer:
        """What was sent and handled until now, what was refused, and who was closed."""
        askers = self._askers()
        refused: Counter[int] = Counter()
        for asker in askers:
            refused += asker.dear.refused
        codes = Counter(asker.close_code for asker in askers if asker.close_code is not None)
        return {
            "frames": self._crowd.totals.sent_frames,
            "handled": sum(asker.dear.handled for asker in askers),
            "refused": [[int(code), count] for code, count in refused.items()],
            "closed": [[code, count] for code, count in codes.items()],
        }

    def _act(self, now: float) -> float:
        for asker in self._askers():
            asker.ask(now)
        return now + _TICK_S

    def _askers(self) -> list[Asker]:
        return [client for client in self._crowd.connections if isinstance(client, Asker)]


if __name__ == "__main__":
    main(Asking)
