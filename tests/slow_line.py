"""A line that carries few bytes a second, and holds few: a TCP relay before a server."""

import asyncio
import socket
import time
from typing import Self

_HELD_BYTES = 4096
"""What the systems at its ends are asked to hold of what it carries; they take twice as much."""
_SEGMENT_BYTES = 1400
"""As on lines that aren't within one machine: there they are larger than what is held."""
_STEPS_A_SECOND = 20


class SlowLine:
    """Carries one connection to a port of this machine. Use as a context manager."""

    def __init__(self, target_port: int, down_bytes_per_s: int, up_bytes_per_s: int) -> None:
        self.port = 0
        self._target_port = target_port
        self._down_bytes_per_s = down_bytes_per_s
        self._up_bytes_per_s = up_bytes_per_s
        self._listener = _narrow()
        self._task: asyncio.Task[None] | None = None
        self.ended = False
        """One of its ends hung up."""

    async def __aenter__(self) -> Self:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(1)
        self.port = self._listener.getsockname()[1]
        self._task = asyncio.create_task(self._carry())
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._listener.close()

    @property
    def ws(self) -> str:
        """The main canvas's WebSocket address, by this line."""
        return f"ws://127.0.0.1:{self.port}/c/main/ws"

    async def _carry(self) -> None:
        loop = asyncio.get_running_loop()
        near, _ = await loop.sock_accept(self._listener)
        near.setblocking(False)
        with near, _narrow() as far:
            await loop.sock_connect(far, ("127.0.0.1", self._target_port))
            pumps = [
                asyncio.create_task(_pump(far, near, self._down_bytes_per_s)),
                asyncio.create_task(_pump(near, far, self._up_bytes_per_s)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                self.ended = True
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)


def _narrow() -> socket.socket:
    end = socket.socket()
    end.setblocking(False)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _HELD_BYTES)
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT_BYTES)
    return end


async def _pump(source: socket.socket, sink: socket.socket, bytes_per_s: int) -> None:
    """Carry what comes until it ends, no faster than that."""
    loop = asyncio.get_running_loop()
    free_at = time.monotonic()
    while data := await loop.sock_recv(source, max(64, bytes_per_s // _STEPS_A_SECOND)):
        free_at = max(free_at, time.monotonic()) + len(data) / bytes_per_s
        await asyncio.sleep(free_at - time.monotonic())
        await loop.sock_sendall(sink, data)
