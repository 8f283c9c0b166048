"""What a client says to each peer, and hears from it. See :mod:`benchmarks.load.dialect`."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.load.dialect import (
    OPCODE_BINARY,
    OPCODE_TEXT,
    PIXEL_BYTES,
    TILE,
    Dialect,
    Payload,
    View,
    pixel_bytes,
)
from benchmarks.load.silent import SilentDialect

_READY = b"\x01"
_VIEW = struct.Struct("<BHHHH")


def view_bytes(view: View) -> bytes:
    """The message that chooses rooms: 1, then the first and last tile column and row, u16."""
    return _VIEW.pack(1, *view.tiles())


class _PixelDialect:
    """Pixels as bare 8-byte binary messages, both ways."""

    path = "/"
    subprotocol: str | None = None
    broadcasts = False

    def __init__(self) -> None:
        self.ready = False
        self.replies: list[Payload] = []

    def pixel(self, x: int, y: int, rgb: int) -> list[Payload]:
        """See :meth:`benchmarks.load.dialect.Dialect.pixel`."""
        return [Payload(OPCODE_BINARY, pixel_bytes(x, y, rgb))]

    def received(self, opcode: int, data: bytes) -> int:
        """See :meth:`benchmarks.load.dialect.Dialect.received`."""
        # A batch is a tile's pixels back to back; every other message is shorter than a pixel.
        pixels, rest = divmod(len(data), PIXEL_BYTES)
        if rest or opcode != OPCODE_BINARY:
            self._control(data)
        return pixels

    def _control(self, data: bytes) -> None:
        if data != _READY:
            raise ValueError(f"a peer sent {len(data)} bytes, which are no pixels")
        self.ready = True


class BroadcastDialect(_PixelDialect):
    """The FastAPI broadcaster: it greets whoever it has added to its clients, and asks nothing."""

    broadcasts = True

    def opening(self, view: View | None) -> list[Payload]:
        """Nothing: everybody gets everything."""
        return []


class RoomsDialect(_PixelDialect):
    """Node ``ws`` with rooms, batched or not: it confirms a view once the rooms are joined."""

    def opening(self, view: View | None) -> list[Payload]:
        """The view; whoever only paints has nothing to wait for."""
        if view is None:
            self.ready = True
            return []
        return [Payload(OPCODE_BINARY, view_bytes(view))]


class FloorDialect(SilentDialect):
    """The C floor: it writes by the clock, whatever is asked; see ``floor.c``."""

    path = "/"
    broadcasts = True

    def received(self, opcode: int, data: bytes) -> int:
        """The pixels are the leading eights that begin with 0; what follows fills the frame up."""
        kinds = data[::PIXEL_BYTES]
        return len(kinds) - len(kinds.lstrip(b"\0"))


class SocketIoDialect:
    """Socket.IO 4 over Engine.IO 4, WebSocket only, with its MessagePack parser.

    Events are ``v`` (view) and ``p`` (pixel) from the client, ``r`` (ready) and ``p`` to it, each
    with one binary argument or none.
    """

    path = "/socket.io/?EIO=4&transport=websocket"
    subprotocol: str | None = None
    broadcasts = False

    # MessagePack: maps of "type", "data" and "nsp"; types 0 CONNECT, 2 EVENT, 4 CONNECT_ERROR.
    _CONNECT = b"\x82\xa4type\x00\xa3nsp\xa1/"
    _CONNECTED = b"\xa4type\x00"
    _EVENT = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data"
    _PIXEL_EVENT = b"\xa1p\xc4\x08"
    _READY_EVENT = b"\x91\xa1r"

    def __init__(self) -> None:
        self.ready = False
        self.replies: list[Payload] = []
        self._view: View | None = None

    def opening(self, view: View | None) -> list[Payload]:
        """Connect to the root namespace; the view follows once that has been answered."""
        self._view = view
        return [Payload(OPCODE_BINARY, self._CONNECT)]

    def pixel(self, x: int, y: int, rgb: int) -> list[Payload]:
        """See :meth:`benchmarks.load.dialect.Dialect.pixel`."""
        return [self._event(b"p", pixel_bytes(x, y, rgb))]

    def received(self, opcode: int, data: bytes) -> int:
        """See :meth:`benchmarks.load.dialect.Dialect.received`."""
        if opcode == OPCODE_BINARY and self._PIXEL_EVENT in data:
            return 1
        self._control(opcode, data)
        return 0

    def _event(self, name: bytes, data: bytes) -> Payload:
        arguments = b"\x92\xa1" + name + b"\xc4" + bytes([len(data)]) + data
        return Payload(OPCODE_BINARY, self._EVENT + arguments)

    def _control(self, opcode: int, data: bytes) -> None:
        if opcode == OPCODE_TEXT:
            # Engine.IO packets: 0 open, 2 ping, 3 pong.
            if data == b"2":
                self.replies.append(Payload(OPCODE_TEXT, b"3"))
            elif not data.startswith(b"0"):
                raise ValueError(f"Engine.IO sent {data[:80]!r}")
        elif self._CONNECTED in data:
            if self._view is None:
                self.ready = True
            else:
                self.replies.append(self._event(b"v", view_bytes(self._view)))
        elif self._READY_EVENT in data:
            self.ready = True
        else:
            raise ValueError(f"Socket.IO sent {data[:80]!r}")


class NatsDialect:
    """The NATS client protocol, a subject ``t.COLUMN.ROW`` for each tile.

    A WebSocket frame is a piece of the server's stream; it may begin and end within a message.
    """

    path = "/"
    subprotocol: str | None = None
    broadcasts = False

    # No payload holds this: it is as long as a pixel, whose first byte is 0.
    _MESSAGE = b"\r\nMSG t."
    _PING = b"\r\nPING\r\n"
    _PONG = b"\r\nPONG\r\n"
    _OPTIONS = json.dumps(
        {
            "verbose": False,
            "pedantic": False,
            "echo": True,
            "headers": False,
            "lang": "python",
            "version": "1",
            "protocol": 1,
        }
    )

    def __init__(self) -> None:
        self.ready = False
        self.replies: list[Payload] = []
        # The last bytes, one fewer than what is looked for, so that nothing counts twice.
        self._tail = b"\r\n"

    def opening(self, view: View | None) -> list[Payload]:
        """Subscribe to every tile; the answer to the PING says that the server has done so."""
        lines = [f"CONNECT {self._OPTIONS}"]
        if view is not None:
            left, top, right, bottom = view.tiles()
            subjects = [
                f"t.{column}.{row}"
                for row in range(top, bottom + 1)
                for column in range(left, right + 1)
            ]
            lines += [f"SUB {subject} {sid}" for sid, subject in enumerate(subjects, 1)]
        return [Payload(OPCODE_BINARY, "\r\n".join([*lines, "PING", ""]).encode())]

    def pixel(self, x: int, y: int, rgb: int) -> list[Payload]:
        """See :meth:`benchmarks.load.dialect.Dialect.pixel`."""
        head = f"PUB t.{x // TILE}.{y // TILE} {PIXEL_BYTES}\r\n".encode()
        return [Payload(OPCODE_BINARY, head + pixel_bytes(x, y, rgb) + b"\r\n")]

    def received(self, opcode: int, data: bytes) -> int:
        """See :meth:`benchmarks.load.dialect.Dialect.received`."""
        stream = self._tail + data
        self._tail = stream[1 - len(self._MESSAGE) :]
        if not data.startswith(b"MSG "):
            self._control(data, stream)
        elif self._PING in stream:
            self._pong()
        return stream.count(self._MESSAGE)

    def _control(self, data: bytes, stream: bytes) -> None:
        if data.startswith(b"-ERR"):
            raise ValueError(f"NATS sent {data[:80]!r}")
        if self._PING in stream:
            self._pong()
        if self._PONG in stream:
            self.ready = True

    def _pong(self) -> None:
        self.replies.append(Payload(OPCODE_BINARY, b"PONG\r\n"))


DIALECTS: Mapping[str, type[Dialect]] = MappingProxyType(
    {
        "fastapi": BroadcastDialect,
        "ws-each": RoomsDialect,
        "ws-batched": RoomsDialect,
        "socketio": SocketIoDialect,
        "nats": NatsDialect,
        "floor": FloorDialect,
    }
)
"""By the names that ``benchmarks.peers.start`` knows the peers by."""
