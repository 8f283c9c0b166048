"""One connection: its state, its messages in order, and what it looks at."""

import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from protocol.codec import decode, decode_runs, encode
from protocol.errors import CloseCode, ProtocolError
from protocol.messages import (
    PIXEL_BYTES,
    ClientMessage,
    CursorMove,
    Follow,
    Hello,
    Notice,
    Pixel,
    PixelRun,
    PresenceSet,
    Viewport,
)
from protocol.session import Event, State, advance
from protocol.types import Sender
from server.identity import Identity
from server.line import Line
from server.outbox import Outbox
from server.roles import Role
from server.viewing import View
from tiles.geometry import Rectangle
from tiles.log.base import Author

if TYPE_CHECKING:
    from server.hub import Hub

logger = logging.getLogger(__name__)

_TURN_MAX_S = 0.002
_TURN_CHECK_EVERY = 16
"""PIXELs and CURSORs handled without a look at the clock; anything else may be dear."""
_RUN_MAX = 256
"""Pixels of a run that are drawn at once: 3 ms if each lies on another tile to be inflated."""


class Wanted(NamedTuple):
    """A VIEWPORT that may be applied: its number, level, clipped rectangle and known tiles."""

    number: int
    level: int
    box: Rectangle
    known: tuple[tuple[int, int, int], ...]


class Session:
    """A client's connection to one canvas. Lives on the event loop's thread.

    ``address`` is the salted hash of the client's address. ``on_idle`` is called whenever all that
    was received has been handled: the socket may be read on.
    """

    def __init__(self, hub: "Hub", line: Line, address: bytes, anonymous: PresenceSet) -> None:
        self._hub = hub
        self.line = line
        self.address = address
        self.state = State.AWAITING_HELLO
        self.on_idle: Callable[[], None] = lambda: None
        self.opened_at = hub.scheduler.time()
        self.identity: Identity | None = None
        self.role = Role.PAINTER
        self.author = Author(b"")
        self.view = View()
        self.outbox = Outbox(line, self.opened_at, hub.seq)
        self.viewports = 0
        self.wanted: Wanted | None = None
        """The last VIEWPORT, if it isn't applied yet."""
        self.cursor: CursorMove | None = None
        self.presence = anonymous
        self.hears: set[Session] = set()
        self.heard_by: set[Session] = set()
        self.following = 0
        self.answering = False
        """A VIEWPORT is applied and its CLOCK has not been sent."""
        self._inbox: deque[ClientMessage | PixelRun] = deque()
        self._busy = False
        self._pumping = False
        self._unchecked = 0
        self._took_s = 0.0
        """Time that handling took since it last waited for the loop to turn."""
        self._resting = False

    @property
    def client(self) -> int:
        """The number that others know this client by; 0 before HELLO."""
        return self.identity.client if self.identity else 0

    @property
    def idle(self) -> bool:
        """Whether everything received has been handled, or nothing more will be."""
        return self.state is State.CLOSED or not (self._inbox or self._busy)

    def receive(self, frame: bytes) -> None:
        """Take one binary frame; it is handled now, or in slices over the next turns."""
        if self.state is State.CLOSED:
            return
        try:
            messages = decode_runs(frame, Sender.CLIENT)
        except ProtocolError as error:
            self.end(error.close_code, error.reason)
            return
        self._inbox.extend(messages)  # type: ignore[arg-type]  # decode gives a client's only
        self.pump()

    def pump(self) -> None:
        """Handle what was received, in however many frames, for a few milliseconds a turn."""
        if self._pumping or self._resting:
            return
        self._pumping = True
        began = self._hub.scheduler.time()
        try:
            self._pump(began - self._took_s)
        finally:
            self._pumping = False
        self._took_s += self._hub.scheduler.time() - began
        if self.idle:
            self.on_idle()

    def _rested(self) -> None:
        """The loop has turned."""
        self._resting, self._took_s = False, 0.0
        self.pump()

    def _pump(self, started: float) -> None:
        while self._inbox and not self._busy and self.state is not State.RESUMING:
            if self.outbox.behind:
                return  # it goes on when the client has read what it was sent
            if self._unchecked >= _TURN_CHECK_EVERY:
                self._unchecked = 0
                if self._hub.scheduler.time() - started > _TURN_MAX_S:
                    self._resting = True
                    self._hub.scheduler.call_soon(self._rested)
                    return
            message = self._inbox.popleft()
            cheap = isinstance(message, Pixel | CursorMove)
            self._unchecked += 1 if cheap else _TURN_CHECK_EVERY
            try:
                self._handle(message)
            except ProtocolError as error:
                self.end(error.close_code, error.reason)
            except Exception:
                logger.exception("a %s could not be handled", type(message).__name__)
                self.end(CloseCode.TRY_LATER, "the server failed at a message")

    def _handle(self, message: ClientMessage | PixelRun) -> None:
        if isinstance(message, PixelRun):
            self.state = advance(self.state, Pixel)
            self._draw_run(message)
            return
        self.state = advance(self.state, type(message))
        match message:
            case Hello():
                self._hub.hello(self, message)
            case Viewport():
                self.viewports += 1
                self._hub.look(self, message, self.viewports)
            case CursorMove():
                self._hub.point(self, message)
            case PresenceSet():
                self._hub.introduce(self, message)
            case Follow():
                self._hub.follow(self, message)
            case _:
                self._hub.ordering.draw(self, message)

    def _draw_run(self, run: PixelRun) -> None:
        """Draw the first of a run's pixels at once; one by one if any of them can't be drawn."""
        size = _RUN_MAX * PIXEL_BYTES
        first, rest = PixelRun(run.data[:size]), run.data[size:]
        if rest:
            self._inbox.appendleft(PixelRun(rest))
        if not self._hub.ordering.draw_run(self, first):
            self._inbox.extendleft(reversed(decode(first.data, Sender.CLIENT)))  # type: ignore[arg-type]

    def hold(self) -> None:
        """Handle nothing more until :meth:`resume`: a message is being worked on in a thread."""
        self._busy = True

    def resume(self) -> None:
        """Go on handling what was received."""
        self._busy = False
        self.pump()

    def welcomed(self) -> None:
        """WELCOME is sent; what came after HELLO is handled now."""
        self.state = advance(self.state, Event.WELCOMED)
        self._hub.scheduler.call_soon(self.pump)

    def filled(self) -> None:
        """The line is full: the client doesn't read as fast as it is sent to."""
        self.outbox.filled(self._hub.scheduler.time())

    def drained(self) -> None:
        """The line takes bytes again after it was full."""
        if self.state is State.OPEN and self.outbox.behind:
            self.outbox.drained()
            self.wake()
            self.pump()

    def wake(self) -> None:
        """It has something to be sent with the next flush."""
        self._hub.due(self)

    def notify(self, level: int, text: str) -> None:
        """Send a NOTICE with the next flush: ``level`` 0 info, 1 warning, 2 error."""
        self.outbox.notices.append(encode(Notice(level, text)))
        self.wake()

    def end(self, code: CloseCode, reason: str) -> None:
        """Close the connection from this side, and leave everything at once."""
        if self.state is not State.CLOSED:
            self.lost()
            self.line.close(code, reason)

    def lost(self) -> None:
        """The connection is gone, however it ended: leave everything at once."""
        if self.state is State.CLOSED:
            return
        self.state = advance(self.state, Event.ENDED)
        self._inbox.clear()
        self._hub.leave(self)
        self.on_idle()
