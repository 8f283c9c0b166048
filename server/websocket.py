"""The WebSocket under a session: uvicorn's sans-I/O protocol, with writes of its own.

Frames are built here and written to the transport in one go; uvicorn's ``send`` is used for the
handshake alone. The protocol object puts itself into ``scope["extensions"]`` for the endpoint.
"""

import asyncio
import random
import socket
import struct
from asyncio import BaseTransport
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.http11 import Request
from websockets.protocol import State

from protocol.errors import CloseCode
from server.heartbeat import Heartbeat
from server.http.protocol import HEAD_TOO_LARGE
from server.plain_frames import PlainFrames
from server.send_queue import unacknowledged_bytes

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent

    from server.session import Session

EXTENSION = "tilecast.line"
_FINAL_BINARY = b"\x82"
_LENGTH_7_MAX = 125
_LENGTH_16_MAX = 0xFFFF
_U8 = struct.Struct("!B")
_LENGTH_16 = struct.Struct("!BH")
_LENGTH_64 = struct.Struct("!BQ")
_HEAD_ENDS = b"\r\n\r\n"
_PROBE_PAYLOAD = b"w"
_PROBE = b"\x89\x01" + _PROBE_PAYLOAD
"""A ping, which no keepalive's payload looks like."""
_SMALL_BYTES = 256
"""What is parsed without looking at the clock."""
_PIECE_BYTES = 2048
"""Parsed at once: at worst some 340 empty pings."""
_CLOSE_TIMEOUT_S = 5.0
_LINGER_S = 0.5
_PING_EARLIEST = 0.6
"""Of the time between two pings."""


