"""Cursors, presence and following on a canvas that several nodes serve, in virtual time."""

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.messages import CursorMove
from server.cluster.ghosts import GHOSTS_MAX
from server.cluster.people_wire import (
    HEAD_BYTES,
    NODE_BYTES,
    head,
    pack_clients,
    pack_cursor,
    pack_gone,
    pack_person,
    pack_regions,
    split_people,
)
from server.cluster.regions import ALL, EVERYWHERE
from server.supervisor import Service
from tests.sabotage import SOURCES, crash_at, stand_down
from tests.simulation.nodes import GONE_S, REST_S, SIDE, Nodes, Visitor
from tiles.geometry import Rectangle, holds

HERE = (100, 100, 699, 499)
FAR = (9000, 9000, 9599, 9399)
"""In another region."""
STRANGER = head(b"s" * NODE_BYTES)
"""What begins a message of a node that isn't one of the test's."""


def met(nodes: Nodes, *boxes: Rectangle) -> list[Visitor]:
    """One visitor a node, who look there."""
    visitors = [nodes.join(number) for number in range(len(boxes))]
    for visitor, box in zip(visitors, boxes, strict=True):
        visitor.look(box)
    nodes.run(1)
    return visitors


def records(number: int) -> list[bytes]:
    """Messages of another node about so many people, who all look at one place."""
    other = Nodes(1)
    person = other.join(0)
    person.introduce("x" * 64)
    person.look(HERE)
    other.run(0.1)
    record = pack_person(person.session)[4:]
    parts = [pack_clients([client]) + record for client in range(1, number + 1)]
    return [STRANGER + b"".join(parts[at : at + 100]) for at in range(0, number, 100)]


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


def test_who_leaves_in_the_middle_of_a_round() -> None:
    """CLU-21: whoever was to hear of them doesn't any more."""
    nodes = Nodes(1)
    ann = nodes.join(0)
    ann.look(HERE)
    nodes.run(1)
    node = nodes.nodes[0]
    for record in split_people(records(3)[0][HEAD_BYTES:]):
        node.people.ghosts.told(b"s" * NODE_BYTES, record[0] + 5, record[1], nodes.time.now)
    steps = node.hub._awareness._round(nodes.time.now + 1)
    next(steps)
    assert len(ann.session.hears) == 1
    for client in range(9):
        node.people.ghosts.drop(client)
    for _ in steps:
        pass
    assert not ann.session.hears


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


def test_a_node_gets_what_its_sessions_look_at() -> None:
    """CLU-22: nothing of other regions, and nothing at all where nobody is."""
    nodes = Nodes(3)
    ann = nodes.join(0)
    ann.look(HERE)
    crowd = [nodes.join(1) for _ in range(30)]
    for bob in crowd:
        bob.look(FAR)
    nodes.run(1)
    wires = [node.wire for node in nodes.nodes]
    for wire in wires:
        wire.heard.clear()
    for step in range(100):
        for bob in crowd:
            bob.point(FAR[0] + step, FAR[1])
        nodes.run(0.05)
    assert {subject for subject in wires[0].heard if ".4.4" in subject} == set()
    assert sum(wires[0].heard.values()) < 1000
    assert not wires[2].heard
    ann.look(FAR)
    nodes.run(1)
    assert wires[0].heard["tilecast.main.people.4.4"] > 0
    ann.look((0, 0, SIDE - 1, SIDE - 1), level=6)
    nodes.run(0.5)
    assert {str(name) for name in nodes.nodes[0].people.listening.subjects} == {
        "tilecast.main.cursors.>",
        "tilecast.main.people.>",
    }
    nodes.compare()


def test_a_node_alone_says_little() -> None:
    """CLU-22: of who stays as it is no more than once in a while; and nobody answers itself."""
    nodes = Nodes(1)
    ann = nodes.join(0)
    ann.look(HERE)
    nodes.run(1.2)
    assert nodes.network.memory.published == 2
    nodes.run(30)
    assert nodes.network.memory.published <= 2 + 30 / 1.5


def test_who_asks_without_end() -> None:
    """CLU-24: who is in a region is answered twice a second, to all who listen."""
    nodes = Nodes(1)
    node = nodes.nodes[0]
    nodes.join(0).look(HERE)
    nodes.run(1)
    node.wire.heard.clear()
    before = nodes.network.memory.published
    for _ in range(300):
        node.wire.publish("tilecast.main.who", STRANGER + pack_regions([ALL]))
        nodes.run(0.01)
    assert 4 <= nodes.network.memory.published - before - 300 <= 8


def test_cursors_go_in_bundles() -> None:
    """CLU-22: one message for a round and a region, not one for a cursor."""
    nodes = Nodes(2)
    met(nodes, HERE, HERE)
    crowd = [nodes.join(0) for _ in range(50)]
    nodes.run(1)
    before = nodes.network.memory.published
    for step in range(60):
        for bob in crowd:
            bob.point(200 + step, 200)
        nodes.run(1 / 60)
    assert nodes.network.memory.published - before < 31 + 30


