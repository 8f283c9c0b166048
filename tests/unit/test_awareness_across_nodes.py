"""Cursors and presence on a canvas that several nodes serve, in virtual time."""

import asyncio

from tests.simulation.nodes import FAR, GONE_S, HERE, REST_S, SIDE, Nodes, met


def test_two_who_look_at_one_place() -> None:
    """CLU-20: each hears of the other, of the name, and of the cursor where it is seen."""
    nodes = Nodes(2)
    ann, bob = met(nodes, HERE, HERE)
    assert ann.here == {bob.client}
    assert bob.here == {ann.client}
    ann.introduce("Ann")
    ann.point(300, 300)
    nodes.run(0.5)
    assert bob.line.here[ann.client].name == "Ann"
    cursor = bob.line.cursors[ann.client]
    assert (cursor.x, cursor.y) == (300, 300)
    ann.point(FAR[0], FAR[1])
    nodes.run(0.5)
    assert bob.line.cursors[ann.client] == cursor
    nodes.compare()


def test_somebody_who_points_where_they_do_not_look() -> None:
    """CLU-20: whoever looks there hears of them, first of who they are; a moment later no more."""
    nodes = Nodes(2)
    ann, bob = met(nodes, HERE, FAR)
    assert ann.here == bob.here == set()
    ann.point(FAR[0] + 5, FAR[1] + 5)
    nodes.run(0.5)
    ann.point(FAR[0] + 6, FAR[1] + 6)
    nodes.run(0.5)
    assert bob.line.cursors[ann.client].x == FAR[0] + 6
    nodes.run(REST_S)
    assert bob.here == set()


def test_who_is_there_is_known_soon() -> None:
    """CLU-20: whoever comes to a place needn't wait until those there are told of again."""
    nodes = Nodes(2)
    ann, bob, wide = nodes.join(0), nodes.join(1), nodes.join(1)
    bob.look(FAR)
    wide.look((0, 0, SIDE - 1, SIDE - 1), level=6)
    nodes.run(5)
    for _ in range(3):
        for box, near in ((HERE, {wide.client}), (FAR, {bob.client, wide.client})):
            ann.look(box)
            nodes.run(0.7)
            assert ann.here >= near
            nodes.run(10)
            assert ann.here == near


def test_who_leaves_and_who_looks_elsewhere() -> None:
    """CLU-21: who left is gone within a second, who looks elsewhere after the linger."""
    nodes = Nodes(3)
    ann, bob, cem = met(nodes, HERE, HERE, HERE)
    ann.leave()
    bob.look(FAR)
    nodes.run(1)
    assert cem.here == {bob.client}
    nodes.run(2)
    assert cem.here == bob.here == set()


def test_a_node_that_dies() -> None:
    """CLU-21: its people are gone for everybody else, in the stated time and not long before."""
    nodes = Nodes(3)
    ann, bob, cem = met(nodes, HERE, HERE, HERE)
    nodes.nodes[0].die()
    nodes.run(3)
    assert cem.here == {ann.client, bob.client}
    nodes.run(GONE_S - 3)
    assert cem.here == {bob.client}
    assert bob.here == {cem.client}


def test_a_node_that_is_cut_off() -> None:
    """CLU-21: its people are gone, and so are the others for these; all are back by themselves."""
    nodes = Nodes(3)
    ann, bob, cem = met(nodes, HERE, HERE, HERE)
    nodes.nodes[0].wire.bus.cut()
    nodes.run(GONE_S)
    assert ann.here == set()
    assert bob.here == {cem.client}
    ann.introduce("Ann")
    nodes.run(1)
    nodes.nodes[0].wire.bus.mend()
    nodes.run(2.5)
    assert ann.here == {bob.client, cem.client}
    assert bob.line.here[ann.client].name == "Ann"
    nodes.compare()


def test_a_node_that_stops() -> None:
    """CLU-21: it is silent and deaf at once; who comes back elsewhere soon was never gone."""
    nodes = Nodes(3)
    ann, bob, cem = met(nodes, HERE, HERE, HERE)
    dora = nodes.join(0)
    dora.look(HERE)
    nodes.run(1)
    asyncio.run(nodes.nodes[0].hub.stop())
    assert not nodes.nodes[0].wire.bus.subscriptions
    nodes.run(2)
    nodes.join(1, ann.client).look(HERE)
    for _ in range(100):
        assert cem.here >= {ann.client, bob.client}
        assert bob.here >= {cem.client}
        nodes.run(0.1)
    assert cem.here == {ann.client, bob.client}
    nodes.compare()


def test_a_late_farewell() -> None:
    """CLU-21: who left a node, and is on another by then, isn't gone for anybody."""
    nodes = Nodes(3)
    ann, bob, _ = met(nodes, HERE, HERE, HERE)
    nodes.join(1, ann.client).look(HERE)
    nodes.run(0.1)
    ann.leave()
    for _ in range(50):
        nodes.run(0.1)
        assert ann.client in nodes.visitors[2].here
    nodes.compare()
    assert bob.client in nodes.visitors[2].here


def test_a_cursor_whose_message_was_lost() -> None:
    """CLU-20: where it stands is told again with who it is."""
    nodes = Nodes(2)
    ann, bob = met(nodes, HERE, HERE)
    nodes.network.loss = 1.0
    ann.point(321, 321)
    nodes.run(0.01)
    nodes.network.loss = 0.0
    assert ann.client not in bob.line.cursors
    nodes.run(2)
    assert bob.line.cursors[ann.client].x == 321


def test_a_client_that_comes_to_this_node() -> None:
    """CLU-20: what was known of it as another node's is forgotten; it never hears of itself."""
    nodes = Nodes(2)
    ann, bob = met(nodes, HERE, HERE)
    ann.leave()
    again = nodes.join(1, ann.client)
    again.look(HERE)
    again.point(300, 300)
    nodes.run(REST_S)
    nodes.compare()
    assert bob.here == {ann.client}
    assert len(nodes.nodes[1].people.ghosts) == 0
