"""Somebody follows somebody who is connected to another node, in virtual time."""

from tests.simulation.nodes import FAR, HERE, Nodes, follower, met


def test_following() -> None:
    """CLU-23: what is looked at is shown at once and whenever it changes; also to a second one."""
    nodes = Nodes(2)
    ann, bob = follower(nodes)
    nodes.compare_following()
    assert bob.line.seen is not None
    ann.look((500, 500, 999, 999))
    nodes.run(0.05)
    nodes.compare_following()
    cem = nodes.join(1)
    cem.follow(ann.client)
    nodes.run(0.1)
    assert cem.line.seen == bob.line.seen
    nodes.run(3)
    bob.line.seen = cem.line.seen = None
    nodes.run(10)
    assert bob.line.seen is cem.line.seen is None
    bob.follow(0)
    bob.line.seen = None
    ann.look(HERE)
    nodes.run(10)
    assert bob.line.seen is None
    nodes.compare_following()
    cem.follow(0)
    nodes.run(10)
    assert [len(node.people.watching) for node in nodes.nodes] == [0, 0]


def test_following_somebody_over_connections() -> None:
    """CLU-23: whoever is followed may come back on another node, on the follower's own as well."""
    nodes = Nodes(3)
    ann, bob = follower(nodes)
    for node in (2, 1, 0):
        ann.leave()
        nodes.run(1)
        ann = nodes.join(node, ann.client)
        nodes.run(3)
        ann.look((700 + node, 0, 1000, 500))
        nodes.run(3)
        ann.introduce("Ann")
        nodes.run(3)
        assert bob.session.following == ann.client
        assert bob.line.seen is not None
        nodes.compare_following()
    assert bob.line.notices == []


def test_somebody_who_cannot_be_followed() -> None:
    """CLU-23: nobody, and who is anonymous; who becomes so isn't followed any more."""
    nodes = Nodes(2)
    ann, bob = met(nodes, HERE, FAR)
    for client, seconds in ((ann.client, 0.5), (999, 3)):
        bob.follow(client)
        nodes.run(seconds)
        assert bob.line.notices == ["That person can't be followed."]
        assert bob.session.following == 0
        bob.line.notices.clear()
    ann.introduce("Ann")
    bob.follow(ann.client)
    nodes.run(0.5)
    ann.introduce("")
    nodes.run(0.5)
    assert bob.line.notices == ["The person you followed doesn't want to be followed any more."]
    assert bob.session.following == 0


def test_following_while_the_node_is_cut_off() -> None:
    """CLU-23: the view stands, and goes on when the bus is back."""
    nodes = Nodes(2)
    ann, bob = follower(nodes)
    nodes.nodes[0].wire.bus.cut()
    ann.look((0, 0, 50, 50))
    nodes.run(20)
    assert bob.session.following == ann.client
    nodes.nodes[0].wire.bus.mend()
    nodes.run(3)
    nodes.compare_following()
