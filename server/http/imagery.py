"""Pixels out of a live canvas, taken on the event loop in slices that don't hold it.

Canvas and pyramid may only be read on the loop's thread, so what is encoded elsewhere is copied.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np

from server.paging import Paging
from server.problems import Unavailable
from tiles.geometry import TILE, Rectangle, TileRange, tile_box, tile_range
from tiles.pyramid import Pyramid
from tiles.raster import Bytes

_STEPS = 16
"""Overview tiles computed in one turn of the loop: under a millisecond."""
_ROUNDS_MAX = 64
_ROUNDS_PATIENT = 2
_AT_ONCE = 1 << 20
_COPIES = 64
"""Tiles copied in one turn of the loop: 768 KiB."""
_SEQS = 256
"""Tiles whose seq is looked up in one turn of the loop."""


def tiles_of(level: int, box: Rectangle) -> TileRange:
    """The tiles of a level that hold a rectangle of that level's own pixels."""
    return tile_range(0, box)._replace(level=level)


def is_fresh(pyramid: Pyramid, keys: Sequence[int]) -> bool:
    """Whether none of these tiles has to be fetched or computed."""
    return not any(map(pyramid.is_dirty, keys))


async def freshen(paging: Paging, keys: Sequence[int]) -> None:
    """Fetch what is absent of these tiles and compute what is out of date, a few at a time.

    They can be read until the caller's next ``await``. Raises
    :class:`server.problems.Unavailable`, also where they leave memory as fast as they come.
    """
    pyramid = paging.pyramid
    for turn in range(_ROUNDS_MAX):
        missing: set[int] = set()
        for key in keys:
            await _compute(paging, key, missing)
        if not missing and turn >= _ROUNDS_PATIENT:
            # Somebody always draws: the little that changed since is computed at once.
            for key in keys:
                pyramid.advance(key, _AT_ONCE, missing)
        if missing:
            await paging.bring(missing)
        elif is_fresh(pyramid, keys):
            return
    raise Unavailable("Memory is short.")


async def version(paging: Paging, keys: Sequence[int]) -> int:
    """The seq of the last message that touched one of these tiles, or 0.

    Raises :class:`server.problems.Unavailable`.
    """
    latest = 0
    for start in range(0, len(keys), _SEQS):
        some = keys[start : start + _SEQS]
        known = paging.pyramid.version(some)
        if known is None:
            await freshen(paging, some)
            known = paging.pyramid.version(some)
            assert known is not None, "nothing ran since"
        elif start:
            await asyncio.sleep(0)
        latest = max(latest, known)
    return latest


def copy_box(pyramid: Pyramid, level: int, box: Rectangle) -> Bytes:
    """A copy of a rectangle of one level's pixels, (height, width, 3) uint8, at once."""
    x0, y0, x1, y1 = box
    out = np.empty((y1 - y0 + 1, x1 - x0 + 1, 3), np.uint8)
    for key in tiles_of(level, box).keys():
        _copy_tile(pyramid, key, level, box, out)
    return out


async def bands(paging: Paging, level: int, box: Rectangle) -> AsyncIterator[Bytes]:
    """A rectangle of one level's pixels as bands of whole rows, a row of tiles each.

    The canvas may change between two slices: each tile is consistent in itself. Raises
    :class:`server.problems.Unavailable`.
    """
    x0, y0, x1, y1 = box
    tiles = tiles_of(level, box)
    for ty in range(tiles.ty0, tiles.ty1 + 1):
        row = tiles._replace(ty0=ty, ty1=ty)
        top = max(y0, ty * TILE)
        bottom = min(y1, ty * TILE + TILE - 1)
        band = (x0, top, x1, bottom)
        out = np.empty((bottom - top + 1, x1 - x0 + 1, 3), np.uint8)
        keys = list(row.keys())
        for start in range(0, len(keys), _COPIES):
            some = keys[start : start + _COPIES]
            await freshen(paging, some)
            for key in some:
                _copy_tile(paging.pyramid, key, level, band, out)
            await asyncio.sleep(0)
        yield out


async def _compute(paging: Paging, key: int, missing: set[int]) -> None:
    """Compute a tile as far as it can be without those that are added to ``missing``."""
    while not paging.pyramid.advance(key, _STEPS, missing):
        if missing:
            return
        await asyncio.sleep(0)


def _copy_tile(pyramid: Pyramid, key: int, level: int, box: Rectangle, out: Bytes) -> None:
    """Copy what a tile has of ``box`` to where it belongs in ``out``."""
    x0, y0, x1, y1 = box
    left, top, right, bottom = (corner >> level for corner in tile_box(key))
    first_x, first_y = max(x0, left), max(y0, top)
    last_x, last_y = min(x1, right), min(y1, bottom)
    out[first_y - y0 : last_y - y0 + 1, first_x - x0 : last_x - x0 + 1] = pyramid.tile(key)[
        first_y - top : last_y - top + 1, first_x - left : last_x - left + 1
    ]
