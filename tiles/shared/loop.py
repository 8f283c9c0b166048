"""The event loop that a shared log lives on, as far as it knows of it."""

from collections.abc import Callable
from typing import Any, Protocol


class Loop(Protocol):
    """The part of an event loop that the log lives on: the stream's."""

    def time(self) -> float:
        """Seconds of a clock that never jumps."""

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> object:
        """Call on the next turn, from whatever thread."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> object:
        """Call ``delay`` seconds from now."""


class Offload(Protocol):
    """Runs work beside the loop."""

    def __call__(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Call ``work`` in a thread, then ``done`` with its result or ``failed`` on the loop."""
