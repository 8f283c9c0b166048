"""The short cut for the frames that nearly all are: short, whole, binary.

`websockets` reads every other frame, and judges every one that isn't as it should be. Thirty
thousand cursors a second are the reason: a frame takes 1 us here and 7 us there.
"""

from collections.abc import Callable

from websockets.frames import apply_mask  # type: ignore[attr-defined]
from websockets.protocol import State
from websockets.server import ServerProtocol

_BINARY = 0x82
"""Final, binary."""
_MASKED = 0x80
_SIZE = 0x7F
_SIZE_16, _SIZE_64 = 126, 127
_HEAD = 6
"""Two bytes and the mask."""


class PlainFrames:
    """Walks from frame to frame of one connection, from its first frame on.

    ``take`` gets the payload of a plain frame, ``other`` the bytes of any other, in their order.
    """

    def __init__(
        self,
        protocol: ServerProtocol,
        take: Callable[[bytes], object],
        other: Callable[[bytes], object],
    ) -> None:
        self._protocol = protocol
        self._take = take
        self._other = other
        self._owed = 0
        """Bytes that the frame under way still lacks."""
        self._lost = False
        """The head of a frame came in pieces: from there on all is ``other``."""

    def feed(self, data: bytes) -> None:
        """Walk on through what came."""
        if self._lost:
            self._other(data)
            return
        at, size = min(self._owed, len(data)), len(data)
        if at:
            self._owed -= at
            self._other(data[:at])
        while at < size:
            end = self._end(data, at)
            if end is None:
                self._lost = True
                self._other(data[at:])
                return
            if (
                end <= size
                and data[at] == _BINARY
                and end - at - _HEAD < _SIZE_16
                and self._protocol.state is State.OPEN
                and self._protocol.current_size is None  # not between two fragments
            ):
                head = at + _HEAD
                self._take(apply_mask(data[head:end], data[head - 4 : head]))
            else:
                self._owed = max(0, end - size)
                self._other(data[at:end])
            at = end

    @staticmethod
    def _end(data: bytes, at: int) -> int | None:
        """Where the frame that begins at ``at`` ends, if its head says so."""
        if at + 1 >= len(data) or not data[at + 1] & _MASKED:
            return None
        size = data[at + 1] & _SIZE
        if size < _SIZE_16:
            return at + _HEAD + size
        width = 2 if size == _SIZE_16 else 8
        if at + 2 + width > len(data):
            return None
        return at + _HEAD + width + int.from_bytes(data[at + 2 : at + 2 + width], "big")
