"""The token bucket that every rate of the server is held to."""

import math
from typing import NamedTuple


class Rate(NamedTuple):
    """At most ``burst`` tokens at once, ``refill`` more a second; 0 for either is no limit."""

    burst: float
    refill: float


class Bucket:
    """Tokens that come back with time. ``now`` is in seconds of the scheduler's clock.

    It is full at the start. Who learns what something costs only when it is done asks for a little
    and takes the whole: the level may fall below zero, and nothing is to be had until it is back.
    """

    __slots__ = ("_at", "_level", "burst", "refill", "unlimited")

    def __init__(self, rate: Rate, now: float) -> None:
        self.burst, self.refill = map(float, rate)
        """What it holds when it is full, and what comes back each second."""
        self.unlimited = 0 in rate
        """Whether there is nothing to count."""
        self._level = self.burst
        self._at = now

    def level(self, now: float) -> float:
        """The tokens there are; infinite without a limit."""
        if self.unlimited:
            return math.inf
        # The clock is monotonic, but a bucket may be asked with a time just before its last one.
        elapsed = max(0.0, now - self._at)
        return min(self.burst, self._level + elapsed * self.refill)

    def wait_s(self, tokens: float, now: float) -> float:
        """Seconds until there are so many; infinite if it never holds as many."""
        missing = tokens - self.level(now)
        if missing <= 0:
            return 0.0
        return math.inf if tokens > self.burst else missing / self.refill

    def is_full(self, now: float) -> bool:
        """Whether it is as good as a new one."""
        return self.unlimited or self.level(now) >= self.burst

    def take(self, tokens: float, now: float) -> None:
        """Take so many, whether or not they are there."""
        if not self.unlimited:
            self._level = self.level(now) - tokens
            self._at = now
