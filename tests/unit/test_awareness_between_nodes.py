"""What nodes tell each other of people: how much of it, and what of it is believed."""

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
from tests.simulation.nodes import FAR, HERE, REST_S, SIDE, Nodes, follower, met
from tiles.geometry import holds

STRANGER = head(b"s" * NODE_BYTES)
"""What begins a message of a node that isn't one of the test's."""


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
