"""The message table: every message of ``tilecast.v1``, declared once.

The codec, ``docs/protocol.md`` and the viewer's TypeScript come from :data:`TABLE`. Coordinates are
canvas pixels, rectangles name both corners and include them, integers are little-endian.
"""

from dataclasses import dataclass

from protocol.types import Blob, Field, Items, Layout, Scalar, Sender, Text

VERSION = 1
SUBPROTOCOL = "tilecast.v1"
CLIENT_FRAME_MAX_BYTES = 64 * 1024
SERVER_FRAME_MAX_BYTES = 256 * 1024
FIRST_SKIPPABLE_TYPE = 64
"""Types from here up carry a u32 length after the type byte, so that anyone can skip them."""
SESSION_BYTES = 16
NEW_SESSION = bytes(SESSION_BYTES)
U64_MAX = 2**53 - 1
"""The greatest u64 on the wire: what a JavaScript number holds exactly."""
NO_LIMIT = 0xFFFF_FFFF
"""BUDGET.pixels where the session has no budget."""

POINTER_LEFT = 0x80
"""Bit of CURSOR.buttons: the pointer has left the canvas."""
POINTER_PAINTING = 0x01
"""Bit of CURSOR.buttons: the pointer is painting."""
PRESENCE_HERE = 0
PRESENCE_GONE = 1
ENCODING_ONE_COLOUR = 0
ENCODING_ZLIB = 1


@dataclass(frozen=True, slots=True)
class Pixel:
    """Set one pixel."""

    x: int
    y: int
    r: int
    g: int
    b: int


PIXEL_BYTES = 8
"""The length of a PIXEL message."""


@dataclass(frozen=True, slots=True)
class PixelRun:
    """Consecutive PIXEL messages of one frame, as they stand in it: ``PIXEL_BYTES`` each."""

    data: bytes

    def __len__(self) -> int:
        return len(self.data) // PIXEL_BYTES


@dataclass(frozen=True, slots=True)
class Stroke:
    """A polyline stamped with a disc ``size`` pixels across; ``points`` are (x, y)."""

    size: int
    r: int
    g: int
    b: int
    points: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle: filled if ``line`` is 0, else an outline that many pixels thick, inside."""

    line: int
    x0: int
    y0: int
    x1: int
    y1: int
    r: int
    g: int
    b: int


@dataclass(frozen=True, slots=True)
class CursorMove:
    """Where the client's own pointer is."""

    x: int
    y: int
    buttons: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where another client's pointer is."""

    client: int
    x: int
    y: int
    buttons: int


@dataclass(frozen=True, slots=True)
class PresenceSet:
    """The client's own name and colour; who has no visible name is anonymous, never followed."""

    r: int
    g: int
    b: int
    name: str


@dataclass(frozen=True, slots=True)
class Presence:
    """Another client is here (``event`` 0) or gone (1)."""

    client: int
    event: int
    r: int
    g: int
    b: int
    name: str


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of pixels: ``data`` is zlib of its RGBA rows, A 0 leaves and 255 sets."""

    x0: int
    y0: int
    x1: int
    y1: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Hello:
    """The client's first message; ``session`` is 16 bytes, zeros for a new one."""

    version: int
    session: bytes
    token: str


@dataclass(frozen=True, slots=True)
class Welcome:
    """The server's answer to HELLO; ``info`` is a JSON object."""

    version: int
    session: bytes
    client: int
    epoch: int
    seq: int
    handled: int
    width: int
    height: int
    r: int
    g: int
    b: int
    levels: int
    role: int
    info: bytes


@dataclass(frozen=True, slots=True)
class Viewport:
    """What the client looks at; ``known`` are the (tx, ty, seq) tiles that it still holds."""

    level: int
    x0: int
    y0: int
    x1: int
    y1: int
    known: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Tile:
    """A snapshot of one tile that holds every message up to ``seq`` that touches it."""

    level: int
    tx: int
    ty: int
    seq: int
    encoding: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Clock:
    """Under VIEWPORT number ``view``, everything up to ``seq`` that touches it has been sent."""

    view: int
    seq: int


@dataclass(frozen=True, slots=True)
class Ack:
    """So many of the session's drawing messages are ordered or rejected, so many durable."""

    handled: int
    durable: int
    seq: int


@dataclass(frozen=True, slots=True)
class Reject:
    """The session's drawing message ``n`` was not drawn; ``retry_ms`` 0 means never."""

    n: int
    code: int
    retry_ms: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The canvas has a new epoch: drop every tile."""

    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence for the person: ``level`` 0 info, 1 warning, 2 error."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Budget:
    """Pixels left to paint and milliseconds until the budget is full again."""

    pixels: int
    refill_ms: int


@dataclass(frozen=True, slots=True)
class Follow:
    """Ask for another client's viewport whenever it changes; 0 stops."""

    client: int


