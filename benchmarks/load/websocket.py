"""The client's side of RFC 6455, as far as a load generator needs it: bytes in, bytes out."""

import base64
import hashlib
import os
import struct
from typing import NamedTuple

OPCODE_CONTINUATION = 0x0
OPCODE_CLOSE = 0x8
OPCODE_PING = 0x9
OPCODE_PONG = 0xA

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FINAL = 0x80
_RESERVED = 0x70
_MASKED = 0x80
_LENGTH_7_MAX = 125
_LENGTH_16 = 126
_LENGTH_64 = 127
_LENGTH_16_MAX = 0xFFFF
_HEAD_MAX_BYTES = 16 * 1024
_MASK = os.urandom(4)
"""One for the whole process: a server's work doesn't depend on it, and masking is then one XOR."""


class WebSocketError(Exception):
    """The server didn't upgrade, or sent what RFC 6455 forbids."""


class Frame(NamedTuple):
    """A whole message, or a control frame."""

    opcode: int
    data: bytes


def client_frame(opcode: int, data: bytes) -> bytes:
    """One final, masked frame (RFC 6455, section 5.2)."""
    size = len(data)
    if size <= _LENGTH_7_MAX:
        head = struct.pack("!BB", _FINAL | opcode, _MASKED | size)
    elif size <= _LENGTH_16_MAX:
        head = struct.pack("!BBH", _FINAL | opcode, _MASKED | _LENGTH_16, size)
    else:
        head = struct.pack("!BBQ", _FINAL | opcode, _MASKED | _LENGTH_64, size)
    key = (_MASK * (size // 4 + 1))[:size]
    masked = int.from_bytes(data, "little") ^ int.from_bytes(key, "little")
    return head + _MASK + masked.to_bytes(size, "little")


class ClientSocket:
    """One connection's bytes: the upgrade, then frames; fragments are joined."""

    __slots__ = ("_expected", "_message", "_opcode", "_rest", "open")

    def __init__(self) -> None:
        self.open = False
        """Whether the server has answered the upgrade."""
        self._rest = b""
        self._message: list[bytes] = []
        self._opcode = 0
        self._expected = b""

    def upgrade(self, host: str, path: str, subprotocol: str | None) -> bytes:
        """The request that opens the connection (RFC 6455, section 4.1)."""
        key = base64.b64encode(os.urandom(16))
        self._expected = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key.decode()}",
            "Sec-WebSocket-Version: 13",
        ]
        if subprotocol is not None:
            lines.append(f"Sec-WebSocket-Protocol: {subprotocol}")
        return "\r\n".join([*lines, "", ""]).encode()

    def feed(self, data: bytes) -> list[Frame]:
        """What came, as whole messages and control frames. Raises :class:`WebSocketError`."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        if not self.open:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > _HEAD_MAX_BYTES:
                    raise WebSocketError("the answer to the upgrade has no end")
                self._rest = data
                return []
            self._check_upgrade(data[:end])
            self.open = True
            data = data[end + 4 :]
        return self._frames(data)

    def _frames(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        at, size = 0, len(data)
        while size - at >= 2:  # noqa: PLR2004  the shortest frame
            length, start = data[at + 1], at + 2
            if length > _LENGTH_7_MAX:
                start += 2 if length == _LENGTH_16 else 8
                if start > size or length > _LENGTH_64:
                    break
                length = int.from_bytes(data[at + 2 : start], "big")
            end = start + length
            if end > size:
                break
            first = data[at]
            if first & _RESERVED:
                raise WebSocketError("a frame has a reserved bit set")
            opcode, body, at = first & 0xF, data[start:end], end
            if first & _FINAL and opcode != OPCODE_CONTINUATION:
                frames.append(Frame(opcode, body))
            else:
                self._join(frames, opcode, body, bool(first & _FINAL))
        if at < size:
            if size - at > 1 and data[at + 1] & _MASKED:
                raise WebSocketError("the server masked a frame")
            self._rest = data[at:]
        return frames

    def _join(self, frames: list[Frame], opcode: int, body: bytes, final: bool) -> None:
        if opcode != OPCODE_CONTINUATION:
            self._opcode, self._message = opcode, []
        self._message.append(body)
        if final:
            frames.append(Frame(self._opcode, b"".join(self._message)))
            self._message = []

    def _check_upgrade(self, head: bytes) -> None:
        status, *lines = head.split(b"\r\n")
        if not status.startswith(b"HTTP/1.1 101"):
            raise WebSocketError(f"the upgrade was answered with {status!r}")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(b":") for line in lines)
        }
        if headers.get(b"sec-websocket-accept") != self._expected:
            raise WebSocketError("the answer to the upgrade has a wrong Sec-WebSocket-Accept")
        if b"sec-websocket-extensions" in headers:
            raise WebSocketError("the server uses an extension that was not offered")
