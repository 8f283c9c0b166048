"""Where things lie: pixels, tiles, levels. The one place that divides coordinates.

A tile of level L covers 64·2^L canvas pixels a side. Rectangles are inclusive: (x0, y0, x1, y1).
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

TILE = 64
"""Pixels along a tile's side."""
TILE_PIXELS = TILE * TILE
CANVAS_MAX = 65_536
"""The largest width and height of a canvas, in pixels."""

CANVAS_TILES_MAX = (CANVAS_MAX // TILE) ** 2
"""Level-0 tiles of the largest canvas."""

_SHIFT = TILE.bit_length() - 1
_MASK = TILE - 1
_AXIS_BITS = 10
_AXIS_MASK = (1 << _AXIS_BITS) - 1

Rectangle = tuple[int, int, int, int]


class TileId(NamedTuple):
    """A tile's place in the pyramid."""

    level: int
    tx: int
    ty: int


class TileRange(NamedTuple):
    """A rectangle of tiles of one level, corners included."""

    level: int
    tx0: int
    ty0: int
    tx1: int
    ty1: int

    @property
    def total(self) -> int:
        """How many tiles these are."""
        return (self.tx1 - self.tx0 + 1) * (self.ty1 - self.ty0 + 1)

    def keys(self) -> Iterator[int]:
        """The keys of its tiles, row by row."""
        for ty in range(self.ty0, self.ty1 + 1):
            row = key(self.level, 0, ty)
            yield from range(row + self.tx0, row + self.tx1 + 1)

    def keys_outside(self, other: "TileRange | None") -> list[int]:
        """The keys of its tiles that aren't in ``other``, row by row."""
        level, left, top, right, bottom = self
        if other is None or other.level != level or not overlap(self[1:], other[1:]):
            return list(self.keys())
        whole = range(left, right + 1)
        beside = [*range(left, other.tx0), *range(max(left, other.tx1 + 1), right + 1)]
        first, last = max(top, other.ty0), min(bottom, other.ty1)
        parts = ((top, first, whole), (first, last + 1, beside), (last + 1, bottom + 1, whole))
        return [
            key(level, 0, row) + column
            for begin, end, columns in parts
            for row in range(begin, end)
            for column in columns
        ]

    def holds(self, tile: int) -> bool:
        """Whether the tile with this key is one of them."""
        level, tx, ty = unkey(tile)
        return level == self.level and self.tx0 <= tx <= self.tx1 and self.ty0 <= ty <= self.ty1


def key(level: int, tx: int, ty: int) -> int:
    """A tile's key: 24 bits, in row order within a level."""
    return (level << 2 * _AXIS_BITS) | (ty << _AXIS_BITS) | tx


def unkey(key: int) -> TileId:
    """The tile that a key names."""
    return TileId(key >> 2 * _AXIS_BITS, key & _AXIS_MASK, key >> _AXIS_BITS & _AXIS_MASK)


def level_count(width: int, height: int) -> int:
    """Levels from the canvas itself up to the one that is a single tile (65,536 pixels: 11)."""
    return max(0, (max(width, height) - 1).bit_length() - _SHIFT) + 1


def tiles_across(pixels: int, level: int) -> int:
    """Tiles of a level that cover so many canvas pixels."""
    return ((pixels - 1) >> (_SHIFT + level)) + 1


def tile_range(level: int, box: Rectangle) -> TileRange:
    """The tiles of a level that a rectangle of canvas pixels touches."""
    shift = _SHIFT + level
    x0, y0, x1, y1 = box
    return TileRange(level, x0 >> shift, y0 >> shift, x1 >> shift, y1 >> shift)


Coordinate = TypeVar("Coordinate", int, npt.NDArray[np.int64])
"""One pixel's coordinate, or an array of them."""


def tile_at(x: Coordinate, y: Coordinate) -> Coordinate:
    """The key of the level-0 tile that holds a pixel."""
    return (y >> _SHIFT) << _AXIS_BITS | x >> _SHIFT


def place_among(tile: int, level: int, columns: int) -> int:
    """Which tile of ``level`` a level-0 tile lies in, counted by rows of ``columns`` tiles."""
    return (tile >> _AXIS_BITS + level) * columns + ((tile & _AXIS_MASK) >> level)


def within(x: Coordinate, y: Coordinate) -> tuple[Coordinate, Coordinate]:
    """A pixel's (x, y) inside its level-0 tile."""
    return x & _MASK, y & _MASK


Ints = npt.NDArray[np.int64]


def split_spans(y: Ints, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Spans of pixels [start, end) of rows ``y``, cut at the borders of level-0 tiles.

    For each piece its tile, the row in it, and its first column and the one after its last.
    """
    left = start >> _SHIFT
    pieces = (end - 1 >> _SHIFT) - left + 1
    span = np.repeat(np.arange(len(y)), pieces)
    across = np.arange(len(span)) - (np.cumsum(pieces) - pieces)[span] + left[span]
    border = across << _SHIFT
    first = np.maximum(start[span] - border, 0)
    last = np.minimum(end[span] - border, TILE)
    return (y[span] >> _SHIFT) << _AXIS_BITS | across, y[span] & _MASK, first, last


def tile_box(tile: int) -> Rectangle:
    """The canvas pixels that a tile covers; beyond the canvas's edge too."""
    level, tx, ty = unkey(tile)
    shift = _SHIFT + level
    return tx << shift, ty << shift, ((tx + 1) << shift) - 1, ((ty + 1) << shift) - 1


def parent(tile: int) -> tuple[int, int]:
    """The key of the tile one level up, and which quadrant of it this is: 2·(y odd) + (x odd)."""
    level, tx, ty = unkey(tile)
    return key(level + 1, tx >> 1, ty >> 1), (ty & 1) << 1 | tx & 1


def children(tile: int) -> tuple[int, int, int, int]:
    """The keys of the four tiles one level down, by quadrant."""
    level, tx, ty = unkey(tile)
    first = key(level - 1, tx << 1, ty << 1)
    return first, first + 1, first + (1 << _AXIS_BITS), first + (1 << _AXIS_BITS) + 1


def clip(box: Rectangle, width: int, height: int) -> Rectangle | None:
    """The part of a rectangle that lies on the canvas, or ``None``."""
    x0, y0, x1, y1 = box
    x1, y1 = min(x1, width - 1), min(y1, height - 1)
    x0, y0 = max(x0, 0), max(y0, 0)
    return (x0, y0, x1, y1) if x0 <= x1 and y0 <= y1 else None


def overlap(a: Rectangle, b: Rectangle) -> bool:
    """Whether two rectangles share a pixel."""
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def holds(outer: Rectangle, inner: Rectangle) -> bool:
    """Whether all of ``inner`` lies in ``outer``."""
    return (
        outer[0] <= inner[0]
        and outer[1] <= inner[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )


def grown(box: Rectangle, share: float) -> Rectangle:
    """A rectangle with a margin of that share of its size on every side."""
    x0, y0, x1, y1 = box
    across, down = int((x1 - x0 + 1) * share), int((y1 - y0 + 1) * share)
    return x0 - across, y0 - down, x1 + across, y1 + down


def union(a: Rectangle, b: Rectangle) -> Rectangle:
    """The smallest rectangle that holds both."""
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def centre_first(tiles: TileRange, keys: list[int]) -> list[int]:
    """Keys of a tile range, those nearest its centre first."""
    found = np.array(keys, np.int64)
    dx = 2 * (found & _AXIS_MASK) - (tiles.tx0 + tiles.tx1)
    dy = 2 * (found >> _AXIS_BITS & _AXIS_MASK) - (tiles.ty0 + tiles.ty1)
    order: list[int] = found[np.argsort(dx * dx + dy * dy, kind="stable")].tolist()
    return order


def post_order(keys: list[int]) -> list[int]:
    """Keys of any levels, each tile after those below it, and near ones near each other."""
    found = np.array(keys, np.int64)
    level = found >> 2 * _AXIS_BITS
    place = np.zeros_like(found)
    for bit in range(_AXIS_BITS):
        place |= (found >> bit & 1) << 2 * bit | (found >> _AXIS_BITS + bit & 1) << 2 * bit + 1
    # A tile stands where the last of the level-0 tiles below it does.
    last = (place + 1 << 2 * level) - 1
    order: list[int] = found[np.lexsort((level, last))].tolist()
    return order