@dataclass(frozen=True, slots=True)
class Seen:
    """The viewport of the client that is followed."""

    client: int
    level: int
    x0: int
    y0: int
    x1: int
    y1: int


Drawing = Pixel | Stroke | Rect | Patch
"""What changes the canvas and goes into the log."""
ClientMessage = Drawing | CursorMove | PresenceSet | Hello | Viewport | Follow
ServerMessage = (
    Drawing
    | Cursor
    | Presence
    | Welcome
    | Tile
    | Clock
    | Ack
    | Reject
    | Reset
    | Notice
    | Budget
    | Seen
)
Message = ClientMessage | ServerMessage


def _u8(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Scalar.U8) for name in names)


def _u16(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Scalar.U16) for name in names)


def _u32(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Scalar.U32) for name in names)


def _u64(*names: str) -> tuple[Field, ...]:
    return tuple(Field(name, Scalar.U64) for name in names)


_POINT = _u16("x", "y")
_CORNERS = _u16("x0", "y0", "x1", "y1")
_COLOUR = _u8("r", "g", "b")
_SESSION = (Field("session", Scalar.ID),)
_POINTS = Items("points", Scalar.U16, _POINT)
_KNOWN = Items("known", Scalar.U16, (*_u16("tx", "ty"), *_u64("seq")))
_NAME = Text("name", Scalar.U8)
_BOTH, _CLIENT, _SERVER = Sender.BOTH, Sender.CLIENT, Sender.SERVER


def _row(
    number: int,
    name: str,
    sender: Sender,
    message: type[Message],
    fields: tuple[Field, ...],
    tail: Text | Blob | Items | None = None,
) -> Layout:
    about = (message.__doc__ or "").strip()
    return Layout(number, name, sender, message, fields, tail, about)


TABLE: tuple[Layout, ...] = (
    _row(0, "PIXEL", _BOTH, Pixel, _POINT + _COLOUR),
    _row(1, "STROKE", _BOTH, Stroke, _u8("size") + _COLOUR, _POINTS),
    _row(2, "RECT", _BOTH, Rect, _u8("line") + _CORNERS + _COLOUR),
    _row(3, "CURSOR", _CLIENT, CursorMove, _POINT + _u8("buttons")),
    _row(3, "CURSOR", _SERVER, Cursor, _u32("client") + _POINT + _u8("buttons")),
    _row(4, "PRESENCE", _CLIENT, PresenceSet, _COLOUR, _NAME),
    _row(4, "PRESENCE", _SERVER, Presence, _u32("client") + _u8("event") + _COLOUR, _NAME),
    _row(5, "PATCH", _BOTH, Patch, _CORNERS, Blob("data", Scalar.U32)),
    _row(16, "HELLO", _CLIENT, Hello, _u8("version") + _SESSION, Text("token", Scalar.U16)),
    _row(
        17,
        "WELCOME",
        _SERVER,
        Welcome,
        _u8("version")
        + _SESSION
        + _u32("client")
        + _u64("epoch", "seq")
        + _u32("handled", "width", "height")
        + _COLOUR
        + _u8("levels", "role"),
        Blob("info", Scalar.U16),
    ),
    _row(18, "VIEWPORT", _CLIENT, Viewport, _u8("level") + _CORNERS, _KNOWN),
    _row(
        19,
        "TILE",
        _SERVER,
        Tile,
        _u8("level") + _u16("tx", "ty") + _u64("seq") + _u8("encoding"),
        Blob("payload", Scalar.U32),
    ),
    _row(20, "CLOCK", _SERVER, Clock, _u32("view") + _u64("seq")),
    _row(21, "ACK", _SERVER, Ack, _u32("handled", "durable") + _u64("seq")),
    _row(22, "REJECT", _SERVER, Reject, _u32("n") + _u8("code") + _u32("retry_ms")),
    _row(23, "RESET", _SERVER, Reset, _u64("epoch", "seq")),
    _row(24, "NOTICE", _SERVER, Notice, _u8("level"), Text("text", Scalar.U16)),
    _row(25, "BUDGET", _SERVER, Budget, _u32("pixels", "refill_ms")),
    _row(26, "FOLLOW", _CLIENT, Follow, _u32("client")),
    _row(27, "SEEN", _SERVER, Seen, _u32("client") + _u8("level") + _CORNERS),
)
