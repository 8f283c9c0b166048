"""What the bytes of a frame say: the design page's table of messages, read field by field.

Written from the page alone, sharing nothing with ``protocol``. A message is a dict of its fields
with its ``type``, which is named as the project's classes are, so that it can be held to them.
"""

from __future__ import annotations

from typing import Any

CLIENT, SERVER = "client", "server"

_FIRST_SKIPPABLE = 64

# Type: name, fixed fields with their bytes, and the tail: its kind, name and the count's bytes.
# A count comes last of the fixed part. Items are named with their fields' bytes.
_BOTH: dict[int, tuple[str, str, str]] = {
    0: ("Pixel", "x2 y2 r1 g1 b1", ""),
    1: ("Stroke", "size1 r1 g1 b1", "items points 2 2,2"),
    2: ("Rect", "line1 x02 y02 x12 y12 r1 g1 b1", ""),
    5: ("Patch", "x02 y02 x12 y12", "bytes data 4"),
}
_CLIENTS: dict[int, tuple[str, str, str]] = {
    3: ("CursorMove", "x2 y2 buttons1", ""),
    4: ("PresenceSet", "r1 g1 b1", "text name 1"),
    16: ("Hello", "version1 session16", "text token 2"),
    18: ("Viewport", "level1 x02 y02 x12 y12", "items known 2 2,2,8"),
    26: ("Follow", "client4", ""),
}
_SERVERS: dict[int, tuple[str, str, str]] = {
    3: ("Cursor", "client4 x2 y2 buttons1", ""),
    4: ("Presence", "client4 event1 r1 g1 b1", "text name 1"),
    17: (
        "Welcome",
        "version1 session16 client4 epoch8 seq8 handled4 width4 height4 r1 g1 b1 levels1 role1",
        "bytes info 2",
    ),
    19: ("Tile", "level1 tx2 ty2 seq8 encoding1", "bytes payload 4"),
    20: ("Clock", "view4 seq8", ""),
    21: ("Ack", "handled4 durable4 seq8", ""),
    22: ("Reject", "n4 code1 retry_ms4", ""),
    23: ("Reset", "epoch8 seq8", ""),
    24: ("Notice", "level1", "text text 2"),
    25: ("Budget", "pixels4 refill_ms4", ""),
    27: ("Seen", "client4 level1 x02 y02 x12 y12", ""),
}
_ID_BYTES = 16


class MalformedError(ValueError):
    """The frame can't be parsed, or holds what its sender may not send: it closes with 4400."""


def _row(name: str, fixed: str, tail: str) -> tuple[str, list[tuple[str, int]], list[str]]:
    fields = []
    for field in fixed.split():
        # A coordinate's own digit goes before its size: x02 is x0, 2 bytes.
        digits = 2 if field.endswith("16") else 1
        fields.append((field[:-digits], int(field[-digits:])))
    return name, fields, tail.split()


_TABLES = {
    sender: {number: _row(*row) for number, row in (_BOTH | own).items()}
    for sender, own in ((CLIENT, _CLIENTS), (SERVER, _SERVERS))
}


def parse(frame: bytes, sender: str) -> list[dict[str, Any]]:
    """The messages of a frame of :data:`CLIENT` or :data:`SERVER`; MalformedError for any fault.

    Those of unknown types that can be skipped aren't among them.
    """
    if not frame:
        raise MalformedError("no message")
    table, messages, reader = _TABLES[sender], [], _Reader(frame)
    while reader.left:
        number = reader.integer(1)
        if number in table:
            messages.append(_message(reader, *table[number]))
        elif number < _FIRST_SKIPPABLE:
            raise MalformedError(f"type {number}")
        else:
            reader.take(reader.integer(4))
    return messages


def _message(
    reader: _Reader, name: str, fields: list[tuple[str, int]], tail: list[str]
) -> dict[str, Any]:
    message: dict[str, Any] = {"type": name}
    for field, size in fields:
        message[field] = reader.take(size) if size == _ID_BYTES else reader.integer(size)
    if tail:
        kind, field, count_bytes, *sizes = tail
        message[field] = _tail(reader, kind, reader.integer(int(count_bytes)), sizes)
    if name == "Viewport" and not (
        message["x0"] <= message["x1"] and message["y0"] <= message["y1"]
    ):
        raise MalformedError("inverted")
    return message


def _tail(reader: _Reader, kind: str, count: int, sizes: list[str]) -> Any:
    if kind == "items":
        item = [int(size) for size in sizes[0].split(",")]
        reader.require(count * sum(item))
        return tuple(tuple(map(reader.integer, item)) for _ in range(count))
    data = reader.take(count)
    if kind == "bytes":
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError("bad UTF-8") from None


class _Reader:
    """Walks through a frame."""

    def __init__(self, frame: bytes) -> None:
        self._frame = frame
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes that aren't read yet."""
        return len(self._frame) - self._at

    def require(self, size: int) -> None:
        """There have to be so many bytes more."""
        if size > self.left:
            raise MalformedError("half a message")

    def take(self, size: int) -> bytes:
        """The next bytes."""
        self.require(size)
        taken = self._frame[self._at : self._at + size]
        self._at += size
        return taken

    def integer(self, size: int) -> int:
        """The next integer, little-endian."""
        return int.from_bytes(self.take(size), "little")
