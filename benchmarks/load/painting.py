"""Single pixels at random places, from connections in turn."""

import random
from collections import Counter
from collections.abc import Sequence

from benchmarks.load.connection import Connection
from benchmarks.load.dialect import TILE

Box = tuple[int, int, int, int]


class Painting:
    """Each call paints one pixel, in a frame of its own.

    ``box`` holds the places, corners included; without it each connection paints in its own view.
    """

    def __init__(self, connections: Sequence[Connection], box: Box | None, seed: int) -> None:
        self.painted = 0
        self.tiles: Counter[tuple[int, int]] = Counter()
        """Pixels painted, by level-0 tile."""
        self._connections = connections
        self._box = box
        self._random = random.Random(seed).random
        self._turn = 0

    def __call__(self) -> None:
        """Paint the next pixel."""
        connection = self._connections[self._turn]
        self._turn = (self._turn + 1) % len(self._connections)
        view = connection.view
        if self._box is not None:
            x0, y0, x1, y1 = self._box
        elif view is not None:
            x0, y0, x1, y1 = view[:4]
        else:
            raise ValueError("a connection without a view needs a box to paint in")
        x = x0 + int(self._random() * (x1 - x0 + 1))
        y = y0 + int(self._random() * (y1 - y0 + 1))
        # Red stays below a half: the probe's own pixels are those above.
        if connection.paint(x, y, int(self._random() * 0x7FFFFF)):
            self.painted += 1
            self.tiles[x // TILE, y // TILE] += 1
