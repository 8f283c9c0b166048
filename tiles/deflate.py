"""Deflate by ISA-L where there is a wheel for it, else by zlib; both give RFC 1950 streams."""

import zlib
from typing import Protocol

try:
    from isal import isal_zlib as fastest
except ImportError:  # a platform without a wheel: the same streams, two to five times slower
    fastest = zlib  # type: ignore[misc]

_LEVEL = 1


class InflateError(ValueError):
    """The stream is damaged, needs a dictionary, or doesn't inflate to the expected size."""


def deflate(data: bytes | memoryview) -> bytes:
    """One RFC 1950 stream, at the fastest level that compresses."""
    return bytes(fastest.compress(data, _LEVEL))


def inflate(data: bytes, size: int) -> bytes:
    """The ``size`` bytes that one whole RFC 1950 stream holds, and nothing after it.

    Never inflates more than ``size`` + 1 bytes. Raises :class:`InflateError`.
    """
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(data, size + 1)
    except zlib.error as error:
        raise InflateError(str(error)) from None
    if len(plain) != size:
        raise InflateError(
            f"the stream holds {'more' if len(plain) > size else 'less'} than {size} B"
        )
    if not inflater.eof or inflater.unused_data:
        raise InflateError("the stream is cut short or has bytes after it")
    return plain


class Compressor(Protocol):
    """One RFC 1950 stream, made piece by piece."""

    def compress(self, data: bytes | memoryview, /) -> bytes:
        """Take more; some of the stream, or nothing yet."""

    def flush(self) -> bytes:
        """The rest of the stream."""


def compressor() -> Compressor:
    """A stream at the same level as :func:`deflate`."""
    made: Compressor = fastest.compressobj(_LEVEL)
    return made


def crc32(data: bytes, before: int = 0) -> int:
    """CRC-32 as PNG wants it, going on from that of what came before."""
    return zlib.crc32(data, before)
