"""Tile snapshots as TILE messages carry them."""

from protocol.messages import Tile
from tiles.geometry import unkey
from tiles.payload import encoding_of
from tiles.pyramid import Pyramid


class Snapshots:
    """TILEs of a pyramid. What is compressed for one stays with the tile until it changes."""

    def __init__(self, pyramid: Pyramid) -> None:
        self._pyramid = pyramid

    def tile(self, tile: int, seq: int) -> Tile:
        """The tile as it is now, said to be complete through ``seq``: the canvas's present seq.

        The tile is up to date (:meth:`tiles.pyramid.Pyramid.advance`). Raises
        :class:`tiles.residency.AbsentError`.
        """
        payload = self._pyramid.residents.payload(tile)
        level, tx, ty = unkey(tile)
        return Tile(level, tx, ty, seq, encoding_of(payload), payload)
