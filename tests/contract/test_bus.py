"""What every bus promises, in memory or on NATS (:mod:`server.cluster.bus`)."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from server.cluster.bus import Bus
from server.cluster.link import Link, LinkOptions
from server.cluster.nats_bus import NatsBus
from tests.memory_bus import MemoryBus, MemoryNetwork
from tests.nats_rig import one_server
from tests.stream_rigs import WAIT_S, Line, wait_until

Heard = list[tuple[str, bytes]]


class Node:
    """A node's bus, and what was heard on it."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.heard: Heard = []

    def hear(self, subject: str, data: bytes) -> None:
        """Remember a message."""
        self.heard.append((subject, data))


class BusRig(ABC):
    """Nodes that talk."""

    @abstractmethod
    async def node(self) -> Node:
        """Another node."""

    @abstractmethod
    async def cut(self, node: Node) -> None:
        """Cut a node off."""

    @abstractmethod
    async def mend(self, node: Node) -> None:
        """Join it again."""

    @abstractmethod
    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds; fail if it doesn't soon."""

    @abstractmethod
    async def dispose(self) -> None:
        """End all that is still running."""

    async def settle(self, *nodes: Node) -> None:
        """Wait until what each of these nodes said and asked for has reached the others' server."""
        for node in nodes:
            echo = Node(node.bus)
            subscription = node.bus.subscribe("echo", echo.hear)
            node.bus.publish("echo", b"")
            await self.until(lambda: len(echo.heard) > 0)  # noqa: B023  awaited here
            subscription.cancel()


class MemoryBusRig(BusRig):
    """:class:`MemoryBus`."""

    def __init__(self) -> None:
        self._network = MemoryNetwork()

    async def node(self) -> Node:
        return Node(self._network.bus())

    async def cut(self, node: Node) -> None:
        assert isinstance(node.bus, MemoryBus)
        node.bus.cut()

    async def mend(self, node: Node) -> None:
        assert isinstance(node.bus, MemoryBus)
        node.bus.mend()

    async def until(self, condition: Callable[[], bool]) -> None:
        assert condition()

    async def dispose(self) -> None:
        pass


class NatsBusRig(BusRig):
    """:class:`NatsBus` over a server of its own, and a line of its own for each node."""

    def __init__(self, folder: Path) -> None:
        self._server = one_server(folder)
        self._stack = AsyncExitStack()
        self._lines: dict[int, tuple[Link, Line]] = {}

    async def node(self) -> Node:
        if not self._lines:
            self._server.start()
        line = await self._stack.enter_async_context(Line(self._server.config.port))
        url = self._server.url.replace(f":{self._server.config.port}", f":{line.port}")
        link = await self._stack.enter_async_context(Link(LinkOptions((url,))))
        await link.wait_up(WAIT_S)
        node = Node(NatsBus(link))
        self._lines[id(node)] = (link, line)
        return node

    async def cut(self, node: Node) -> None:
        link, line = self._lines[id(node)]
        line.target_port = 1
        line.cut_all()
        await wait_until(lambda: not link.up)

    async def mend(self, node: Node) -> None:
        link, line = self._lines[id(node)]
        line.target_port = self._server.config.port
        await wait_until(lambda: link.up)

    async def until(self, condition: Callable[[], bool]) -> None:
        await wait_until(condition)

    async def dispose(self) -> None:
        try:
            await self._stack.aclose()
        finally:
            self._server.dispose()


