"""What happened on one canvas since the server started, counted for the metrics."""

from collections import Counter


class Counts:
    """Counters that only rise."""

    __slots__ = ("closes", "connections", "received_bytes", "received_frames", "rejects")

    def __init__(self) -> None:
        self.connections = 0
        """Connections that were let in."""
        self.closes: Counter[int] = Counter()
        """Connections that the server closed, by what it said; those that it didn't let in too."""
        self.received_frames = 0
        self.received_bytes = 0
        """In frames from clients, their heads left off."""
        self.rejects: Counter[int] = Counter()
        """Drawing messages that were refused, by why."""
