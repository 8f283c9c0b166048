"""The pyramid as XYZ clients see it: square images of a size of their own, zoom 0 the whole canvas.

A pixel of zoom z is a pixel of level Z - z, where Z is the deepest zoom, 1:1; so an image is a
square of whole tiles of one level.
"""

from dataclasses import dataclass

from tiles.geometry import TILE, Rectangle, level_count, tiles_across

SIZES = (64, 256, 512)
"""Pixels along the side of an image."""
DEFAULT_SIZE = 256


@dataclass(frozen=True, slots=True)
class TileGrid:
    """The images of one size over a canvas of ``width`` × ``height`` pixels."""

    size: int
    width: int
    height: int

    @property
    def _extra_levels(self) -> int:
        """Levels by which an image is larger than a tile."""
        return self.size.bit_length() - TILE.bit_length()

    @property
    def max_zoom(self) -> int:
        """The zoom at which a pixel is a canvas pixel."""
        return max(0, level_count(self.width, self.height) - 1 - self._extra_levels)

    def level(self, zoom: int) -> int:
        """The level of the pyramid that a zoom shows."""
        return self.max_zoom - zoom

    def holds(self, zoom: int, x: int, y: int) -> bool:
        """Whether there is such an image: whether a pixel of the canvas is on it."""
        if not 0 <= zoom <= self.max_zoom:
            return False
        level = self.level(zoom) + self._extra_levels
        return 0 <= x < tiles_across(self.width, level) and 0 <= y < tiles_across(
            self.height, level
        )

    def box(self, x: int, y: int) -> Rectangle:
        """The rectangle of an image, in pixels of its level."""
        left, top = x * self.size, y * self.size
        return left, top, left + self.size - 1, top + self.size - 1
