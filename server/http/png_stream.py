"""A PNG made from bands of rows, so that a large image is never held whole."""

import struct
import zlib

import numpy as np

from tiles.raster import Bytes

try:
    from isal import isal_zlib as fastest
except ImportError:  # a platform without a wheel
    fastest = zlib  # type: ignore[misc]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_DEPTH, _TRUECOLOUR = 8, 2
_LEVEL = 1


class PngStream:
    """An 8-bit truecolour PNG, filter 0; its pieces are bytes to be joined in order."""

    def __init__(self, width: int, height: int) -> None:
        header = struct.pack(">IIBBBBB", width, height, _DEPTH, _TRUECOLOUR, 0, 0, 0)
        self.pieces = [_SIGNATURE, *_chunk(b"IHDR", header)]
        self._compressor = fastest.compressobj(_LEVEL)

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
    checksum = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind, data, struct.pack(">I", checksum)


def enlarge(pixels: Bytes, times: int) -> Bytes:
    """Each pixel repeated ``times`` × ``times``; by assignment, which gives the GIL away."""
    if times == 1:
        return pixels
    height, width = pixels.shape[:2]
    out = np.empty((height, times, width, times, 3), np.uint8)
    out[:] = pixels[:, None, :, None, :]
    return out.reshape(height * times, width * times, 3)
