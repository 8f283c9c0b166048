"""How often a node sends entries, so that all nodes together can take them in.

Every entry costs every node, whoever sent it and however little it holds. The more nodes send,
the longer each joins what is drawn to one entry. All nodes read the same stream, so each knows
how many send without asking.
"""

from collections import Counter

ENTRIES_PER_S = 500
"""What all nodes send together, where drawing goes on everywhere: a fifth of a core of each."""
INTERVAL_MIN_S = 0.004
"""An entry costs every node some 0.4 ms, and NATS 0.3: alone, a node makes it worth that."""
INTERVAL_MAX_S = 0.25
"""Longer people would see. Past ``ENTRIES_PER_S * INTERVAL_MAX_S`` busy nodes the sum grows."""
_WINDOW_S = 1.0


class Pace:
    """``interval_s`` is the shortest time from one entry of this node to its next."""

    def __init__(self) -> None:
        self.interval_s = INTERVAL_MIN_S
        self._seen: Counter[int] = Counter()
        """Entries of the window, by node."""
        self._began = 0.0

    def seen(self, node: int, now: float) -> None:
        """Count an entry that the stream delivered, of this node or another."""
        if now - self._began >= _WINDOW_S:
            self._look(now - self._began)
            self._began = now
        self._seen[node] += 1

    def _look(self, window_s: float) -> None:
        """Share what all may send out among those that send.

        A node that sends less than anybody has to is not held back, and counts by what it sends.
        """
        least = window_s / INTERVAL_MAX_S
        busy = sum(min(1.0, entries / least) for entries in self._seen.values())
        self.interval_s = min(max(INTERVAL_MIN_S, busy / ENTRIES_PER_S), INTERVAL_MAX_S)
        self._seen.clear()
