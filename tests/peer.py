"""A client for tests: one WebSocket connection that keeps all it is sent, and may send anything."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from protocol.codec import decode, encode
from protocol.messages import (
    NEW_SESSION,
    SUBPROTOCOL,
    VERSION,
    Ack,
    Clock,
    Drawing,
    Hello,
    Message,
    Presence,
    Seen,
    Viewport,
    Welcome,
)
from protocol.types import Sender

M = TypeVar("M", bound=Message)
T = TypeVar("T")

WITHIN_S = 20.0
"""Nothing takes so long but on a machine that is overwhelmed."""


class Peer:
    """A connection to a canvas. Use as a context manager; entering it says HELLO.

    ``messages`` is all that came, in order, ``frames`` the same by frame.
    """

    def __init__(
        self,
        url: str,
        *,
        session: bytes = NEW_SESSION,
        hello: bool = True,
        origin: str | None = None,
        subprotocols: Sequence[str] = (SUBPROTOCOL,),
        headers: dict[str, str] | None = None,
    ) -> None:
        self.url = url
        self.frames: list[list[Message]] = []
        self.messages: list[Message] = []
        self.close_code: int | None = None
        self.close_reason = ""
        self.numbered = 0
        """The number of the drawing message sent last."""
        self.views = 0
        """The number of the VIEWPORT sent last."""
        self._session = session
        self._hello = hello
        self._options: dict[str, Any] = {
            "origin": None if origin is None else Origin(origin),
            "subprotocols": [Subprotocol(name) for name in subprotocols] or None,
            "additional_headers": headers,
        }
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.open()
        if self._hello:
            await self.hello()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect. Raises ``websockets.exceptions.InvalidStatus`` if the upgrade is refused."""
        self._socket = await connect(
            self.url,
            compression=None,
            proxy=None,
            max_size=None,
            max_queue=None,
            ping_interval=None,
            close_timeout=2,
            **self._options,
        )
        self._reader = asyncio.create_task(self._read(self._socket))

    async def hello(self) -> Welcome:
        """Say HELLO and wait for WELCOME."""
        await self.send(Hello(VERSION, self._session, ""))
        welcome = await self.expect(Welcome)
        self.numbered = welcome.handled
        return welcome

    async def close(self) -> None:
        """Close in good order; nothing happens to one that is closed."""
        if self._socket is not None and self._reader is not None:
            await self._socket.close()
            await self._reader

    def abort(self) -> None:
        """Drop the connection without a word."""
        assert self._socket is not None
        self._socket.transport.abort()

    # -- sending -------------------------------------------------------------------------------

    async def send(self, *messages: Message) -> None:
        """Send messages in one frame."""
        await self.send_bytes(b"".join(map(encode, messages)))

    async def send_bytes(self, frame: bytes) -> None:
        """Send a binary frame; a connection that was closed meanwhile takes it silently."""
        assert self._socket is not None
        with suppress(ConnectionClosed):
            await self._socket.send(frame)

    async def send_text(self, text: str) -> None:
        """Send a text frame."""
        assert self._socket is not None
        with suppress(ConnectionClosed):
            await self._socket.send(text)

    async def draw(self, *messages: Drawing) -> int:
        """Send drawing in one frame; the number of the last."""
        self.numbered += len(messages)
        await self.send(*messages)
        return self.numbered

    async def look(
        self,
        x0: int,
        y0: int,
        x1: int,
        y1: int,
        *,
        level: int = 0,
        known: tuple[tuple[int, int, int], ...] = (),
    ) -> int:
        """Send a VIEWPORT, and wait for the CLOCK that ends its answer; the mark before it."""
        self.views += 1
        number, before = self.views, self.mark
        await self.send(Viewport(level, x0, y0, x1, y1, known))
        await self.expect(Clock, lambda clock: clock.view == number, since=before)
        return before

    # -- what came -----------------------------------------------------------------------------

    @property
    def welcome(self) -> Welcome:
        """The WELCOME."""
        return self.all(Welcome)[0]

    @property
    def mark(self) -> int:
        """How many messages have come; what comes from here on is ``since`` that."""
        return len(self.messages)

    def all(self, kind: type[M], since: int = 0) -> list[M]:
        """The messages of a kind that have come."""
        return [message for message in self.messages[since:] if isinstance(message, kind)]

    @property
    def presences(self) -> list[Presence]:
        """What it was told of others' presence."""
        return self.all(Presence)

    @property
    def seen(self) -> list[Seen]:
        """What it was told of the viewport that it follows."""
        return self.all(Seen)

    async def expect(
        self,
        kind: type[M],
        that: Callable[[M], bool] = lambda _: True,
        *,
        since: int = 0,
        within_s: float = WITHIN_S,
    ) -> M:
        """Wait for the first message of a kind that something holds of; it may have come."""
        at = since

        def found() -> M | None:
            nonlocal at
            while at < len(self.messages):
                message = self.messages[at]
                at += 1
                if isinstance(message, kind) and that(message):
                    return message
            return None

        message = await self.until(found, f"a {kind.__name__}", within_s)
        assert message is not None
        return message

    async def until(self, ready: Callable[[], T], what: str = "", within_s: float = WITHIN_S) -> T:
        """Wait until ``ready`` gives something true, asking after each frame; gives that."""
        try:
            async with asyncio.timeout(within_s):
                while not (answer := ready()):
                    if self.close_code is not None:
                        raise AssertionError(
                            f"closed with {self.close_code} {self.close_reason!r}, "
                            f"waiting for {what}"
                        )
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            last = self.messages[-5:]
            raise AssertionError(f"no {what} within {within_s} s; the last were {last}") from None
        return answer

    async def handled(self, number: int | None = None) -> Ack:
        """Wait until so many messages (all by default) are handled; that ACK."""
        wanted = self.numbered if number is None else number
        return await self.expect(Ack, lambda ack: ack.handled >= wanted)

    async def durable(self, number: int | None = None) -> Ack:
        """Wait until so many messages (all by default) are durable; that ACK."""
        wanted = self.numbered if number is None else number
        return await self.expect(Ack, lambda ack: ack.durable >= wanted)

    async def closed(self, within_s: float = WITHIN_S) -> int:
        """Wait until the connection is closed; the close code, 1006 without a close frame."""
        await self.until(lambda: self.close_code, "end", within_s)
        assert self.close_code is not None
        return self.close_code

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for frame in socket:
                assert isinstance(frame, bytes), "the server sent text"
                messages = decode(frame, Sender.SERVER)
                self.frames.append(messages)
                self.messages += messages
                self._changed.set()
        except ConnectionClosed:
            pass
        finally:
            self.close_code = socket.close_code
            self.close_reason = socket.close_reason or ""
            self._changed.set()
