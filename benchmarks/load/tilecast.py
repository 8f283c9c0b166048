"""Tilecast's own dialect: counts what a frame delivers by the layouts of the message table."""

from struct import Struct
from typing import ClassVar, NamedTuple

from benchmarks.load.dialect import OPCODE_BINARY, PIXEL_BYTES, TILE, Payload, View, pixel_bytes
from protocol.codec import decode, encode
from protocol.messages import (
    NEW_SESSION,
    SUBPROTOCOL,
    TABLE,
    VERSION,
    Ack,
    Clock,
    Cursor,
    Drawing,
    Hello,
    Message,
    Pixel,
    Tile,
    Viewport,
    Welcome,
)
from protocol.types import Items, Sender

_CHECK_EVERY = 1000


class _Length(NamedTuple):
    """How long a message is: ``head`` bytes, plus the count that ends them times ``item``."""

    head: int
    count_bytes: int
    item: int


def _size(*formats: str) -> int:
    return Struct("<" + "".join(formats)).size


def _lengths() -> dict[int, _Length]:
    lengths = {}
    for row in TABLE:
        if Sender.SERVER in row.sender:
            count = row.tail.count.format if row.tail else ""
            head = _size(*(field.scalar.format for field in row.fields), count)
            item = row.tail.fields if isinstance(row.tail, Items) else ()
            item_size = _size(*(field.scalar.format for field in item)) or 1
            lengths[row.number] = _Length(1 + head, _size(count), item_size)
    return lengths


_NUMBERS = {row.message: row.number for row in TABLE}
_LENGTHS = _lengths()
_ACK, _CLOCK, _WELCOME = _NUMBERS[Ack], _NUMBERS[Clock], _NUMBERS[Welcome]
_ACK_FIELDS = Struct("<xIIQ")
_CLOCK_FIELDS = Struct("<xIQ")


