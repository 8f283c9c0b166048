"""Where a canvas was drawn on lately: counts by place and minute, in memory alone."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protocol.messages import PIXEL_BYTES
from tiles.geometry import TILE, place_among, tiles_across
from tiles.pixel_run import TilePixels

MINUTES_MAX = 60
CELLS_MAX = 4096
"""Places of a canvas, at most."""
_MINUTE_S = 60.0

Counts = npt.NDArray[np.uint32]


class Cell(NamedTuple):
    """A place, as the tile of :attr:`Activity.level` that it is, and the drawings that touched it.

    A drawing that touches more level-0 tiles of it than one counts once for each.
    """

    tx: int
    ty: int
    drawings: int


class Activity:
    """Counts for one canvas, of the minute that runs and the sixty before it.

    A place is a tile of ``level``, the lowest at which there are at most :data:`CELLS_MAX` of them;
    ``time`` is in seconds, and only rises.
    """

    def __init__(self, width: int, height: int, time: Callable[[], float]) -> None:
        self._time = time
        self.level = 0
        while tiles_across(width, self.level) * tiles_across(height, self.level) > CELLS_MAX:
            self.level += 1
        self._columns = tiles_across(width, self.level)
        self._cells = self._columns * tiles_across(height, self.level)
        self._minute = int(time() / _MINUTE_S)
        self._ends = (self._minute + 1) * _MINUTE_S
        # A list takes a third of the time that an array does, one count at a time.
        self._present = [0] * self._cells
        self._past: dict[int, Counts] = {}
        """By minute, those in which anything was drawn."""

    @property
    def span(self) -> int:
        """Canvas pixels on a place's side."""
        return TILE << self.level

    def drawn(self, tiles: Iterable[int]) -> None:
        """A drawing touched these level-0 tiles."""
        if self._time() >= self._ends:
            self._turn()
        present, level, columns = self._present, self.level, self._columns
        for tile in tiles:
            present[place_among(tile, level, columns)] += 1

    def drawn_pixels(self, parts: Iterable[TilePixels]) -> None:
        """A run of PIXELs was drawn, each of which is a drawing."""
        if self._time() >= self._ends:
            self._turn()
        present, level, columns = self._present, self.level, self._columns
        for part in parts:
            place = place_among(part.paint.tile, level, columns)
            present[place] += len(part.data) // PIXEL_BYTES

    def recent(self, minutes: int) -> list[Cell]:
        """The places drawn on in the last so many whole minutes and the one that runs, by row."""
        if self._time() >= self._ends:
            self._turn()
        total = np.array(self._present, np.int64)
        for minute, counts in self._past.items():
            if minute >= self._minute - minutes:
                total += counts
        places = np.flatnonzero(total)
        return [
            Cell(place % self._columns, place // self._columns, count)
            for place, count in zip(places.tolist(), total[places].tolist(), strict=True)
        ]

    def _turn(self) -> None:
        """Another minute has begun."""
        counts = np.minimum(self._present, np.iinfo(np.uint32).max).astype(np.uint32)
        if counts.any():
            self._past[self._minute] = counts
            self._present = [0] * self._cells
        self._minute = int(self._time() / _MINUTE_S)
        self._ends = (self._minute + 1) * _MINUTE_S
        oldest = self._minute - MINUTES_MAX
        self._past = {minute: past for minute, past in self._past.items() if minute >= oldest}
