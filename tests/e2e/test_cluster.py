"""Two nodes on one NATS server, over real sockets: one canvas, whoever serves it."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import pytest

from protocol.errors import CloseCode, RejectCode
from protocol.messages import Drawing, Notice, Pixel, Rect, Reject, Stroke, Tile
from tests.cluster_rig import Cluster, cluster
from tests.e2e.test_backup import run
from tests.peer import Peer
from tests.process import COMMAND, NotReady

SIDE = 256
FLAGS = ("--width", str(SIDE), "--height", str(SIDE), "--budget-pixels", "0")
WITHIN_S = 20.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes; what stops one of them is for a cluster of one's own."""
    with cluster(tmp_path_factory.mktemp("cluster"), 2, *FLAGS) as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Cluster]:
    """Two nodes that a test may do anything to."""
    with cluster(tmp_path, 2, *FLAGS) as made:
        yield made


async def assert_equal(pair: Cluster) -> None:
    """Both nodes show the same, as soon as both have come to the same seq."""
    first, second = pair.nodes
    async with asyncio.timeout(WITHIN_S):
        while first.stats()["seq"] != second.stats()["seq"]:  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.01)
    box = (0, 0, SIDE - 1, SIDE - 1)
    assert np.array_equal(first.region(*box), second.region(*box))


async def test_drawing_goes_to_whoever_looks_on_any_node(pair: Cluster) -> None:
    """CLU-60: what is painted on one node arrives on the others as it came, and all are equal."""
    async with Peer(pair.ws(0)) as painter, Peer(pair.ws(1)) as viewer, Peer(pair.ws(1)) as away:
        assert painter.welcome.epoch == viewer.welcome.epoch
        assert len({peer.welcome.client for peer in (painter, viewer, away)}) == 3
        await viewer.look(0, 0, 127, 127)
        await away.look(192, 192, 255, 255)
        drawn: list[Drawing] = [
            Pixel(3, 4, 5, 6, 7),
            Stroke(3, 9, 9, 9, ((10, 10), (60, 70))),
            Rect(0, 20, 20, 90, 40, 200, 0, 100),
        ]
        await painter.draw(*drawn)
        await viewer.until(lambda: all(message in viewer.messages for message in drawn), "drawing")
        ack = await painter.durable()
        assert (ack.handled, ack.durable) == (3, 3)
        await assert_equal(pair)
        assert not any(message in away.messages for message in drawn)


async def test_refusals_count_on_every_node(pair: Cluster) -> None:
    """CLU-60: REJECTs have their numbers, and the session's count holds them wherever it goes."""
    async with Peer(pair.ws(0)) as peer:
        await peer.draw(Pixel(1, 1, 1, 1, 1), Pixel(SIDE, 0, 1, 1, 1), Pixel(2, 2, 2, 2, 2))
        await peer.durable()
        assert peer.all(Reject) == [Reject(2, RejectCode.OUT_OF_BOUNDS, 0)]
    async with Peer(pair.ws(1), session=peer.welcome.session) as again:
        assert again.welcome.session == peer.welcome.session
        assert again.welcome.client == peer.welcome.client
        assert again.welcome.handled == 3
        assert json.loads(again.welcome.info)["rejected"] == [[2, RejectCode.OUT_OF_BOUNDS]]


async def test_a_session_is_taken_over_across_nodes(pair: Cluster) -> None:
    """CLU-61: the older connection closes with 4409, and nothing of it counts after WELCOME."""
    async with Peer(pair.ws(0)) as older:
        await older.draw(*(Pixel(x, 9, 1, 2, 3) for x in range(50)))
        await older.durable()
        async with Peer(pair.ws(1), session=older.welcome.session) as newer:
            assert newer.welcome.handled == 50
            assert await older.closed() == CloseCode.TAKEN_OVER
            await newer.draw(Pixel(60, 9, 1, 2, 3))
            assert (await newer.durable()).handled == 51
        await assert_equal(pair)