@pytest.fixture(params=["memory", "nats"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[BusRig]:
    """A bus of one kind."""
    made = MemoryBusRig() if request.param == "memory" else NatsBusRig(tmp_path / "nats")
    yield made
    await made.dispose()


async def test_all_who_listen_hear(rig: BusRig) -> None:
    """A message is heard by every node that subscribes, who sent it too, and by no other."""
    one, two, deaf = await rig.node(), await rig.node(), await rig.node()
    one.bus.subscribe("a.b", one.hear)
    two.bus.subscribe("a.b", two.hear)
    deaf.bus.subscribe("a.c", deaf.hear)
    await rig.settle(one, two, deaf)
    one.bus.publish("a.b", b"from one")
    two.bus.publish("a.b", bytes(range(256)))
    await rig.until(lambda: len(one.heard) == len(two.heard) == 2)
    assert sorted(one.heard) == sorted([("a.b", b"from one"), ("a.b", bytes(range(256)))])
    assert sorted(two.heard) == sorted(one.heard)
    await rig.settle(one, two, deaf)
    assert not deaf.heard


async def test_messages_of_a_node_keep_their_order(rig: BusRig) -> None:
    """What one node says on one subject or several is heard in the order it was said."""
    one, two = await rig.node(), await rig.node()
    two.bus.subscribe("x.*", two.hear)
    await rig.settle(two)
    said = [(f"x.{number % 3}", b"%d" % number) for number in range(500)]
    for subject, data in said:
        one.bus.publish(subject, data)
    await rig.until(lambda: len(two.heard) == 500)
    assert two.heard == said


@pytest.mark.parametrize(
    ("pattern", "fits", "others"),
    [
        ("a.b.c", ["a.b.c"], ["a.b", "a.b.c.d", "a.b.d", "a"]),
        ("a.*.c", ["a.b.c", "a.x.c"], ["a.c", "a.b.b.c", "a.b.d"]),
        ("a.*", ["a.b", "a.7"], ["a", "a.b.c", "b.a"]),
        ("a.>", ["a.b", "a.b.c.d"], ["a", "b.a", "aa.b"]),
        ("*.b.>", ["a.b.c", "x.b.c.d"], ["a.b", "b.c", "a.c.b"]),
        (">", ["a", "a.b"], []),
    ],
)
async def test_patterns(rig: BusRig, pattern: str, fits: list[str], others: list[str]) -> None:
    """Subjects are tokens; `*` stands for one, `>` for one or more at the end."""
    node = await rig.node()
    every = await rig.node()
    for subject in {*fits, *others}:
        every.bus.subscribe(subject, every.hear)
    await rig.settle(every)
    node.bus.subscribe(pattern, node.hear)
    for subject in (*others, *fits):
        node.bus.publish(subject, b"")
    await rig.until(lambda: len(every.heard) == len(fits) + len(others))
    await rig.settle(node)
    heard = [subject for subject, _ in node.heard if subject != "echo"]
    assert heard == fits


async def test_several_subscriptions(rig: BusRig) -> None:
    """Each subscription that fits hears a message, and one that was cancelled hears none."""
    node = await rig.node()
    first = node.bus.subscribe("a.*", lambda subject, data: node.hear(f"first {subject}", data))
    node.bus.subscribe("a.b", lambda subject, data: node.hear(f"second {subject}", data))
    node.bus.publish("a.b", b"1")
    await rig.until(lambda: len(node.heard) == 2)
    first.cancel()
    first.cancel()
    node.bus.publish("a.b", b"2")
    await rig.until(lambda: len(node.heard) == 3)
    await rig.settle(node)
    assert sorted(node.heard[:2]) == [("first a.b", b"1"), ("second a.b", b"1")]
    assert node.heard[2:] == [("second a.b", b"2")]


async def test_hearers_may_speak_and_cancel(rig: BusRig) -> None:
    """Who hears a message may publish, subscribe and cancel from within."""
    node = await rig.node()

    def hear(subject: str, data: bytes) -> None:
        node.hear(subject, data)
        if data == b"ping":
            subscription.cancel()
            node.bus.subscribe("answers", node.hear)
            node.bus.publish("answers", b"pong")
            node.bus.publish("questions", b"nobody hears this")

    subscription = node.bus.subscribe("questions", hear)
    node.bus.publish("questions", b"ping")
    await rig.until(lambda: len(node.heard) == 2)
    await rig.settle(node)
    assert node.heard == [("questions", b"ping"), ("answers", b"pong")]


async def test_cut_off_and_back(rig: BusRig) -> None:
    """CLU-6: what is said to or by a node that is cut off is dropped; its subscriptions last."""
    one, two = await rig.node(), await rig.node()
    two.bus.subscribe("a.*", two.hear)
    one.bus.subscribe("a.*", one.hear)
    await rig.settle(one, two)
    await rig.cut(two)
    one.bus.publish("a.missed", b"")
    two.bus.publish("a.unsaid", b"")
    await rig.settle(one)
    await rig.mend(two)
    await rig.settle(two)
    one.bus.publish("a.heard", b"")
    await rig.until(lambda: len(two.heard) == 1)
    two.bus.publish("a.said", b"")
    await rig.until(lambda: len(one.heard) == 3)
    assert [subject for subject, _ in two.heard[:1]] == ["a.heard"]
    assert [subject for subject, _ in one.heard] == ["a.missed", "a.heard", "a.said"]
