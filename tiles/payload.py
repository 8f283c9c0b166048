"""A tile's pixels as TILE.payload carries them and the store keeps them.

Three bytes are one colour; anything else is zlib of the 64 × 64 RGB pixels.
"""

import numpy as np

from protocol.messages import ENCODING_ONE_COLOUR, ENCODING_ZLIB
from tiles.deflate import deflate, inflate
from tiles.geometry import TILE, TILE_PIXELS
from tiles.raster import Bytes

TILE_BYTES = TILE_PIXELS * 3
_COLOUR_BYTES = 3


def encode_payload(pixels: Bytes) -> bytes:
    """The payload of (64, 64, 3) uint8 pixels."""
    plain = pixels.tobytes()
    first, others = plain[:_COLOUR_BYTES], plain[_COLOUR_BYTES:]
    # Compared as bytes that are shifted by one pixel: twenty times faster than as an array.
    return first if others == plain[:-_COLOUR_BYTES] else deflate(plain)


def decode_payload(payload: bytes) -> Bytes:
    """The (64, 64, 3) uint8 pixels, to be read.

    Raises :class:`tiles.deflate.InflateError`.
    """
    if len(payload) == _COLOUR_BYTES:
        return np.tile(np.frombuffer(payload, np.uint8), (TILE, TILE, 1))
    return np.frombuffer(inflate(payload, TILE_BYTES), np.uint8).reshape(TILE, TILE, 3)


def encoding_of(payload: bytes) -> int:
    """TILE.encoding."""
    return ENCODING_ONE_COLOUR if len(payload) == _COLOUR_BYTES else ENCODING_ZLIB
