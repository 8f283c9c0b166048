"""One client of a server under test, over a socket of its own."""

import socket
from dataclasses import dataclass
from typing import ClassVar

from benchmarks.load.dialect import OPCODE_BINARY, Dialect, Payload, View
from benchmarks.load.reactor import Reactor
from benchmarks.load.websocket import (
    OPCODE_CLOSE,
    OPCODE_PING,
    OPCODE_PONG,
    ClientSocket,
    WebSocketError,
    client_frame,
)

_RECEIVE_BYTES = 64 * 1024
_CODE_NONE = 1006


@dataclass(slots=True)
class Totals:
    """What all connections of one process received and sent, since the process started."""

    pixels: int = 0
    frames: int = 0
    reads: int = 0
    bytes: int = 0
    sent_frames: int = 0
    blocked: int = 0
    """Frames that were not sent since the server doesn't read."""


class Connection:
    """Speaks a dialect. Never blocks: what the socket doesn't take at once waits here."""

    host: ClassVar[str] = "127.0.0.1"
    """Where the server is."""
    receive_buffer_bytes: ClassVar[int] = 0
    """What the kernel takes of what isn't read; 0 leaves its default."""

    def __init__(
        self, reactor: Reactor, port: int, dialect: Dialect, view: View | None, totals: Totals
    ) -> None:
        self.dialect = dialect
        self.view = view
        self.pixels = 0
        self.close_code: int | None = None
        """Why it ended, or None while it is open."""
        self._reactor = reactor
        self._totals = totals
        self._web = ClientSocket()
        self._unsent = b""
        self._opened = False
        self._sock = socket.socket()
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.receive_buffer_bytes:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer_bytes)
        self._receive = self._sock.recv
        self._unsent = self._web.upgrade(f"{self.host}:{port}", dialect.path, dialect.subprotocol)
        self._sock.connect_ex((self.host, port))
        reactor.watch(self._sock.fileno(), self._readable)
        reactor.when_writable(self._sock.fileno(), self._connected)

    @property
    def ready(self) -> bool:
        """Whether the server has told it everything that it owed at first."""
        return self.dialect.ready and self.close_code is None

    def paint(self, x: int, y: int, rgb: int) -> bool:
        """Send one pixel; False if the server reads so slowly that it wasn't sent."""
        return self.say(self.dialect.pixel(x, y, rgb))

    def say(self, payloads: list[Payload]) -> bool:
        """Send messages, each in a frame of its own; False if there was no room."""
        if self.close_code is not None or not self.writable():
            self._totals.blocked += len(payloads)
            return False
        self._totals.sent_frames += len(payloads)
        self._send(b"".join([client_frame(opcode, data) for opcode, data in payloads]))
        return True

    @property
    def unsent_bytes(self) -> int:
        """What was said and the system hasn't taken."""
        return len(self._unsent)

    def writable(self) -> bool:
        """Whether everything said before has been sent."""
        return not self._unsent or self._flush()

    def close(self) -> None:
        """End it without ceremony."""
        self._end(_CODE_NONE)

    def stop_reading(self) -> None:
        """Read nothing any more, and leave the connection open."""
        if self.close_code is None:
            self._reactor.unwatch(self._sock.fileno())

    def read_on(self) -> None:
        """Read again after :meth:`stop_reading`."""
        if self.close_code is None:
            self._reactor.watch(self._sock.fileno(), self._readable)

    def read_once(self) -> None:
        """Read what one call gives, whether or not it is watched."""
        if self.close_code is None:
            self._readable()

    def _connected(self) -> None:
        """The connection is made, or has failed: then it is readable too."""
        self._flush()

    def message(self, opcode: int, data: bytes) -> None:
        """A whole message came."""
        self._totals.frames += 1
        count = self.dialect.received(opcode, data)
        self.pixels += count
        self._totals.pixels += count
        if self.dialect.replies:
            replies, self.dialect.replies = self.dialect.replies, []
            self.say(replies)

    def _readable(self) -> None:
        try:
            data = self._receive(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end(_CODE_NONE)
            return
        self._totals.reads += 1
        self._totals.bytes += len(data)
        self.take(data)

    def take(self, data: bytes) -> None:
        """Bytes came. Raises :class:`WebSocketError`."""
        for opcode, body in self._web.feed(data):
            if opcode <= OPCODE_BINARY:
                self.message(opcode, body)
            elif opcode == OPCODE_PING:
                self._send(client_frame(OPCODE_PONG, body))
            elif opcode == OPCODE_CLOSE:
                self._end(int.from_bytes(body[:2], "big") or _CODE_NONE)
                return
            elif opcode != OPCODE_PONG:
                raise WebSocketError(f"a frame has the opcode {opcode}")
        if self._web.open and not self._opened:
            self._opened = True
            self.say(self.dialect.opening(self.view))

    def _send(self, data: bytes) -> None:
        self._unsent += data
        self._flush()

    def _flush(self) -> bool:
        try:
            sent = self._sock.send(self._unsent)
        except BlockingIOError:
            return False
        except OSError:
            self._end(_CODE_NONE)
            return False
        self._unsent = self._unsent[sent:]
        return not self._unsent

    def _end(self, code: int) -> None:
        if self.close_code is None:
            self.close_code = code
            self._reactor.unwatch(self._sock.fileno())
            self._sock.close()
