"""Several nodes that serve one canvas, in virtual time, and people who meet across them.

Of cluster mode there is awareness alone: each node draws on a canvas of its own.
"""

import random
from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import count

from protocol.codec import encode
from protocol.messages import (
    NEW_SESSION,
    PRESENCE_HERE,
    VERSION,
    Cursor,
    CursorMove,
    Follow,
    Hello,
    Message,
    Notice,
    Presence,
    PresenceSet,
    Seen,
    Viewport,
)
from protocol.session import State
from server.cluster.bus import Subscription
from server.cluster.people import People
from server.session import Session
from server.settings import Settings
from tests.memory_bus import MemoryBus, MemoryNetwork
from tests.memory_log import MemoryLog, MemoryStore
from tests.simulation.table import Notepad, Table, connect
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import VirtualTime
from tiles.geometry import Rectangle, overlap
from tiles.log.base import CanvasInfo

SIDE = 10_240
"""Of the canvas: five regions across."""
SETTINGS = Settings(max_cursors=6, presence_interval_ms=250)
GONE_S = 6.0
"""So long after a node died, or was cut off, its people are gone for everybody else."""
REST_S = GONE_S + 2 * SETTINGS.presence_linger_ms / 1000 + 1
_CURSORS_A_SECOND = 31
HERE = (100, 100, 699, 499)
FAR = (9000, 9000, 9599, 9399)
"""In another region."""


class Network:
    """The bus of all nodes; a message may be lost on its way to a node, not to its own sender."""

    def __init__(self, time: VirtualTime, rng: random.Random) -> None:
        self.loss = 0.0
        """Share of the messages that a node doesn't get."""
        self.memory = MemoryNetwork(schedule=time.do_after)
        self.rng = rng


class Wire:
    """One node's bus; counts by subject what the node got over it."""

    def __init__(self, network: Network) -> None:
        self.heard: Counter[str] = Counter()
        """Bytes."""
        self.bus: MemoryBus = network.memory.bus()
        self._network = network

    def publish(self, subject: str, data: bytes) -> None:
        """See :meth:`server.cluster.bus.Bus.publish`."""
        self.bus.publish(subject, data)

    def subscribe(self, subject: str, heard: Callable[[str, bytes], None]) -> Subscription:
        """See :meth:`server.cluster.bus.Bus.subscribe`."""

        def arrive(subject: str, data: bytes) -> None:
            if self._network.rng.random() >= self._network.loss:
                self.heard[subject] += len(data)
                heard(subject, data)

        return self.bus.subscribe(subject, arrive)


class Node:
    """One node."""

    def __init__(self, time: VirtualTime, network: Network, tick_s: float) -> None:
        self.wire = Wire(network)
        log = MemoryLog(MemoryStore(CanvasInfo(SIDE, SIDE)), schedule=time.do_after, delay_s=0.001)
        self.table = Table(log, time, SETTINGS, tick_s, self.wire)
        self.hub = self.table.hub
        elsewhere = self.hub._awareness._elsewhere
        assert isinstance(elsewhere, People)
        self.people = elsewhere
        self.alive = True

    def die(self) -> None:
        """Like ``kill -9``."""
        self.alive = self.table.process.alive = False
        self.wire.bus.cut()

    def traces(self) -> list[str]:
        """What is left of anybody, once nobody is connected to any node."""
        people = self.people
        left = {
            "subscriptions": len(self.wire.bus.subscriptions),
            "ghosts": len(people.ghosts),
            "regions with ghosts": len(people.ghosts._inside),
            "told of": len(people.telling) + len(people.telling._by_client),
            "to be told": len(people.telling._changed) + len(people.telling._left),
            "listening": len(people.listening) + len(people.listening._lookers),
            "watched": len(people.watching) + len(people.watching._changed),
            "cursors": len(self.hub._awareness._moved),
            "reviews": len(self.hub._awareness._unreviewed) + len(self.hub._awareness._looking),
            "presences": len(self.hub._awareness._here) + len(self.hub._awareness._introduced_at),
            "timers": people._timer is not None,
        }
        return [f"{number} {what}" for what, number in left.items() if number]


