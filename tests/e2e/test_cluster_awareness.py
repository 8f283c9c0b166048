"""Cursors, presence and following between the nodes of a cluster, over real sockets and NATS."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.messages import (
    PRESENCE_GONE,
    PRESENCE_HERE,
    Cursor,
    CursorMove,
    Follow,
    Presence,
    PresenceSet,
    Seen,
)
from tests.cluster_rig import Cluster, cluster
from tests.peer import Peer

FLAGS = ("--width", "8192", "--height", "8192")
ANN = PresenceSet(200, 100, 50, "Ann")
GONE_WITHIN_S = 6.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes."""
    with cluster(tmp_path_factory.mktemp("cluster"), 2, *FLAGS) as made:
        yield made


def told_last(peer: Peer, client: int) -> int | None:
    """What the last PRESENCE about a client said: here, gone; None before the first."""
    events = [message.event for message in peer.all(Presence) if message.client == client]
    return events[-1] if events else None


async def test_people_of_other_nodes_are_seen(pair: Cluster) -> None:
    """CLU-20, AWR-1: PRESENCE first, then cursors, in viewports that hold them, at any level."""
    async with (
        Peer(pair.ws(0)) as ann,
        Peer(pair.ws(1)) as bob,
        Peer(pair.ws(1)) as far,
        Peer(pair.ws(1)) as wide,
    ):
        client = ann.welcome.client
        await bob.look(0, 0, 500, 500)
        await far.look(5000, 5000, 5500, 5500)
        await wide.look(0, 0, 8191, 8191, level=3)
        await ann.send(ANN)
        await ann.look(0, 0, 400, 400)
        here = Presence(client, PRESENCE_HERE, 200, 100, 50, "Ann")
        await bob.until(lambda: here in bob.messages, "PRESENCE")
        await ann.send(CursorMove(14, 20, 1))
        cursor = Cursor(client, 14, 20, 1)
        for peer in (bob, wide):
            await peer.expect(Cursor, lambda came: came == cursor)
            assert peer.messages.index(here) < peer.messages.index(cursor)
        assert client not in {said.client for said in far.all(Cursor)}
        assert told_last(far, client) is None


async def test_people_of_other_nodes_are_followed(pair: Cluster) -> None:
    """CLU-22, AWR-5: wherever they look, whether or not one sees them."""
    async with Peer(pair.ws(0)) as ann, Peer(pair.ws(1)) as far:
        client = ann.welcome.client
        await ann.send(ANN)
        await ann.look(0, 0, 400, 400)
        await far.look(0, 0, 500, 500)
        await far.until(lambda: told_last(far, client) == PRESENCE_HERE, "PRESENCE")
        await far.look(5000, 5000, 5500, 5500)
        await far.send(Follow(client))
        await far.until(lambda: Seen(client, 0, 0, 0, 400, 400) in far.messages, "SEEN")
        await ann.look(100, 100, 300, 300)
        await far.until(lambda: Seen(client, 0, 100, 100, 300, 300) in far.messages, "SEEN")


async def test_people_go_with_their_node_and_with_nats(tmp_path: Path) -> None:
    """CLU-21: within the time; and they are back when NATS is."""
    with cluster(tmp_path, 2, *FLAGS) as own:
        own.troubled = True
        async with Peer(own.ws(1)) as bob:
            await bob.look(0, 0, 500, 500)
            async with Peer(own.ws(0)) as ann:
                await ann.look(0, 0, 500, 500)
                client = ann.welcome.client
                await bob.until(lambda: told_last(bob, client) == PRESENCE_HERE, "PRESENCE")
                own.nodes[0].kill()
                killed = time.monotonic()
                await bob.until(lambda: told_last(bob, client) == PRESENCE_GONE, "PRESENCE (gone)")
                assert time.monotonic() - killed < GONE_WITHIN_S
            own.nodes[0].start()
            async with Peer(own.ws(0)) as cem:
                await cem.look(0, 0, 500, 500)
                client = cem.welcome.client
                await bob.until(lambda: told_last(bob, client) == PRESENCE_HERE, "PRESENCE")
                own.nats.kill()
                await bob.until(lambda: told_last(bob, client) == PRESENCE_GONE, "PRESENCE (gone)")
                own.nats.start()
                await bob.until(lambda: told_last(bob, client) == PRESENCE_HERE, "PRESENCE")
