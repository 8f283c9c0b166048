"""PNG and WebP from RGB pixels. A PNG is four chunks around one deflate stream, filter 0."""

import io
import struct

import numpy as np
from PIL import Image

from tiles.deflate import crc32, deflate
from tiles.raster import Bytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTH, _TRUECOLOUR = 8, 2


def encode_png(pixels: Bytes) -> bytes:
    """(height, width, 3) uint8 pixels as an 8-bit truecolour PNG."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + width * 3), np.uint8)
    rows[:, 1:] = pixels.reshape(height, width * 3)
    header = struct.pack(">IIBBBBB", width, height, _DEPTH, _TRUECOLOUR, 0, 0, 0)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", deflate(rows.data)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", crc32(body))


def encode_webp(pixels: Bytes) -> bytes:
    """(height, width, 3) uint8 pixels as lossless WebP."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", lossless=True, quality=0, method=0, exact=True)
    return out.getvalue()


def enlarge(pixels: Bytes, times: int) -> Bytes:
    """Each pixel repeated ``times`` × ``times``."""
    return pixels.repeat(times, axis=0).repeat(times, axis=1)
