"""Who is on a canvas, as any node of a cluster tells."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from urllib.error import HTTPError

from server.cluster import attendance
from server.cluster.link import Link, LinkOptions
from tests.cluster_rig import Cluster, cluster
from tests.peer import Peer
from tests.process import ServerProcess
from tests.workers_rig import WITHIN_S, until

FLAGS = ("--width", "256", "--height", "256")


def told(nodes: Cluster, **figures: int) -> Callable[[], bool]:
    """Whether all nodes that run tell these figures."""
    running = [node for node in nodes.nodes if node.running]
    return lambda: all(figures.items() <= node.stats().items() for node in running)


async def test_any_node_tells_who_is_on_all(tmp_path: Path) -> None:
    """CLU-26: who is connected and what they look at; a node that dies or stops is left out."""
    with cluster(tmp_path, 3, *FLAGS) as nodes:
        async with Peer(nodes.ws(0)), Peer(nodes.ws(1)) as one, Peer(nodes.ws(2)) as other:
            await one.look(0, 0, 127, 127)
            await other.look(64, 64, 127, 127)
            await until(told(nodes, sessions=3, subscriptions=5, stale=0))
            nodes.nodes[1].kill()
            assert await one.closed() == 1006
            await until(told(nodes, sessions=2, subscriptions=1))
            nodes.nodes[2].stop_well()
            # It said so: for dead it would be taken later.
            async with asyncio.timeout(attendance.KEPT_S / 2):
                await until(told(nodes, sessions=1, subscriptions=0))
        await until(told(nodes, sessions=0))
        nodes.nodes[1].start()
        async with Peer(nodes.ws(1)):
            await until(told(nodes, sessions=1))


async def test_without_nats_a_node_tells_what_it_knows(tmp_path: Path) -> None:
    """CLU-26: its own, as soon as the others can't be heard; and all again when they can."""
    with cluster(tmp_path, 2, *FLAGS) as pair:
        async with Peer(pair.ws(0)), Peer(pair.ws(1)):
            await until(told(pair, sessions=2))
            pair.troubled = True
            pair.nats.kill()
            await until(told(pair, sessions=1))
            pair.nats.start()
            await until(told(pair, sessions=2))


async def test_who_began_a_canvas_anew_is_counted_once(tmp_path: Path) -> None:
    """CLU-26: a node is one, however often its canvases were lost to it."""
    with cluster(tmp_path, 2, *FLAGS) as pair:
        epoch = pair.nodes[0].stats()["epoch"]
        async with Link(LinkOptions((pair.nats.url,))) as link, Peer(pair.ws(0)) as peer:
            await link.wait_up(WITHIN_S)
            pair.troubled = True
            await link.request("$JS.API.STREAM.DELETE.TILECAST_main", b"", WITHIN_S)
            await peer.closed()
        await until(lambda: all(anew(node, epoch) for node in pair.nodes))
        async with Peer(pair.ws(0)):
            await until(told(pair, sessions=1))
            await asyncio.sleep(2 * attendance.INTERVAL_S)  # whoever tells of it has told by then
            assert told(pair, sessions=1)()


def anew(node: ServerProcess, epoch: int) -> bool:
    """Whether a node serves the canvas of another epoch."""
    try:
        return bool(node.stats()["epoch"] != epoch)
    except HTTPError:
        return False