async def test_an_unknown_session_is_a_new_one(pair: Cluster) -> None:
    """ACK-1: an id that no node gave out gets a new session."""
    async with Peer(pair.ws(0), session=b"0123456789abcdef") as peer:
        assert peer.welcome.session != b"0123456789abcdef"
        assert peer.welcome.handled == 0


async def test_budgets_of_an_address_hold_across_nodes(tmp_path: Path) -> None:
    """CLU-62: what an address paints on one node is gone from its budget on the others."""
    flags = ("--budget-pixels", "100", "--budget-refill", "1", "--budget-sessions-per-address", "2")
    with cluster(tmp_path, 2, "--width", "256", "--height", "256", *flags) as pair:
        async with Peer(pair.ws(0)) as one, Peer(pair.ws(1)) as two, Peer(pair.ws(1)) as other:
            await one.draw(*(Pixel(x, 0, 1, 1, 1) for x in range(100)))
            assert (await one.durable()).handled == 100
            await two.draw(*(Pixel(x, 1, 1, 1, 1) for x in range(100)))
            await two.durable()
            # Both are spent, and a third session of the same address has nothing but the refill.
            before = pair.nodes[1].stats()["seq"]
            await other.draw(*(Pixel(x, 2, 1, 1, 1) for x in range(50)))
            await other.durable()
            assert pair.nodes[1].stats()["seq"] - before < 10
            assert len(other.all(Reject)) > 40


async def test_without_nats_nodes_are_read_only_and_come_back(own: Cluster) -> None:
    """CLU-63: REJECT 6, a NOTICE, no resume, not ready; afterwards all goes on by itself."""
    async with Peer(own.ws(0)) as painter, Peer(own.ws(1)) as viewer:
        await viewer.look(0, 0, 127, 127)
        await painter.draw(Pixel(1, 1, 1, 1, 1))
        await painter.durable()
        own.troubled = True
        own.nats.kill()
        await painter.expect(Notice, lambda notice: notice.level == 2)
        await painter.draw(Pixel(2, 2, 2, 2, 2))
        await painter.expect(Reject, lambda reject: reject.code == RejectCode.READ_ONLY)
        with pytest.raises(HTTPError, match="503"):
            own.nodes[0].get("/readyz")
        # Who looks on still does.
        await viewer.look(0, 0, 255, 255)
        await viewer.expect(Tile, lambda tile: tile.tx == 3)
        async with Peer(own.ws(0), session=painter.welcome.session, hello=False) as again:
            with pytest.raises(AssertionError, match="1013"):
                await again.hello()
        own.nats.start()
        await painter.expect(Notice, lambda notice: notice.level == 0)
        await painter.draw(Pixel(3, 3, 3, 3, 3))
        await viewer.expect(Pixel, lambda pixel: pixel.x == 3)
        ack = await painter.durable()
        assert (ack.handled, ack.durable) == (3, 3)
        await assert_equal(own)


async def test_a_session_goes_on_elsewhere_when_its_node_dies(own: Cluster) -> None:
    """CLU-64: with the same id, from where it was; a node that comes back has all of it."""
    async with Peer(own.ws(0)) as peer:
        await peer.draw(*(Pixel(x, 5, 1, 2, 3) for x in range(200)))
        durable = (await peer.durable(100)).durable
        own.nodes[0].kill()
        await peer.closed()
    async with Peer(own.ws(1), session=peer.welcome.session) as again:
        assert again.welcome.session == peer.welcome.session
        assert again.welcome.epoch == peer.welcome.epoch
        assert durable <= again.welcome.handled <= 200
        for x in range(again.welcome.handled, 200):
            await again.draw(Pixel(x, 5, 1, 2, 3))
        await again.draw(Pixel(200, 5, 1, 2, 3))
        assert (await again.durable()).durable == 201
        assert own.nodes[1].stats()["seq"] == 201
    own.nodes[0].start()
    await assert_equal(own)
    assert own.nodes[0].stats()["epoch"] == again.welcome.epoch


