"""Figures from samples."""

import math
from collections.abc import Sequence


def percentile(samples: Sequence[float], share: float, lost: int = 0) -> float:
    """The least sample that at least ``share`` (0 to 1) of all don't exceed.

    ``lost`` samples never came and count as infinitely long. NaN without any.
    """
    total = len(samples) + lost
    if total == 0:
        return math.nan
    rank = math.ceil(share * total)
    ordered = sorted(samples)
    return ordered[max(rank, 1) - 1] if rank <= len(ordered) else math.inf
