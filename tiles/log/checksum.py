"""A row's checksum: the log's rows are never changed, so what reads back otherwise is damage.

SQLite has checksums for its write-ahead log alone; a bit that flips in the file later is a pixel of
another colour to it.
"""

from struct import Struct

from tiles.deflate import crc32

_HEAD = Struct("<8q")
_SIGN = 1 << 31


def row_checksum(
    first_seq: int,
    last_seq: int,
    author: int,
    time_ms: int,
    box: tuple[int, int, int, int],
    messages: bytes,
) -> int:
    """CRC-32 over all columns of a row of the log; ``author`` is the number of its author.

    It is signed: so SQLite keeps it in four bytes.
    """
    crc = crc32(messages, crc32(_HEAD.pack(first_seq, last_seq, author, time_ms, *box)))
    return crc - ((crc & _SIGN) << 1)
