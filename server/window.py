"""How many bytes of snapshots may be on their way: what the line has shown to take in a second.

The client itself is asked, by a ping behind them: proxies and systems on the way take what they are
given long before it is there.
"""

from collections.abc import Callable

from protocol.messages import SERVER_FRAME_MAX_BYTES
from server.line import FRAME_BYTES

FIRST_BYTES = 8 * 1024
"""One tile that can't be compressed: about what TCP sends at first."""
LEAST_BYTES = 1024
MOST_BYTES = 4 * 1024 * 1024
ROUND_S = 1.0
"""What is on its way should get there within so long: CLOCK stands behind it."""
_GROWTH_MAX = 8
"""From one answer to the next: a line may take a burst faster than what follows."""
_ANSWER_MIN_S = 0.001
_MOMENTS = 8
"""Of a round."""
_ANSWER_MAX_S = 5.0
"""Who doesn't answer for longer, though its system took all, may be one that never does."""


class Window:
    """Of one connection. Times are of one clock, in seconds."""

    __slots__ = ("_asked", "_asked_at", "_given", "_given_at", "_mute", "size")

    def __init__(self) -> None:
        self.size = FIRST_BYTES
        self._given = 0
        """Bytes given to the line of which the peer hasn't said that they are there."""
        self._given_at = 0.0
        self._asked = 0
        """How many of them stand before the ping that isn't answered; 0 if there is none."""
        self._asked_at = 0.0
        self._mute = False
        """The client has not answered: what its system takes has to do."""

    @property
    def room(self) -> int:
        """Bytes that may be given; if it is none, :meth:`reached` will be called."""
        if self._mute:
            return MOST_BYTES
        left = self.size - self._given
        return left if self._asked else max(left, 1)  # who asked nothing waits for no answer

    @property
    def frame_bytes(self) -> int:
        """What a frame may have: no more than the line takes in a moment, if that is much."""
        return min(max(FRAME_BYTES, self.size // _MOMENTS), SERVER_FRAME_MAX_BYTES)

    def give(self, count: int, now: float) -> bool:
        """``count`` bytes are given to the line; whether a ping is to follow them."""
        if not self._asked and now - self._given_at > ROUND_S:
            self._given = 0  # it was less than half of what is there within the time
        self._given += count
        self._given_at = now
        if self._mute or self._asked or 2 * self._given < self.size:
            return False
        self._asked, self._asked_at = self._given, now
        return True

    def reached(self, now: float) -> None:
        """The ping was answered, if there was one."""
        if not self._asked:
            return
        took_s = max(now - self._asked_at, _ANSWER_MIN_S)
        within_round = int(self._asked * ROUND_S / took_s)
        self.size = max(LEAST_BYTES, min(within_round, _GROWTH_MAX * self.size, MOST_BYTES))
        self._given = 0 if self._mute else self._given - self._asked
        self._asked = 0
        self._mute = False

    def unanswered(self, now: float, unsent_bytes: Callable[[], int]) -> bool:
        """Whether the ping goes without an answer for so long that none is waited for any more.

        ``unsent_bytes`` tells what the peer's system hasn't taken, if that has to be known. An
        answer that comes later counts.
        """
        if self._mute or not self._asked or now - self._asked_at <= _ANSWER_MAX_S or unsent_bytes():
            return False
        self._mute = True
        return True
