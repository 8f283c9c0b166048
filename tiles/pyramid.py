"""The zoomed-out levels: each tile the mean of 2 × 2 of the level below, computed when asked for.

A change at level 0 marks its ancestors once; a marked tile is recomputed, from its marked quadrants
only, when somebody asks for it.
"""

from collections.abc import Iterable

import numpy as np

from tiles.canvas import Canvas
from tiles.geometry import TILE, children, level_count, parent, unkey
from tiles.raster import Bytes

_HALF = TILE >> 1
_QUADRANTS = tuple(
    (slice(y, y + _HALF), slice(x, x + _HALF)) for y in (0, _HALF) for x in (0, _HALF)
)


def halve(pixels: Bytes) -> Bytes:
    """The 2 × 2 mean, (sum + 2) >> 2, of (2h, 2w, 3) uint8 pixels."""
    wide = pixels.astype(np.uint16)
    rows = wide[0::2] + wide[1::2]
    return ((rows[:, 0::2] + rows[:, 1::2] + 2) >> 2).astype(np.uint8)


class Pyramid:
    """Every level of a canvas; level 0 is the canvas itself."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.levels = level_count(canvas.width, canvas.height)
        self._pixels: dict[int, Bytes] = {}
        self._seq: dict[int, int] = {}
        self._dirty: dict[int, int] = {}
        self.mark(canvas.keys())

    def __len__(self) -> int:
        """How many tiles above level 0 are in memory."""
        return len(self._pixels)

    def mark(self, touched: Iterable[int]) -> None:
        """Level-0 tiles changed: their ancestors are out of date until they are asked for."""
        dirty = self._dirty
        for tile in touched:
            child = tile
            for _ in range(1, self.levels):
                above, quadrant = parent(child)
                quadrants = dirty.get(above, 0)
                if quadrants & (1 << quadrant):
                    break
                dirty[above] = quadrants | 1 << quadrant
                child = above

    def is_dirty(self, tile: int) -> bool:
        """Whether something below a tile changed since it was last computed."""
        return tile in self._dirty

    def tile(self, tile: int) -> Bytes:
        """A tile's (64, 64, 3) uint8 pixels, brought up to date; to be read, not changed."""
        if unkey(tile).level == 0:
            return self.canvas.tile(tile)
        self._refresh(tile)
        return self._pixels.get(tile, self.canvas.blank)

    def seq(self, tile: int) -> int:
        """The seq of the last message that touched what a tile covers, or 0; refreshes the tile."""
        if unkey(tile).level == 0:
            return self.canvas.seq(tile)
        self._refresh(tile)
        return self._seq.get(tile, 0)

    def advance(self, tile: int, steps: int) -> bool:
        """Bring a tile up to date by computing at most ``steps`` tiles; whether it is so now."""
        self._advance(tile, steps)
        return not self.is_dirty(tile)

    def _advance(self, tile: int, steps: int) -> int:
        quadrants = self._dirty.get(tile, 0)
        if not quadrants:
            return steps
        for quadrant, child in enumerate(children(tile)):
            if quadrants & (1 << quadrant):
                steps = self._advance(child, steps)
                if steps == 0:
                    return 0
        self._refresh(tile)
        return steps - 1

    def _refresh(self, tile: int) -> None:
        quadrants = self._dirty.pop(tile, 0)
        if not quadrants:
            return
        pixels = self._pixels.get(tile)
        if pixels is None:
            pixels = self._pixels[tile] = self.canvas.blank.copy()
        seq = self._seq.get(tile, 0)
        for quadrant, child in enumerate(children(tile)):
            if quadrants & (1 << quadrant):
                pixels[_QUADRANTS[quadrant]] = halve(self.tile(child))
                seq = max(seq, self.seq(child))
        self._seq[tile] = seq
