"""What people draw, by seed; each message with bytes of its own."""

import random
import zlib
from itertools import count

from protocol.messages import Drawing, Patch, Pixel, Rect, Stroke

_DISC_SIZES = (1, 1, 2, 3, 3, 5, 8, 9, 16)
_UNIT = 0x9E3779
"""Odd, so that its multiples walk through every colour there is before one comes again."""


class Painter:
    """Draws on a canvas of ``width`` × ``height``. One for all, so that colours don't repeat."""

    def __init__(self, rng: random.Random, width: int, height: int) -> None:
        self._rng = rng
        self._width = width
        self._height = height
        self._serial = count(1)

    def _colour(self) -> tuple[int, int, int]:
        """A colour that no message had yet."""
        colour = next(self._serial) * _UNIT % (1 << 24)
        return colour >> 16, colour >> 8 & 255, colour & 255

    def near(self, x: int, y: int, reach: int) -> tuple[int, int]:
        """A pixel of the canvas at most ``reach`` away along each axis."""
        rng = self._rng
        x = min(max(x + rng.randint(-reach, reach), 0), self._width - 1)
        y = min(max(y + rng.randint(-reach, reach), 0), self._height - 1)
        return x, y

    def any(self, x: int, y: int) -> Drawing:
        """Something around a pixel; now and then something that can't be drawn."""
        kind = self._rng.choices(
            (self.pixel, self.stroke, self.rect, self.patch, self.scribble, self.bad),
            (40, 30, 14, 10, 1.5, 4),
        )[0]
        return kind(x, y)

    def pixel(self, x: int, y: int) -> Drawing:
        """One pixel."""
        return Pixel(*self.near(x, y, 60), *self._colour())

    def stroke(self, x: int, y: int) -> Drawing:
        """A polyline, mostly short; sometimes across several tiles."""
        rng = self._rng
        reach = rng.choice((4, 10, 30, 30, 90))
        points = [self.near(x, y, 60)]
        while len(points) < rng.choice((1, 2, 3, 5, 9)):
            points.append(self.near(*points[-1], reach))
        size = 64 if rng.random() < 0.01 else rng.choice(_DISC_SIZES)
        return Stroke(size, *self._colour(), tuple(points))

    def rect(self, x: int, y: int) -> Drawing:
        """Filled or an outline; a few are long, few tiles of which anybody sees all."""
        rng = self._rng
        reach = rng.choice((3, 10, 25, 50)) if rng.random() < 0.97 else 300
        (ax, ay), (bx, by) = self.near(x, y, 60), self.near(x, y, reach)
        line = 1 if reach == 300 else rng.choice((0, 1, 2, 5, 255))
        x0, x1, y0, y1 = min(ax, bx), max(ax, bx), min(ay, by), max(ay, by)
        return Rect(line, x0, y0, x1, y1, *self._colour())

    def patch(self, x: int, y: int) -> Drawing:
        """A small picture with holes; at times nothing but holes."""
        rng = self._rng
        x0, y0 = self.near(x, y, 60)
        x1 = min(x0 + rng.randrange(40), self._width - 1)
        y1 = min(y0 + rng.randrange(40), self._height - 1)
        colour = bytes(self._colour())
        inks = [colour + b"\xff", colour[::-1] + b"\xff", colour + b"\x00"]
        if rng.random() < 0.05:
            inks = inks[2:]
        area = (x1 - x0 + 1) * (y1 - y0 + 1)
        rgba = b"".join([inks[-1], *rng.choices(inks, k=area - 1)])
        return Patch(x0, y0, x1, y1, zlib.compress(rgba, 1))

    def scribble(self, x: int, y: int) -> Drawing:
        """Back and forth over the same few pixels: dear, though it paints little."""
        rng = self._rng
        a, b = self.near(x, y, 40), self.near(x, y, 20)
        m = max(1, abs(a[0] - b[0]), abs(a[1] - b[1]))
        turns = min(4000, rng.choice((20_000, 70_000, 120_000, 1_100_000)) // (64 * (m + 1)))
        points = (a, b) * max(1, turns // 2)
        return Stroke(64, *self._colour(), points)

    def bad(self, x: int, y: int) -> Drawing:
        """Something that is rejected, at times for more than one reason."""
        rng = self._rng
        colour = self._colour()
        x0, y0 = self.near(x, y, 50)
        x1, y1 = min(x0 + 9, self._width - 1), min(y0 + 9, self._height - 1)
        off_x = self._width + rng.choice((0, 1, 5000))
        off_y = self._height + rng.choice((0, 3, 1000))
        # A stream that is cut short, goes on, or holds a half-transparent pixel.
        rgba = (bytes(colour) + b"\xff") * ((x1 - x0 + 1) * (y1 - y0 + 1))
        stream = rng.choice(
            (
                zlib.compress(rgba[:-1]),
                zlib.compress(rgba + b"\0"),
                zlib.compress(rgba) + b"\0",
                zlib.compress(rgba)[:-5],
                zlib.compress(rgba[:-1] + b"\x80"),
                bytes(colour),
            )
        )
        bad: tuple[Drawing, ...] = (
            Pixel(off_x, y0, *colour),
            Pixel(x0, off_y, *colour),
            Stroke(rng.choice((0, 65)), *colour, ((x0, y0),)),
            Stroke(3, *colour, ()),
            Stroke(3, *colour, ((x0, y0), (off_x, y0))),
            Rect(1, x1 + 1, y0, x0, y1, *colour),
            Rect(0, x0, y0, x1, off_y, *colour),
            Patch(x0, y0, x1, y1, stream),
            Patch(0, 0, 299, 299, bytes(colour)),
        )
        return rng.choice(bad)