class Witness(Notepad):
    """A line that holds what is sent to what holds always (AWR-1 to AWR-4)."""

    def __init__(self, time: VirtualTime, verdict: Verdict) -> None:
        super().__init__()
        self.here: dict[int, Presence] = {}
        self.cursors: dict[int, Cursor] = {}
        """The last of each client."""
        self.seen: Seen | None = None
        self.notices: list[str] = []
        self.session: Session | None = None
        self._time = time
        self._verdict = verdict
        self._times: dict[int, deque[float]] = {}

    def write(self, framed: bytes) -> None:
        """See :meth:`server.line.Line.write`."""
        self.messages.clear()
        super().write(framed)
        for message in self.messages:
            self._look_at(message)
        self._verdict.check(
            len(self.here) <= SETTINGS.max_cursors, "AWR-3", f"{len(self.here)} others"
        )

    def _look_at(self, message: Message) -> None:
        session = self.session
        assert session is not None
        fail = self._verdict.fail
        match message:
            case Presence():
                if message.client == session.client:
                    fail("AWR-3", "it hears of itself")
                if message.event == PRESENCE_HERE:
                    self.here[message.client] = message
                else:
                    self.here.pop(message.client, None)
            case Cursor():
                box = session.view.box
                if message.client not in self.here:
                    fail("AWR-2", f"{message} before PRESENCE")
                if box is None or not overlap(box, (message.x, message.y) * 2):
                    fail("CLU-20", f"{message} lies outside {box}")
                self.cursors[message.client] = message
                times = self._times.setdefault(message.client, deque(maxlen=_CURSORS_A_SECOND))
                if len(times) == _CURSORS_A_SECOND and self._time.now - times[0] < 1:
                    fail("AWR-1", f"more than {len(times)} of {message.client} in a second")
                times.append(self._time.now)
            case Seen():
                if message.client != session.following:
                    fail("AWR-4", f"shown {message.client}, follows {session.following}")
                self.seen = message
            case Notice():
                self.notices.append(message.text)
            case _:
                pass


class Visitor:
    """Somebody who is connected to a node."""

    def __init__(self, nodes: "Nodes", node: Node, client: int) -> None:
        self.node = node
        self.client = client
        self.name = ""
        self.box: Rectangle | None = None
        self.level = 0
        self.line = Witness(nodes.time, nodes.verdict)
        self.session = self.line.session = connect(node.hub, self.line)
        self._nodes = nodes
        # Across nodes these numbers are unique: a matter of claims, which there are none of here.
        identities = node.hub._reception.identities
        identities._next_client = client
        identities._by_client.pop(client, None)  # whoever it was before
        self._send(Hello(VERSION, NEW_SESSION, ""))
        while self.session.identity is None:
            nodes.run(0.001)  # a slow machine
        assert self.session.client == client

    @property
    def here(self) -> set[int]:
        """The clients that it was told of as being here."""
        return set(self.line.here)

    @property
    def gone(self) -> bool:
        """Whether it left, or its node died."""
        return not self.node.alive or self.session.state is not State.OPEN

    def look(self, box: Rectangle, level: int = 0) -> None:
        """Send a VIEWPORT."""
        self.box, self.level = box, level
        self._send(Viewport(level, *box))

    def point(self, x: int, y: int) -> None:
        """Send a CURSOR."""
        self._send(CursorMove(x, y, 0))

    def introduce(self, name: str) -> None:
        """Send a PRESENCE."""
        self.name = name
        self._send(PresenceSet(1, 2, 3, name))

    def follow(self, client: int) -> None:
        """Send a FOLLOW."""
        self._send(Follow(client))

    def leave(self) -> None:
        """Close the connection."""
        self.session.lost()

    def _send(self, message: Message) -> None:
        self.session.receive(encode(message))


