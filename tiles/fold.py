"""The fold of a log over some tiles of level 0, beside the canvas: to check it, or to mend it."""

from collections.abc import Callable, Iterable

import numpy as np

from tiles.geometry import CANVAS_TILES_MAX, TILE
from tiles.log.base import CanvasInfo
from tiles.raster import Bytes, Paint


class Sheet:
    """Tiles that are painted on, those alone that are ``wanted``; the others are left out.

    It is a :class:`tiles.recovery.Surface`.
    """

    def __init__(
        self, width: int, height: int, blank: Bytes, wanted: Callable[[int], bool]
    ) -> None:
        self.width = width
        self.height = height
        self.blank = blank
        self.tiles: dict[int, Bytes] = {}
        self.seqs: dict[int, int] = {}
        """The last message that touched each of the tiles."""
        self._wanted = wanted

    def paint(self, paints: Iterable[Paint], seq: int) -> None:
        """Apply one message's paints."""
        for paint in paints:
            tile = paint.tile
            if not self._wanted(tile):
                continue
            pixels = self.tiles.get(tile)
            if pixels is None:
                pixels = self.tiles[tile] = self.blank.copy()
            paint.onto(pixels)
            self.seqs[tile] = seq


class Swath(Sheet):
    """The tiles from key ``first`` on, as many as there is room for.

    When ``room`` tiles are exceeded those with the highest keys go, half of all; what is left is
    whole up to, and not including, key ``end``.
    """

    def __init__(self, info: CanvasInfo, first: int, room: int) -> None:
        blank = np.tile(np.array(info.background, np.uint8), (TILE, TILE, 1))
        super().__init__(info.width, info.height, blank, lambda tile: self.first <= tile < self.end)
        self.first = first
        self.end = CANVAS_TILES_MAX
        self.touched = np.zeros(CANVAS_TILES_MAX, np.bool_)
        """By key: every tile painted since this was cleared, wanted or not."""
        self._room = max(2, room)

    def paint(self, paints: Iterable[Paint], seq: int) -> None:
        """Apply one message's paints."""
        paints = list(paints)
        for paint in paints:
            self.touched[paint.tile] = True
        super().paint(paints, seq)
        if len(self.tiles) > self._room:
            keys = sorted(self.tiles)
            self.end = keys[len(keys) // 2]
            for tile in keys[len(keys) // 2 :]:
                del self.tiles[tile], self.seqs[tile]
