"""Runs of PIXEL messages, decoded and sorted by tile as arrays rather than one by one."""

from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protocol.messages import PIXEL_BYTES, PixelRun
from tiles.geometry import TILE, Rectangle, tile_at, within
from tiles.raster import Bytes, Paint

RECORD = np.dtype([("type", "u1"), ("x", "<u2"), ("y", "<u2"), ("colour", "u1", 3)])
"""One PIXEL as it stands on the wire."""

assert RECORD.itemsize == PIXEL_BYTES

_PLACE_BITS = 32
_PLACE_MASK = (1 << _PLACE_BITS) - 1

Records = npt.NDArray[np.void]


class TilePixels(NamedTuple):
    """What a run does to one tile, and the messages that do it, in their order.

    ``last`` is the index in the run of the last of them.
    """

    paint: Paint
    data: bytes
    last: int


class Pixels:
    """A run as arrays: ``x`` and ``y`` (n,) int64, ``colours`` (n, 3) uint8."""

    def __init__(self, run: PixelRun) -> None:
        records: Records = np.frombuffer(run.data, RECORD)
        self._data = run.data
        self.x = records["x"].astype(np.int64)
        self.y = records["y"].astype(np.int64)
        self.colours: Bytes = records["colour"]

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def bounds(self) -> Rectangle:
        """The smallest rectangle that holds them all."""
        x, y = self.x, self.y
        return int(x.min()), int(y.min()), int(x.max()), int(y.max())

    def by_tile(self) -> list[TilePixels]:
        """What each tile gets. Where a pixel is set more than once, the last one counts."""
        tiles = tile_at(self.x, self.y)
        columns, rows = within(self.x, self.y)
        places = rows * TILE + columns
        # Sorting by tile and then by place, in one number, is several times as fast as argsort.
        sorted_ = tiles << _PLACE_BITS | np.arange(len(tiles))
        sorted_.sort()
        order, tiles = sorted_ & _PLACE_MASK, sorted_ >> _PLACE_BITS
        starts = np.flatnonzero(np.diff(tiles, prepend=-1)).tolist()
        if len(starts) == 1:
            paint = Paint(int(tiles[0]), places, self.colours)
            return [TilePixels(paint, self._data, len(tiles) - 1)]
        places, colours = places[order], self.colours[order]
        data = np.frombuffer(self._data, f"V{PIXEL_BYTES}")[order].tobytes()
        ends = [*starts[1:], len(tiles)]
        lasts = order[np.array(ends) - 1].tolist()
        return [
            TilePixels(
                Paint(tile, places[start:end], colours[start:end]),
                data[start * PIXEL_BYTES : end * PIXEL_BYTES],
                last,
            )
            for tile, start, end, last in zip(
                tiles[starts].tolist(), starts, ends, lasts, strict=True
            )
        ]
