"""The rasteriser, the canvas and the pyramid against the naive oracle, on random messages."""

from __future__ import annotations

import random
import zlib

import pytest

from protocol.messages import Drawing, Patch, Pixel, Rect, Stroke
from tests.oracle.canvas import Canvas as Oracle
from tests.oracle.canvas import levels
from tests.oracle.drawing import cost as plain_cost
from tests.oracle.drawing import refusal
from tiles.canvas import Canvas
from tiles.geometry import key
from tiles.pyramid import Pyramid
from tiles.raster import DrawError, DrawLimits, check, cost, rasterise

SIZES = [(1, 1), (63, 65), (64, 64), (200, 130), (257, 300)]


def random_drawing(rng: random.Random, width: int, height: int) -> Drawing:
    """A message mostly on the canvas; corners are at times off it, inverted or too many."""

    def at() -> tuple[int, int]:
        beyond = rng.random() < 0.02
        return rng.randrange(width + beyond), rng.randrange(height + beyond)

    r, g, b = rng.randrange(256), rng.randrange(256), rng.randrange(256)
    (x0, y0), (x1, y1) = at(), at()
    if rng.random() < 0.95:
        x0, y0, x1, y1 = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
    match rng.randrange(4):
        case 0:
            return Pixel(x0, y0, r, g, b)
        case 1:
            points = tuple(at() for _ in range(rng.choice([0, 1, 1, 2, 3, 4, 5, 6])))
            size = rng.choice([0, 1, 2, 3, 4, 5, 7, 8, 13, 31, 64, 65])
            return Stroke(size, r, g, b, points)
        case 2:
            return Rect(rng.choice([0, 0, 1, 2, 3, 30, 255]), x0, y0, x1, y1, r, g, b)
        case _:
            x1, y1 = min(x1, x0 + rng.randrange(30)), min(y1, y0 + rng.randrange(30))
            area = max(0, x1 - x0 + 1) * max(0, y1 - y0 + 1)
            rgba = bytearray(rng.randbytes(4 * area))
            for alpha in range(3, len(rgba), 4):
                rgba[alpha] = rng.choice([0, 255])
            if rng.random() < 0.1:
                rgba += b"\0"
            return Patch(x0, y0, x1, y1, zlib.compress(bytes(rgba), rng.choice([0, 1, 9])))


def draw(message: Drawing, canvas: Canvas, pyramid: Pyramid, seq: int) -> int | None:
    """Draws as the server does; the REJECT code if it refuses."""
    try:
        check(message, canvas.width, canvas.height, DrawLimits())
        paints = rasterise(message, canvas.width, canvas.height)
    except DrawError as error:
        return int(error.code)
    pyramid.mark(canvas.paint(paints, seq))
    return None


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("seed", range(4))
def test_random_messages(width: int, height: int, seed: int) -> None:
    """The same is refused and touched, and every tile of every level is the same all along."""
    rng = random.Random(f"{width} {height} {seed}")
    oracle = Oracle(width, height, (250, 3, 99))
    canvas = Canvas(width, height, (250, 3, 99))
    pyramid = Pyramid(canvas)
    seq = 0
    for _ in range(80):
        message = random_drawing(rng, width, height)
        refused = refusal(message, width, height)
        assert draw(message, canvas, pyramid, seq + 1) == refused, message
        if refused is not None:
            continue
        seq += 1
        oracle.apply(seq, message)
        level = rng.randrange(levels(width, height))
        across = -(-width // (64 << level))
        down = -(-height // (64 << level))
        for ty in range(down):
            for tx in range(across):
                tile = key(level, tx, ty)
                assert pyramid.tile(tile).tobytes() == oracle.tile(level, tx, ty), message
                assert pyramid.seq(tile) == oracle.last_touch(level, tx, ty), message


def test_cost_is_the_oracles() -> None:
    """The cost of what is accepted is the same on both sides."""
    rng = random.Random(3)
    for _ in range(500):
        message = random_drawing(rng, 300, 300)
        if refusal(message, 300, 300) is None:
            assert cost(message) == plain_cost(message)
