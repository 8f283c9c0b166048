"""Where a session looks, and whether that can be asked of the server."""

from typing import NamedTuple

from tiles.geometry import Rectangle, TileRange, clip, tile_range

VIEWPORT_TILES_MAX = 4096
"""Tiles of one VIEWPORT, unless the server's ``max_viewport_tiles`` says otherwise."""


class Bounds(NamedTuple):
    """What a canvas allows a viewport to be."""

    width: int
    height: int
    levels: int
    max_tiles: int


class Look(NamedTuple):
    """A level and a rectangle of canvas pixels, corners included."""

    level: int
    box: Rectangle

    def fit(self, bounds: Bounds) -> tuple["Look", TileRange]:
        """The part on the canvas, and its tiles. Raises ``ValueError`` if it can't be looked at."""
        if self.level >= bounds.levels:
            raise ValueError(f"level {self.level} isn't there: the canvas has {bounds.levels}")
        box = clip(self.box, bounds.width, bounds.height)
        if box is None:
            raise ValueError(f"{self.box} lies off the canvas of {bounds.width} × {bounds.height}")
        tiles = tile_range(self.level, box)
        if tiles.total > bounds.max_tiles:
            raise ValueError(f"{tiles.total} tiles are more than the server's {bounds.max_tiles}")
        return Look(self.level, box), tiles


def look_at(level: int, x0: int, y0: int, x1: int, y1: int) -> Look:
    """A look at a rectangle. Raises ``ValueError`` if it is inverted or the level negative."""
    if level < 0 or x0 > x1 or y0 > y1:
        raise ValueError(f"level {level}, ({x0}, {y0}, {x1}, {y1}) is no viewport")
    return Look(level, (x0, y0, x1, y1))
