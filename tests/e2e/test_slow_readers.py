"""Who reads slowly, or not at all, costs nobody anything, and is served again when it reads."""

import asyncio
import random
import time
from collections import Counter

import numpy as np
import pytest

from protocol.messages import Clock, Pixel, Stroke
from tests.bystander import Bystander
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess
from tests.raw_socket import RawSocket
from tests.slow_reader import SIDE, SlowReader, fill, noise, stats, until_stats

MIB = 1024 * 1024
SMALL = ("--width", str(SIDE), "--height", str(SIDE), "--budget-pixels", "0")


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """A server with the default times."""
    return launch(*SMALL)


async def test_a_reader_that_stops_and_goes_on(server: ServerProcess, bystander: Bystander) -> None:
    """FAN-8, FAN-1: who stops reading is owed tiles, not queued for; reading on, it is in step."""
    random_ = random.Random(1)
    async with Peer(server.ws()) as painter, SlowReader(server) as slow:
        await slow.begin()
        await fill(server, painter, random_)
        full = server.memory_bytes
        for _ in range(300):
            await painter.draw(noise(random_))
        await painter.durable()
        assert server.memory_bytes - full < 24 * MIB
        assert (await stats(server))["stale"] > 0
        await bystander.more(5)
        last = painter.all(Clock)
        assert not last or last[-1].view == 0
        before = len(slow.events)
        seq = (await painter.durable()).seq
        await slow.read_until(lambda: (slow.core.view.clock or 0) >= seq)
        assert len(slow.events) > before
        settled = (await stats(server))["seq"]
        await slow.read_until(lambda: (slow.core.view.clock or 0) >= settled)
        seen = slow.core.view.array(0, 64, SIDE - 1, SIDE - 1).pixels
        assert np.array_equal(seen, server.region(0, 64, SIDE - 1, SIDE - 1))
        assert (await stats(server))["stale"] == 0


