"""Tile snapshots as TILE messages carry them, compressed once per version of a tile."""

from typing import NamedTuple

from protocol.messages import ENCODING_ONE_COLOUR, ENCODING_ZLIB, Tile
from tiles.deflate import deflate
from tiles.geometry import unkey
from tiles.pyramid import Pyramid
from tiles.raster import Bytes


class Payload(NamedTuple):
    """TILE.encoding and TILE.payload."""

    encoding: int
    data: bytes


def encode_payload(pixels: Bytes) -> Payload:
    """The shorter of one colour (3 B) and zlib of the 64 × 64 RGB pixels."""
    if (pixels == pixels[0, 0]).all():
        return Payload(ENCODING_ONE_COLOUR, pixels[0, 0].tobytes())
    return Payload(ENCODING_ZLIB, deflate(pixels.data))


class Snapshots:
    """Payloads by tile, kept while the tile doesn't change; the oldest go first."""

    def __init__(self, pyramid: Pyramid, kept_max_bytes: int) -> None:
        self._pyramid = pyramid
        self._kept_max_bytes = kept_max_bytes
        self._kept_bytes = 0
        self._kept: dict[int, tuple[int, Payload]] = {}
        self._blank = encode_payload(pyramid.canvas.blank)

    def tile(self, tile: int, seq: int) -> Tile:
        """The tile as it is now, said to be complete through ``seq``: the canvas's present seq."""
        payload = self._payload(tile)
        level, tx, ty = unkey(tile)
        return Tile(level, tx, ty, seq, payload.encoding, payload.data)

    def _payload(self, tile: int) -> Payload:
        version = self._pyramid.seq(tile)
        if version == 0:
            return self._blank
        kept = self._kept.get(tile)
        if kept is not None and kept[0] == version:
            return kept[1]
        payload = encode_payload(self._pyramid.tile(tile))
        self._keep(tile, version, payload)
        return payload

    def _keep(self, tile: int, version: int, payload: Payload) -> None:
        old = self._kept.pop(tile, None)
        if old is not None:
            self._kept_bytes -= len(old[1].data)
        self._kept[tile] = (version, payload)
        self._kept_bytes += len(payload.data)
        while self._kept_bytes > self._kept_max_bytes:
            oldest = next(iter(self._kept))
            self._kept_bytes -= len(self._kept.pop(oldest)[1].data)
