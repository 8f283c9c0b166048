"""When one client sends too much to be served on: the two counts that close with 4429.

Most of what comes too fast is rejected, coalesced or sent later, and harms nobody; a flood is what
goes on all the same.
"""

from collections.abc import Callable
from typing import NamedTuple

from protocol.errors import CloseCode, ProtocolError
from server.allowance import INSISTED_MAX_S, OverBudget

_PAUSE_SHARE = 0.5
"""So much of it is enough: on its way a pause shrinks, when what came before it was held up."""
_BURST_S = 10.0


class FloodLimits(NamedTuple):
    """What one session may do; 0 for ``rejections`` or ``messages_per_second`` is no limit.

    ``unacked`` are the drawing messages that a client may have on their way.
    """

    rejections: int
    messages_per_second: float
    unacked: int


class Flood:
    """The counts of one session, over all its connections.

    *Over budget*: a client learns of a REJECT only when it has sent more, at most ``unacked``
    messages. Then it pauses for the ``retry_ms`` it was told, or draws no more than BUDGET tells.
    So what counts is a rejection of who insists (:class:`server.allowance.OverBudget`), until there
    is none for as long as the longest that was told, at most a second; and beyond ``unacked`` of
    them ``rejections`` more are put up with. What a connection sends first, as many messages as a
    client may have to send again, isn't counted at all.

    *Anything else* (CURSOR, PRESENCE, VIEWPORT, FOLLOW) may come ``messages_per_second`` times a
    second, with ten seconds' worth at once.
    """

    __slots__ = ("_at", "_exempt", "_left", "_limits", "_pause_s", "_rejected_at", "_rejections")

    def __init__(self, limits: FloodLimits, now: float) -> None:
        self._limits = limits
        self._exempt = 0
        self._rejections = 0
        self._pause_s = 0.0
        """What would be one: the longest that was told since the last."""
        self._rejected_at = now
        self._left = self._burst
        self._at = now

    def welcomed(self, handled: int) -> None:
        """WELCOME said so: what the client drew since comes again."""
        self._exempt = handled + self._limits.unacked

    def rejected(self, number: int, over: OverBudget, now: float) -> None:
        """Drawing message ``number`` was over budget.

        Raises :class:`ProtocolError` (4429) once that is a flood.
        """
        if now - self._rejected_at >= _PAUSE_SHARE * self._pause_s:
            self._rejections, self._pause_s = 0, 0.0
        self._rejected_at = now
        told_s = over.retry_ms / 1000 if over.retry_ms else INSISTED_MAX_S
        self._pause_s = min(max(self._pause_s, told_s), INSISTED_MAX_S)
        if not over.insists or number <= self._exempt or not self._limits.rejections:
            return
        self._rejections += 1
        if self._rejections > self._limits.unacked + self._limits.rejections:
            raise ProtocolError("drawing went on over budget", CloseCode.FLOOD)

    def said(self, time: Callable[[], float]) -> None:
        """A message came that isn't drawing. Raises :class:`ProtocolError` (4429) at a flood."""
        self._left -= 1
        if self._left < 0 and self._limits.messages_per_second:
            self._earn(time())  # a look at the clock costs more than most of these messages

    def _earn(self, now: float) -> None:
        earned = (now - self._at) * self._limits.messages_per_second
        self._left, self._at = min(self._burst, self._left + earned), now
        if self._left < 0:
            raise ProtocolError("too many messages a second", CloseCode.FLOOD)

    @property
    def _burst(self) -> float:
        return _BURST_S * self._limits.messages_per_second
