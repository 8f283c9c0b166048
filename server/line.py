"""What a session asks of the socket under it; tests can be one."""

from collections.abc import Sequence
from typing import Protocol

from protocol.errors import CloseCode

FRAME_BYTES = 32 * 1024
"""Where nothing is known of a line, a frame of several messages has at most so much: a browser
tells of a frame when all of it is there, and slow lines take seconds for this."""


class Line(Protocol):
    """The way to one client. After :meth:`close` or :meth:`abort` nothing more is sent.

    It tells its session when it is full (:meth:`server.session.Session.filled`), and when it has
    drained (:meth:`server.session.Session.drained`).
    """

    def frame(self, payload: bytes) -> bytes:
        """Whole messages, at most 256 KiB, as every line of this kind sends them."""

    def write(self, framed: bytes, /) -> object:
        """Send one or more frames, as :meth:`frame` made them, in one go."""

    def probe(self) -> bytes:
        """A frame that the client answers, to be written in one go with what is before it.

        The session is told when it has (:meth:`server.session.Session.reached`).
        """

    def unsent_bytes(self) -> int:
        """Bytes written that the peer's system has not taken yet, as far as this one tells."""

    def close(self, code: CloseCode, reason: str) -> None:
        """Send a close frame; what was written before it goes out first."""

    def abort(self) -> None:
        """Drop the connection at once, with what is unsent."""


def pack(messages: Sequence[bytes], most_bytes: int = FRAME_BYTES) -> list[bytes]:
    """Payloads, each of whole messages, that hold all messages in order.

    Each has at most ``most_bytes``, or one message that has more.
    """
    frames: list[bytes] = []
    start = size = 0
    for index, message in enumerate(messages):
        if size and size + len(message) > most_bytes:
            frames.append(b"".join(messages[start:index]))
            start, size = index, 0
        size += len(message)
    if size:
        frames.append(b"".join(messages[start:]))
    return frames
