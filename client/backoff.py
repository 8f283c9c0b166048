"""How long to wait before coming back."""

import random
from collections.abc import Callable

FIRST_DELAY_S = 0.5
DELAY_MAX_S = 30.0


class Backoff:
    """Delays that double up to a ceiling, each a random part of it, so that clients spread out.

    ``jitter`` gives the part, 0 to 1.
    """

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._ceiling_s = FIRST_DELAY_S

    def next_s(self) -> float:
        """The next delay, in seconds."""
        delay_s = self._jitter() * self._ceiling_s
        self._ceiling_s = min(2 * self._ceiling_s, DELAY_MAX_S)
        return delay_s

    def reset(self) -> None:
        """A connection held: the next delay is a first one again."""
        self._ceiling_s = FIRST_DELAY_S
