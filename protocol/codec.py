"""Bytes to messages and back, driven by the message table.

A frame is one or more whole messages back to back; a message's length follows from its type or from
the count at the end of its fixed part.
"""

from collections.abc import Iterator
from itertools import chain
from struct import Struct
from struct import error as StructError
from typing import cast

from protocol.errors import ProtocolError
from protocol.messages import (
    FIRST_SKIPPABLE_TYPE,
    PIXEL_BYTES,
    SESSION_BYTES,
    TABLE,
    U64_MAX,
    Message,
    PixelRun,
    Viewport,
)
from protocol.types import Blob, Items, Layout, Scalar, Sender, Text


class _Codec:
    """One row of the table, with its ``struct`` formats compiled."""

    __slots__ = ("head", "ids", "item", "layout", "names", "tail", "wide")

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.tail = layout.tail
        self.names = tuple(field.name for field in layout.fields)
        self.wide = [field.name for field in layout.fields if field.scalar is Scalar.U64]
        self.ids = [field.name for field in layout.fields if field.scalar is Scalar.ID]
        count = layout.tail.count.format if layout.tail else ""
        self.head = Struct("<" + "".join(field.scalar.format for field in layout.fields) + count)
        item = layout.tail.fields if isinstance(layout.tail, Items) else ()
        self.item = Struct("<" + "".join(field.scalar.format for field in item))

    def decode(self, frame: bytes, start: int) -> tuple[Message, int]:
        """Read the message whose type byte stands before ``start``; also returns where it ends."""
        end = start + self.head.size
        if end > len(frame):
            raise ProtocolError(f"{self.layout.name} is cut short")
        values = self.head.unpack_from(frame, start)
        if self.tail is None:
            return self.layout.message(*values), end
        count = values[-1]
        start, end = end, end + count * (self.item.size or 1)
        if end > len(frame):
            raise ProtocolError(f"{self.layout.name} is cut short")
        return self.layout.message(*values[:-1], self._decode_tail(frame[start:end])), end

    def _decode_tail(self, data: bytes) -> str | bytes | tuple[tuple[int, ...], ...]:
        match self.tail:
            case Text():
                try:
                    return data.decode()
                except UnicodeDecodeError:
                    raise ProtocolError(f"{self.layout.name} holds bad UTF-8") from None
            case Items():
                return tuple(self.item.iter_unpack(data))
            case _:
                return data

    def check(self, message: Message) -> None:
        """Raise ``ValueError`` for what ``struct`` would let through or silently pad."""
        if any(getattr(message, name) > U64_MAX for name in self.wide):
            raise ValueError(f"{message!r:.200}: a u64 stays below 2^53")
        if any(len(getattr(message, name)) != SESSION_BYTES for name in self.ids):
            raise ValueError(f"{message!r:.200}: an id has {SESSION_BYTES} bytes")
        if isinstance(message, Viewport) and any(seq > U64_MAX for *_, seq in message.known):
            raise ValueError("a known tile's seq stays below 2^53")

    def encode(self, message: Message) -> bytes:
        if self.wide or self.ids or self.item.size:
            self.check(message)
        values = [getattr(message, name) for name in self.names]
        kind = bytes((self.layout.number,))
        if self.tail is None:
            return kind + self.head.pack(*values)
        value = getattr(message, self.tail.name)
        match self.tail:
            case Text():
                tail = cast("str", value).encode()
            case Blob():
                tail = cast("bytes", value)
            case Items():
                flat = list(chain.from_iterable(value))
                tail = Struct("<" + self.item.format[1:] * len(value)).pack(*flat)
        count = len(value) if isinstance(self.tail, Items) else len(tail)
        return kind + self.head.pack(*values, count) + tail


_CODECS = [_Codec(layout) for layout in TABLE]
_PIXEL_TYPE = 0
_PIXEL_TYPES = bytes((_PIXEL_TYPE,))
_BY_MESSAGE = {codec.layout.message: codec for codec in _CODECS}
_BY_SENDER = {
    sender: {codec.layout.number: codec for codec in _CODECS if sender in codec.layout.sender}
    for sender in (Sender.CLIENT, Sender.SERVER)
}


