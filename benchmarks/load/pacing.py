"""So many acts a second, one after the other."""

from collections.abc import Callable

_TICK_S = 0.001
_BEHIND_MAX_S = 0.1


class Pacing:
    """``action`` for a reactor: calls ``act`` ``rate`` times a second.

    A generator that got no time for more than 0.1 s doesn't make up for it: what is reported is
    what was done.
    """

    def __init__(self, rate: float, act: Callable[[], None]) -> None:
        self._rate = rate
        self._act = act
        self._owed_since: float | None = None

    def __call__(self, now: float) -> float:
        """Do what is due; when to come back."""
        if self._owed_since is None:
            self._owed_since = now
        since = max(self._owed_since, now - _BEHIND_MAX_S)
        due = int((now - since) * self._rate)
        for _ in range(due):
            self._act()
        self._owed_since = since + due / self._rate
        return max(now + _TICK_S, self._owed_since + 1 / self._rate)
