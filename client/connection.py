"""One WebSocket connection: opens it, and moves frames between the socket and the core."""

import asyncio
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from client.core import Core
from client.errors import HandshakeRefused
from client.events import Event
from protocol.errors import CloseCode, ProtocolError
from protocol.messages import SERVER_FRAME_MAX_BYTES, SUBPROTOCOL

SILENCE_MAX_S = 12.0
"""A server says something at least every 5 s; after this long without a byte, the line is dead."""
OPEN_TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 2.0
LOST = 1006
"""The code of a line that ended without a close frame, or never was."""


class Ended(NamedTuple):
    """How a connection ended: by a WebSocket close code."""

    code: int
    reason: str


class Endpoint(NamedTuple):
    """Where to connect. ``tls`` replaces the default context, ``proxy`` is as in ``websockets``."""

    url: str
    tls: ssl.SSLContext | None = None
    proxy: str | Literal[True] | None = True


class _Socket(ClientConnection):
    """Knows when it last heard anything: on a slow line a frame takes its time."""

    heard_at = 0.0

    def data_received(self, data: bytes) -> None:
        """Some of a frame came, or all of some."""
        self.heard_at = self.loop.time()
        super().data_received(data)


class Connection:
    """Runs a core over a socket until that ends.

    ``on_events`` gets what each frame means; ``wake`` is set when the core may have frames to send.
    """

    def __init__(
        self, core: Core, wake: asyncio.Event, on_events: Callable[[list[Event]], None]
    ) -> None:
        self._core = core
        self._wake = wake
        self._on_events = on_events

    async def run(self, endpoint: Endpoint) -> Ended:
        """Connect and stay until the connection ends.

        Raises :class:`HandshakeRefused` where the server won't have it however often it is tried,
        ``ValueError`` for a URL that is none. Cancelled, it closes the socket in good order.
        """
        try:
            socket = await self._open(endpoint)
        except InvalidURI as error:
            raise ValueError(str(error)) from None
        except InvalidStatus as error:
            status = error.response.status_code
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
                return Ended(LOST, f"HTTP {status}")
            raise HandshakeRefused(status, error.response.reason_phrase) from None
        except (OSError, EOFError, InvalidHandshake, ConnectionClosed) as error:
            if isinstance(error, ssl.SSLCertVerificationError):
                raise
            return Ended(LOST, str(error) or type(error).__name__)
        if socket.subprotocol != SUBPROTOCOL:
            await socket.close()
            raise HandshakeRefused(HTTPStatus.SWITCHING_PROTOCOLS, f"it is no {SUBPROTOCOL}")
        return await self._serve(socket)

    async def _open(self, endpoint: Endpoint) -> _Socket:
        options: dict[str, Any] = {} if endpoint.tls is None else {"ssl": endpoint.tls}
        socket = await connect(
            endpoint.url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            proxy=endpoint.proxy,
            max_size=SERVER_FRAME_MAX_BYTES,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=None,  # CLOCK tells a dead line
            create_connection=_Socket,
            **options,
        )
        assert isinstance(socket, _Socket), "it was asked for"
        return socket

    async def _serve(self, socket: _Socket) -> Ended:
        reader = asyncio.create_task(self._read(socket))
        writer = asyncio.create_task(self._write(socket))
        watch = asyncio.create_task(_silence(socket))
        tasks = reader, writer, watch
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if writer.done():
                writer.result()
            if watch.done() and not reader.done():
                socket.transport.abort()
                return Ended(LOST, f"nothing was heard for {SILENCE_MAX_S} s")
            return await reader
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await socket.close()

    async def _read(self, socket: ClientConnection) -> Ended:
        try:
            while True:
                frame = await socket.recv()
                if isinstance(frame, str):
                    raise ProtocolError("a text frame came", CloseCode.TEXT_FRAME)
                self._on_events(self._core.receive(frame))
                self._wake.set()
        except ProtocolError as error:
            await socket.close(error.close_code, error.reason[:100])
            return Ended(error.close_code, f"the server broke the protocol: {error.reason}")
        except ConnectionClosed as closed:
            return _how(closed)

    async def _write(self, socket: ClientConnection) -> None:
        """Send what the core has whenever it has some, at the pace that the socket takes."""
        try:
            for frame in self._core.connected():
                await socket.send(frame)
            while True:
                await self._wake.wait()
                self._wake.clear()
                while frames := self._core.frames_to_send():
                    for frame in frames:
                        await socket.send(frame)
        except ConnectionClosed:
            return  # the reader sees it too, with its code


async def _silence(socket: _Socket) -> None:
    """Until nothing was heard for too long."""
    while (left_s := socket.heard_at + SILENCE_MAX_S - socket.loop.time()) > 0:  # noqa: ASYNC110
        await asyncio.sleep(left_s)  # nothing is set for each byte that comes


def _how(closed: ConnectionClosed) -> Ended:
    if closed.sent is not None and not closed.rcvd_then_sent:
        # This side failed it, for a frame that is too big or breaks RFC 6455.
        return Ended(closed.sent.code, closed.sent.reason)
    if closed.rcvd is None:
        return Ended(LOST, "the connection was lost")
    return Ended(closed.rcvd.code, closed.rcvd.reason)
