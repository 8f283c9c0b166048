"""Memory for tiles' pixels, page by page, so that what leaves is the system's again at once.

A tile's pixels are three pages exactly. From the general heap such blocks come back in pieces: half
of the tiles may leave and the process is hardly smaller.
"""

import mmap

import numpy as np

from tiles.geometry import TILE
from tiles.raster import Bytes

_TILE_BYTES = TILE * TILE * 3
_SLAB_TILES = 256
_GIVES_BACK = hasattr(mmap, "MADV_DONTNEED") and _TILE_BYTES % mmap.PAGESIZE == 0
"""Where pages are larger than the usual 4 KiB, places are only used again."""


class Slabs:
    """Hands out arrays of (64, 64, 3) uint8, and takes them back by their place."""

    def __init__(self) -> None:
        self._slabs: list[mmap.mmap] = []
        self._tiles: list[Bytes] = []
        self._free: list[int] = []

    def take(self) -> tuple[int, Bytes]:
        """A free place, and the array there; its content is undefined."""
        if not self._free:
            self._add()
        place = self._free.pop()
        return place, self._tiles[place]

    def give(self, place: int) -> None:
        """Nobody reads the array at this place any more."""
        if _GIVES_BACK:
            slab, index = divmod(place, _SLAB_TILES)
            self._slabs[slab].madvise(mmap.MADV_DONTNEED, index * _TILE_BYTES, _TILE_BYTES)
        self._free.append(place)

    def _add(self) -> None:
        # Shared pages, mmap's default, would leave the process and stay in the system's memory.
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        slab = mmap.mmap(-1, _SLAB_TILES * _TILE_BYTES, flags=flags)
        if hasattr(mmap, "MADV_NOHUGEPAGE"):
            slab.madvise(mmap.MADV_NOHUGEPAGE)  # else one tile would take as much as 170
        first = len(self._tiles)
        pixels = np.frombuffer(slab, np.uint8).reshape(_SLAB_TILES, TILE, TILE, 3)
        self._slabs.append(slab)
        self._tiles.extend(pixels)
        self._free.extend(range(first + _SLAB_TILES - 1, first - 1, -1))
