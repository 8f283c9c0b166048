"""Background services: each has a name, and comes back by itself when it fails.

A service is the scheduler of all that it does by itself. What it does inside is its own business;
when a call of it raises, the supervisor calls nothing of it any more, waits a while, and has it
start again from whatever state it was left in.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Any

from tiles.loop import Handle, Scheduler

logger = logging.getLogger(__name__)

RESTART_INITIAL_S = 0.05
"""Time from a failure to the restart, doubled with each failure that follows soon."""
RESTART_MAX_S = 2.0
HEALTHY_S = 5.0
"""Who has run for so long is restarted as soon after its next failure as after the first."""


class Watched:
    """A background service as others see it; ``canvas`` is empty where it serves all of them."""

    def __init__(self, name: str, canvas: str) -> None:
        self.name = name
        self.canvas = canvas
        self.up = True
        """Whether it runs: False from a failure to the restart."""
        self.restarts = 0

    def __str__(self) -> str:
        return f"canvas {self.canvas}: {self.name}" if self.canvas else self.name


class Service(Watched):
    """A background service on the event loop: the :class:`tiles.loop.Scheduler` of its calls.

    After a failure nothing that it had scheduled is called, nor what is scheduled on it before it
    is up again: :meth:`on_restart` finds all that waits.
    """

    def __init__(self, name: str, canvas: str, scheduler: Scheduler) -> None:
        super().__init__(name, canvas)
        self.time: Callable[[], float] = scheduler.time
        """See :meth:`tiles.loop.Scheduler.time`."""
        self._scheduler = scheduler
        self._restart: Callable[[], None] = _nothing
        self._life = 0
        self._began = scheduler.time()
        self._wait_s = RESTART_INITIAL_S
        self._stopped = False

    def on_restart(self, restart: Callable[[], None]) -> None:
        """Have ``restart`` called after each failure. It may raise, which is another failure."""
        self._restart = restart

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Handle:
        """See :meth:`tiles.loop.Scheduler.call_soon`."""
        return self._scheduler.call_soon(self._call, self._life, callback, args)

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> Handle:
        """See :meth:`tiles.loop.Scheduler.call_soon_threadsafe`."""
        return self._scheduler.call_soon_threadsafe(self._call, self._life, callback, args)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Handle:
        """See :meth:`tiles.loop.Scheduler.call_later`."""
        return self._scheduler.call_later(delay, self._call, self._life, callback, args)

    def own(self, callback: Callable[..., object]) -> Callable[..., None]:
        """``callback``, to be handed to others: a failure of it is the service's."""
        life = self._life
        return lambda *args: self._call(life, callback, args)

    def stop(self) -> None:
        """Call nothing more of it."""
        self._stopped = True
        self._life += 1

    def _call(self, life: int, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        if life != self._life or not self.up:
            return
        try:
            callback(*args)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self._stopped:
            logger.error(
                "%s failed at its end", self, exc_info=error, extra={"canvas": self.canvas}
            )
            return
        if self.time() - self._began > HEALTHY_S:
            self._wait_s = RESTART_INITIAL_S
        self._life += 1
        self.up = False
        self._scheduler.call_later(self._wait_s, self._begin, self._life)
        logger.error(
            "%s failed; restart in %g s",
            self,
            self._wait_s,
            exc_info=error,
            extra={"canvas": self.canvas},
        )
        self._wait_s = min(2 * self._wait_s, RESTART_MAX_S)

    def _begin(self, life: int) -> None:
        if life != self._life:
            return
        self._life += 1
        self._began = self.time()
        self.up = True
        self.restarts += 1
        self._call(self._life, self._restart, ())


class Supervisor:
    """The background services of one event loop."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self._services: list[Watched] = []

    def __iter__(self) -> Iterator[Watched]:
        return iter(self._services)

    def service(self, name: str, canvas: str = "") -> Service:
        """A new service, which runs."""
        service = Service(name, canvas, self.scheduler)
        self._services.append(service)
        return service

    def thread(self, name: str, canvas: str) -> Watched:
        """A service that restarts itself, in a thread of its own, and whose owner notes it."""
        watched = Watched(name, canvas)
        self._services.append(watched)
        return watched

    def stop(self, canvas: str) -> None:
        """A canvas is closed: its services are no more."""
        left = []
        for service in self._services:
            if service.canvas != canvas:
                left.append(service)
            elif isinstance(service, Service):
                service.stop()
        self._services = left


def fail(error: Exception) -> None:
    """Raise it: :meth:`Service.own` makes of this what to call when work beside the loop failed."""
    raise error


def _nothing() -> None:
    """Nothing waits for it."""
