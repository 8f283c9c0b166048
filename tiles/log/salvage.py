"""Rows of the log from a file whose b-trees are damaged: page by page, whatever points to them.

The log's rows are never changed, and each has a checksum over all its columns. So a row that is
found anywhere in the file, and is what its checksum says, was written to this canvas as it stands.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tiles.log.checksum import row_checksum
from tiles.log.stored_rows import LogRow

_LEAF = 0x0D
_PAGE_BYTES = 4096
"""Of every file that :mod:`tiles.log.schema` makes."""
_FIRST_PAGE_HEAD = 100
_LEAF_HEAD = 8
_POINTER = 2
_VARINT_BYTES_MAX = 9
_ROW_BYTES_MAX = 64 * 1024 * 1024
_INT_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_ZERO, _ONE = 8, 9
_BLOB_FROM = 12
_MESSAGES, _CHECKSUM = 8, 9


class _Cell(NamedTuple):
    rowid: int
    payload: bytes


def salvaged_rows(path: Path) -> Iterator[LogRow]:
    """The log's rows in the pages of a file, in no order, some of them more than once.

    Raises OSError.
    """
    if path.stat().st_size < _PAGE_BYTES:
        return
    data = np.memmap(path, np.uint8, "r")
    for number in range(1, len(data) // _PAGE_BYTES + 1):
        for cell in _cells(data, number):
            row = _row(cell)
            if row is not None:
                yield row


def _page(data: npt.NDArray[np.uint8], number: int) -> bytes:
    return data[(number - 1) * _PAGE_BYTES : number * _PAGE_BYTES].tobytes()


def _cells(data: npt.NDArray[np.uint8], number: int) -> Iterator[_Cell]:
    """The cells of a page, if it is a leaf of a table."""
    page = _page(data, number)
    head = _FIRST_PAGE_HEAD if number == 1 else 0
    if page[head] != _LEAF:
        return
    count = int.from_bytes(page[head + 3 : head + 5], "big")
    first = head + _LEAF_HEAD
    for index in range(min(count, (_PAGE_BYTES - first) // _POINTER)):
        at = first + index * _POINTER
        cell = _cell(data, page, int.from_bytes(page[at : at + _POINTER], "big"))
        if cell is not None:
            yield cell


def _cell(data: npt.NDArray[np.uint8], page: bytes, at: int) -> _Cell | None:
    size, at = _varint(page, at)
    rowid, at = _varint(page, at)
    if not 0 < size <= _ROW_BYTES_MAX:
        return None
    local = _local_bytes(size)
    payload = page[at : at + local]
    if local == size:
        return _Cell(rowid, payload) if len(payload) == size else None
    number = int.from_bytes(page[at + local : at + local + 4], "big")
    parts, left = [payload], size - len(payload)
    while left > 0:
        if not 1 <= number <= len(data) // _PAGE_BYTES:
            return None
        overflow = _page(data, number)
        parts.append(overflow[4 : 4 + left])
        left -= len(parts[-1])
        number = int.from_bytes(overflow[:4], "big")
    return _Cell(rowid, b"".join(parts))


def _local_bytes(size: int) -> int:
    """How much of a row stands in its leaf; the rest is in overflow pages."""
    most, least = _PAGE_BYTES - 35, (_PAGE_BYTES - 12) * 32 // 255 - 23
    if size <= most:
        return size
    wanted = least + (size - least) % (_PAGE_BYTES - 4)
    return wanted if wanted <= most else least


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at ``at``, and where it ends."""
    value = 0
    for index, byte in enumerate(data[at : at + _VARINT_BYTES_MAX], 1):
        if index == _VARINT_BYTES_MAX:
            return value << 8 | byte, at + index
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004  the last one has its high bit clear
            return value, at + index
    return 0, len(data)


def _row(cell: _Cell) -> LogRow | None:
    """The row of a cell, if it is one of the log's and what was written."""
    payload = cell.payload
    size, at = _varint(payload, 0)
    kinds = []
    while at < min(size, len(payload)):
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if at != size or len(kinds) != _CHECKSUM + 1 or kinds[0] != 0:
        return None
    numbers: list[int] = []
    messages = b""
    for column, kind in enumerate(kinds[1:], 1):
        if column == _MESSAGES:
            if kind < _BLOB_FROM or kind % 2:
                return None
            length = (kind - _BLOB_FROM) // 2
            messages = payload[at : at + length]
            at += length
        elif kind in _INT_BYTES:
            length = _INT_BYTES[kind]
            numbers.append(int.from_bytes(payload[at : at + length], "big", signed=True))
            at += length
        elif kind in {_ZERO, _ONE}:
            numbers.append(kind - _ZERO)
        else:
            return None
    last, author, time_ms, x0, y0, x1, y1, checksum = numbers
    row = LogRow(cell.rowid, last, author, time_ms, (x0, y0, x1, y1), checksum, messages)
    try:
        sound = checksum == row_checksum(cell.rowid, last, author, time_ms, row.box, messages)
    except OverflowError:
        return None
    return row if sound and at == len(payload) else None