def decode(frame: bytes, sender: Sender) -> list[Message]:
    """All messages of a frame, in order; unknown types from 64 up are skipped.

    ``sender`` is who sent it: exactly one of ``Sender.CLIENT`` and ``Sender.SERVER``.

    Raises :class:`ProtocolError` (close code 4400) if any part of the frame can't be parsed or is
    not ``sender``'s to send; nothing of such a frame counts.
    """
    if not frame:
        raise ProtocolError("the frame is empty")
    codecs = _BY_SENDER[sender]
    messages: list[Message] = []
    at = 0
    while at < len(frame):
        message, at = _decode_one(frame, at, codecs)
        if message is not None:
            messages.append(message)
    return messages


def decode_runs(frame: bytes, sender: Sender) -> list[Message | PixelRun]:
    """The same as :func:`decode`, but two or more consecutive PIXELs come as one run.

    Raises :class:`ProtocolError` as :func:`decode` does.
    """
    if 0 < len(frame) < 2 * PIXEL_BYTES:  # as most are: one CURSOR, or one PIXEL
        message, end = _decode_one(frame, 0, _BY_SENDER[sender])
        if message is not None and end == len(frame):
            return [message]
    return list(decode_steps(frame, sender))


def decode_steps(frame: bytes, sender: Sender) -> Iterator[Message | PixelRun]:
    """What :func:`decode_runs` returns, one by one: a long frame takes milliseconds.

    Raises :class:`ProtocolError` as :func:`decode` does, at any step; then what came before
    doesn't count either.
    """
    if not frame:
        raise ProtocolError("the frame is empty")
    codecs = _BY_SENDER[sender]
    at = 0
    while at < len(frame):
        if frame[at] == _PIXEL_TYPE:
            run = _pixels_from(frame, at)
            if run > 1:
                end = at + run * PIXEL_BYTES
                yield PixelRun(frame[at:end])
                at = end
                continue
        message, at = _decode_one(frame, at, codecs)
        if message is not None:
            yield message


def _pixels_from(frame: bytes, at: int) -> int:
    """How many PIXELs stand one after the other from ``at`` on."""
    # Every eighth byte is a type as long as all before it were those of PIXELs. The looks ahead
    # double, so that many short runs in a long frame cost no more than their length.
    ends = len(frame) - PIXEL_BYTES + 1
    run, ahead = 0, 8
    while True:
        start = at + run * PIXEL_BYTES
        types = frame[start : min(ends, start + ahead * PIXEL_BYTES) : PIXEL_BYTES]
        found = len(types) - len(types.lstrip(_PIXEL_TYPES))
        run += found
        if found < ahead:
            return run
        ahead *= 2


def _decode_one(frame: bytes, at: int, codecs: dict[int, _Codec]) -> tuple[Message | None, int]:
    """The message that starts at ``at``, or ``None`` for one to be skipped, and where it ends."""
    codec = codecs.get(frame[at])
    if codec is None:
        return None, _skip(frame, at)
    message, end = codec.decode(frame, at + 1)
    if isinstance(message, Viewport) and (message.x0 > message.x1 or message.y0 > message.y1):
        raise ProtocolError("the VIEWPORT is inverted")
    return message, end


def _skip(frame: bytes, at: int) -> int:
    """The end of a message of unknown type that starts at ``at``."""
    kind = frame[at]
    if kind < FIRST_SKIPPABLE_TYPE:
        raise ProtocolError(f"message type {kind} is unknown, or not the sender's to send")
    end = at + 5
    if end <= len(frame):
        end += int.from_bytes(frame[at + 1 : at + 5], "little")
    if end > len(frame):
        raise ProtocolError(f"message of type {kind} is cut short")
    return end


def encode(message: Message) -> bytes:
    """The message's bytes, its type byte first.

    Raises ``ValueError`` if a value doesn't fit its field.
    """
    try:
        return _BY_MESSAGE[type(message)].encode(message)
    except StructError as error:
        raise ValueError(f"{message!r:.200}: {error}") from None
