"""The short cut for the frames that nearly all are: whole, binary, under 64 KiB.

`websockets` reads every other frame, and judges every one that isn't as it should be. Thirty
thousand cursors a second are the reason: a frame takes 1 us here, and there 7 us if it is short,
15 if not.
"""

from collections.abc import Callable

from websockets.frames import apply_mask  # type: ignore[attr-defined]
from websockets.protocol import State
from websockets.server import ServerProtocol

_BINARY = 0x82
"""Final, binary."""
_MASKED = 0x80
_SIZE = 0x7F
_SIZE_16 = 126
_HEAD, _HEAD_16, _HEAD_64 = 6, 8, 14
"""Two bytes, the size unless it is in the second of them, and the mask."""


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
        size = len(data)
        if (
            not self._owed
            and size > _HEAD
            and data[0] == _BINARY
            and data[1] - _MASKED == size - _HEAD < _SIZE_16
            and not self._lost
            and self._is_between_messages()
        ):
            self._take(apply_mask(data[_HEAD:], data[_HEAD - 4 : _HEAD]))  # one short frame
            return
        if self._lost:
            self._other(data)
            return
        at = min(self._owed, size)
        if at:
            self._owed -= at
            self._other(data[:at])
        while at < size:
            head, end = _span(data, at)
            if not head:
                self._lost = True
                self._other(data[at:])
                return
            if (
                end <= size
                and data[at] == _BINARY
                and head - at <= _HEAD_16
                and self._is_between_messages()
            ):
                self._take(apply_mask(data[head:end], data[head - 4 : head]))
            else:
                self._owed = max(0, end - size)
                self._other(data[at:end])
            at = end

    def _is_between_messages(self) -> bool:
        """Open, and not between two fragments of one."""
        return self._protocol.state is State.OPEN and self._protocol.current_size is None


def _span(data: bytes, at: int) -> tuple[int, int]:
    """Where the payload of the frame at ``at`` begins and ends, or (0, 0): its head isn't whole."""
    if at + 1 >= len(data) or not data[at + 1] & _MASKED:
        return 0, 0
    size = data[at + 1] & _SIZE
    if size < _SIZE_16:
        head = at + _HEAD
    else:
        head = at + (_HEAD_16 if size == _SIZE_16 else _HEAD_64)
        if head - 4 > len(data):
            return 0, 0
        size = int.from_bytes(data[at + 2 : head - 4], "big")
    return head, head + size
