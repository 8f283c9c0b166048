"""uvicorn's HTTP protocol, with bounds on a request's head, its body and how many may wait.

Without them a connection that never finishes asking, for a page or for an upgrade, is kept for ever
and its headers are collected without end; and so are the requests of one that reads no answers.

A request has to name one Host (RFC 9112, section 3.2), and only a whole handshake is an upgrade.
"""

import asyncio
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from server.http.handshake import is_handshake

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application

HEAD_MAX_BYTES = 64 * 1024
BODY_MIN_BYTES = 64 * 1024
"""Of a body so much has to come each ``body_timeout_s``, or its end."""
WAITING_MAX = 256
"""Requests of one connection that wait for an earlier one's answer; with more it is closed."""

HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)
"""The answer to a request whose head is too large."""


class NoHostError(Exception):
    """Raised into the parser, which reads no further; uvicorn answers 400 and closes."""


class TooManyRequestsError(Exception):
    """Likewise."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """One HTTP connection; given to uvicorn as ``http=``.

    ``head_timeout_s`` is the time from connecting, or from a request's first byte, to the end of
    its headers; ``body_timeout_s`` that in which the next 64 KiB of a body have to come.
    """

    head_timeout_s = 10.0
    body_timeout_s = 10.0
    _awaits_head = True
    _head_bytes = 0
    _head_timer: asyncio.TimerHandle | None = None
    _body_bytes = 0
    """What came of a body since its time began to run."""
    _body_timer: asyncio.TimerHandle | None = None
    _answering: RequestResponseCycle | None = None
    _upgrades = False
    """This request's head is a WebSocket handshake."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first request is due."""
        super().connection_made(transport)
        self._set_head_timer()

    def data_received(self, data: bytes) -> None:
        """Feed the parser, while the head is within its bounds."""
        if self._awaits_head:
            self._head_bytes += len(data)
            if self._head_timer is None:
                self._set_head_timer()
        super().data_received(data)
        # Only now: what came in one piece may be a small head and a large body.
        if self._awaits_head and self._head_bytes > HEAD_MAX_BYTES:
            self.transport.write(HEAD_TOO_LARGE)
            self.transport.close()
        elif not self._awaits_head:
            self._body_bytes += len(data)
            if self._body_timer is None and not self.transport.is_closing():
                self._set_body_timer()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._awaits_head = False
        self._head_bytes = 0
        self._cancel_head_timer()
        self._look_at_host()
        asks = self.parser.should_upgrade() and super()._should_upgrade()
        self._upgrades = asks and self._is_handshake()
        super().on_headers_complete()
        if asks and not self._upgrades:
            # What comes along with it may be of the other protocol, and the parser leaves it out.
            self.cycle.keep_alive = False
        if len(self.pipeline) > WAITING_MAX:
            self._abandon()
            raise TooManyRequestsError

    def on_message_complete(self) -> None:
        """What comes next is another request's head."""
        super().on_message_complete()
        self._awaits_head = True
        self._cancel_body_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._cancel_head_timer()
        self._cancel_body_timer()
        self._abandon()
        super().connection_lost(exc)

    def _look_at_host(self) -> None:
        """Raises :class:`NoHostError`."""
        hosts = len([name for name, _ in self.headers if name == b"host"])
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            raise NoHostError

    def _is_handshake(self) -> bool:
        method, version = str(self.parser.get_method(), "ascii"), self.parser.get_http_version()
        return is_handshake(method, version, self.headers)

    def _should_upgrade(self) -> bool:
        """uvicorn asks at each step of a request that wants to be another protocol's."""
        return self._upgrades

    def _unsupported_upgrade_warning(self) -> None:
        """The answer says it; in the log it would be a line for whoever wants to fill that."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: "ASGI3Application") -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _abandon(self) -> None:
        """Nobody gets any more answers; uvicorn knows of the latest request alone."""
        self.pipeline.clear()
        if self._answering is not None:
            self._answering.disconnected = True
            self._answering.message_event.set()

    def _set_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_timeout_s, self._head_is_late)

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        # An earlier request's answer may still be under way.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            self.transport.close()

    def _set_body_timer(self) -> None:
        self._body_bytes = 0
        self._body_timer = self.loop.call_later(self.body_timeout_s, self._look_at_body)

    def _cancel_body_timer(self) -> None:
        if self._body_timer is not None:
            self._body_timer.cancel()
            self._body_timer = None

    def _look_at_body(self) -> None:
        self._body_timer = None
        # The application may not have taken yet what came: then no more is read.
        if self._body_bytes >= BODY_MIN_BYTES or self.flow.read_paused:
            self._set_body_timer()
        else:
            self.transport.close()
