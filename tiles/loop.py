"""The event loop and the threads beside it, as far as the engine knows of them."""

from collections.abc import Callable
from typing import Any, Protocol


class Handle(Protocol):
    """A call that is scheduled."""

    def cancel(self) -> None:
        """Don't make the call."""


class Scheduler(Protocol):
    """The part of an asyncio event loop that is used; a simulation has another one."""

    def time(self) -> float:
        """Seconds of a clock that never jumps."""

    def call_soon(self, callback: Callable[..., object], *args: Any) -> Handle:
        """Call on the next turn of the loop."""

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> Handle:
        """The same from another thread."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Handle:
        """Call ``delay`` seconds from now."""


class Offload(Protocol):
    """Runs work beside the event loop."""

    def __call__(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Call ``work`` in a thread, then ``done`` with its result or ``failed`` on the loop."""