async def test_a_node_that_stops_loses_nothing(own: Cluster) -> None:
    """CLU-64: SIGTERM closes with 1012, and the next node goes on from the same count."""
    async with Peer(own.ws(0)) as peer:
        await peer.draw(*(Pixel(x, 6, 1, 2, 3) for x in range(200)))
        own.nodes[0].stop_well()
        assert await peer.closed() == CloseCode.RESTARTING
    async with Peer(own.ws(1), session=peer.welcome.session) as again:
        assert again.welcome.handled == own.nodes[1].stats()["seq"]


@pytest.mark.crash
async def test_a_stream_that_lost_entries_has_a_new_epoch(own: Cluster) -> None:
    """CLU-75: NATS comes back as it was before: no client goes on with what is drawn nowhere."""
    own.troubled = True
    async with Peer(own.ws(0)) as peer:
        await peer.draw(Pixel(1, 1, 1, 2, 3))
        await peer.durable(1)
    own.nats.stop()
    own.nats.save_store()
    own.nats.start()
    await comes_back(own)
    async with Peer(own.ws(0), session=peer.welcome.session) as peer:
        assert peer.welcome.epoch == own.nodes[1].stats()["epoch"]
        await peer.draw(Pixel(2, 2, 1, 2, 3))
        await peer.durable(2)
        own.nats.kill()
        own.nats.restore_store()
        own.nats.start()
        await peer.closed()
    before = peer.welcome.epoch
    async with asyncio.timeout(2 * WITHIN_S):
        while epochs(own) & {before, 0} or len(epochs(own)) > 1:  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.1)
    (epoch,) = epochs(own)
    await comes_back(own)
    async with Peer(own.ws(1), session=peer.welcome.session) as peer:
        assert (peer.welcome.epoch, peer.welcome.handled) == (epoch, 1)
        await peer.draw(Pixel(3, 3, 1, 2, 3))
        await peer.durable(2)
    await assert_equal(own)
    shown = own.nodes[0].region(0, 0, 4, 4)
    painted = [tuple(shown[at, at, :3]) == (1, 2, 3) for at in range(5)]
    assert painted == [False, True, False, True, False]
    # It is no other for having been closed: neither node finds anything lost again.
    for node in own.nodes:
        assert node.stop()[0] == 0
        node.start()
    assert epochs(own) == {epoch}


@pytest.mark.crash
async def test_an_empty_nats_begins_no_blank_canvas(tmp_path: Path) -> None:
    """CLU-76: a node that holds the canvas says what to do, and by that the canvas is back."""
    with cluster(tmp_path, 1, *FLAGS) as own:
        own.troubled = True
        (node,) = own.nodes
        async with Peer(own.ws(0)) as peer:
            await peer.draw(*(Pixel(x, 1, 1, 2, 3) for x in range(9)))
            await peer.durable(9)
        painted = node.region(0, 0, 9, 9)
        own.nats.kill()
        own.nats.forget_store()
        own.nats.start()
        data = node.folder / "data"
        advice = f"move it to {data}/main.sqlite3"
        async with asyncio.timeout(2 * WITHIN_S):
            while advice not in node.log or found(own, 0, "main"):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        with pytest.raises(HTTPError, match="503"):
            node.stats()
        assert node.stop()[0] == 0
        with pytest.raises(NotReady, match="it ended with 1"):
            node.start()
        (data / "folds" / "main.sqlite3").rename(data / "main.sqlite3")
        code, _, err = await run(
            "migrate", "--to", own.nats.url, "--data", data, "--canvas", "main"
        )
        assert (code, err) == (0, "")
        node.start()
        assert np.array_equal(node.region(0, 0, 9, 9), painted)
        async with Peer(own.ws(0), session=peer.welcome.session) as again:
            assert again.welcome.handled == 9
            assert again.welcome.epoch != peer.welcome.epoch
            await again.draw(Pixel(20, 20, 1, 2, 3))
            await again.durable(10)


