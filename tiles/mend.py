"""Tiles of level 0 from the log alone, where what the store holds of them is damaged."""

from collections.abc import Collection

from protocol.errors import ProtocolError
from tiles.fold import Sheet
from tiles.geometry import tile_box, union
from tiles.log.base import DamagedError, Log, SavedTile
from tiles.payload import encode_payload
from tiles.raster import Bytes, DrawError
from tiles.recovery import Replay


def mend(
    log: Log, width: int, height: int, blank: Bytes, tiles: Collection[int]
) -> dict[int, SavedTile]:
    """These tiles as the durable log makes them, on a canvas of that size and blank tile.

    It reads the log from its beginning, which takes seconds for one of millions of messages. Raises
    :class:`tiles.log.base.DamagedError` if the log doesn't give them, ``LogError`` if it can't be
    read now.
    """
    sheet = Sheet(width, height, blank, frozenset(tiles).__contains__)
    replay = Replay(sheet, 0)
    if next(log.read(0, 1), None) is None:
        raise DamagedError("the log doesn't reach back to its beginning")
    boxes = [tile_box(tile) for tile in tiles]
    box = boxes[0]
    for other in boxes[1:]:
        box = union(box, other)
    try:
        for batch in log.read(0, None, box):
            replay.add(batch)
        replay.finish()
    except (ProtocolError, DrawError) as error:
        raise DamagedError(f"the log is damaged: {error}") from error
    return {
        tile: SavedTile(tile, sheet.seqs.get(tile, 0), encode_payload(sheet.tiles.get(tile, blank)))
        for tile in tiles
    }