def follower(nodes: Nodes) -> tuple[Visitor, Visitor]:
    """Ann on one node, who is named; and Bob on another who looks elsewhere and follows her."""
    ann, bob = met(nodes, HERE, FAR)
    ann.introduce("Ann")
    nodes.run(1)
    bob.follow(ann.client)
    nodes.run(0.1)
    return ann, bob


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


def test_more_people_than_there_is_room_for() -> None:
    """CLU-24: so many are known at once; what comes too fast is dropped; all is well afterwards."""
    nodes = Nodes(2)
    ann, bob = met(nodes, HERE, HERE)
    people = nodes.nodes[0].people
    assert ann.here == {bob.client}
    flood = records(GHOSTS_MAX + 3000)
    for message in flood:
        nodes.nodes[1].wire.publish("tilecast.main.people.0.0", message)
    nodes.run(0)
    assert people.overrun > 0
    assert people._inbox_bytes <= 1 << 20
    for message in flood:
        nodes.nodes[1].wire.publish("tilecast.main.people.0.0", message)
        nodes.run(0.01)
    assert len(people.ghosts) == GHOSTS_MAX
    assert people.ghosts.overlooked > 0
    nodes.run(REST_S)
    assert people.malformed == 0
    nodes.compare()


KINDS = ("cursors.0.0", "people.0.0", "people.wide", "who", "follow", "seen.1")
GOOD = (
    b"",
    pack_gone(1),
    records(1)[0][HEAD_BYTES:],
    pack_clients([1, 2]),
    pack_regions([EVERYWHERE, ALL]),
    pack_cursor(1, CursorMove(5, 5, 0)),
)


@given(
    st.sampled_from(KINDS),
    st.binary(max_size=40)
    | st.builds(lambda body: STRANGER + body, st.binary(max_size=90))
    | st.builds(
        lambda body, at, byte: STRANGER + body[:at] + bytes((byte,)) + body[at + 1 :],
        st.sampled_from(GOOD),
        st.integers(0, 120),
        st.integers(0, 255),
    ),
)
def test_bytes_that_say_anything(kind: str, data: bytes) -> None:
    """CLU-24: they are dropped, or believed as far as they can be true; nothing fails."""
    nodes = Nodes(1)
    node = nodes.nodes[0]
    ann = nodes.join(0)
    ann.look(HERE)
    ann.follow(1)
    nodes.run(0.3)
    node.wire.publish(f"tilecast.main.{kind}", data)
    nodes.run(0.5)
    for ghost in node.people.ghosts.near((0, 0, SIDE - 1, SIDE - 1)):
        assert holds((0, 0, SIDE - 1, SIDE - 1), ghost.view.box or HERE)
    (service,) = [one for one in node.table.supervisor if one.name == "people"]
    assert service.restarts == 0
    assert service.up
    nodes.run(REST_S)
    assert len(node.people.ghosts) == 0


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("people.0.0", records(1)[0][HEAD_BYTES:-1]),
        ("people.0.0", pack_gone(7)[:-1] + b"\x01\xff"),
        ("people.0.0", pack_gone(7)[:-1] + b"\x41" + b"x" * 65),
        ("people.0.0", pack_gone(0)),
        ("people.0.0", b"\x07\0\0\0\x02\x00" + b"\xff" * 8 + bytes(9)),
        ("people.0.0", b"\x07\0\0\0\x02\x63" + bytes(17)),
        ("people.0.0", b"\x07\0\0\0\x04\x00" + bytes(8) + b"\xff\xff" + bytes(8)),
        ("cursors.0.0", bytes(8)),
        ("cursors.0.0", pack_cursor(9, CursorMove(SIDE, 0, 0))),
        ("cursors.0.0", pack_cursor(9, CursorMove(0, SIDE, 0))),
        ("who", b"\x09\x00"),
        ("who", b"\x00"),
        ("follow", b"\x00" * 5),
    ],
)
def test_bytes_that_cannot_be_are_counted(kind: str, body: bytes) -> None:
    """CLU-24: halves of records, names that are no text, places off the canvas."""
    nodes = Nodes(1)
    nodes.join(0).look(HERE)
    nodes.run(0.5)
    people = nodes.nodes[0].people
    nodes.nodes[0].wire.publish(f"tilecast.main.{kind}", STRANGER + body)
    nodes.nodes[0].wire.publish(f"tilecast.main.{kind}", b"\x02" + STRANGER[1:] + body)
    nodes.run(0.1)
    assert people.malformed == 1
    assert len(people.ghosts) == 0


