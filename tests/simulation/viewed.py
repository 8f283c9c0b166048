"""A viewport as its client sent it, and what of a message concerns it."""

import zlib
from typing import NamedTuple

from protocol.messages import ENCODING_ONE_COLOUR, Cursor, Tile
from tests.oracle.drawing import TILE_SIDE
from tests.simulation.truth import Spot


class Viewed(NamedTuple):
    """A VIEWPORT as the client sent it: clipped, with the tiles that it touches."""

    level: int
    box: tuple[int, int, int, int]
    spots: frozenset[Spot]
    known: dict[Spot, int]


def inside(cursor: Cursor, box: tuple[int, int, int, int]) -> bool:
    """Whether a viewport holds a cursor."""
    return box[0] <= cursor.x <= box[2] and box[1] <= cursor.y <= box[3]


def distance_of(spot: Spot, view: Viewed) -> int:
    """How far a tile lies from the centre of its viewport's tiles, squared, in half tiles."""
    columns, rows = [tx for tx, _ in view.spots], [ty for _, ty in view.spots]
    across = 2 * spot[0] - min(columns) - max(columns)
    down = 2 * spot[1] - min(rows) - max(rows)
    return across**2 + down**2


def pixels_of(tile: Tile) -> bytes:
    """The RGB rows of a TILE."""
    if tile.encoding == ENCODING_ONE_COLOUR:
        return tile.payload * (TILE_SIDE * TILE_SIDE)
    return zlib.decompress(tile.payload)
