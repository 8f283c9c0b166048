"""How late the event loop is: by how much it misses the time of a timer, ten times a second."""

from server.histogram import FAST_S, Histogram
from tiles.loop import Handle, Scheduler

_TICK_S = 0.1


class LoopLag:
    """Measures from :meth:`start` to :meth:`stop`; ``lateness`` is in seconds."""

    def __init__(self) -> None:
        self._timer: Handle | None = None
        self.lateness = Histogram(FAST_S)

    def start(self, scheduler: Scheduler) -> None:
        """Begin to measure, on that loop."""
        due = scheduler.time() + _TICK_S
        self._timer = scheduler.call_later(_TICK_S, self._tick, scheduler, due)

    def stop(self) -> None:
        """Measure no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self, scheduler: Scheduler, due: float) -> None:
        self.lateness.observe(max(0.0, scheduler.time() - due))
        self.start(scheduler)