async def test_one_snapshot_of_each_tile(launch: Launch) -> None:
    """FAN-8: when it reads again it gets one snapshot of each changed tile, and none twice."""
    server = launch(*SMALL)
    random_ = random.Random(2)
    async with Peer(server.ws()) as painter, SlowReader(server) as slow:
        await slow.begin()
        first = len(slow.tiles)
        assert first == (SIDE // 64) ** 2
        await fill(server, painter, random_)
        for _ in range(50):
            await painter.draw(noise(random_))
        seq = (await painter.durable()).seq
        await slow.read_until(lambda: (slow.core.view.clock or 0) >= seq)
        again = Counter((tile.tx, tile.ty) for tile in slow.tiles[first:])
        assert again
        assert max(again.values()) == 1
        assert np.array_equal(
            slow.core.view.array(0, 0, SIDE - 1, SIDE - 1).pixels,
            server.region(0, 0, SIDE - 1, SIDE - 1),
        )


async def test_a_reader_that_never_reads(launch: Launch) -> None:
    """FAN-8, SES-5: who never reads again is dropped when its time is over, with all it held."""
    server = launch(*SMALL, "--slow-reader-timeout-s", "2", "--ping-interval-s", "300")
    random_ = random.Random(3)
    async with Bystander(server.ws()), Peer(server.ws()) as painter:
        async with SlowReader(server) as slow:
            await slow.begin()
            assert (await stats(server))["sessions"] == 4
            await fill(server, painter, random_)
            began = time.monotonic()
            while (await stats(server))["sessions"] > 3:
                await painter.draw(noise(random_))
                await painter.handled()
                assert time.monotonic() - began < 10
            assert time.monotonic() - began > 1.5
        figures = await stats(server)
        assert figures["stale"] == 0
        assert figures["subscriptions"] == 1


async def test_a_reader_that_is_slow_but_reads(launch: Launch) -> None:
    """FAN-8: who reads a little all the time is not dropped, though it is always behind."""
    server = launch(*SMALL, "--slow-reader-timeout-s", "1")
    random_ = random.Random(4)
    async with Peer(server.ws()) as painter, SlowReader(server) as slow:
        await slow.begin()
        await fill(server, painter, random_)
        began = time.monotonic()
        while time.monotonic() - began < 3:
            frames = len(slow.events)
            await slow.read_until(lambda frames=frames: len(slow.events) > frames)  # type: ignore[misc]
            await painter.draw(noise(random_))
            await painter.handled()
        seq = (await painter.durable()).seq
        await slow.read_until(lambda: (slow.core.view.clock or 0) >= seq)
        assert np.array_equal(
            slow.core.view.array(0, 0, SIDE - 1, SIDE - 1).pixels,
            server.region(0, 0, SIDE - 1, SIDE - 1),
        )


async def test_a_line_that_is_dead(launch: Launch) -> None:
    """SES-6, SES-5: who answers no pings is gone within the heartbeat's time; who does, stays."""
    server = launch(*SMALL, "--ping-interval-s", "0.5", "--ping-timeout-s", "0.5")
    async with Bystander(server.ws()), RawSocket(server.port) as dead:
        await dead.hello()
        await until_stats(server, lambda figures: figures["sessions"] == 3)
        began = time.monotonic()
        await until_stats(server, lambda figures: figures["sessions"] == 2, within_s=5)
        assert time.monotonic() - began < 3
        assert time.monotonic() - began > 0.4


async def test_who_is_held_up_is_not_dead(launch: Launch) -> None:
    """SES-6: an answer that stands behind what the server has still to read is not missed."""
    server = launch(*SMALL, "--ping-interval-s", "0.1", "--ping-timeout-s", "0.1")
    random_ = random.Random(7)
    points = tuple((random_.randrange(SIDE), random_.randrange(SIDE)) for _ in range(4000))
    async with Peer(server.ws()) as painter:
        began = time.monotonic()
        for blue in range(8):
            await painter.draw(Stroke(1, 1, 2, blue, points))
        await painter.durable()
        assert time.monotonic() - began > 0.5, "the server was never behind"
        await asyncio.sleep(0.3)
        await painter.draw(Pixel(1, 1, 1, 1, 1))
        await painter.durable()


async def test_a_dead_line_with_much_unsent(launch: Launch) -> None:
    """SES-6: the same where the line is full, so that no ping reaches it."""
    server = launch(*SMALL, "--ping-interval-s", "2", "--ping-timeout-s", "2")
    random_ = random.Random(5)
    async with Bystander(server.ws()), Peer(server.ws()) as painter, SlowReader(server) as dead:
        await dead.begin()
        began, most_stale = time.monotonic(), 0
        while (figures := await stats(server))["sessions"] == 4:
            most_stale = max(most_stale, figures["stale"])
            await painter.draw(noise(random_))
            await painter.handled()
            assert time.monotonic() - began < 8
        assert most_stale > 0, "its line was never full"
        assert figures["stale"] == 0


async def test_a_crowd_that_does_not_read(server: ServerProcess, bystander: Bystander) -> None:
    """FAN-8: twenty that don't read bound what memory they take, each by its line's limit."""
    random_ = random.Random(6)
    async with Peer(server.ws()) as painter, asyncio.TaskGroup() as group:
        crowd = [SlowReader(server) for _ in range(20)]
        for slow in crowd:
            await slow.__aenter__()
        try:
            for begun in [group.create_task(slow.begin()) for slow in crowd]:
                await begun
            before = server.memory_bytes
            for _ in range(400):
                await painter.draw(noise(random_))
                await painter.handled()
                if (await stats(server))["stale"] > 20:
                    break
            await painter.draw(Pixel(1, 65, 1, 2, 3))
            await painter.durable()
            await bystander.more(20)
            # 128 KiB and one flush's drawing each, and the snapshots' cache of the 64 tiles.
            assert server.memory_bytes - before < 48 * MIB
        finally:
            for slow in crowd:
                await slow.__aexit__(None, None, None)
    await until_stats(server, lambda figures: figures["sessions"] == 2)
