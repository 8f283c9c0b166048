"""A canvas's file on its way into a cluster, where something is wrong on the way."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.cluster import streams
from server.cluster.link import Link, LinkOptions
from server.cluster.move_in import movable, move_in
from server.cluster.objects import Snapshots
from server.datafolder import DataFolder, DataFolderError
from server.threads import run_in_daemon
from server.unserved import elsewhere
from tests.canvas_file import CanvasFile, drawings
from tests.nats_rig import NatsProcess, one_server
from tests.stream_rigs import WAIT_S
from tiles.log.check import silent
from tiles.log.schema import connect
from tiles.log.snapshot_file import Facts, look
from tiles.shared.stream import Bounds, StreamError

TOTAL = 300


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsProcess]:
    """A server for all of these tests."""
    with one_server(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
async def link(nats: NatsProcess) -> AsyncIterator[Link]:
    """A link; no canvas is left behind."""
    async with Link(LinkOptions((nats.url,))) as link:
        await link.wait_up(WAIT_S)
        await run_in_daemon(lambda: Snapshots(link).prepare(1))
        yield link
        for name in await streams.canvases(link):
            await streams.delete(link, name)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder with a canvas."""
    file = CanvasFile(tmp_path / "main.sqlite3")
    file.write(drawings(np.random.default_rng(5), TOTAL), save="all")
    return DataFolder(tmp_path)


async def move(link: Link, folder: DataFolder, replicas: int = 1) -> Facts:
    """Move the canvas."""
    return await run_in_daemon(lambda: move_in(link, folder, "main", replicas, silent))


def assert_stayed(folder: DataFolder) -> None:
    """The canvas is where it was, and nothing else."""
    assert {file.name for file in folder.path.iterdir()} == {"main.sqlite3", "main.sqlite3.lock"}
    assert look(folder.file("main")).seq == TOTAL


async def test_well(link: Link, folder: DataFolder) -> None:
    """CLU-36, CLU-37: what is there in the end."""
    facts = await move(link, folder)
    assert (facts.seq, facts.begins) == (TOTAL, 0)
    assert (await streams.state(link, "main")).bounds == Bounds(1, 0, facts.epoch, facts.epoch)
    names = {file.name for file in folder.path.iterdir()}
    assert names == {"main.sqlite3.lock", f"main.sqlite3.migrated-{facts.epoch}"}
    assert movable(folder) == []


async def test_refused(link: Link, folder: DataFolder) -> None:
    """CLU-38: the canvas stays where it was."""
    with pytest.raises(StreamError, match="replicas"):
        await move(link, folder, 3)
    assert_stayed(folder)
    await streams.create(link, "main", 1, 1)
    with pytest.raises(DataFolderError, match="has a canvas main already"):
        await move(link, folder)
    assert_stayed(folder)


async def test_damaged(link: Link, folder: DataFolder) -> None:
    """CLU-38: nobody moves what isn't whole; the canvas stays where it was."""
    with closing(connect(folder.file("main"))) as connection:
        connection.execute("UPDATE log SET time_ms = 1 WHERE first_seq > 100")
    with pytest.raises(DataFolderError, match=r"damaged: log: .*`tilecast check` it"):
        await move(link, folder)
    assert_stayed(folder)
    assert await streams.canvases(link) == []


@pytest.mark.parametrize("came", [False, True])
async def test_no_answer(
    link: Link, folder: DataFolder, monkeypatch: pytest.MonkeyPatch, came: bool
) -> None:
    """CLU-38: the canvas is on its way, and served by nobody, until the same again finishes it."""
    create = streams.create

    async def unanswered(*args: Any, **options: Any) -> None:
        if came:
            await create(*args, **options)
        raise StreamError("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(streams, "create", unanswered)
        with pytest.raises(DataFolderError, match="may be in the cluster, or not: no answer"):
            await move(link, folder)
    (file,) = folder.path.glob("*.migrating-*")
    assert not folder.file("main").exists()
    assert movable(folder) == ["main"]
    assert "was being moved" in elsewhere(folder, "main", in_cluster=False)
    began = time.monotonic()
    facts = await move(link, folder)
    assert time.monotonic() - began < WAIT_S
    assert file.name.endswith(str(facts.epoch)), "it is the same move"
    assert (await streams.state(link, "main")).bounds.epoch == facts.epoch
    found = await run_in_daemon(lambda: Snapshots(link).all("main"))
    assert [(one.epoch, one.place) for one in found if one.epoch == facts.epoch] == [
        (facts.epoch, 0)
    ]


async def test_another_came_meanwhile(
    link: Link, folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CLU-38: a canvas on its way takes no other's place, and isn't lost by that."""

    async def unanswered(*_: Any, **__: Any) -> None:
        raise StreamError("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(streams, "create", unanswered)
        with pytest.raises(DataFolderError):
            await move(link, folder)
    await streams.create(link, "main", 1, 1)
    with pytest.raises(DataFolderError, match="has a canvas main already"):
        await move(link, folder)
    (file,) = folder.path.glob("*.migrating-*")
    assert look(file).seq == TOTAL
    file.with_name("main.sqlite3").write_bytes(file.read_bytes())
    with pytest.raises(DataFolderError, match="more than one file of the canvas main"):
        await move(link, folder)
