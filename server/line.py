"""What a session asks of the socket under it and of the event loop; tests can be either."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from protocol.errors import CloseCode
from protocol.messages import SERVER_FRAME_MAX_BYTES


class Line(Protocol):
    """The way to one client. After :meth:`close` or :meth:`abort` nothing more is sent.

    It tells its session when it is full (:meth:`server.session.Session.filled`), and when it has
    drained (:meth:`server.session.Session.drained`).
    """

    def frame(self, payload: bytes) -> bytes:
        """Whole messages, at most 256 KiB, as every line of this kind sends them."""

    def write(self, framed: bytes, /) -> object:
        """Send one or more frames, as :meth:`frame` made them, in one go."""

    def unsent_bytes(self) -> int:
        """Bytes written that the peer's system has not taken yet, as far as this one tells."""

    def close(self, code: CloseCode, reason: str) -> None:
        """Send a close frame; what was written before it goes out first."""

    def abort(self) -> None:
        """Drop the connection at once, with what is unsent."""


class Handle(Protocol):
    """A call that is scheduled."""

    def cancel(self) -> None:
        """Don't make the call."""


class Scheduler(Protocol):
    """The part of an asyncio event loop that the hub lives on."""

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


def pack(messages: Sequence[bytes]) -> list[bytes]:
    """Payloads of at most 256 KiB, each of whole messages, that hold all messages in order."""
    frames: list[bytes] = []
    start = size = 0
    for index, message in enumerate(messages):
        if size and size + len(message) > SERVER_FRAME_MAX_BYTES:
            frames.append(b"".join(messages[start:index]))
            start, size = index, 0
        size += len(message)
    if size:
        frames.append(b"".join(messages[start:]))
    return frames
