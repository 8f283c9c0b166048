"""Lines that carry little, all the time: what they can carry comes, and nobody calls them dead."""

import asyncio
import random
import time
import zlib

import numpy as np

from client.client import Client
from protocol.messages import Ack, Clock, Patch, Pixel, Tile, Viewport
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess
from tests.slow_line import SlowLine

_WIDTH, _HEIGHT = 256, 192
"""Of noise: 12 tiles of 12 kB each."""
_FLAGS = ("--width", str(_WIDTH), "--height", str(_HEIGHT), "--budget-pixels", "0")
_CLOCK_MAX_S = 5.5
"""CLOCK comes every 5 s; two busy cores may be half a second late."""
_LIKELY = 0.6
"""Of what a line carries, this much at least is the view's."""


async def _paint_noise(server: ServerProcess) -> int:
    """Fill the canvas with what can't be compressed; the bytes of its pixels."""
    random_ = random.Random(1)
    async with Peer(server.ws()) as painter:
        for y in range(0, _HEIGHT, 64):
            for x in range(0, _WIDTH, 64):
                pixels = np.frombuffer(random_.randbytes(64 * 64 * 4), np.uint8).copy()
                pixels[3::4] = 255
                data = zlib.compress(pixels.tobytes(), 1)
                await painter.draw(Patch(x, y, x + 63, y + 63, data))
        await painter.durable()
    return _WIDTH * _HEIGHT * 3


async def _look(server: ServerProcess, view_bytes: int, bytes_per_s: int) -> None:
    """See all of it by a line, and hold the server to its CLOCKs meanwhile."""
    async with SlowLine(server.port, bytes_per_s, bytes_per_s) as line, Peer(line.ws) as peer:
        began = told_at = time.monotonic()
        await peer.send(Viewport(0, 0, 0, _WIDTH - 1, _HEIGHT - 1, ()))
        mark, longest_s, clock = peer.mark, 0.0, Clock(0, 0)
        while clock.view != 1:
            clock = await peer.expect(Clock, since=mark)
            mark = peer.messages.index(clock, mark) + 1
            longest_s = max(longest_s, time.monotonic() - told_at)
            told_at = time.monotonic()
        took_s = time.monotonic() - began
        assert len(peer.all(Tile)) == _WIDTH * _HEIGHT // 64**2
        assert took_s > 0.9 * view_bytes / bytes_per_s, "the line was not slow"
        assert took_s < view_bytes / bytes_per_s / _LIKELY
        assert longest_s < _CLOCK_MAX_S
        assert not line.ended


async def _look_with_our_client(server: ServerProcess, bytes_per_s: int) -> None:
    """The same by the Python client, which would come back if it took the line for dead."""
    async with (
        SlowLine(server.port, bytes_per_s, bytes_per_s) as line,
        Client(line.ws) as client,
    ):
        await client.viewport(0, 0, _WIDTH - 1, _HEIGHT - 1)
        seen = client.view.array(0, 0, _WIDTH - 1, _HEIGHT - 1).pixels
        assert np.array_equal(seen, server.region(0, 0, _WIDTH - 1, _HEIGHT - 1))
        assert not line.ended


async def test_a_view_comes_whole(launch: Launch) -> None:
    """FAN-10, CLK-1: at 8 and 16 kB/s, with its CLOCKs, and the connection stays."""
    server = launch(*_FLAGS)
    view_bytes = await _paint_noise(server)
    async with asyncio.TaskGroup() as group:
        for bytes_per_s in (8_000, 16_000):
            group.create_task(_look(server, view_bytes, bytes_per_s))
        group.create_task(_look_with_our_client(server, 10_000))


async def test_a_long_frame_from_a_slow_line(launch: Launch) -> None:
    """SES-14: it arrives, though no ping can be answered before it is there."""
    server = launch(*_FLAGS, "--ping-interval-s", "1", "--ping-timeout-s", "1")
    pixels = [Pixel(i % _WIDTH, i // _WIDTH, 1, 2, 3) for i in range(2000)]
    async with SlowLine(server.port, 2_500, 2_500) as line, Peer(line.ws) as painter:
        began = time.monotonic()
        await painter.draw(*pixels)
        await painter.expect(Ack, lambda ack: ack.handled == len(pixels))
        assert time.monotonic() - began > 5, "the line was not slow"
        assert not line.ended
