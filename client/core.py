"""A session without its socket: frames in, events out, and frames to send. No clock, no asyncio.

The asyncio client and the simulations in virtual time both drive it::

    for frame in core.connected(): send(frame)
    for event in core.receive(frame): ...
    for frame in core.frames_to_send(): send(frame)      # whenever there may be something
    back = core.disconnected(code)                       # and connected() again, if ``back``
"""

from collections.abc import Callable
from enum import Enum
from typing import Any

from client.events import (
    BudgetChanged,
    Clocked,
    CursorMoved,
    Drawn,
    Event,
    Noticed,
    PresenceChanged,
    ResetCame,
    SeenChanged,
    SessionLost,
    TileCame,
    ViewportRefused,
    Welcomed,
)
from client.info import WelcomeInfo, parse_info
from client.outbox import MAX_UNACKED, Outbox
from client.view import View
from client.viewport import VIEWPORT_TILES_MAX, Bounds, Look, look_at
from protocol.codec import decode, encode
from protocol.errors import RECONNECT_CODES, CloseCode, ProtocolError
from protocol.messages import (
    CLIENT_FRAME_MAX_BYTES,
    NEW_SESSION,
    NO_LIMIT,
    PRESENCE_HERE,
    VERSION,
    Ack,
    Budget,
    Clock,
    Cursor,
    CursorMove,
    Drawing,
    Follow,
    Hello,
    Notice,
    Patch,
    Pixel,
    Presence,
    PresenceSet,
    Rect,
    Reject,
    Reset,
    Seen,
    Stroke,
    Tile,
    Viewport,
    Welcome,
)
from protocol.types import Sender

NAME_MAX_BYTES = 64
TAKE_MAX_BYTES = 4 * CLIENT_FRAME_MAX_BYTES
"""What one :meth:`Core.frames_to_send` hands out at most, so that a socket's pace is kept."""
_VIEWPORT_BYTES = len(encode(Viewport(0, 0, 0, 0, 0)))
_KNOWN_BYTES = len(encode(Viewport(0, 0, 0, 0, 0, ((0, 0, 0),)))) - _VIEWPORT_BYTES
_STATES_MAX_BYTES = 5 + NAME_MAX_BYTES + 6 + 5
"""PRESENCE, CURSOR and FOLLOW, which share a frame with VIEWPORT."""
_KNOWN_MAX = (CLIENT_FRAME_MAX_BYTES - _VIEWPORT_BYTES - _STATES_MAX_BYTES) // _KNOWN_BYTES


class Phase(Enum):
    """Where the connection stands, as the client sees it."""

    OFFLINE = "offline"
    GREETING = "greeting"
    """HELLO is sent; only WELCOME and NOTICE may come."""
    OPEN = "open"