async def test_a_canvas_that_can_not_be_opened_is_in_nobodys_way(own: Cluster) -> None:
    """CLU-77: others are served, it is said why, and it comes when it can."""
    own.troubled = True
    node = own.nodes[1]
    tilecast(own, 0, "create", "aaa", "--width", "100", "--height", "90")
    node.stop()
    folds = node.folder / "data" / "folds"
    sick = folds / "aaa.sqlite3"
    sick.unlink()
    sick.mkdir()
    node.start()
    async with Peer(own.ws(1)) as peer:
        await peer.draw(Pixel(1, 1, 1, 2, 3))
        await peer.durable(1)
    assert not found(own, 1, "aaa")
    assert "the canvas aaa can't be opened" in node.log
    sick.rmdir()
    async with asyncio.timeout(WITHIN_S):
        while not found(own, 1, "aaa"):  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.05)


async def comes_back(own: Cluster) -> None:
    """Wait until both nodes let somebody in, which takes the stream's answer."""
    async with asyncio.timeout(WITHIN_S):
        for node in range(2):
            while not await admitted(own, node):  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.1)


def epochs(own: Cluster) -> set[int]:
    """What the nodes call the canvas's epoch; 0 is one's that doesn't serve it now."""
    told = set()
    for node in own.nodes:
        try:
            told.add(node.stats()["epoch"])
        except HTTPError:
            told.add(0)
    return told


async def test_canvases_are_made_and_changed_for_all_nodes(pair: Cluster) -> None:
    """CLU-65, SES-12: by a command beside any of them, and who is there is told."""
    tilecast(pair, 0, "create", "second", "--width", "100", "--height", "90")
    async with asyncio.timeout(WITHIN_S):
        while not found(pair, 1, "second"):  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.05)
    async with Peer(pair.ws(1, "second")) as peer:
        assert (peer.welcome.width, peer.welcome.height) == (100, 90)
        tilecast(pair, 0, "set", "second", "--title", "Two", "--palette", "#010101,#020202")
        await peer.expect(Notice, lambda notice: "other colours" in notice.text)
        await peer.expect(Notice, lambda notice: notice.text.endswith("Two"))
        tilecast(pair, 0, "set", "second", "--frozen")
        await peer.expect(Notice, lambda notice: "frozen" in notice.text)
        await peer.draw(Pixel(1, 1, 1, 1, 1))
        await peer.expect(Reject, lambda reject: reject.code == RejectCode.NOT_ALLOWED)
    async with Peer(pair.ws(1, "second")) as peer:
        assert json.loads(peer.welcome.info)["title"] == "Two"


def tilecast(pair: Cluster, node: int, *arguments: str) -> None:
    """Run ``tilecast canvas`` beside a node."""
    data = str(pair.nodes[node].folder / "data")
    command, *rest = arguments
    subprocess.run(
        [COMMAND, "canvas", command, *rest, "--data", data], check=True, capture_output=True
    )


async def admitted(pair: Cluster, node: int) -> bool:
    """Whether a node lets somebody in."""
    async with Peer(pair.ws(node), hello=False) as peer:
        try:
            await peer.hello()
        except AssertionError:
            assert peer.close_code == CloseCode.TRY_LATER
            return False
        return True


def found(pair: Cluster, node: int, canvas: str) -> bool:
    """Whether a node serves a canvas."""
    try:
        pair.nodes[node].stats(canvas)
    except HTTPError:
        return False
    return True


async def test_connections_of_an_address_are_counted_over_all_nodes(tmp_path: Path) -> None:
    """CLU-62: within the interval at which nodes tell each other of theirs."""
    with cluster(tmp_path, 2, "--max-connections-per-address", "2") as pair:
        async with Peer(pair.ws(0)), Peer(pair.ws(0)):
            async with asyncio.timeout(WITHIN_S):
                while await admitted(pair, 1):  # noqa: ASYNC110  nothing tells
                    await asyncio.sleep(0.1)
        async with asyncio.timeout(WITHIN_S):
            while not await admitted(pair, 1):  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.1)
