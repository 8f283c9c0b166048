"""The WebSocket under a session: uvicorn's sans-I/O protocol, with writes of its own.

Frames are built here and written to the transport in one go; uvicorn's ``send`` is used for the
handshake alone. The protocol object puts itself into ``scope["extensions"]`` for the endpoint.
"""

import asyncio
import socket
import struct
from asyncio import BaseTransport
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request
from websockets.protocol import State

from protocol.errors import CloseCode
from protocol.messages import SUBPROTOCOL
from server.door import Door, Refused
from server.http.protocol import HEAD_TOO_LARGE
from server.line import pack

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent

    from server.session import Session

EXTENSION = "tilecast.line"
_FINAL_BINARY = 0x82
_LENGTH_7_MAX = 125
_LENGTH_16_MAX = 0xFFFF
_PINGS_ANSWERED_A_SECOND = 4
_PIECE_BYTES = 2048
"""Parsed at once: at worst some 340 empty pings."""
_TURN_MAX_S = 0.002
_CLOSE_TIMEOUT_S = 5.0
_LINGER_S = 0.5
_USER_TIMEOUT_MS = 30_000


def frame(payload: bytes) -> bytes:
    """One unmasked, final binary frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size <= _LENGTH_7_MAX:
        return struct.pack("!BB", _FINAL_BINARY, size) + payload
    if size <= _LENGTH_16_MAX:
        return struct.pack("!BBH", _FINAL_BINARY, 126, size) + payload
    return struct.pack("!BBQ", _FINAL_BINARY, 127, size) + payload


class WebSocketLine(WebSocketsSansIOProtocol):
    """uvicorn's protocol as a :class:`server.line.Line`; given to uvicorn as ``ws=``."""

    session: "Session | None" = None
    _pings_left = 0
    _pings_second = 0
    _parsing_soon = False

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._unparsed = bytearray()

    # -- server.line.Line ----------------------------------------------------------------------

    def write(self, messages: Sequence[bytes]) -> None:
        """See :meth:`server.line.Line.write`."""
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(b"".join(map(frame, pack(messages))))

    def unsent_bytes(self) -> int:
        """See :meth:`server.line.Line.unsent_bytes`."""
        return self.transport.get_write_buffer_size()

    def close(self, code: CloseCode, reason: str) -> None:
        """See :meth:`server.line.Line.close`."""
        if self.close_sent or self.transport.is_closing():
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.conn.state is State.OPEN:
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self._read_on()
        # Time for the peer to answer; one that doesn't even read is dropped.
        self.close_timer = self.loop.call_later(_CLOSE_TIMEOUT_S, self.transport.abort)

    def abort(self) -> None:
        """See :meth:`server.line.Line.abort`."""
        self.transport.abort()

    def limit_unsent(self, high_bytes: int) -> None:
        """Count the line as full from ``high_bytes`` on, until a quarter of that is left."""
        self.transport.set_write_buffer_limits(high_bytes, high_bytes // 4)

    # -- uvicorn's hooks -----------------------------------------------------------------------

    def connection_made(self, transport: BaseTransport) -> None:
        """Bound how long sent bytes may stay unacknowledged: pings don't see a full buffer."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)

    def handle_connect(self, event: Request) -> None:
        """Let the endpoint find this object."""
        super().handle_connect(event)
        if self.response.status_code == 101:  # noqa: PLR2004  switching protocols
            extensions = cast("dict[str, object]", self.scope["extensions"])
            extensions[EXTENSION] = self

    def data_received(self, data: bytes) -> None:
        """Parse what came, now or over the next turns: small frames are dear to parse."""
        self._unparsed += data
        if not self._parsing_soon:
            self._parse()

    def _parse(self) -> None:
        """Parse for at most a few milliseconds, and no more than the endpoint takes."""
        self._parsing_soon = False
        ends = self.loop.time() + _TURN_MAX_S
        while self._unparsed and not self.read_paused and not self.transport.is_closing():
            if self.loop.time() > ends:
                self._parse_soon()
                break
            piece = bytes(self._unparsed[:_PIECE_BYTES])
            del self._unparsed[:_PIECE_BYTES]
            super().data_received(piece)
            if self.conn.handshake_exc is not None and not self.handshake_initiated:
                # `websockets` doesn't read such headers, and uvicorn would not answer.
                self.transport.write(HEAD_TOO_LARGE)
                self.transport.close()
        if self.transport.is_closing():
            self._unparsed.clear()
            if self.close_timer is None:
                self.close_timer = self.loop.call_later(_CLOSE_TIMEOUT_S, self.transport.abort)
        elif self._unparsed:
            self.transport.pause_reading()
        elif not self.read_paused:
            self.transport.resume_reading()

    def _parse_soon(self) -> None:
        if not self._parsing_soon:
            self._parsing_soon = True
            self.loop.call_soon(self._parse)

    def _read_on(self) -> None:
        """The endpoint has taken all that was parsed."""
        if self.read_paused:
            self.read_paused = False
            self._parse_soon()

    async def receive(self) -> "ASGIReceiveEvent":
        """The next event, for the endpoint."""
        event = await self.queue.get()
        if self.queue.empty():
            self._read_on()
        return event

    async def send(self, message: "ASGISendEvent") -> None:
        """Note that a handshake answered with an HTTP status is complete too."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def resume_writing(self) -> None:
        """The line is no longer full."""
        super().resume_writing()
        if self.session is not None:
            self.session.drained()

    def handle_ping(self) -> None:
        """Answer a few pings a second, and none while the peer doesn't read its answers."""
        pong = self.conn.data_to_send()
        second = int(self.loop.time())
        if second != self._pings_second:
            self._pings_second, self._pings_left = second, _PINGS_ANSWERED_A_SECOND
        if self._pings_left and self.writable.is_set():
            self._pings_left -= 1
            self.transport.write(b"".join(pong))

    def keepalive_timeout(self) -> None:
        """A peer that doesn't answer is gone; a closing handshake would wait for it."""
        if self.session is not None:
            self.session.lost()
        self.transport.abort()

    def shutdown(self) -> None:
        """The server stops: who doesn't read what is left is not waited for."""
        super().shutdown()
        self.loop.call_later(_LINGER_S, self.transport.abort)

    def eof_received(self) -> None:
        """A peer that sends nothing more is over at once, whether or not it reads to the end."""
        if self.session is not None:
            self.session.lost()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1006})

    def connection_lost(self, exc: Exception | None) -> None:
        """The session leaves everything at once."""
        super().connection_lost(exc)
        if self.session is not None:
            self.session.lost()


