"""The bus in memory: what a test or a simulation in virtual time lets nodes talk over."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.memory_log import Schedule

B = TypeVar("B", bound="MemoryBus")


def matches(pattern: Sequence[str], subject: Sequence[str]) -> bool:
    """Whether a subject's tokens fit a pattern's, as NATS has it."""
    for index, token in enumerate(pattern):
        if token == ">":
            return len(subject) > index
        if index == len(subject) or token not in {"*", subject[index]}:
            return False
    return len(pattern) == len(subject)


class MemoryNetwork:
    """What joins the nodes' buses.

    With a ``schedule``, a message is heard ``delay_s`` after it was published. Without one, it is
    heard before :meth:`MemoryBus.publish` returns, unless that was called from a hearer: then after
    the message that is being heard. Messages never overtake each other.
    """

    def __init__(self, *, schedule: Schedule | None = None, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.published = 0
        """How many messages were taken."""
        self._schedule = schedule
        self._buses: list[MemoryBus] = []
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._under_way = False

    def bus(self) -> "MemoryBus":
        """Another node's."""
        return self.join(MemoryBus(self))

    def join(self, bus: B) -> B:
        """Have a node's bus hear what is said."""
        self._buses.append(bus)
        return bus

    def take(self, subject: str, data: bytes) -> None:
        """What :meth:`MemoryBus.publish` does here."""
        self.published += 1
        self._waiting.append((subject, data))
        if self._schedule is not None:
            self._schedule(self.delay_s, self._deliver)
        elif not self._under_way:
            self._under_way = True
            try:
                while self._waiting:
                    self._deliver()
            finally:
                self._under_way = False

    def _deliver(self) -> None:
        subject, data = self._waiting.popleft()
        for bus in list(self._buses):
            bus.hear(subject, data)


class MemorySubscription:
    """A subject that a node listens to."""

    def __init__(self, bus: "MemoryBus", subject: str, heard: Callable[[str, bytes], None]) -> None:
        self.pattern = subject.split(".")
        self.heard = heard
        self._bus = bus

    def cancel(self) -> None:
        """Hear nothing more."""
        self._bus.subscriptions.pop(self, None)


class MemoryBus:
    """One node's :class:`server.cluster.bus.Bus`."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.subscriptions: dict[MemorySubscription, None] = {}
        self._network = network
        self._cut = False

    def publish(self, subject: str, data: bytes) -> None:
        """Send to all who subscribe; dropped while the node is cut off."""
        if not self._cut:
            self._network.take(subject, data)

    def subscribe(self, subject: str, heard: Callable[[str, bytes], None]) -> MemorySubscription:
        """Have ``heard`` called with each message's subject and data."""
        subscription = MemorySubscription(self, subject, heard)
        self.subscriptions[subscription] = None
        return subscription

    def hear(self, subject: str, data: bytes) -> None:
        """A message arrives, unless the node is cut off."""
        tokens = subject.split(".")
        for subscription in list(self.subscriptions):
            if (
                not self._cut
                and subscription in self.subscriptions
                and matches(subscription.pattern, tokens)
            ):
                subscription.heard(subject, data)

    def cut(self) -> None:
        """Cut the node off: nothing goes out or comes in."""
        self._cut = True

    def mend(self) -> None:
        """Join it again; what was said meanwhile is lost."""
        self._cut = False
