"""``tilecast migrate``: a canvas moves into a cluster and out of it, with all that is its own."""

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import apsw
import numpy as np
import pytest

from protocol.messages import Ack, Pixel
from server.cluster import moved, streams
from server.cluster.link import Link, LinkOptions
from server.datafolder import DataFolder
from server.unserved import elsewhere
from tests.canvas_file import CanvasFile, drawings, session_id
from tests.e2e.test_backup import run
from tests.nats_rig import NatsProcess, one_server
from tests.peer import Peer
from tests.process import NotReady, ServerProcess
from tests.stream_rigs import wait_until
from tiles.log.base import CanvasInfo
from tiles.log.snapshot_file import look

INFO = CanvasInfo(320, 320, (9, 9, 9), "A canvas", ((1, 2, 3), (255, 255, 255)))
TOTAL = 1500
WITHIN_S = 40.0


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NatsProcess]:
    """A NATS server."""
    with one_server(tmp_path / "nats") as server:
        yield server


@pytest.fixture
async def link(nats: NatsProcess) -> AsyncIterator[Link]:
    """The test's own link."""
    async with Link(LinkOptions((nats.url,))) as link:
        await link.wait_up(WITHIN_S)
        yield link


@pytest.fixture
def file(tmp_path: Path) -> CanvasFile:
    """A canvas in a data folder, drawn by three sessions, some of it refused."""
    file = CanvasFile(tmp_path / "plain" / "data" / "main.sqlite3", INFO)
    drawn = drawings(np.random.default_rng(7), TOTAL)
    file.write(drawn[: TOTAL // 2], save="all")
    file.write(drawn[TOTAL // 2 :])
    with closing(apsw.Connection(str(file.path))) as connection:
        # Sessions of long ago are forgotten.
        connection.execute("UPDATE sessions SET seen_ms = ?", (time.time_ns() // 1_000_000,))
    return file


def contents(path: Path) -> dict[str, object]:
    """All of a canvas that has to outlast a move."""
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        return {
            "info": look(path).info,
            "log": connection.execute(
                "SELECT first_seq, last_seq, session, name, address, subject, time_ms, "
                "x0, y0, x1, y1, messages FROM log JOIN authors ON author = id ORDER BY first_seq"
            ).fetchall(),
            "sessions": connection.execute(
                "SELECT session, handled, rejected FROM sessions ORDER BY session"
            ).fetchall(),
        }


def node_of(folder: Path, nats: NatsProcess, *flags: str) -> ServerProcess:
    """A node of the cluster, not started."""
    return ServerProcess(folder, "--cluster", nats.url, *flags)


async def into(nats: NatsProcess, data: Path) -> tuple[int, str, str]:
    """Move what is in a folder into the cluster."""
    return await run("migrate", "--to", nats.url, "--data", data)


async def out_of(nats: NatsProcess, data: Path, *flags: str) -> tuple[int, str, str]:
    """Move what is in the cluster into a folder."""
    return await run("migrate", "--from", nats.url, "--to-data", data, *flags)


def plain_files(data: Path) -> list[str]:
    """The files of canvases, by name, without the epochs in it."""
    return sorted(file.name.rpartition("-")[0] or file.name for file in data.glob("*.sqlite3*"))


def show(server: ServerProcess) -> bytes:
    """What a server shows of the whole canvas."""
    return server.region(0, 0, INFO.width - 1, INFO.height - 1).tobytes()


async def test_into_a_cluster(
    file: CanvasFile, nats: NatsProcess, link: Link, tmp_path: Path
) -> None:
    """CLU-36, CLU-37: the same on all nodes, counts and all; where it was it isn't served."""
    before = contents(file.path)
    plain = ServerProcess(tmp_path / "plain")
    plain.start()
    picture, epoch = show(plain), plain.stats()["epoch"]
    code, _, err = await into(nats, file.path.parent)
    assert code == 1
    assert "in use by another" in err
    plain.stop_well()
    code, out, err = await into(nats, file.path.parent)
    assert (code, err) == (0, "")
    assert f"main: in the cluster, seq {TOTAL}" in out
    assert plain_files(file.path.parent) == ["main.sqlite3.lock", "main.sqlite3.migrated"]
    assert contents(next(file.path.parent.glob("*.migrated-*"))) == before
    with pytest.raises(NotReady):
        plain.start()
    assert "has been moved to a cluster: serve it with --cluster" in plain.log
    code, _, err = await run("canvas", "create", "main", "--data", file.path.parent)
    assert code == 1
    assert "has been moved to a cluster" in err
    assert not file.path.exists(), "no second history was begun"
    nodes = [node_of(tmp_path / name, nats) for name in ("a", "b")]
    try:
        for node in nodes:
            node.start()
            assert show(node) == picture
            assert node.stats()["epoch"] == (await streams.state(link, "main")).bounds.epoch
            assert node.stats()["epoch"] != epoch
        async with Peer(nodes[0].ws(), session=session_id(0)) as peer:
            assert peer.welcome.handled == file.handled[0]
            assert peer.welcome.client == 1, "it has a number of its own from here on"
            await peer.draw(Pixel(0, 0, 1, 2, 3), Pixel(1, 0, 9, 9, 9))  # the second is refused
            await peer.durable()
            async with Peer(nodes[1].ws(), session=session_id(0)) as other:
                assert other.welcome.handled == file.handled[0] + 2
        async with Peer(nodes[1].ws(), session=session_id(1)) as peer:
            assert (peer.welcome.handled, peer.welcome.client) == (file.handled[1], 2)
        for node in nodes:
            node.stop_well()
    finally:
        for node in nodes:
            if node.running:
                node.kill()


async def test_out_of_a_cluster(
    file: CanvasFile, nats: NatsProcess, link: Link, tmp_path: Path
) -> None:
    """CLU-36, CLU-37: every row, count and setting comes home, and no node serves it any more."""
    before, home = contents(file.path), ServerProcess(tmp_path / "home")
    assert (await into(nats, file.path.parent))[0] == 0
    nodes = [node_of(tmp_path / name, nats) for name in ("a", "late")]
    nodes[0].start()
    try:
        async with Peer(nodes[0].ws(), session=session_id(2)) as peer:
            await peer.draw(Pixel(0, 0, 1, 2, 3), Pixel(1, 0, 9, 9, 9))  # the second is refused
            await peer.durable()
        picture, epochs = show(nodes[0]), {nodes[0].stats()["epoch"]}
        code, out, err = await out_of(nats, home.folder / "data")
        assert (code, err) == (0, ""), err
        assert f"seq {TOTAL + 1}" in out
        await wait_until(lambda: "canvas main has moved out" in nodes[0].log, WITHIN_S)
        with pytest.raises(OSError, match="404"):
            nodes[0].stats()
        nodes[1].start()
        assert "the canvas main has moved to" in nodes[1].log
        assert await streams.canvases(link) == []
        assert await moved.canvases(link) == ["main"]
    finally:
        for node in nodes:
            if node.running:
                assert node.stop()[0] == 0
    after = contents(home.canvas_file())
    assert after["info"] == before["info"] == INFO
    assert after["log"][:-1] == before["log"]  # type: ignore[index]
    counts = {session: handled for session, handled, _ in after["sessions"]}  # type: ignore[attr-defined]
    assert [counts[session_id(number)] - file.handled[number] for number in range(3)] == [0, 0, 2]
    home.start()
    assert show(home) == picture
    epochs.add(home.stats()["epoch"])
    assert len(epochs) == 2
    async with Peer(home.ws(), session=session_id(2)) as peer:
        assert peer.welcome.handled == file.handled[2] + 2
        await peer.draw(Pixel(5, 5, 1, 2, 3))
        await peer.durable()
    home.stop_well()
    # And once more: its own stone is no hindrance.
    code, _, err = await into(nats, home.folder / "data")
    assert (code, err) == (0, ""), err
    assert await streams.canvases(link) == ["main"]
    assert await moved.find(link, "main") is None


async def test_what_is_there_already_stays(
    file: CanvasFile, nats: NatsProcess, link: Link, tmp_path: Path
) -> None:
    """CLU-37, CLU-38: a canvas of that name, there or here, is never written over."""
    other = CanvasFile(tmp_path / "other" / "main.sqlite3")
    other.write(drawings(np.random.default_rng(8), 50))
    assert (await into(nats, file.path.parent))[0] == 0
    epoch = (await streams.state(link, "main")).bounds.epoch
    for _ in range(2):
        code, _, err = await into(nats, other.path.parent)
        assert code == 1
        assert "the cluster has a canvas main already" in err
        assert plain_files(other.path.parent) == ["main.sqlite3", "main.sqlite3.lock"]
    code, _, err = await out_of(nats, other.path.parent)
    assert code == 1
    assert "there is a canvas main in" in err
    assert await moved.find(link, "main") is None
    # What moved elsewhere is no room for another either.
    home = tmp_path / "home"
    assert (await out_of(nats, home))[0] == 0
    code, _, err = await into(nats, other.path.parent)
    assert code == 1
    assert "isn't what became of it" in err
    code, _, err = await out_of(nats, tmp_path / "second")
    assert code == 1
    assert "--again" in err or "has no canvas" in err
    code, _, err = await out_of(nats, tmp_path / "second", "--canvas", "main")
    assert code == 1
    assert "--again" in err
    code, _, err = await out_of(nats, tmp_path / "second", "--canvas", "main", "--again")
    assert (code, err) == (0, "")
    assert contents(tmp_path / "second" / "main.sqlite3") == contents(home / "main.sqlite3")
    assert (await streams.state(link, "main")).bounds.epoch == epoch


async def test_node_on_a_folder_with_plain_canvases(
    file: CanvasFile, nats: NatsProcess, tmp_path: Path
) -> None:
    """CLU-37: a node doesn't begin what it could serve; it says how that gets into the cluster."""
    node = node_of(tmp_path / "plain", nats)
    with pytest.raises(NotReady):
        node.start()
    assert "isn't the cluster's and isn't served: `tilecast migrate --to" in node.log
    other = node_of(tmp_path / "a", nats)
    other.start()
    try:
        node.start()
        assert "main.sqlite3 isn't served: the cluster's canvas of that name is another" in node.log
        assert node.stats()["seq"] == 0
        assert node.stop()[0] == 0
        fold = ServerProcess(tmp_path / "a")
        other.stop_well()
        with pytest.raises(NotReady):
            fold.start()
        assert "is of a node of a cluster, and the canvas main is the cluster's" in fold.log
    finally:
        for server in (node, other):
            if server.running:
                server.kill()


@pytest.mark.crash
async def test_killed_on_the_way_in(
    file: CanvasFile, nats: NatsProcess, link: Link, tmp_path: Path
) -> None:
    """CLU-38: killed at any step, it is in one place; the same command again finishes it."""
    before, data = contents(file.path), file.path.parent
    saved = tmp_path / "saved"
    shutil.copytree(data, saved)
    stages = []
    for step in count():
        if not await dies(step, "migrate", "--to", nats.url, "--data", data):
            break
        there, names = await streams.canvases(link) == ["main"], plain_files(data)
        stages.append((there, *names))
        assert not (there and "main.sqlite3" in names), "it is not to be served twice"
        assert there or {"main.sqlite3", "main.sqlite3.migrating"} & set(names)
        if "main.sqlite3.migrating" in names:
            assert "same `tilecast migrate` again" in elsewhere(
                DataFolder(data), "main", in_cluster=False
            )
        if "main.sqlite3.migrated" not in names:
            code, _, err = await into(nats, data)
            assert (code, err) == (0, "")
        assert await streams.canvases(link) == ["main"]
        assert plain_files(data) == ["main.sqlite3.lock", "main.sqlite3.migrated"]
        assert contents(next(data.glob("*.migrated-*"))) == before
        await streams.delete(link, "main")
        shutil.rmtree(data)
        shutil.copytree(saved, data)
    assert len(set(stages)) >= 4, "it was killed at different stages"
    code, _, err = await out_of(nats, tmp_path / "home")
    assert (code, err) == (0, "")
    assert contents(tmp_path / "home" / "main.sqlite3") == before


@pytest.mark.crash
async def test_killed_on_the_way_out(
    file: CanvasFile, nats: NatsProcess, link: Link, tmp_path: Path
) -> None:
    """CLU-38: its stream is closed once and for all; the same command again brings it home."""
    before, home = contents(file.path), tmp_path / "home"
    assert (await into(nats, file.path.parent))[0] == 0
    stages = []
    for step in count():
        command = ("migrate", "--from", nats.url, "--to-data", home, "--canvas", "main")
        if not await dies(step, *command):
            break
        stages.append(
            (await moved.find(link, "main") is not None, (home / "main.sqlite3").exists())
        )
    assert sorted(set(stages)) == [(False, False), (True, False), (True, True)]
    assert contents(home / "main.sqlite3") == before
    code, out, err = await out_of(nats, home, "--canvas", "main")
    assert (code, err) == (0, "")
    assert " already, seq " in out
    assert {found.name for found in home.iterdir()} == {"main.sqlite3", "server.lock"}, "no drafts"


async def dies(step: int, *arguments: str | Path) -> bool:
    """Run a command that is killed at a step; False where it had ended well by then."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.dying_command", str(step), *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    async with asyncio.timeout(WITHIN_S):
        code = await process.wait()
    assert code in {0, -signal.SIGKILL}
    return code != 0


async def test_unfinished_drawing_is_sent_again(
    file: CanvasFile, nats: NatsProcess, tmp_path: Path
) -> None:
    """CLU-36: what a client had sent and the cluster hadn't taken it sends to the new place."""
    assert (await into(nats, file.path.parent))[0] == 0
    node = node_of(tmp_path / "a", nats)
    node.start()
    try:
        async with Peer(node.ws()) as peer:
            await peer.draw(*[Pixel(x, 0, 1, 2, 3) for x in range(100)])
            moving = asyncio.create_task(out_of(nats, tmp_path / "home" / "data"))
            while not moving.done():
                await peer.draw(Pixel(peer.numbered % 320, peer.numbered // 320, 1, 2, 3))
                await asyncio.sleep(0.002)
            code, _, err = await moving
            assert code == 0, err
            acks = peer.all(Ack)
            durable, session = acks[-1].durable, peer.welcome.session
    finally:
        assert node.stop()[0] == 0
    home = ServerProcess(tmp_path / "home")
    home.start()
    async with Peer(home.ws(), session=session) as again:
        assert again.welcome.handled >= durable, "nothing that was durable is lost"
    home.stop_well()


async def test_backup_of_a_node(
    file: CanvasFile, nats: NatsProcess, link: Link, tmp_path: Path
) -> None:
    """CLU-39: made while it runs; served by itself, or moved into a cluster that lost its own."""
    assert (await into(nats, file.path.parent))[0] == 0
    node = node_of(tmp_path / "a", nats)
    node.start()
    async with Peer(node.ws(), session=session_id(0)) as peer:
        await peer.draw(Pixel(0, 0, 1, 2, 3))
        await peer.durable()
    picture, copy = show(node), ServerProcess(tmp_path / "copy")
    folds, data = node.folder / "data" / "folds", copy.folder / "data"
    code, out, err = await run("backup", data, "--data", folds)
    assert (code, err) == (0, "")
    assert f"main: seq {TOTAL + 1}" in out
    node.stop_well()
    copy.start()
    assert show(copy) == picture
    async with Peer(copy.ws(), session=session_id(0)) as peer:
        assert peer.welcome.handled == file.handled[0] + 1
    copy.stop_well()
    await streams.delete(link, "main")
    code, _, err = await into(nats, data)
    assert (code, err) == (0, "")
    node.start()  # on the fold of the stream that is lost
    assert show(node) == picture
    async with Peer(node.ws(), session=session_id(0)) as peer:
        assert peer.welcome.handled == file.handled[0] + 1
    node.stop_well()
