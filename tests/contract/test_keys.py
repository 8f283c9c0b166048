"""Values and leases that nodes share, on a real server (:mod:`server.cluster.keys`)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from server.cluster.keys import Entry, Keys, Lease
from server.cluster.link import Link, LinkOptions
from tests.nats_rig import NatsProcess, one_server
from tests.stream_rigs import WAIT_S
from tiles.shared.stream import StreamError

TTL_S = 0.5


class Rig:
    """A server, and nodes with links to it."""

    def __init__(self, server: NatsProcess, stack: AsyncExitStack) -> None:
        self.server = server
        self._stack = stack

    async def keys(self) -> Keys:
        """Another node's."""
        link = await self._stack.enter_async_context(
            Link(LinkOptions((self.server.url,), silence_s=1.0))
        )
        await link.wait_up(WAIT_S)
        keys = Keys(link)
        await keys.prepare(1)
        return keys


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """A server that runs."""
    with one_server(tmp_path / "nats") as server:
        async with AsyncExitStack() as stack:
            yield Rig(server, stack)


async def test_values(rig: Rig) -> None:
    """What one node sets the others read; revisions rise."""
    one, two = await rig.keys(), await rig.keys()
    assert await one.get("a.b") is None
    first = await one.put("a.b", b"1")
    second = await two.put("a.c", bytes(range(256)))
    third = await two.put("a.b", b"")
    assert first < second < third
    assert await one.get("a.b") == Entry(b"", third)
    assert await one.get("a.c") == Entry(bytes(range(256)), second)


async def test_create_update_delete(rig: Rig) -> None:
    """CLU-7: of several who set a value, each expecting the same before, one succeeds."""
    keys = [await rig.keys() for _ in range(3)]
    for turn in range(3):
        made = await asyncio.gather(
            *(node.create("k", b"%d" % number) for number, node in enumerate(keys))
        )
        (revision,) = [found for found in made if found is not None]
        entry = await keys[0].get("k")
        assert entry == Entry(b"%d" % made.index(revision), revision)
        changed = await asyncio.gather(*(node.update("k", b"new", revision) for node in keys))
        assert sum(found is not None for found in changed) == 1
        assert await keys[1].update("k", b"late", revision) is None
        entry = await keys[1].get("k")
        assert entry is not None
        assert entry.value == b"new"
        assert not await keys[2].delete("k", revision)
        assert await keys[2].delete("k", entry.revision if turn else None)
        assert await keys[0].get("k") is None


async def test_lease_is_held_by_one(rig: Rig) -> None:
    """CLU-7: a lease is one node's; another has it once it is given back, with a higher fence."""
    one, two = [Lease(await rig.keys(), "snapshots.main", WAIT_S) for _ in range(2)]
    won = await asyncio.gather(one.acquire(), two.acquire())
    assert sorted(won) == [False, True]
    holder, other = (one, two) if won[0] else (two, one)
    fence = holder.fence
    assert holder.held()
    assert not other.held()
    assert await holder.acquire()
    assert holder.fence == fence
    assert not await other.acquire()
    await other.release()
    assert await holder.acquire()
    await holder.release()
    assert not holder.held()
    assert await other.acquire()
    assert other.fence > fence
    assert not await holder.acquire()


async def test_lease_runs_out(rig: Rig) -> None:
    """CLU-7: a lease that isn't renewed is another's after its time by that one's clock."""
    clocks = {"one": 1000.0, "two": 5.0}
    one = Lease(await rig.keys(), "work", TTL_S, lambda: clocks["one"])
    two = Lease(await rig.keys(), "work", TTL_S, lambda: clocks["two"])
    assert await one.acquire()
    fence = one.fence
    for _ in range(4):
        clocks["one"] += 0.6 * TTL_S
        clocks["two"] += 0.6 * TTL_S
        assert one.held()
        assert await one.acquire()
        assert not await two.acquire()
    assert one.fence == fence
    clocks["two"] += 0.99 * TTL_S
    assert not await two.acquire()
    clocks["one"] += TTL_S
    assert not one.held()
    clocks["two"] += 0.02 * TTL_S
    assert await two.acquire()
    assert two.fence > fence
    assert not await one.acquire()
    assert one.fence == 0
    await one.release()
    assert await two.acquire()


async def test_lease_without_server(rig: Rig) -> None:
    """A holder that can't renew knows when it holds no more, and holds again afterwards."""
    lease = Lease(await rig.keys(), "work", TTL_S)
    assert await lease.acquire()
    fence = lease.fence
    rig.server.pause()
    with pytest.raises(StreamError):
        await lease.acquire()
    assert not lease.held()
    rig.server.resume()
    end = asyncio.get_running_loop().time() + WAIT_S
    while not lease.held() and asyncio.get_running_loop().time() < end:
        try:
            await lease.acquire()
        except StreamError:
            await asyncio.sleep(0.05)
    assert lease.held()
    assert lease.fence > fence


async def test_waiting_from_a_thread(rig: Rig) -> None:
    """A thread may wait for all of it; what goes wrong is raised there."""
    keys = await rig.keys()

    def work() -> Entry | None:
        keys.link.wait(keys.put("k", b"v"), WAIT_S)
        return keys.link.wait(keys.get("k"), WAIT_S)

    entry = await asyncio.to_thread(work)
    assert entry is not None
    assert entry.value == b"v"
    with pytest.raises(StreamError, match="longer"):
        await asyncio.to_thread(keys.link.wait, asyncio.sleep(WAIT_S), 0.01)
    with pytest.raises(StreamError):
        await asyncio.to_thread(keys.link.wait, keys.put("k", bytes(1 << 20)), WAIT_S)
