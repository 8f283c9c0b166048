"""What nodes say to each other and nobody keeps."""

from collections.abc import Callable
from typing import Protocol


class Subscription(Protocol):
    """What :meth:`Bus.subscribe` gives."""

    def cancel(self) -> None:
        """Hear nothing more."""


class Bus(Protocol):
    """Messages to whoever listens now. For the event loop's thread.

    Subjects are NATS's: tokens joined by dots, ``*`` for any one, ``>`` for all that follow.
    """

    def publish(self, subject: str, data: bytes) -> None:
        """Send to all nodes that subscribe, this one too; dropped where there is no connection."""

    def subscribe(self, subject: str, heard: Callable[[str, bytes], None]) -> Subscription:
        """Have ``heard`` called with the subject and data of each message; it lasts over breaks."""
