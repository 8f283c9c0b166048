"""Snapshots where every node finds them, on a real server (:mod:`server.cluster.objects`)."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from server.cluster import objects, streams
from server.cluster.link import Link, LinkOptions
from server.cluster.objects import CHUNK_BYTES, STREAM, WINDOW, SnapshotError, Snapshots
from tests.nats_rig import NatsProcess, one_server
from tests.stream_rigs import EPOCH, WAIT_S, wait_until
from tiles.shared.stream import StreamError

T = TypeVar("T")


class Rig:
    """A server, a store on it, and a folder of files."""

    def __init__(self, server: NatsProcess, link: Link, folder: Path) -> None:
        self.server = server
        self.link = link
        self.store = Snapshots(link)
        self.folder = folder

    async def work(self, call: Callable[..., T], *arguments: object) -> T:
        """What a call returns, made in a thread."""
        return await asyncio.to_thread(call, *arguments)

    def file(self, size: int) -> Path:
        """A new file of arbitrary bytes."""
        file = self.folder / f"{size}-{random.random()}"
        file.write_bytes(os.urandom(size))
        return file

    async def put(self, canvas: str, epoch: int, place: int, size: int = 100) -> Path:
        """A file that is stored."""
        file = self.file(size)
        await self.work(self.store.put, canvas, epoch, place, file, {"fence": "7"})
        return file

    async def messages(self) -> int:
        """How many messages the store's stream holds."""
        answer = await streams.ask(self.link, f"STREAM.INFO.{STREAM}")
        return int(answer["state"]["messages"])


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """An empty store."""
    with one_server(tmp_path / "nats") as server:
        async with Link(LinkOptions((server.url,), silence_s=1.0)) as link:
            await link.wait_up(WAIT_S)
            made = Rig(server, link, tmp_path)
            await made.work(made.store.prepare, 1)
            await made.work(made.store.prepare, 1)
            yield made


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * WINDOW * CHUNK_BYTES + 12345]
)
async def test_a_file_comes_back(rig: Rig, size: int) -> None:
    """CLU-8: a snapshot comes back byte for byte, on another node too, with what was said of it."""
    file = rig.file(size)
    stored = await rig.work(rig.store.put, "main", EPOCH, 5, file, {"fence": "7", "width": "100"})
    async with Link(LinkOptions((rig.server.url,))) as link:
        await link.wait_up(WAIT_S)
        store = Snapshots(link)
        found = await rig.work(store.newest, "main", EPOCH)
        assert found == stored
        assert found.facts == {"fence": "7", "width": "100"}
        assert (found.size, found.place) == (size, 5)
        await rig.work(store.get, found, rig.folder / "copy")
    assert (rig.folder / "copy").read_bytes() == file.read_bytes()
    with pytest.raises(FileExistsError):
        await rig.work(rig.store.get, found, rig.folder / "copy")


async def test_the_newest(rig: Rig) -> None:
    """The newest is the one of the last place, of the canvas and the epoch that is asked for."""
    assert await rig.work(rig.store.newest, "main", EPOCH) is None
    for canvas, epoch, place in [
        ("main", EPOCH, 10),
        ("main", EPOCH, 9),
        ("main", EPOCH, 100),
        ("main", EPOCH + 1, 2),
        ("main-2", EPOCH, 500),
    ]:
        await rig.put(canvas, epoch, place)
    found = await rig.work(rig.store.newest, "main", EPOCH)
    assert found is not None
    assert found.place == 100
    assert [one.place for one in await rig.work(rig.store.all, "main")] == [9, 10, 100, 2]
    assert [one.place for one in await rig.work(rig.store.all, "main-2")] == [500]


async def test_the_same_place_again(rig: Rig) -> None:
    """A snapshot of the same place takes the other's place."""
    await rig.put("main", EPOCH, 10)
    file = await rig.put("main", EPOCH, 10)
    (found,) = await rig.work(rig.store.all, "main")
    await rig.work(rig.store.get, found, rig.folder / "copy")
    assert (rig.folder / "copy").read_bytes() == file.read_bytes()


async def test_old_ones_are_deleted(rig: Rig) -> None:
    """CLU-8: the last ones are kept, others of that canvas go; of its bytes nothing stays."""
    for place in (1, 2, 3, 4):
        await rig.put("main", EPOCH, place)
    await rig.put("main", EPOCH - 1, 9)
    other = await rig.put("main-2", EPOCH, 1)
    await rig.work(rig.store.keep, "main", EPOCH, 2)
    assert [one.place for one in await rig.work(rig.store.all, "main")] == [3, 4]
    assert await rig.messages() == 2 * 3
    (found,) = await rig.work(rig.store.all, "main-2")
    await rig.work(rig.store.get, found, rig.folder / "copy")
    assert (rig.folder / "copy").read_bytes() == other.read_bytes()


async def test_what_is_not_whole_is_cleared_away(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-8: a snapshot that was not finished is none, and its bytes are deleted later."""
    await rig.put("main", EPOCH, 1)
    await rig.put("main", EPOCH, 2)
    (_, second) = await rig.work(rig.store.all, "main")
    answer = await streams.ask(rig.link, f"STREAM.INFO.{STREAM}", {"subjects_filter": "$O.*.M.>"})
    for subject in answer["state"]["subjects"]:
        found = await streams.ask(rig.link, f"STREAM.MSG.GET.{STREAM}", {"last_by_subj": subject})
        if found["message"]["seq"] == await rig.messages():
            await streams.ask(rig.link, f"STREAM.PURGE.{STREAM}", {"filter": subject})
    assert [one.place for one in await rig.work(rig.store.all, "main")] == [1]
    assert await rig.messages() == 3
    await rig.work(rig.store.keep, "main", EPOCH, 2)
    assert await rig.messages() == 3
    await rig.work(rig.store.keep, "main", EPOCH, 2)
    assert await rig.messages() == 2
    monkeypatch.setattr(objects, "CATCH_UP_S", 0.1)
    with pytest.raises(SnapshotError, match="gone"):
        await rig.work(rig.store.get, second, rig.folder / "copy")


async def test_damage_is_noticed(rig: Rig) -> None:
    """CLU-8: bytes that aren't those that were stored are never taken for a snapshot."""
    await rig.put("main", EPOCH, 1, 1000)
    (found,) = await rig.work(rig.store.all, "main")
    wrong = found._replace(digest=bytes(32))
    with pytest.raises(SnapshotError, match="damaged"):
        await rig.work(rig.store.get, wrong, rig.folder / "copy")


async def test_server_ends_meanwhile(rig: Rig) -> None:
    """A server that ends while a snapshot is stored is an error; what is stored later is whole."""
    file = rig.file(8 << 20)
    task = asyncio.create_task(rig.work(rig.store.put, "main", EPOCH, 1, file, {}))
    while await rig.messages() < WINDOW:
        assert not task.done()
    rig.server.kill()
    with pytest.raises(StreamError):
        await task
    await wait_until(lambda: not rig.link.up)
    rig.server.start()
    await rig.link.wait_up(WAIT_S)
    assert await rig.work(rig.store.all, "main") == []
    stored = await rig.work(rig.store.put, "main", EPOCH, 1, file, {})
    await rig.work(rig.store.get, stored, rig.folder / "copy")
    assert (rig.folder / "copy").read_bytes() == file.read_bytes()
