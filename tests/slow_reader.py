"""A client that reads only when told to, and drawing enough to fill the line to it."""

import asyncio
import random
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from client.core import Core
from client.events import Event, TileCame
from protocol.messages import Patch
from tests.peer import Peer
from tests.process import ServerProcess
from tests.raw_socket import BINARY, PING, PONG, RawSocket, frame

SIDE = 512
"""Of the canvas that these tests use, in pixels: 64 tiles."""
_PATCH_SIDE = 100
_PATCHES_MAX = 2000


class SlowReader(RawSocket):
    """A raw socket with the client's own session behind it; ``events`` is what came, in order."""

    def __init__(self, server: ServerProcess) -> None:
        super().__init__(server.port, receive_buffer_bytes=4096)
        self.core = Core()
        self.events: list[Event] = []

    async def begin(self) -> None:
        """Upgrade, say HELLO, look at the whole canvas and read until it is there."""
        assert await self.upgrade() == 101
        for data in self.core.connected():
            await self.send(frame(data))
        await self.read_until(lambda: self.core.welcome is not None)
        self.core.set_viewport(0, 0, 0, SIDE - 1, SIDE - 1)
        for data in self.core.frames_to_send():
            await self.send(frame(data))
        await self.read_until(lambda: self.core.view.loaded)

    async def read_until(self, ready: Callable[[], bool]) -> None:
        """Read, and answer pings, until something holds."""
        while not ready():
            got = await self.read_frame()
            assert got is not None, "the server has hung up"
            opcode, payload = got
            if opcode == PING:
                await self.send(frame(payload, PONG))
            else:
                assert opcode == BINARY, f"opcode {opcode} {payload!r}"
                self.events += self.core.receive(payload)

    @property
    def tiles(self) -> list[TileCame]:
        """The snapshots that came."""
        return [event for event in self.events if isinstance(event, TileCame)]


async def stats(server: ServerProcess) -> dict[str, Any]:
    """The figures of the main canvas."""
    return await asyncio.to_thread(server.stats)


async def until_stats(
    server: ServerProcess, ready: Callable[[dict[str, Any]], bool], within_s: float = 20
) -> dict[str, Any]:
    """Ask for the figures until something holds of them."""
    figures: dict[str, Any] = {}
    try:
        async with asyncio.timeout(within_s):
            while True:
                figures = await stats(server)
                if ready(figures):
                    return figures
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"still {figures} after {within_s} s") from None


def noise(random_: random.Random) -> Patch:
    """A PATCH somewhere below the first row of tiles that hardly compresses: about 30 KiB."""
    x = random_.randrange(SIDE - _PATCH_SIDE)
    y = random_.randrange(64, SIDE - _PATCH_SIDE)
    pixels = np.frombuffer(random_.randbytes(_PATCH_SIDE**2 * 4), np.uint8).copy()
    pixels[3::4] = 255
    data = zlib.compress(pixels.tobytes(), 1)
    return Patch(x, y, x + _PATCH_SIDE - 1, y + _PATCH_SIDE - 1, data)


async def fill(server: ServerProcess, painter: Peer, random_: random.Random) -> None:
    """Draw until the line of somebody who doesn't read is full, and its tiles become stale."""
    for _ in range(_PATCHES_MAX):
        await painter.draw(noise(random_))
        await painter.handled()
        if (await stats(server))["stale"]:
            return
    raise AssertionError("no line filled up")
