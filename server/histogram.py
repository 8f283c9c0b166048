"""Durations in buckets, counted where they are taken and read where Prometheus asks.

An observation is a search among a dozen bounds and two additions, a fraction of a microsecond:
``prometheus_client``'s own locks and looks labels up.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

FAST_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Upper bounds, in seconds, of what the event loop does in one go."""
SLOW_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""The same of what waits for a disk or for others."""


class Histogram:
    """How many values fell below each of some bounds, and their sum."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0
        """Of all values."""

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self._counts)

    def buckets(self) -> list[tuple[str, float]]:
        """(upper bound, how many values are no greater), as Prometheus has them, to ``+Inf``."""
        bounds = [*map(str, self._bounds), "+Inf"]
        return list(zip(bounds, accumulate(map(float, self._counts)), strict=True))
