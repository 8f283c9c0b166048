"""The zoomed-out levels: each tile the mean of 2 × 2 of the level below, computed when asked for.

A change at level 0 marks its ancestors once; a marked tile is recomputed, from its marked quadrants
only, when somebody asks for it. The other quadrants are the store's, if the tile isn't in memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tiles.canvas import Canvas
from tiles.geometry import TILE, children, level_count, parent, unkey
from tiles.raster import Bytes
from tiles.residency import AbsentError

_HALF = TILE >> 1
_QUADRANTS = tuple(
    (slice(y, y + _HALF), slice(x, x + _HALF)) for y in (0, _HALF) for x in (0, _HALF)
)
_ALL = 0b1111
MISSING_MAX = 256
"""So many absent tiles are named at once."""


@lru_cache(maxsize=4)
def _upper_left(shape: tuple[int, int]) -> npt.NDArray[np.intp]:
    """Where the first channel values of each 2 × 2 pixels stand in a flat image's row pairs."""
    height, width = shape
    rows = np.arange(height >> 1)[:, None, None] * (width * 3)
    columns = np.arange(width >> 1)[None, :, None] * 6
    return (rows + columns + np.arange(3)).ravel()


def halve(pixels: Bytes) -> Bytes:
    """The 2 × 2 mean, (sum + 2) >> 2, of (2h, 2w, 3) uint8 pixels."""
    height, width, _ = pixels.shape
    rows = pixels.reshape(height >> 1, 2, width * 3)
    # Sums of neighbours in one go over all columns, also those that aren't wanted: an axis of three
    # channels is so short that numpy spends its time on the way from one to the next.
    down = np.add(rows[:, 0], rows[:, 1], dtype=np.uint16).ravel()
    mean = down[:-3] + down[3:]
    mean += 2
    mean >>= 2
    chosen = mean.astype(np.uint8).take(_upper_left((height, width)))
    return chosen.reshape(height >> 1, width >> 1, 3)