class Core:
    """One client's session over any number of connections."""

    def __init__(
        self,
        token: str = "",
        session: bytes = NEW_SESSION,
        view: View | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        self.token = token
        self.session = session
        """16 bytes, a secret: who has it can go on with the session. Zeros before a WELCOME."""
        self.view = View() if view is None else view
        self.outbox = Outbox() if outbox is None else outbox
        self.phase = Phase.OFFLINE
        self.welcome: Welcome | None = None
        """The last WELCOME; stays while offline."""
        self.info = WelcomeInfo()
        self.budget: BudgetChanged | None = None
        """What may be drawn, as last told on this connection."""
        self.acked_seq = 0
        """The canvas's seq that the session's handled drawing reaches."""
        self.viewport_generation = 0
        """How often :meth:`set_viewport` was called."""
        self.viewport_refusal: str | None = None
        """Why the viewport last set isn't looked at, if so."""
        self._look: Look | None = None
        self._look_due = False
        self._views_sent = 0
        self._presence: PresenceSet | None = None
        self._states: dict[type[Any], bytes] = {}
        """Encoded messages to send of which the latest alone counts, by type."""

    # -- the connection ------------------------------------------------------------------------

    def connected(self) -> list[bytes]:
        """A connection is there: the frames that open it."""
        if self.phase is not Phase.OFFLINE:
            raise RuntimeError(f"the session is {self.phase.value} already")
        self.phase = Phase.GREETING
        return [encode(Hello(VERSION, self.session, self.token))]

    def disconnected(self, code: int) -> bool:
        """The connection ended with a close code; whether to come back by oneself.

        The view keeps its tiles and the outbox its work. What only counted for that connection
        (FOLLOW, the pointer's place) is forgotten.
        """
        self.phase = Phase.OFFLINE
        self.budget = None
        self._states.clear()
        self.view.close()
        return code in RECONNECT_CODES

    def receive(self, frame: bytes) -> list[Event]:
        """A frame came: what it means, in order.

        Raises :class:`ProtocolError` if the server broke the protocol; the connection is to be
        closed with its ``close_code``.
        """
        events: list[Event] = []
        for message in decode(frame, Sender.SERVER):
            kind = type(message)
            if self.phase is not Phase.OPEN and kind not in _BEFORE_WELCOME:
                raise ProtocolError(f"{kind.__name__} came while {self.phase.value}")
            _HANDLERS[kind](self, message, events)
        return events

    def frames_to_send(self) -> list[bytes]:
        """What there is to send now, joined into frames; call it until it gives none.

        Drawing that it hands out counts as sent.
        """
        if self.phase is not Phase.OPEN:
            return []
        frames: list[bytes] = []
        parts = self._take_states()
        size = sum(map(len, parts))
        total = 0
        while total + size < TAKE_MAX_BYTES:
            data = self.outbox.take(CLIENT_FRAME_MAX_BYTES - size)
            if data is not None:
                parts.append(data)
                size += len(data)
            elif parts:
                frames.append(b"".join(parts))
                total += size
                parts, size = [], 0
            else:
                break
        if parts:
            frames.append(b"".join(parts))
        return frames

    # -- what the program wants ----------------------------------------------------------------

    def draw(self, message: Drawing) -> int:
        """Draw, now or once connected; returns the message's serial, counted from 1.

        Raises ``ValueError`` if it can't be encoded, :class:`client.errors.OutboxFull`.
        """
        return self.outbox.add(message)

    def set_viewport(self, level: int, x0: int, y0: int, x1: int, y1: int) -> None:
        """Look at a rectangle of canvas pixels, corners included, clipped to the canvas.

        Raises ``ValueError`` for one that the canvas doesn't have or that has too many tiles.
        Before the first WELCOME neither is known: :class:`client.events.ViewportRefused` tells.
        """
        look = look_at(level, x0, y0, x1, y1)
        bounds = self._bounds()
        if bounds is not None:
            look.fit(bounds)
        self._look = look
        self._look_due = True
        self.viewport_refusal = None
        self.viewport_generation += 1

    def set_cursor(self, x: int, y: int, buttons: int = 0) -> None:
        """The pointer is at a canvas pixel. Raises ``ValueError`` if it doesn't fit its fields."""
        self._put(CursorMove(x, y, buttons))

    def set_presence(self, r: int, g: int, b: int, name: str) -> None:
        """Be seen by that colour and name; an empty name is anonymous.

        Raises ``ValueError`` if the name has more than 64 bytes.
        """
        if len(name.encode()) > NAME_MAX_BYTES:
            raise ValueError(f"the name has more than {NAME_MAX_BYTES} bytes")
        presence = PresenceSet(r, g, b, name)
        self._put(presence)
        self._presence = presence

    def follow(self, client: int) -> None:
        """Hear of one client's viewport (0: stop); ends with the connection."""
        self._put(Follow(client))

    @property
    def viewport_sent(self) -> bool:
        """Whether the viewport last set has been sent on this connection."""
        return self._look is not None and not self._look_due

    # -- inside --------------------------------------------------------------------------------

    def _put(self, message: CursorMove | PresenceSet | Follow) -> None:
        data = encode(message)
        if self.phase is Phase.OPEN:
            self._states[type(message)] = data

    def _take_states(self) -> list[bytes]:
        """Who I am first, then where I look, then the rest."""
        states, self._states = self._states, {}
        parts = [states.pop(PresenceSet)] if PresenceSet in states else []
        if self._look_due:
            parts.append(self._take_viewport())
        return parts + list(states.values())

    def _take_viewport(self) -> bytes:
        bounds = self._bounds()
        assert self._look is not None, "a viewport is due only once it is set"
        assert bounds is not None, "and only while welcomed"
        look, tiles = self._look.fit(bounds)
        known = self.view.known(tiles, _KNOWN_MAX)
        self._views_sent += 1
        self.view.look(self._views_sent, tiles)
        self._look_due = False
        return encode(Viewport(look.level, *look.box, known))

    def _bounds(self) -> Bounds | None:
        if self.welcome is None:
            return None
        max_tiles = self.info.limit("max_viewport_tiles", VIEWPORT_TILES_MAX)
        return Bounds(self.welcome.width, self.welcome.height, self.welcome.levels, max_tiles)

    # -- messages ------------------------------------------------------------------------------

    def _on_welcome(self, message: Welcome, events: list[Event]) -> None:
        if self.phase is not Phase.GREETING:
            raise ProtocolError("a second WELCOME came")
        if message.version != VERSION:
            raise ProtocolError(
                f"the server speaks version {message.version}", CloseCode.BAD_VERSION
            )
        if message.session == NEW_SESSION or not (message.width and message.height):
            raise ProtocolError("WELCOME holds no session, or no canvas")
        info = parse_info(message.info)
        resumed = message.session == self.session
        self.phase = Phase.OPEN
        self.welcome, self.info, self.session = message, info, message.session
        self.outbox.max_unacked = min(MAX_UNACKED, info.limit("max_unacked", MAX_UNACKED))
        background = (message.r, message.g, message.b)
        new_epoch = self.view.open(message.epoch, message.width, message.height, background)
        events.append(Welcomed(message, info, resumed, new_epoch))
        if resumed:
            self.acked_seq = message.seq
            events += self.outbox.resume(message.handled, info.rejected, message.seq)
        else:
            work = self.outbox.lose(message.handled)
            if work:
                events.append(SessionLost(work))
        self._views_sent = 0
        if self._presence is not None:
            self._put(self._presence)
        self._ask_again(events)

    def _ask_again(self, events: list[Event]) -> None:
        """The viewport is due on the new connection, if it still fits the canvas."""
        bounds = self._bounds()
        if self._look is None or bounds is None:
            return
        try:
            self._look.fit(bounds)
        except ValueError as error:
            self._look, self._look_due = None, False
            self.viewport_refusal = str(error)
            events.append(ViewportRefused(str(error)))
        else:
            self._look_due = True

    def _on_drawing(self, message: Drawing, events: list[Event]) -> None:
        self.view.draw(message)
        events.append(Drawn(message))

    def _on_tile(self, message: Tile, events: list[Event]) -> None:
        self.view.tile_came(message)
        events.append(TileCame(message.level, message.tx, message.ty, message.seq))

    def _on_clock(self, message: Clock, events: list[Event]) -> None:
        self.view.clock_came(message.view, message.seq)
        events.append(Clocked(message.view, message.seq))

    def _on_ack(self, message: Ack, events: list[Event]) -> None:
        events.append(self.outbox.acknowledge(message.handled, message.durable, message.seq))
        self.acked_seq = message.seq

    def _on_reject(self, message: Reject, events: list[Event]) -> None:
        rejected = self.outbox.reject(message.n, message.code, message.retry_ms)
        if rejected is not None:
            events.append(rejected)

    def _on_reset(self, message: Reset, events: list[Event]) -> None:
        self.view.reset(message.epoch, message.seq)
        events.append(ResetCame(message.epoch, message.seq))

    def _on_cursor(self, message: Cursor, events: list[Event]) -> None:
        events.append(CursorMoved(message.client, message.x, message.y, message.buttons))

    def _on_presence(self, message: Presence, events: list[Event]) -> None:
        here = message.event == PRESENCE_HERE
        colour = message.r, message.g, message.b
        events.append(PresenceChanged(message.client, here, *colour, message.name))

    def _on_notice(self, message: Notice, events: list[Event]) -> None:
        events.append(Noticed(message.level, message.text))

    def _on_budget(self, message: Budget, events: list[Event]) -> None:
        pixels = None if message.pixels == NO_LIMIT else message.pixels
        self.budget = BudgetChanged(pixels, message.refill_ms)
        events.append(self.budget)

    def _on_seen(self, message: Seen, events: list[Event]) -> None:
        box = message.x0, message.y0, message.x1, message.y1
        events.append(SeenChanged(message.client, message.level, *box))


_BEFORE_WELCOME = frozenset({Welcome, Notice})
_HANDLERS: dict[type[Any], Callable[[Core, Any, list[Event]], None]] = {
    Welcome: Core._on_welcome,
    Pixel: Core._on_drawing,
    Stroke: Core._on_drawing,
    Rect: Core._on_drawing,
    Patch: Core._on_drawing,
    Tile: Core._on_tile,
    Clock: Core._on_clock,
    Ack: Core._on_ack,
    Reject: Core._on_reject,
    Reset: Core._on_reset,
    Cursor: Core._on_cursor,
    Presence: Core._on_presence,
    Notice: Core._on_notice,
    Budget: Core._on_budget,
    Seen: Core._on_seen,
}
