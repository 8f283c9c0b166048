"""Dear messages on their way from being admitted to being painted: few at a time, in fair order.

Rasterised, one may take tens of MiB, and a second of a thread that shares the interpreter with the
event loop. So whose session has used the least time is next.
"""

import heapq
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from tiles.loop import Offload, Scheduler
from tiles.raster import Paint

if TYPE_CHECKING:
    from server.session import Session

READY_MAX = 1
"""Messages that are rasterised and not painted yet. One more is in a thread: with three there, as
many are drawn in a second, and the pixels of others wait five times as long."""


class Job:
    """One message, of a session that waits for it."""

    def __init__(
        self,
        session: "Session",
        rasterise: Callable[[], list[Paint]],
        done: Callable[[list[Paint]], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.session = session
        self.rasterise = rasterise
        self.done = done
        self.failed = failed


class Rasterising:
    """The queue of one canvas. A session has one message in it at most."""

    def __init__(self, scheduler: Scheduler, offload: Offload) -> None:
        self._scheduler = scheduler
        self._offload = offload
        self._waiting: list[tuple[float, int, Job]] = []
        self._order = count()
        self._in_work: set[Session] = set()
        """Whose message is being rasterised, or is so and not painted yet."""
        self._in_thread = False

    def __len__(self) -> int:
        """Messages that wait or are in work."""
        return len(self._waiting) + len(self._in_work)

    def add(self, job: Job) -> None:
        """Call ``done`` or ``failed`` on the loop, in the end; :meth:`painted` has to follow."""
        heapq.heappush(self._waiting, (job.session.used_s, next(self._order), job))
        self._begin()

    def painted(self, session: "Session") -> None:
        """What was rasterised for the session is painted, or dropped."""
        if session in self._in_work:
            self._in_work.remove(session)
            self._begin()

    def leave(self, session: "Session") -> None:
        """The session ended."""
        self._waiting = [entry for entry in self._waiting if entry[2].session is not session]
        heapq.heapify(self._waiting)
        self.painted(session)

    def holds(self, session: "Session") -> bool:
        """Whether a session's message is waited for: for recounts."""
        return session in self._in_work or any(
            job.session is session for _, _, job in self._waiting
        )

    def _begin(self) -> None:
        if self._waiting and not self._in_thread and len(self._in_work) <= READY_MAX:
            _, _, job = heapq.heappop(self._waiting)
            self._in_work.add(job.session)
            self._start(job)

    def _start(self, job: Job) -> None:
        began = self._scheduler.time()
        self._in_thread = True

        def leave_thread() -> None:
            job.session.used_s += self._scheduler.time() - began
            self._in_thread = False
            self._begin()

        def done(paints: list[Paint]) -> None:
            leave_thread()
            job.done(paints)

        def failed(error: Exception) -> None:
            leave_thread()
            job.failed(error)

        self._offload(job.rasterise, done, failed)
