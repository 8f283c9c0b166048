"""Time that passes only when nothing is left to do now, and the event loops that live in it."""

import heapq
import random
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from tests.simulation.verdict import Verdict


class Timer:
    """A call that is scheduled."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        """Don't make the call."""
        self.callback = None


class VirtualTime:
    """Calls in the order of their times; those of one time in the order they were asked for."""

    def __init__(self, verdict: Verdict) -> None:
        self.now = 0.0
        self._verdict = verdict
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()

    def after(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """Call ``delay`` seconds from now."""
        timer = Timer((lambda: callback(*args)) if args else callback)
        heapq.heappush(self._heap, (self.now + delay, next(self._order), timer))
        return timer

    def do_after(self, delay: float, callback: Callable[[], None]) -> None:
        """The same for who never cancels."""
        self.after(delay, callback)

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass until then or until ``done``, asked ten times a second; whether it is done.

        Raises :class:`tests.simulation.verdict.Violation`.
        """
        ask = self.now
        while self._heap and self._heap[0][0] <= until:
            if self._heap[0][0] > ask:
                if done():
                    return True
                ask = self._heap[0][0] + 0.1
            when, _, timer = heapq.heappop(self._heap)
            self.now = max(self.now, when)
            self._verdict.now = self.now
            if timer.callback is not None:
                timer.callback()
                self._verdict.settle()
        self.now = max(self.now, until)
        return done()


class Process:
    """The event loop and the threads of one server process; nothing is called once it is dead.

    Every look at the clock costs ``tick_s``: so a server's work takes time, and deadlines pass.
    """

    def __init__(self, world: VirtualTime, rng: random.Random, tick_s: float) -> None:
        self.alive = True
        self.tick_s = tick_s
        self._world = world
        self._rng = rng
        self._frozen = False
        self._late: deque[Callable[[], object]] = deque()
        """What came due while it was frozen."""

    @property
    def running(self) -> bool:
        """Whether it is neither dead nor frozen."""
        return self.alive and not self._frozen

    def freeze(self, seconds: float) -> None:
        """Like SIGSTOP and then SIGCONT: what would have been called meanwhile is called then."""
        if self.running:
            self._frozen = True
            self._world.after(seconds, self._thaw)

    def _thaw(self) -> None:
        self._frozen = False
        while self._late:
            self.enter(self._late.popleft())

    def enter(self, callback: Callable[[], object]) -> None:
        """Something reaches the process from outside: now, or once it runs."""
        if self._frozen:
            self._late.append(callback)
        elif self.alive:
            callback()

    def time(self) -> float:
        """See :meth:`tiles.loop.Scheduler.time`."""
        self._world.now += self.tick_s
        return self._world.now

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Timer:
        """See :meth:`tiles.loop.Scheduler.call_soon`."""
        return self.call_later(0.0, callback, *args)

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> Timer:
        """See :meth:`tiles.loop.Scheduler.call_soon_threadsafe`."""
        return self.call_later(0.0, callback, *args)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        """See :meth:`tiles.loop.Scheduler.call_later`."""

        def call() -> None:
            if timer.callback is not None:  # it may be cancelled while the process is frozen
                callback(*args)

        timer = self._world.after(delay, self.enter, call)
        return timer

    def offload(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """See :class:`tiles.loop.Offload`: the work is done somewhere between now and its end."""

        def start() -> None:
            try:
                result = work()
            except Exception as error:
                self.call_later(self._rng.uniform(0, 0.02), failed, error)
            else:
                self.call_later(self._rng.uniform(0, 0.02), done, result)

        self.call_later(self._rng.uniform(0, 0.02), start)
