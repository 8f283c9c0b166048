"""Single pixels at random places, from connections in turn."""

import random
from collections import Counter
from collections.abc import Sequence

from benchmarks.load.connection import Connection
from benchmarks.load.dialect import OPCODE_BINARY, TILE, Payload, pixel_bytes

Box = tuple[int, int, int, int]


class Painting:
    """Each call paints one pixel, in a frame of its own, or ``together`` pixels in one frame.

    ``box`` holds the places, corners included; without it each connection paints in its own view.
    Only Tilecast takes several pixels in a frame.
    """

    def __init__(
        self, connections: Sequence[Connection], box: Box | None, seed: int, together: int = 1
    ) -> None:
        self.painted = 0
        self.tiles: Counter[tuple[int, int]] = Counter()
        """Pixels painted, by level-0 tile."""
        self._connections = connections
        self._box = box
        self._random = random.Random(seed).random
        self._together = together
        self._turn = 0

    def __call__(self) -> None:
        """Paint the next pixels."""
        connection = self._connections[self._turn]
        self._turn = (self._turn + 1) % len(self._connections)
        view = connection.view
        if self._box is not None:
            x0, y0, x1, y1 = self._box
        elif view is not None:
            x0, y0, x1, y1 = view[:4]
        else:
            raise ValueError("a connection without a view needs a box to paint in")
        pixels = [self._pixel(x0, y0, x1, y1) for _ in range(self._together)]
        if self._together == 1:
            sent = connection.paint(*pixels[0])
        else:
            data = b"".join(pixel_bytes(*pixel) for pixel in pixels)
            sent = connection.say([Payload(OPCODE_BINARY, data)])
        if sent:
            self.painted += self._together
            for x, y, _ in pixels:
                self.tiles[x // TILE, y // TILE] += 1

    def _pixel(self, x0: int, y0: int, x1: int, y1: int) -> tuple[int, int, int]:
        x = x0 + int(self._random() * (x1 - x0 + 1))
        y = y0 + int(self._random() * (y1 - y0 + 1))
        # Red stays below a half: the probe's own pixels are those above.
        return x, y, int(self._random() * 0x7FFFFF)
