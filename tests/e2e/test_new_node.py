"""A node that has no fold, or one of no use, begins from the newest snapshot and the tail."""

import io
import json
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from protocol.messages import Ack, Pixel
from server.cluster import streams
from server.cluster.link import Link, LinkOptions
from server.cluster.objects import Snapshot, Snapshots
from server.cluster.streams import StreamState
from server.threads import run_in_daemon
from tests.e2e.test_backup import run
from tests.nats_rig import NatsProcess, one_server
from tests.peer import Peer
from tests.process import ServerProcess
from tests.stream_rigs import wait_until

SIDE = 256
ENTRIES = 10
"""So many entries of the stream make a snapshot due."""
WITHIN_S = 40.0


class Cluster:
    """NATS, and nodes that are started as they are asked for. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.nats: NatsProcess = one_server(folder / "nats")
        self.nodes: dict[str, ServerProcess] = {}
        self._folder = folder
        self._ends = ExitStack()

    def __enter__(self) -> "Cluster":
        self._ends.enter_context(self.nats)
        return self

    def __exit__(self, *error: object) -> None:
        for node in self.nodes.values():
            if node.running:
                node.kill()
        self._ends.close()

    def node(self, name: str, *flags: str) -> ServerProcess:
        """A node, ready; another time the same one, on the same folder."""
        if name not in self.nodes:
            self.nodes[name] = ServerProcess(
                self._folder / name,
                *("--cluster", self.nats.url, "--width", str(SIDE), "--height", str(SIDE)),
                *("--snapshot-entries", str(ENTRIES), "--checkpoint-interval-s", "0.2"),
                *flags,
            )
        self.nodes[name].start()
        return self.nodes[name]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A NATS server, and no nodes yet."""
    with Cluster(tmp_path) as cluster:
        yield cluster


@pytest.fixture
async def link(cluster: Cluster) -> AsyncIterator[Link]:
    """The test's own link."""
    async with Link(LinkOptions((cluster.nats.url,))) as link:
        await link.wait_up(WITHIN_S)
        yield link


class Painter:
    """Paints, a message at a time, so that each is an entry; knows what it painted."""

    def __init__(self, peer: Peer, seed: int) -> None:
        self.peer = peer
        self._random = random.Random(seed)

    async def paint(self, count: int) -> None:
        """Paint, and wait until all of it is durable."""
        for _ in range(count):
            x, y = self._random.randrange(SIDE), self._random.randrange(SIDE)
            colour = self._random.randbytes(3)
            number = await self.peer.draw(Pixel(x, y, *colour))
            await self.peer.expect(Ack, lambda ack, n=number: ack.durable >= n)  # type: ignore[misc]


async def snapshots_of(link: Link) -> list[Snapshot]:
    """The snapshots that there are."""
    return await run_in_daemon(lambda: Snapshots(link).all("main"))


async def state_of(link: Link) -> StreamState:
    """What the stream holds."""
    return await streams.state(link, "main")


async def until(link: Link, holds: Callable[[list[Snapshot], StreamState], bool]) -> None:
    """Wait until something holds of the snapshots and the stream."""
    end = time.monotonic() + WITHIN_S
    while not holds(found := await snapshots_of(link), state := await state_of(link)):
        assert time.monotonic() < end, (found, state)


def picture(node: ServerProcess) -> bytes:
    """What a node shows of the whole canvas."""
    return node.region(0, 0, SIDE - 1, SIDE - 1).tobytes()


def made_by(node: ServerProcess) -> int:
    """How many snapshots a node has made."""
    return node.log.count("snapshot at place ") - node.log.count(
        "begun from the snapshot at place "
    )


def is_ready(node: ServerProcess) -> bool:
    """Whether a node says that it is."""
    try:
        return bool(node.get("/readyz"))
    except OSError:
        return False


async def in_step(*nodes: ServerProcess) -> None:
    """Wait until all nodes are at the same seq, and hold them to the same picture."""
    await wait_until(lambda: len({node.stats()["seq"] for node in nodes}) == 1, WITHIN_S)
    assert len({picture(node) for node in nodes}) == 1
    assert len({node.stats()["epoch"] for node in nodes}) == 1