@pytest.mark.parametrize("call", range(1, 40, 3))
def test_the_service_fails(call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """SUP-1: wherever in its work, it comes back and all is told again."""
    files = ("people", "telling", "ghosts", "watching", "regions", "parcels")
    monkeypatch.setitem(SOURCES, "people", tuple(f"server/cluster/{name}.py" for name in files))
    nodes = Nodes(2)
    ann, bob = follower(nodes)
    (service,) = [one for one in nodes.nodes[0].table.supervisor if one.name == "people"]
    assert isinstance(service, Service)
    crash_at(service, call)
    try:
        bob.look(HERE)
        ann.introduce("Ada")
        cem = nodes.join(0)
        cem.look(HERE)
        ann.look((400, 400, 500, 500))
        nodes.run(1)
    finally:
        stand_down()
    assert service.restarts == 1
    nodes.run(REST_S)
    nodes.compare()
    nodes.compare_following()
    nodes.compare_cursors()
    for visitor in (ann, bob, cem):
        visitor.leave()
    nodes.run(REST_S)
    assert nodes.traces() == []


class Crowd:
    """People who come, look around, point, say their names, follow each other and go."""

    HOTSPOTS = ((1000, 1000), (2048, 2048), (6000, 300), (9500, 9500))

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(f"crowd {seed}")
        self.nodes = Nodes(3, seed, rng.choice((1e-7, 1e-6, 2e-5)))
        self.nodes.network.memory.delay_s = rng.choice((0.0, 0.001, 0.05))
        self.nodes.network.loss = rng.choice((0.0, 0.02, 0.2))

    def live(self, seconds: float) -> None:
        """So long."""
        end = self.nodes.time.now + seconds
        while self.nodes.time.now < end:
            self.act()
            self.nodes.run(self.rng.expovariate(40))

    def act(self) -> None:
        """Somebody does something."""
        rng, present = self.rng, self.nodes.present()
        if len(present) < 8 or (len(present) < 24 and rng.random() < 0.1):
            self.come()
            return
        one = rng.choice(present)
        match rng.randrange(10):
            case 0 | 1 | 2:
                self.look(one)
            case 3 | 4 | 5:
                near = one.box or (0, 0, SIDE - 1, SIDE - 1)
                x0, y0, x1, y1 = near if rng.random() < 0.8 else (0, 0, SIDE - 1, SIDE - 1)
                one.point(rng.randint(x0, x1), rng.randint(y0, y1))
            case 6:
                one.introduce(rng.choice(("", "Ada", "名前", "x" * 64)))
            case 7 | 8:
                one.follow(rng.choice(present).client)
            case _:
                one.leave()
                if rng.random() < 0.5:  # on another node, perhaps
                    self.come(one.client)

    def come(self, client: int = 0) -> None:
        """Somebody connects."""
        alive = [number for number, node in enumerate(self.nodes.nodes) if node.alive]
        visitor = self.nodes.join(self.rng.choice(alive), client)
        if self.rng.random() < 0.9:
            self.look(visitor)

    def look(self, visitor: Visitor) -> None:
        """At a screen at one of a few places; once in a while at a large part of it all."""
        rng = self.rng
        if rng.random() < 0.1:
            x0, y0 = rng.randrange(SIDE // 2), rng.randrange(SIDE // 2)
            side = rng.choice((3000, 9000))
            visitor.look((x0, y0, min(SIDE, x0 + side) - 1, min(SIDE, y0 + side) - 1), level=6)
        else:
            x, y = rng.choice(self.HOTSPOTS)
            x0, y0 = max(0, x + rng.randint(-500, 100)), max(0, y + rng.randint(-500, 100))
            visitor.look((x0, y0, x0 + rng.randint(50, 500), y0 + rng.randint(50, 400)))

    def rest(self) -> None:
        """Nobody does anything: all must come to be as if there were one node."""
        self.nodes.network.loss = 0
        self.nodes.run(REST_S)
        self.nodes.compare()
        self.nodes.compare_following()
        self.nodes.compare_cursors()
        self.nodes.compare()

    def end(self) -> None:
        """Everybody leaves; nothing of them stays, and the nodes fall silent."""
        for visitor in self.nodes.present():
            visitor.leave()
        self.nodes.run(REST_S)
        left = self.nodes.traces()
        assert left == [], left
        published = self.nodes.network.memory.published
        self.nodes.run(30)
        assert self.nodes.network.memory.published == published


@pytest.mark.simulation
@pytest.mark.parametrize("seed", range(1, 9))
def test_a_crowd_across_nodes(seed: int) -> None:
    """CLU-20, CLU-21, CLU-22, CLU-23: whatever is lost, late, cut off or dead, all is right soon.

    And nothing is left of anybody in the end.
    """
    crowd = Crowd(seed)
    crowd.live(4)
    crowd.rest()
    lonely = crowd.rng.choice(crowd.nodes.nodes)
    lonely.wire.bus.cut()
    crowd.live(crowd.rng.choice((0.5, 8)))
    lonely.wire.bus.mend()
    crowd.rest()
    crowd.live(2)
    crowd.rng.choice(crowd.nodes.nodes).die()
    dead = {one.client for one in crowd.nodes.visitors if one.gone}
    dead -= {one.client for one in crowd.nodes.present()}
    crowd.nodes.run(GONE_S)
    for visitor in crowd.nodes.present():
        assert not visitor.here & dead, (visitor.client, visitor.here & dead)
    crowd.live(1)
    crowd.rest()
    crowd.end()
