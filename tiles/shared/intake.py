"""Entries as the stream delivers them, on their way into the fold: looked up, decided in turn.

While more wait than the fold keeps up with, or whoever is told of them, the stream is held.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence

from tiles.log.base import LogError, SessionCount
from tiles.loop import Offload, Scheduler
from tiles.shared.fold import WAITING_MAX, WAITING_MAX_BYTES, Applied, Fold
from tiles.shared.stream import Delivered, Stream

logger = logging.getLogger(__name__)

_AT_ONCE = 16
_AT_ONCE_BYTES = 32 * 1024
"""So much is decided in one turn of the loop, some 3 ms of single pixels or of claims; after a
pause thousands of entries wait."""
_AGAIN_S = 0.25
"""Time until what can't be looked up is looked up again."""


class Intake:
    """On the loop's thread alone.

    ``applied`` is told what each entry came to, ``failed`` why the fold takes no more.
    """

    def __init__(
        self,
        fold: Fold,
        stream: Stream,
        loop: Scheduler,
        offload: Offload,
        applied: Callable[[Applied], None],
        failed: Callable[[LogError], None],
    ) -> None:
        self._fold = fold
        self._stream = stream
        self._loop = loop
        self._offload = offload
        self._applied = applied
        self._failed = failed
        self._coming: deque[Delivered] = deque()
        self._coming_bytes = 0
        self._taken = False
        """The fold was given some that aren't decided: of sessions that are being looked up."""
        self._scheduled = self._looking_up = self._held = self._closed = False
        self.listener_behind = False
        """Whether who is told of the order has enough of it for now."""

    @property
    def waiting(self) -> int:
        """Entries that aren't decided, and what else the fold has to write."""
        return len(self._coming) + self._fold.waiting

    def add(self, entries: Sequence[Delivered]) -> None:
        """The next entries; where they are many, they are decided over the loop's next turns."""
        self._coming.extend(entries)
        self._coming_bytes += sum(len(delivered.data) for delivered in entries)
        if not self._scheduled:
            self._work()
        self.throttle()

    def close(self) -> None:
        """Apply nothing more."""
        self._closed = True

    def hold(self, held: bool) -> None:
        """Who is told of the order wants no more of it for now, or wants it again."""
        self.listener_behind = held
        self.throttle()
        if not held and not self._scheduled:
            self._work()

    def throttle(self) -> None:
        """Hold the stream, or let it go on."""
        waiting, size = self.waiting, self._coming_bytes + self._fold.waiting_bytes
        many = waiting > WAITING_MAX or size > WAITING_MAX_BYTES
        few = waiting < WAITING_MAX // 2 and size < WAITING_MAX_BYTES // 2
        if not self._held and (self.listener_behind or many):
            self._held = True
            self._stream.hold()
        elif self._held and few and not self.listener_behind:
            self._held = False
            self._stream.release()

    def _work(self) -> None:
        """Apply some of the entries that wait, once all that they name is in memory."""
        self._scheduled = False
        if self._looking_up or self._closed or self.listener_behind:
            return
        if not self._taken:
            self._take()
        absent = self._fold.absent()
        if absent:
            self._look_up(absent)
        else:
            try:
                self._fold.apply(self._applied)
            except LogError as error:
                self._closed = True
                self._failed(error)
                return
            self._taken = False
            if self._coming:
                self._scheduled = True
                self._loop.call_soon_threadsafe(self._work)
        self.throttle()

    def _take(self) -> None:
        """Give the fold the next few. At one of a newer release it ends, with those before."""
        some: list[Delivered] = []
        size = 0
        while self._coming and len(some) < _AT_ONCE and size < _AT_ONCE_BYTES:
            some.append(self._coming.popleft())
            size += len(some[-1].data)
        self._coming_bytes -= size
        self._taken = True
        try:
            self._fold.add(some)
        except LogError as error:
            self._coming.clear()
            self._coming_bytes = 0
            self._failed(error)

    def _look_up(self, absent: Sequence[bytes]) -> None:
        self._looking_up = True

        def found(counts: list[SessionCount | None]) -> None:
            self._looking_up = False
            self._fold.learn(absent, counts)
            self._work()

        def failed(error: Exception) -> None:
            self._looking_up = False
            if not self._closed:
                logger.error("sessions can't be looked up", exc_info=error)
                self._loop.call_later(_AGAIN_S, self._work)

        self._offload(lambda: self._fold.look_up(absent), found, failed)
