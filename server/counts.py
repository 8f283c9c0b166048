"""What happened on one canvas since the server started, counted for the metrics."""

from collections import Counter


class Counts:
    """Counters that only rise."""

    __slots__ = ("closes", "connections", "rejects")

    def __init__(self) -> None:
        self.connections = 0
        """Connections that were let in."""
        self.closes: Counter[int] = Counter()
        """Connections that the server closed, by what it said."""
        self.rejects: Counter[int] = Counter()
        """Drawing messages that were refused, by why."""