class WebSocketLine(WebSocketsSansIOProtocol):
    """uvicorn's protocol as a :class:`server.line.Line`; given to uvicorn as ``ws=``.

    ``pings_per_second`` are answered, more are not.
    """

    pings_per_second = 4
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
        self._held = False
        """Nothing is read until the session has handled what came."""
        self._read_on_at = 0.0
        """When that was over last."""
        self._heartbeat = Heartbeat()
        self._pinged_since = False
        """A keepalive's ping went out after the last probe."""
        self._plain: PlainFrames | None = None
        self._early = False
        """Frames came before there was a session."""
        self.write: Callable[[bytes], object] = _discard
        """See :meth:`server.line.Line.write`: the transport's own, from accept to close."""

    # -- server.line.Line ----------------------------------------------------------------------

    def frame(self, payload: bytes) -> bytes:
        """See :meth:`server.line.Line.frame`: unmasked, final, binary (RFC 6455, section 5.2)."""
        size = len(payload)
        if size <= _LENGTH_7_MAX:
            return _FINAL_BINARY + _U8.pack(size) + payload
        if size <= _LENGTH_16_MAX:
            return _FINAL_BINARY + _LENGTH_16.pack(126, size) + payload
        return _FINAL_BINARY + _LENGTH_64.pack(127, size) + payload

    def probe(self) -> bytes:
        """See :meth:`server.line.Line.probe`: a ping."""
        self._pinged_since = False
        return _PROBE

    def unsent_bytes(self) -> int:
        """See :meth:`server.line.Line.unsent_bytes`."""
        return self.transport.get_write_buffer_size() + unacknowledged_bytes(self.transport)

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
        self.write = _discard
        self._go_on()
        # Time for the peer to answer; one that doesn't even read is dropped.
        self.close_timer = self.loop.call_later(_CLOSE_TIMEOUT_S, self.transport.abort)

    def abort(self) -> None:
        """See :meth:`server.line.Line.abort`."""
        self.write = _discard
        self.transport.abort()

    def limit_unsent(self, high_bytes: int) -> None:
        """Count the line as full from ``high_bytes`` on, until a quarter of that is left."""
        self.transport.set_write_buffer_limits(high_bytes, high_bytes // 4)

    # -- server.session.Source -----------------------------------------------------------------

    @property
    def unparsed_bytes(self) -> int:
        """See :attr:`server.session.Source.unparsed_bytes`."""
        return len(self._unparsed)

    def parse_next(self) -> bool:
        """See :meth:`server.session.Source.parse_next`."""
        if not self._unparsed or self.read_paused or self.transport.is_closing():
            return False
        piece = bytes(self._unparsed[:_PIECE_BYTES])
        del self._unparsed[:_PIECE_BYTES]
        self._feed(piece)
        return True

    # -- uvicorn's hooks -----------------------------------------------------------------------

    def connection_made(self, transport: BaseTransport) -> None:
        """Leave it to the sweeper to find a line that takes nothing (`Outbox.stuck`).

        The system's timeout, which the listener sets, also ends lines that take a little at a time.
        """
        super().connection_made(transport)
        self.write = self.transport.write
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 0)

    def handle_connect(self, event: Request) -> None:
        """Let the endpoint find this object."""
        super().handle_connect(event)
        if self.response.status_code == 101:  # noqa: PLR2004  switching protocols
            extensions = cast("dict[str, object]", self.scope["extensions"])
            extensions[EXTENSION] = self

    def data_received(self, data: bytes) -> None:
        """Parse what came: small frames at once, more when it is the session's turn."""
        self._heartbeat.heard = True
        free = not (self._unparsed or self._held or self.read_paused or self.transport.is_closing())
        if free and len(data) <= _SMALL_BYTES:
            self._feed(data)
            if not self.transport.is_closing():
                return
        else:
            self._unparsed += data
        self._go_on()

    def _go_on(self) -> None:
        """Parse on, and read on or not."""
        if self.transport.is_closing():
            self._unparsed.clear()
            if self.close_timer is None:
                self.close_timer = self.loop.call_later(_CLOSE_TIMEOUT_S, self.transport.abort)
        elif self.session is not None:
            self._hold()
            self.session.pump()
        else:
            self._parse_soon()

    def _parse(self) -> None:
        """Parse a piece each turn as long as there is no session, and no more than is taken."""
        self._parsing_soon = False
        self.parse_next()
        if self.transport.is_closing() or self.session is not None:
            self._go_on()
        elif self._unparsed:
            self.transport.pause_reading()
            if not self.read_paused:
                self._parse_soon()
        elif not self.read_paused:
            self.transport.resume_reading()

    def _feed(self, data: bytes) -> None:
        if self._plain is not None:
            self._plain.feed(data)
            return
        begun = self.handshake_initiated
        self._feed_protocol(data)
        if begun or (self.handshake_initiated and not data.endswith(_HEAD_ENDS)):
            self._early = True

    def _feed_protocol(self, data: bytes) -> None:
        """Have `websockets` parse it."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            # `websockets` doesn't read such headers, and uvicorn would not answer.
            self.transport.write(HEAD_TOO_LARGE)
            self.transport.close()

    def _parse_soon(self) -> None:
        if not self._parsing_soon:
            self._parsing_soon = True
            self.loop.call_soon(self._parse)

    def _hold(self) -> None:
        """Read no more before what came is handled."""
        if not self._held:
            self._held = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        """The session has handled all that it was given."""
        if self._held and not self._unparsed:
            self._held = False
            self._read_on_at = self.loop.time()
            if not self.transport.is_closing():
                self.transport.resume_reading()

    async def receive(self) -> "ASGIReceiveEvent":
        """The next event, for the endpoint."""
        event = await self.queue.get()
        if self.queue.empty() and self.read_paused:
            self.read_paused = False
            self._go_on()
        return event

    def send_receive_event_to_app(self) -> None:
        """A message is whole: past the handshake it goes to the session, by no queue."""
        if self.session is None or not self.queue.empty():
            super().send_receive_event_to_app()
            return
        data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if not self.close_sent:
            self.take(bytes(data) if self.curr_msg_data_type == "bytes" else None)

    def serve(self, session: "Session") -> None:
        """From here on messages go to ``session``."""
        self.session = session
        session.on_idle = self._read_on
        session.source = self
        if not self._early:
            self._plain = PlainFrames(self.conn, self.take, self._feed_protocol)

    def take(self, data: bytes | None) -> None:
        """Hand a binary message to the session, or end it at a text one (``None``)."""
        assert self.session is not None, "somebody is served"
        if data is None:
            self.session.end(CloseCode.TEXT_FRAME, "only binary frames are spoken")
            return
        self.session.receive(data)
        if not self.session.idle:
            self._hold()

    async def send(self, message: "ASGISendEvent") -> None:
        """Note that a handshake answered with an HTTP status is complete too."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def pause_writing(self) -> None:
        """The line is full."""
        super().pause_writing()
        if self.session is not None:
            self.session.filled()

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
            self._pings_second, self._pings_left = second, self.pings_per_second
        if self._pings_left and self.writable.is_set():
            self._pings_left -= 1
            self.transport.write(b"".join(pong))

    def schedule_ping(self) -> None:
        """Ping after a time of its own: of those that came together not all are asked together."""
        assert self.ping_interval is not None, "there are pings"
        delay = random.uniform(_PING_EARLIEST, 1) * self.ping_interval - self.last_ping_rtt
        self.ping_timer = self.loop.call_later(max(0.0, delay), self.send_keepalive_ping)

    def send_keepalive_ping(self) -> None:
        """Ask a peer whether it is there."""
        self._heartbeat.asked(self._written_bytes, self.unsent_bytes())
        super().send_keepalive_ping()
        self._pinged_since = True

    def handle_pong(self, event: Frame) -> None:
        """A peer may answer the last of several pings alone (RFC 6455, section 5.5.3)."""
        answers = bytes(event.data)
        last = self._pinged_since and answers == self.pending_ping_payload
        if self.session is not None and (last or answers == _PROBE_PAYLOAD):
            self.session.reached()
        super().handle_pong(event)

    def keepalive_timeout(self) -> None:
        """A peer that doesn't answer is gone; a closing handshake would wait for it."""
        assert self.ping_timeout is not None, "a ping was sent"
        read_s = 0.0 if self._held else self.loop.time() - self._read_on_at
        if read_s < self.ping_timeout:  # the answer may stand behind what wasn't read
            self.pong_timer = self.loop.call_later(
                self.ping_timeout - read_s, self.keepalive_timeout
            )
            return
        if self._heartbeat.gets_on(self._written_bytes, self.unsent_bytes()):
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
            return
        if self.session is not None:
            self.session.lost()
        self.transport.abort()

    @property
    def _written_bytes(self) -> int:
        """What was written in flushes."""
        return self.session.outbox.written if self.session is not None else 0

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
        self.write = _discard
        super().connection_lost(exc)
        if self.session is not None:
            self.session.lost()
        # They hold this object: without them nothing needs to be looked for (server.garbage).
        self.session = self._plain = None
        self.conn.parser.close()


def _discard(framed: bytes) -> None:
    """Nothing is sent on a line that is closed."""