class Nodes:
    """A few nodes, and whoever is connected to them."""

    def __init__(self, nodes: int, seed: int = 1, tick_s: float = 1e-6) -> None:
        self.rng = random.Random(seed)
        self.verdict = Verdict()
        self.time = VirtualTime(self.verdict)
        self.network = Network(self.time, random.Random(self.rng.random()))
        self.nodes = [Node(self.time, self.network, tick_s) for _ in range(nodes)]
        self.visitors: list[Visitor] = []
        self._clients = count(1)

    def join(self, node: int, client: int = 0) -> Visitor:
        """Somebody new, or who comes again as ``client``, connects to a node."""
        visitor = Visitor(self, self.nodes[node], client or next(self._clients))
        self.visitors.append(visitor)
        return visitor

    def run(self, seconds: float) -> None:
        """Let time pass. Raises :class:`tests.simulation.verdict.Violation`."""
        self.time.run(self.time.now + seconds)
        self.verdict.settle()

    def present(self) -> list[Visitor]:
        """Who is connected to a node that lives."""
        self.visitors = [visitor for visitor in self.visitors if not visitor.gone]
        return self.visitors

    def compare(self) -> None:
        """At rest, who hears of whom is as if there were one node (CLU-20, CLU-21)."""
        present = self.present()
        for visitor in present:
            others = [other for other in present if other is not visitor]
            near = {other.client for other in others if _meet(visitor, other)}
            here, who = visitor.here, visitor.client
            check = self.verdict.check
            check(here <= near, "CLU-21", f"{here - near} stay with {who} after they left")
            due = min(len(near), SETTINGS.max_cursors)
            check(len(here) == due, "CLU-20", f"{who} hears of {len(here)}, not {due}")
            for other in others:
                told = visitor.line.here.get(other.client)
                if told is not None:
                    check(told.name == other.name, "CLU-20", f"{who} was told {told}")
        self.verdict.settle()

    def compare_cursors(self) -> None:
        """Each is pointed to anew; whoever hears of it and sees the place knows it (CLU-20)."""
        present = self.present()
        spots = {}
        for visitor in present:
            x0, y0, x1, y1 = visitor.box or (0, 0, SIDE - 1, SIDE - 1)
            x, y = spots[visitor.client] = self.rng.randint(x0, x1), self.rng.randint(y0, y1)
            visitor.point(x, y)
        self.run(REST_S)
        for visitor in present:
            for client in visitor.here:
                x, y = spots[client]
                if visitor.box is not None and overlap(visitor.box, (x, y, x, y)):
                    told = visitor.line.cursors.get(client)
                    right = told is not None and (told.x, told.y) == (x, y)
                    text = f"{visitor.client} was told {told}, not {(x, y)}"
                    self.verdict.check(right, "CLU-20", text)
        self.verdict.settle()

    def compare_following(self) -> None:
        """Who follows somebody was shown where that one looks now (CLU-23)."""
        by_client = {visitor.client: visitor for visitor in self.present()}
        for visitor in by_client.values():
            target = by_client.get(visitor.session.following)
            if target is None or not target.name or target.box is None:
                continue
            shown = Seen(target.client, target.level, *target.box)
            text = f"{visitor.client} was shown {visitor.line.seen}, not {shown}"
            self.verdict.check(visitor.line.seen == shown, "CLU-23", text)
        self.verdict.settle()

    def traces(self) -> list[str]:
        """What is left of anybody on the nodes that live, once all have left."""
        return [trace for node in self.nodes if node.alive for trace in node.traces()]


def _meet(one: Visitor, other: Visitor) -> bool:
    return one.box is not None and other.box is not None and overlap(one.box, other.box)


def clients(visitors: Sequence[Visitor]) -> set[int]:
    """Their numbers."""
    return {visitor.client for visitor in visitors}


def met(nodes: Nodes, *boxes: Rectangle) -> list[Visitor]:
    """One visitor a node, who look there."""
    visitors = [nodes.join(number) for number in range(len(boxes))]
    for visitor, box in zip(visitors, boxes, strict=True):
        visitor.look(box)
    nodes.run(1)
    return visitors


def follower(nodes: Nodes) -> tuple[Visitor, Visitor]:
    """Ann on one node, who is named; and Bob on another who looks elsewhere and follows her."""
    ann, bob = met(nodes, HERE, FAR)
    ann.introduce("Ann")
    nodes.run(1)
    bob.follow(ann.client)
    nodes.run(0.1)
    return ann, bob