class TilecastDialect:
    """A session of ``tilecast.v1``. One frame in a thousand is decoded in full and checked."""

    path = "/c/main/ws"
    subprotocol: str | None = SUBPROTOCOL
    broadcasts = False
    watched: ClassVar[frozenset[int]] = frozenset()
    """Types of messages that :meth:`watch` is given, each as it came."""
    _frames: ClassVar[int] = 0
    """Of all connections of the process."""

    def __init__(self) -> None:
        self.ready = False
        self.replies: list[Payload] = []
        self.check_every = _CHECK_EVERY
        self.strays = 0
        """Messages about what the connection doesn't look at, among those that were checked."""
        self.split_flushes = 0
        """Frames, among those that were checked, that can't be all of one flush's drawing."""
        self._last_clock = -1
        self.kinds: dict[int, int] = {}
        """How many messages came, by type; PIXELs aren't counted here."""
        self.kind_bytes: dict[int, int] = {}
        """How many bytes those messages had."""
        self.seq = 0
        """The canvas's when it was last told: by WELCOME, then by each CLOCK."""
        self.session = NEW_SESSION
        """The session that HELLO asks for, then the one that WELCOME gave."""
        self.handled = 0
        self.durable = 0
        self.view_shown = 0
        """Number of the last VIEWPORT that was answered in full."""
        self.views_sent = 0
        self._views: dict[int, View] = {}

    def opening(self, view: View | None) -> list[Payload]:
        """See :meth:`benchmarks.load.dialect.Dialect.opening`."""
        hello = Payload(OPCODE_BINARY, encode(Hello(VERSION, self.session, "")))
        return [hello] if view is None else [hello, self.look(view)]

    def look(self, view: View, known: tuple[tuple[int, int, int], ...] = ()) -> Payload:
        """A VIEWPORT; it is answered in full when :attr:`view_shown` reaches :attr:`views_sent`."""
        for number in [number for number in self._views if number < self.view_shown]:
            del self._views[number]
        self.views_sent += 1
        self._views[self.views_sent] = view
        viewport = Viewport(view.level, view.x0, view.y0, view.x1, view.y1, known)
        return Payload(OPCODE_BINARY, encode(viewport))

    def pixel(self, x: int, y: int, rgb: int) -> list[Payload]:
        """See :meth:`benchmarks.load.dialect.Dialect.pixel`."""
        return [Payload(OPCODE_BINARY, pixel_bytes(x, y, rgb))]

    def received(self, opcode: int, data: bytes) -> int:
        """See :meth:`benchmarks.load.dialect.Dialect.received`."""
        kinds = data[::PIXEL_BYTES]
        pixels = len(kinds) - len(kinds.lstrip(b"\0"))
        at = pixels * PIXEL_BYTES
        if at < len(data):
            pixels += self._walk(data, at)
        cls = type(self)
        cls._frames += 1
        if cls._frames % self.check_every == 0:
            self._check(data, pixels)
        return pixels

    def _walk(self, data: bytes, at: int) -> int:
        """Step over the messages from ``at`` on; how many PIXELs were among them."""
        pixels, size = 0, len(data)
        while at < size:
            kind = data[at]
            if kind == 0:
                pixels += 1
                at += PIXEL_BYTES
                continue
            length = _LENGTHS.get(kind)
            if length is None:
                raise ValueError(f"a message has the type {kind}")
            end = at + length.head
            if length.count_bytes:
                count = int.from_bytes(data[end - length.count_bytes : end], "little")
                end += count * length.item
            if kind == _CLOCK:
                self._clock(*_CLOCK_FIELDS.unpack_from(data, at))
            elif kind == _ACK:
                self.handled, self.durable, _ = _ACK_FIELDS.unpack_from(data, at)
            elif kind == _WELCOME:
                self._welcome(data[at:end])
            elif kind in self.watched:
                self.watch(kind, data[at:end])
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
            self.kind_bytes[kind] = self.kind_bytes.get(kind, 0) + end - at
            at = end
        if at != size:
            raise ValueError("a message is cut short")
        return pixels

    def watch(self, kind: int, data: bytes) -> None:
        """A message of a type that is watched came."""

    def _welcome(self, data: bytes) -> None:
        (message,) = decode(data, Sender.SERVER)
        assert isinstance(message, Welcome)
        self.session = message.session
        self.seq = message.seq
        self.handled = message.handled
        if not self._views:
            self.ready = True

    def _clock(self, view: int, seq: int) -> None:
        self.seq = seq
        if view != self.view_shown:
            self.view_shown = view
            self.ready = True

    def _check(self, data: bytes, pixels: int) -> None:
        """Decode in full: the count must be right, and everything within what is looked at."""
        messages = decode(data, Sender.SERVER)
        if pixels != sum(isinstance(message, Pixel) for message in messages):
            raise ValueError("the pixels of a frame were miscounted")
        self._check_flush(messages)
        for message in messages:
            match message:
                case Pixel(x, y) | Cursor(_, x, y):
                    seen = any(_holds(view, x, y) for view in self._views.values())
                case Tile(level, tx, ty):
                    side = TILE << level
                    seen = any(
                        view.level == level and _holds(view, tx * side, ty * side)
                        for view in self._views.values()
                    )
                case _:
                    seen = True
            self.strays += not seen

    def _check_flush(self, messages: list[Message]) -> None:
        """A flush's drawing comes whole, with one CLOCK behind it that is later than the last."""
        places = [at for at, message in enumerate(messages) if isinstance(message, Clock)]
        drawing = [at for at, message in enumerate(messages) if isinstance(message, Drawing)]
        if drawing:
            whole = len(places) == 1 and places[0] > drawing[-1]
            self.split_flushes += not (whole and self.seq > self._last_clock)
        self._last_clock = self.seq


def _holds(view: View, x: int, y: int) -> bool:
    side = TILE << view.level
    tx0, ty0, tx1, ty1 = view.tiles()
    return tx0 <= x // side <= tx1 and ty0 <= y // side <= ty1
