"""A socket that plays a server's part to the client, turn by turn."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from client import (
    Client,
)
from protocol.codec import decode, encode
from protocol.messages import (
    Hello,
    Message,
    Welcome,
)
from protocol.types import Sender

ONE, TWO = bytes(15) + b"\1", bytes(15) + b"\2"


class Peer:
    """The server's end of one connection."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._got: list[Message] = []

    async def get(self) -> Message:
        """The next message."""
        while not self._got:
            frame = await self._socket.recv()
            assert isinstance(frame, bytes)
            self._got = decode(frame, Sender.CLIENT)
        return self._got.pop(0)

    async def get_all(self, count: int) -> list[Message]:
        """The next so many."""
        return [await self.get() for _ in range(count)]

    async def send(self, *messages: Message) -> None:
        """One frame."""
        await self._socket.send(b"".join(map(encode, messages)))

    async def send_slowly(self, message: Message, pause_s: float) -> None:
        """One frame of one short message, byte by byte."""
        payload = encode(message)
        for byte in b"\x82" + bytes([len(payload)]) + payload:
            self._socket.transport.write(bytes([byte]))
            await asyncio.sleep(pause_s)

    async def send_text(self) -> None:
        """What no server sends."""
        await self._socket.send("text")

    async def welcome(
        self, session: bytes = ONE, handled: int = 0, epoch: int = 1, **info: Any
    ) -> Hello:
        """Take HELLO, and answer it."""
        hello = await self.get()
        assert isinstance(hello, Hello)
        size, tail = (1000, 500), json.dumps(info).encode()
        await self.send(Welcome(1, session, 7, epoch, 0, handled, *size, 255, 255, 255, 5, 1, tail))
        return hello

    async def close(self, code: int, reason: str = "") -> None:
        """End the connection."""
        await self._socket.close(code, reason)

    def cut(self) -> None:
        """End it without a word."""
        self._socket.transport.abort()

    async def stay(self) -> None:
        """Until the client goes."""
        await self._socket.wait_closed()


Part = Callable[[Peer], Awaitable[None]]


@asynccontextmanager
async def playing(*parts: Part, status: int | None = None) -> AsyncIterator[str]:
    """A server that plays one part a connection; checks that all were played without a fault."""
    faults: list[BaseException] = []
    left = list(parts)

    async def play(socket: ServerConnection) -> None:
        try:
            part = left.pop(0)
            await part(Peer(socket))
        except Exception as fault:
            faults.append(fault)

    def refuse(socket: ServerConnection, _: Request) -> Response | None:
        return None if status is None else socket.respond(status, "no")

    server = await serve(
        play,
        "127.0.0.1",
        0,
        compression=None,
        subprotocols=[Subprotocol("tilecast.v1")],
        process_request=refuse,
    )
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/c/main/ws"
    assert faults == []
    assert left == []


def to(url: str, **options: Any) -> Client:
    """A client that comes back at once, and asks no proxy."""
    return Client(url, proxy=None, jitter=lambda: 0.0, **options)