class Pyramid:
    """Every level of a canvas; level 0 is the canvas itself."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self.residents = canvas.residents
        self.levels = level_count(canvas.width, canvas.height)
        self._dirty: dict[int, int] = {}

    def __len__(self) -> int:
        """How many tiles above level 0 are in memory."""
        return self.residents.overview_tiles

    def mark(self, touched: Iterable[int]) -> None:
        """Level-0 tiles changed: their ancestors are out of date until they are asked for."""
        records = self.residents.records
        for tile in touched:
            record = records.get(tile)
            if record is not None:
                if record.marked:
                    continue
                record.marked = True
            self._mark_above(tile)

    def remake(self, tile: int) -> bool:
        """Nothing is known of an overview: it is to be computed anew from all four below.

        Returns whether that is news.
        """
        if self._dirty.get(tile) == _ALL:
            return False
        self._dirty[tile] = _ALL
        self._mark_above(tile, unkey(tile).level)
        return True

    def _mark_above(self, tile: int, level: int = 0) -> None:
        dirty = self._dirty
        child = tile
        for _ in range(level + 1, self.levels):
            above, quadrant = parent(child)
            quadrants = dirty.get(above, 0)
            if quadrants & (1 << quadrant):
                break
            dirty[above] = quadrants | 1 << quadrant
            child = above

    def dirty_tiles(self) -> list[int]:
        """The keys of all tiles that something below them changed since they were computed."""
        return list(self._dirty)

    def is_dirty(self, tile: int) -> bool:
        """Whether a tile can't be read as it is: it has to be fetched or computed."""
        return tile in self._dirty or not self.residents.is_whole(tile)

    def tile(self, tile: int) -> Bytes:
        """A tile's (64, 64, 3) uint8 pixels, brought up to date; to be read, not changed.

        Raises :class:`tiles.residency.AbsentError`.
        """
        self._bring(tile)
        return self.residents.pixels(tile)

    def seq(self, tile: int) -> int:
        """The seq of the last message that touched what a tile covers, or 0; refreshes the tile.

        Raises :class:`tiles.residency.AbsentError`.
        """
        self._bring(tile)
        return self.residents.seq(tile)

    def version(self, tiles: Sequence[int]) -> int | None:
        """The seq of the last message that touched one of these tiles, or 0.

        ``None`` where one of them has to be fetched or computed.
        """
        records, stored = self.residents.records, self.residents.stored
        latest = 0
        for tile in tiles:
            record = records.get(tile)
            if record is None:
                if stored:
                    return None
                continue
            if record.mask is not None:
                return None
            record.used = True
            if record.seq > latest:  # noqa: PLR1730  max() takes twice as long
                latest = record.seq
        return latest if self._dirty.keys().isdisjoint(tiles) else None

    def unchanged(self, held: Mapping[int, int]) -> set[int]:
        """Of tiles, and the seq through which somebody holds each: those that are still so.

        Without one that has to be fetched or computed to know it.
        """
        records, stored = self.residents.records, self.residents.stored
        found = set()
        for tile, seq in held.items():
            record = records.get(tile)
            if record is None:
                if stored:
                    continue
            elif record.mask is not None or record.seq > seq:
                continue
            else:
                record.used = True
            found.add(tile)
        return found - self._dirty.keys()

    def _bring(self, tile: int) -> None:
        missing: set[int] = set()
        if tile in self._dirty and not self.advance(tile, 1 << 30, missing):
            raise AbsentError(missing)

    def advance(self, tile: int, steps: int, missing: set[int]) -> bool:
        """Bring a tile up to date by computing at most ``steps`` tiles; whether it is so now.

        Absent tiles that this takes are added to ``missing``, up to about :data:`MISSING_MAX`.
        """
        self._advance(tile, steps, missing)
        return not self.is_dirty(tile)

    def follow(self, tile: int, missing: set[int]) -> bool:
        """Bring a tile up to date with the four below as they are, up to date or not; if it can be.

        What changed below those stays marked. So tiles that were followed children first hold at
        least what had changed before the first of them, however much is drawn meanwhile. Absent
        tiles that this takes are added to ``missing``.
        """
        quadrants = self._dirty.get(tile, 0)
        if not quadrants:
            return True
        below = _marked(tile, quadrants)
        needed = [child for _, child in below]
        if quadrants != _ALL:
            needed.append(tile)
        absent = [one for one in needed if not self.residents.is_whole(one)]
        missing.update(absent)
        if not absent:
            self._compute(tile, below)
        return not absent

    def _advance(self, tile: int, steps: int, missing: set[int]) -> int:
        """The steps that are left, once as much is computed as there are tiles for."""
        quadrants = self._dirty.get(tile, 0)
        whole = self.residents.is_whole(tile)
        if not whole and quadrants != _ALL:
            missing.add(tile)
        if not quadrants:
            return steps
        below = _marked(tile, quadrants)
        for _, child in below:
            if steps <= 0 or len(missing) >= MISSING_MAX:
                return steps
            steps = self._advance(child, steps, missing)
        complete = whole or quadrants == _ALL
        if steps > 0 and complete and not any(self.is_dirty(child) for _, child in below):
            self._compute(tile, below)
            steps -= 1
        return steps

    def _compute(self, tile: int, below: list[tuple[int, int]]) -> None:
        residents = self.residents
        record = residents.to_paint(tile)
        if record.mask is not None:
            residents.covered(tile, record)  # all four quadrants come from below
        assert record.pixels is not None
        seq, still = record.seq, 0
        for quadrant, child in below:
            record.pixels[_QUADRANTS[quadrant]] = halve(residents.pixels(child))
            part = residents.whole(child)
            if part is not None:
                part.marked = False
                seq = max(seq, part.seq)
            if child in self._dirty:
                still |= 1 << quadrant
        if still:
            self._dirty[tile] = still
        else:
            del self._dirty[tile]
        residents.painted(tile, record, seq)


def _marked(tile: int, quadrants: int) -> list[tuple[int, int]]:
    """The quadrants that are set, and the tiles below them."""
    return [
        (quadrant, child)
        for quadrant, child in enumerate(children(tile))
        if quadrants & (1 << quadrant)
    ]
