"""What a client says to one kind of server, and what it is told: bytes in, bytes out, no sockets.

A load generator has one :class:`Dialect` object for each connection. Every dialect carries a pixel
as the eight bytes of Tilecast's PIXEL (:func:`pixel_bytes`), verbatim, in both directions: so a
probe finds its own pixel in whatever was delivered by looking for these bytes.
"""

import struct
from typing import NamedTuple, Protocol, runtime_checkable

OPCODE_TEXT = 0x1
OPCODE_BINARY = 0x2
TILE = 64
"""Side of the tiles that all servers under test deliver by, in pixels."""

PIXEL_BYTES = 8
_PIXEL = struct.Struct("<BHHBBB")


class View(NamedTuple):
    """What a client looks at: canvas pixels, corners included; ``level`` 0 is the canvas itself."""

    x0: int
    y0: int
    x1: int
    y1: int
    level: int = 0

    def tiles(self) -> tuple[int, int, int, int]:
        """The first and last tile column and row: tx0, ty0, tx1, ty1, included."""
        side = TILE << self.level
        return self.x0 // side, self.y0 // side, self.x1 // side, self.y1 // side


class Payload(NamedTuple):
    """One WebSocket message: ``opcode`` is text (1) or binary (2)."""

    opcode: int
    data: bytes


def pixel_bytes(x: int, y: int, rgb: int) -> bytes:
    """PIXEL as it is on Tilecast's wire: type 0, x u16, y u16, r, g, b u8; ``rgb`` is 24 bits."""
    return _PIXEL.pack(0, x, y, rgb >> 16, rgb >> 8 & 0xFF, rgb & 0xFF)


class Dialect(Protocol):
    """One connection's talk. Made anew, with no arguments, for each connection."""

    path: str
    """Where the WebSocket is, query included: ``/c/main/ws``."""
    subprotocol: str | None
    """What to offer in ``Sec-WebSocket-Protocol``."""
    broadcasts: bool
    """Whether this server sends every pixel to everybody, whatever they look at."""
    ready: bool
    """True once the server holds the connection's view and all that it owed at first has come."""
    replies: list[Payload]
    """What the connection has to send because of what it received; the caller sends and clears."""

    def opening(self, view: View | None) -> list[Payload]:
        """What to send right after the upgrade; a later part may come by way of ``replies``.

        ``view`` None is a connection that only paints: it subscribes to nothing.
        """

    def pixel(self, x: int, y: int, rgb: int) -> list[Payload]:
        """Paint one pixel. Asked for only when ``ready``."""

    def received(self, opcode: int, data: bytes) -> int:
        """Take one whole message (fragments are joined before); how many pixels it delivered.

        It is called some ten thousand times a second, so it counts and does not decode.
        Raises ``ValueError`` for what the server should never send.
        """


@runtime_checkable
class Checking(Protocol):
    """A dialect that looks closely at some of what it receives."""

    check_every: int
    """One in so many messages is decoded in full."""
    strays: int
    """What it was sent, in those, about places that its connection doesn't look at."""
    split_flushes: int
    """Messages, among those, that can't be all that one flush had for the connection."""