def rows_of(fold: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that a fold holds and that is alike on every node."""
    with sqlite3.connect(f"file:{fold}?mode=ro", uri=True) as connection:
        return {
            "log": connection.execute(
                "SELECT first_seq, last_seq, session, name, time_ms, x0, y0, x1, y1, messages "
                "FROM log JOIN authors ON author = id ORDER BY first_seq"
            ).fetchall(),
            "sessions": connection.execute("SELECT * FROM sessions ORDER BY session").fetchall(),
            "mark": connection.execute(
                "SELECT * FROM meta WHERE key IN ('place', 'clients', 'check') ORDER BY key"
            ).fetchall(),
        }


def fold_of(node: ServerProcess) -> Path:
    """A node's fold."""
    return node.folder / "data" / "folds" / "main.sqlite3"


async def test_new_node_begins_from_a_snapshot(cluster: Cluster, link: Link) -> None:
    """CLU-30, CLU-33, CLU-34: it equals the others, knows all sessions, and needs no old entry."""
    old = cluster.node("a")
    async with AsyncExitStack() as stack:
        painters = [
            Painter(await stack.enter_async_context(Peer(old.ws())), seed) for seed in range(3)
        ]
        for painter in painters:
            await painter.paint(ENTRIES)
        await until(link, lambda found, state: bool(found))
        for painter in painters:
            await painter.paint(ENTRIES)
        # Behind the one before the newest.
        await until(
            link,
            lambda found, state: len(found) == 2 and state.bounds.first == found[0].place + 1,
        )
        await painters[0].paint(3)
    new = cluster.node("b")
    assert "begun from the snapshot at place" in new.log
    await in_step(old, new)
    # The sessions are known there, with their counts.
    for painter in painters:
        async with Peer(new.ws(), session=painter.peer.welcome.session) as peer:
            assert peer.welcome.handled == painter.peer.numbered
            assert peer.welcome.client == painter.peer.welcome.client
            await Painter(peer, 9).paint(2)
    await in_step(old, new)
    for node in (old, new):
        node.stop_well()
    assert rows_of(fold_of(old)) == rows_of(fold_of(new))


async def test_history_that_is_not_kept(cluster: Cluster, link: Link) -> None:
    """CLU-31: without history a snapshot is compact, and a new node says what it doesn't know."""
    old = cluster.node("a", "--history-keep-days", "0")
    async with Peer(old.ws()) as peer:
        painter = Painter(peer, 1)
        await peer.draw(Pixel(5, 5, 1, 2, 3))
        begins = 0
        while not begins:
            await painter.paint(ENTRIES)
            found = await snapshots_of(link)
            begins = int(found[-1].facts["begins"]) if found else 0
    new = cluster.node("b")
    async with Peer(new.ws()) as peer:
        await peer.draw(Pixel(6, 6, 1, 2, 3))
        await peer.durable(1)
    known = json.loads(new.get("/c/main/pixel/6/6"))
    assert known["seq"] == known["searched_to"] > begins
    lost = json.loads(new.get("/c/main/pixel/5/5"))
    assert (lost["colour"], lost["seq"]) == ("#010203", None)
    assert lost["searched_to"] >= 1, "not that nobody painted it"
    assert json.loads(old.get("/c/main/pixel/5/5"))["seq"] == 1
    # Who has more history brings more of it home.
    for node in (old, new):
        node.stop_well()
    code, out, err = await run(
        *("migrate", "--from", cluster.nats.url, "--to-data", old.folder / "data")
    )
    assert (code, err) == (0, "")
    assert "history from" not in out
    code, out, err = await run(
        *("migrate", "--from", cluster.nats.url, "--canvas", "main", "--again"),
        *("--to-data", new.folder / "elsewhere"),
    )
    assert (code, err) == (0, "")
    assert "history from seq" in out


async def test_overtaken_by_trimming(cluster: Cluster, link: Link) -> None:
    """CLU-35: a node that sleeps while the stream is trimmed beyond it begins anew by itself."""
    old, sleeper = cluster.node("a"), cluster.node("b")
    await in_step(old, sleeper)
    sleeper.pause()
    try:
        # Or else the system would keep for it what NATS goes on sending.
        cluster.nats.kill()
        await wait_until(lambda: not link.up)
        cluster.nats.start()
        await link.wait_up(WITHIN_S)
        await wait_until(lambda: is_ready(old), WITHIN_S)
        at = (await state_of(link)).bounds.last
        async with Peer(old.ws()) as peer:
            painter = Painter(peer, 1)
            while (await state_of(link)).bounds.first <= at + 1:
                await painter.paint(ENTRIES)
    finally:
        sleeper.resume()
    await wait_until(lambda: "the fold is made anew" in sleeper.log, WITHIN_S)
    await wait_until(lambda: is_ready(sleeper), WITHIN_S)
    await in_step(old, sleeper)


async def test_fold_that_was_left_behind(cluster: Cluster, link: Link) -> None:
    """CLU-33, CLU-34: one that was stopped, and one whose fold is damaged, start all the same."""
    old, late = cluster.node("a"), cluster.node("b")
    await in_step(old, late)
    late.stop_well()
    async with Peer(old.ws()) as peer:
        painter = Painter(peer, 1)
        while (await state_of(link)).bounds.first == 1:
            await painter.paint(ENTRIES)
    cluster.node("b")
    assert "the stream is trimmed beyond the fold" in late.log
    await in_step(old, late)
    late.stop_well()
    fold_of(late).write_bytes(b"no database" * 1000)
    cluster.node("b")
    assert late.log.count("the fold is made anew") == 2
    await in_step(old, late)


async def test_who_makes_snapshots_is_paused(cluster: Cluster, link: Link) -> None:
    """CLU-32: another takes its place; what it does when it wakes puts nothing old before new."""
    nodes = [cluster.node("a"), cluster.node("b")]
    await in_step(*nodes)
    async with Peer(nodes[0].ws()) as one, Peer(nodes[1].ws()) as two:
        painters = [Painter(one, 1), Painter(two, 2)]
        while not (makers := [node for node in nodes if made_by(node)]):
            await painters[0].paint(ENTRIES)
        sleeper = makers[0]
        other = next(node for node in nodes if node is not sleeper)
        painter, before = painters[nodes.index(other)], made_by(other)
        sleeper.pause()
        try:
            # By then the sleeper's lease has run out, and the stream is trimmed beyond it.
            while made_by(other) < before + 2:
                await painter.paint(ENTRIES)
            places = [snapshot.place for snapshot in await snapshots_of(link)]
        finally:
            sleeper.resume()
        for _ in range(3):
            await painter.paint(ENTRIES)
        await until(link, lambda found, state: found[-1].place > places[-1])
    found, state = await snapshots_of(link), await state_of(link)
    assert state.bounds.first <= found[-1].place, "nothing is trimmed that the newest lacks"
    await wait_until(lambda: is_ready(sleeper), WITHIN_S)
    new = cluster.node("c")
    await in_step(*nodes, new)
    assert "is of no use" not in new.log


async def test_canvas_from_a_picture(cluster: Cluster, tmp_path: Path) -> None:
    """CLU-33: its stream begins from a snapshot, which every node and every new one shows."""
    picture = np.random.default_rng(1).integers(0, 256, (200, 300, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "art.png")
    nodes = [cluster.node("a"), cluster.node("b")]
    data = nodes[0].folder / "data"
    code, out, err = await run(
        *("canvas", "create", "art", "--from", tmp_path / "art.png", "--data", data)
    )
    assert (code, err) == (0, "")
    assert "art: 300 × 200 pixels" in out
    code, _, err = await run("canvas", "create", "art", "--data", data)
    assert (code, "there is a canvas art already" in err) == (1, True)
    await wait_until(lambda: '"art"' in nodes[1].get("/api/canvases").decode(), WITHIN_S)
    nodes.append(cluster.node("c"))
    path = "/c/art/region.png?x0=0&y0=0&x1=299&y1=199"
    for node in nodes:
        with Image.open(io.BytesIO(node.get(path))) as image:
            assert np.array_equal(np.asarray(image.convert("RGB")), picture)
