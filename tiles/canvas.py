"""The canvas: a sparse set of 64 × 64 RGB tiles, each with the seq of what touched it last."""

from collections.abc import Iterable

import numpy as np

from tiles.deflate import deflate, inflate
from tiles.geometry import TILE, TILE_PIXELS, Rectangle, key, tile_range, tiles_across
from tiles.raster import Bytes, Paint

TILE_BYTES = TILE_PIXELS * 3


def compress_tile(pixels: Bytes) -> bytes:
    """A tile's (64, 64, 3) uint8 pixels as one zlib stream."""
    return deflate(pixels.data)


class Canvas:
    """Level 0. Tiles that nothing ever touched aren't stored; they are background.

    ``width`` and ``height`` are in pixels; tiles reach past the edge and are background there.
    """

    def __init__(self, width: int, height: int, background: tuple[int, int, int]) -> None:
        self.width = width
        self.height = height
        self.background = np.array(background, np.uint8)
        self.blank = np.tile(self.background, (TILE, TILE, 1))
        self.blank.flags.writeable = False
        self._pixels: dict[int, Bytes] = {}
        self._seq: dict[int, int] = {}

    def __len__(self) -> int:
        """How many tiles are in memory."""
        return len(self._pixels)

    def keys(self) -> Iterable[int]:
        """The keys of the tiles that something touched."""
        return self._seq.keys()

    def tile(self, tile: int) -> Bytes:
        """A tile's (64, 64, 3) uint8 pixels, indexed [y, x]; to be read, not kept or changed."""
        return self._pixels.get(tile, self.blank)

    def seq(self, tile: int) -> int:
        """The seq of the last message that touched a tile, or 0."""
        return self._seq.get(tile, 0)

    def paint(self, paints: Iterable[Paint], seq: int) -> list[int]:
        """Apply one message's paints; the distinct keys of the tiles that it touched.

        A tile that already holds ``seq`` is left as it is, so replaying over checkpoints is safe.
        """
        touched: list[int] = []
        for tile, where, colour in paints:
            known = self._seq.get(tile, 0)
            # A message may paint a tile in several pieces: its own seq is no obstacle.
            if known >= seq and not (known == seq and tile in touched):
                continue
            pixels = self._pixels.get(tile)
            if pixels is None:
                pixels = self._pixels[tile] = self.blank.copy()
            pixels[where] = colour
            if known != seq:
                self._seq[tile] = seq
                touched.append(tile)
        return touched

    def load(self, tile: int, seq: int, data: bytes) -> None:
        """Take a tile from a checkpoint, as :func:`compress_tile` made it.

        Raises :class:`tiles.deflate.InflateError`.
        """
        pixels = np.frombuffer(inflate(data, TILE_BYTES), np.uint8).reshape(TILE, TILE, 3)
        self._pixels[tile] = pixels.copy()
        self._seq[tile] = seq

    def tile_total(self) -> tuple[int, int]:
        """Tiles across and down."""
        return tiles_across(self.width, 0), tiles_across(self.height, 0)

    def region(self, box: Rectangle) -> Bytes:
        """A copy of a rectangle's pixels, (height, width, 3) uint8; background off the canvas."""
        x0, y0, x1, y1 = box
        tiles = tile_range(0, box)
        left, top = tiles.tx0 * TILE, tiles.ty0 * TILE
        across, down = tiles.tx1 - tiles.tx0 + 1, tiles.ty1 - tiles.ty0 + 1
        out = np.empty((down * TILE, across * TILE, 3), np.uint8)
        for row in range(down):
            for column in range(across):
                pixels = self.tile(key(0, tiles.tx0 + column, tiles.ty0 + row))
                y, x = row * TILE, column * TILE
                out[y : y + TILE, x : x + TILE] = pixels
        return out[y0 - top : y1 - top + 1, x0 - left : x1 - left + 1]