class WebSocketEndpoint:
    """The ASGI application at ``/c/{canvas}/ws``, for canvases that there are."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection from its upgrade to its end."""
        await receive()
        line = cast("WebSocketLine", scope["extensions"][EXTENSION])
        if not self._door.admits_origin(scope):
            await _forbid(send)
            return
        offered = scope["subprotocols"]
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": SUBPROTOCOL if SUBPROTOCOL in offered else None,
            }
        )
        try:
            session = self._door.enter(scope, line)
        except Refused as refused:
            line.close(refused.code, refused.reason)
            return
        line.session = session
        line.limit_unsent(self._door.slow_reader_bytes)
        idle = asyncio.Event()
        session.on_idle = idle.set
        turn_ends = 0.0
        try:
            while True:
                if line.queue.empty():
                    turn_ends = 0.0  # the loop turns meanwhile
                event = await receive()
                if event["type"] == "websocket.disconnect":
                    break
                data = event.get("bytes")
                if data is None:
                    session.end(CloseCode.TEXT_FRAME, "only binary frames are spoken")
                    continue
                turn_ends = turn_ends or line.loop.time() + _TURN_MAX_S
                idle.clear()
                session.receive(bytes(data))
                if not session.idle:
                    await idle.wait()
                elif line.loop.time() > turn_ends:
                    await asyncio.sleep(0)
                    turn_ends = 0.0
        finally:
            session.lost()
            self._door.left(scope)


async def _forbid(send: Send) -> None:
    """Refuse the upgrade with 403."""
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "websocket.http.response.start", "status": 403, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})
