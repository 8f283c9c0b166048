"""PNG and WebP from RGB pixels. A PNG is a few chunks around one deflate stream, filter 0."""

import io
import struct

import numpy as np
from PIL import Image

from tiles.deflate import compressor, crc32
from tiles.raster import Bytes

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTH, _TRUECOLOUR = 8, 2


class PngStream:
    """An 8-bit truecolour PNG made from bands of rows, so that a large one is never held whole.

    ``pieces`` are its bytes, to be joined in order; whoever takes some empties the list.
    """

    def __init__(self, width: int, height: int) -> None:
        header = struct.pack(">IIBBBBB", width, height, _DEPTH, _TRUECOLOUR, 0, 0, 0)
        self.pieces = [_SIGNATURE, *_chunk(b"IHDR", header)]
        self._compressor = compressor()

    def add(self, rows: Bytes) -> None:
        """The next (rows, width, 3) uint8 pixels."""
        height, width = rows.shape[:2]
        lines = np.zeros((height, 1 + width * 3), np.uint8)
        lines[:, 1:] = rows.reshape(height, width * 3)
        self._write(self._compressor.compress(lines.data))

    def finish(self) -> None:
        """There are no more rows."""
        self._write(self._compressor.flush())
        self.pieces += _chunk(b"IEND", b"")

    def _write(self, data: bytes) -> None:
        if data:
            self.pieces += _chunk(b"IDAT", data)


def _chunk(kind: bytes, data: bytes) -> tuple[bytes, bytes, bytes]:
    """Length and kind, data, checksum; not joined, since that would copy under the GIL."""
    checksum = crc32(data, crc32(kind))
    return struct.pack(">I", len(data)) + kind, data, struct.pack(">I", checksum)


def encode_png(pixels: Bytes) -> bytes:
    """(height, width, 3) uint8 pixels as a PNG."""
    height, width = pixels.shape[:2]
    stream = PngStream(width, height)
    stream.add(pixels)
    stream.finish()
    return b"".join(stream.pieces)


def encode_webp(pixels: Bytes) -> bytes:
    """(height, width, 3) uint8 pixels as lossless WebP."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", lossless=True, quality=0, method=0, exact=True)
    return out.getvalue()


def enlarge(pixels: Bytes, times: int) -> Bytes:
    """Each pixel repeated ``times`` × ``times``; by assignment, which gives the GIL away."""
    if times == 1:
        return pixels
    height, width = pixels.shape[:2]
    out = np.empty((height, times, width, times, 3), np.uint8)
    out[:] = pixels[:, None, :, None, :]
    return out.reshape(height * times, width * times, 3)
