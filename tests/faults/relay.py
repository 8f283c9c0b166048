"""A TCP relay before a server: lines that can be cut without either end's doing."""

import asyncio
import random
from contextlib import suppress
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 64 * 1024
_ACCEPTING_TURNS = 3
"""Of the loop, after listening ends: a connection that was accepted before may still begin."""


class Relay:
    """Forwards connections to a port of this machine, which may change or not answer."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self._server: asyncio.Server | None = None
        self._lines: list[list[asyncio.StreamWriter]] = []
        self._forwarding: set[asyncio.Task[None]] = set()
        self._speaking = asyncio.Event()
        self._speaking.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self._speaking.set()
        for _ in range(_ACCEPTING_TURNS):
            await asyncio.sleep(0)
        for line in list(self._lines):
            _cut(line)
        await self._server.wait_closed()
        await asyncio.gather(*self._forwarding, return_exceptions=True)

    @property
    def lines(self) -> int:
        """How many connections there are."""
        return len(self._lines)

    def go_silent(self) -> None:
        """Forward nothing any more, in either direction, and leave all connections open."""
        self._speaking.clear()

    def speak_again(self) -> None:
        """Forward again, and first what was held up."""
        self._speaking.set()

    def cut_one(self, random_: random.Random) -> bool:
        """Drop a line, with what is on its way in both directions; False if there is none."""
        if not self._lines:
            return False
        _cut(random_.choice(self._lines))
        return True

    def cut_all(self) -> None:
        """Drop every line, with what is on its way."""
        for line in list(self._lines):
            _cut(line)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._forwarding.add(task)
        task.add_done_callback(self._forwarding.discard)
        line = [writer]
        self._lines.append(line)
        try:
            with suppress(OSError):
                back, forth = await asyncio.open_connection("127.0.0.1", self.target_port)
                line.append(forth)
                pumps = [
                    asyncio.create_task(self._pump(reader, forth)),
                    asyncio.create_task(self._pump(back, writer)),
                ]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                _cut(line)
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            _cut(line)
            self._lines.remove(line)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            await self._speaking.wait()
            writer.write(data)
            await writer.drain()


def _cut(line: list[asyncio.StreamWriter]) -> None:
    for writer in line:
        writer.transport.abort()
