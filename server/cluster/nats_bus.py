"""What nodes say to each other, on core NATS subjects."""

from collections.abc import Callable

from nats.aio.msg import Msg

from server.cluster.bus import Subscription
from server.cluster.link import Link


class NatsBus:
    """A :class:`server.cluster.bus.Bus`. What is published within a turn goes out in one write."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.dropped = 0
        """How many messages were published while NATS could not be reached, or were too large."""

    def publish(self, subject: str, data: bytes) -> None:
        """Send to all who subscribe now."""
        if not self._link.publish(subject, data):
            self.dropped += 1

    def subscribe(self, subject: str, heard: Callable[[str, bytes], None]) -> Subscription:
        """Have ``heard`` called with each message's subject and data."""

        def hear(message: Msg) -> None:
            heard(message.subject, message.data)

        return self._link.subscribe(subject, hear)
