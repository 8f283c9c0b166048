"""What nodes tell each other of themselves: sessions of a canvas, connections of an address."""

import random
from collections import Counter

import pytest

from server.address import ADDRESS_BYTES
from server.cluster import attendance, connections, digests
from server.cluster.attendance import Attendance, AttendanceElsewhere
from server.cluster.connections import ConnectionsElsewhere
from server.supervisor import RESTART_MAX_S, Service, Supervisor
from tests.memory_bus import MemoryBus, MemoryNetwork
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import Process, VirtualTime

NOBODY = Attendance(0, 0, 0)
ANN, BOB = b"a" * ADDRESS_BYTES, b"b" * ADDRESS_BYTES


class Nodes:
    """Some nodes, each with a bus and a service; what each has here is the test's to change."""

    def __init__(self, number: int) -> None:
        self.time = VirtualTime(Verdict())
        self.network = MemoryNetwork()
        self.buses: list[MemoryBus] = []
        self.services: list[Service] = []
        self.here: list[dict[str, Attendance]] = [{} for _ in range(number)]
        self.all = [self.join(here) for here in self.here]

    def join(self, here: dict[str, Attendance]) -> AttendanceElsewhere:
        """Another node."""
        bus, service = self._parts()
        return AttendanceElsewhere(bus, service, lambda: here)

    def limit(self, here: Counter[bytes]) -> ConnectionsElsewhere:
        """Another node, which limits the connections of each address."""
        bus, service = self._parts()
        return ConnectionsElsewhere(bus, service, lambda: here)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.time.run(self.time.now + seconds)

    def _parts(self) -> tuple[MemoryBus, Service]:
        supervisor = Supervisor(Process(self.time, random.Random(1), tick_s=0))
        self.buses.append(self.network.bus())
        self.services.append(supervisor.service("digests"))
        return self.buses[-1], self.services[-1]


def test_each_node_knows_how_many_all_others_have() -> None:
    """CLU-26: by canvas, its own left out, a second after it changed."""
    nodes = Nodes(3)
    nodes.here[0] |= {"main": Attendance(5, 40, 1), "b": Attendance(1, 2, 3)}
    nodes.here[1] |= {"main": Attendance(7, 10, 0)}
    nodes.run(attendance.INTERVAL_S)
    assert [node.of("main") for node in nodes.all] == [(7, 10, 0), (5, 40, 1), (12, 50, 1)]
    assert [node.of("b") for node in nodes.all] == [NOBODY, (1, 2, 3), (1, 2, 3)]
    nodes.here[0]["main"] = Attendance(6, 40, 0)
    nodes.run(attendance.INTERVAL_S)
    assert nodes.all[2].of("main") == (13, 50, 0)
    del nodes.here[0]["main"]
    nodes.run(attendance.INTERVAL_S)
    assert nodes.all[2].of("main") == (7, 10, 0)
    assert nodes.all[2].of("never") == NOBODY


def test_where_nobody_is_nothing_is_said() -> None:
    """CLU-26: an idle cluster is silent, and its last leaver is told of once."""
    nodes = Nodes(2)
    nodes.run(10)
    assert nodes.network.published == 0
    nodes.here[0]["main"] = Attendance(1, 0, 0)
    nodes.run(attendance.INTERVAL_S)
    nodes.here[0]["main"] = NOBODY
    nodes.run(10)
    assert nodes.all[1].of("main") == NOBODY
    assert nodes.network.published == 2


def test_who_died_is_out_of_it_and_who_stopped_at_once() -> None:
    """CLU-26: their people are on other nodes soon, and are not to be counted twice for long."""
    nodes = Nodes(3)
    for here in nodes.here:
        here["main"] = Attendance(1, 0, 0)
    nodes.run(attendance.INTERVAL_S)
    nodes.all[1].close()
    assert nodes.all[0].of("main").sessions == 1
    nodes.buses[2].cut()
    nodes.run(attendance.KEPT_S - attendance.INTERVAL_S)
    assert nodes.all[0].of("main").sessions == 1
    nodes.run(2 * attendance.INTERVAL_S)
    assert nodes.all[0].of("main") == nodes.all[1].of("main") == NOBODY
    nodes.buses[2].mend()
    nodes.run(attendance.INTERVAL_S)
    assert nodes.all[0].of("main").sessions == nodes.all[2].of("main").sessions == 1


def test_it_goes_on_after_a_failure() -> None:
    """CLU-26, SUP-1: what couldn't be told once is told soon after."""
    nodes = Nodes(1)
    there = {"main": Attendance(1, 0, 0)}
    fails = False

    def here() -> dict[str, Attendance]:
        if fails:
            raise RuntimeError("on purpose")
        return there

    AttendanceElsewhere(*nodes._parts(), here)
    fails, there = True, {"main": Attendance(2, 0, 0)}
    nodes.run(2)
    assert nodes.services[-1].restarts > 0
    assert nodes.all[0].of("main").sessions == 1
    fails = False
    nodes.run(RESTART_MAX_S)
    assert nodes.all[0].of("main").sessions == 2


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\1" + b"n" * 7,
        b"\2" + b"n" * 8 + b"\4" + b"\1\0\0\0" * 3 + b"main",
        b"\1" + b"n" * 8 + b"\5" + b"\1\0\0\0" * 3 + b"main",
        b"\1" + b"n" * 8 + b"\4" + b"\1\0\0\0" * 2 + b"main",
        b"\1" + b"n" * 8 + b"\4" + b"\1\0\0\0" * 3 + b"m\xffin",
    ],
    ids=["empty", "half a head", "a newer node's", "half a name", "half an entry", "no name"],
)
def test_what_no_node_would_tell_is_dropped(wrong: bytes) -> None:
    """CLU-26: and what the others told stays."""
    nodes = Nodes(2)
    nodes.here[1]["main"] = Attendance(2, 0, 0)
    nodes.run(attendance.INTERVAL_S)
    nodes.network.take(attendance.SUBJECT, wrong)
    assert nodes.all[0].of("main").sessions == 2
    nodes.network.take(connections.SUBJECT, wrong + b"\0")


def test_what_is_kept_of_other_nodes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-26: so many nodes, so many canvases of each: those with the most people."""
    monkeypatch.setattr(digests, "_NODES_MAX", 2)
    monkeypatch.setattr(attendance, "ENTRIES_MAX", 3)
    nodes = Nodes(4)
    for here in nodes.here:
        here |= {f"c{count}": Attendance(count, 0, 0) for count in (1, 2, 3, 4, 5)}
    nodes.run(attendance.INTERVAL_S)
    assert [node.of("c5").sessions for node in nodes.all] == [10] * 4
    assert [nodes.all[0].of(f"c{count}").sessions for count in (1, 2, 3)] == [0, 0, 6]


def test_connections_of_an_address() -> None:
    """CLU-62: over all other nodes, until they say otherwise or die."""
    nodes = Nodes(0)
    here: list[Counter[bytes]] = [Counter({ANN: 2}), Counter({ANN: 3, BOB: 1}), Counter()]
    one, two, three = map(nodes.limit, here)
    nodes.run(connections.INTERVAL_S)

    def elsewhere(address: bytes) -> list[int]:
        return [node.of(address) for node in (one, two, three)]

    assert elsewhere(ANN) == [3, 2, 5]
    assert elsewhere(BOB) == [1, 0, 1]
    here[1].clear()
    nodes.run(connections.INTERVAL_S)
    assert elsewhere(ANN) == [0, 2, 2]
    nodes.buses[0].cut()
    nodes.run(connections.KEPT_S + connections.INTERVAL_S)
    assert three.of(ANN) == 0
    one.close()
