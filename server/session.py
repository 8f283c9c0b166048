"""One connection: its state, its messages in order, and what it looks at."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from protocol.codec import decode, decode_runs, decode_steps, encode
from protocol.errors import CloseCode, ProtocolError
from protocol.messages import (
    PIXEL_BYTES,
    ClientMessage,
    CursorMove,
    Follow,
    Hello,
    Message,
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
    from server.person import Person

logger = logging.getLogger(__name__)

_CHECK_EVERY = 16
"""PIXELs and CURSORs handled, and messages decoded, without a look at the clock; to handle anything
else may be dear."""
_CHEAP = (Pixel, CursorMove)
_SHORT_BYTES = 256
"""A frame of up to so many bytes is decoded in one go."""
_RUN_MAX = 256
"""Pixels of a run that are drawn at once: 3 ms if each lies on another tile to be inflated."""


class Wanted(NamedTuple):
    """A VIEWPORT that may be applied: its number, level, clipped rectangle and known tiles."""

    number: int
    level: int
    box: Rectangle
    known: tuple[tuple[int, int, int], ...]


class Source(Protocol):
    """Where a session's frames come from, as far as they aren't parsed yet."""

    @property
    def unparsed_bytes(self) -> int:
        """How much is held."""

    def parse_next(self) -> bool:
        """Hand the session what the next piece of it holds; False where there is none."""


class _Dry:
    unparsed_bytes = 0

    def parse_next(self) -> bool:
        return False


class Session:
    """A client's connection to one canvas. Lives on the event loop's thread.

    ``address`` is the salted hash of the client's address. ``on_idle`` is called whenever all that
    was received has been handled: the socket may be read on. ``source`` is asked for more first.
    """

    def __init__(self, hub: "Hub", line: Line, address: bytes, anonymous: PresenceSet) -> None:
        self._hub = hub
        self.line = line
        self.address = address
        self.state = State.AWAITING_HELLO
        self.on_idle: Callable[[], None] = lambda: None
        self.source: Source = _Dry()
        self.used_s = 0.0
        """See :class:`server.turns.Worker`."""
        self.queued = False
        """See :class:`server.turns.Worker`."""
        self.opened_at = hub.scheduler.time()
        self.opened_place = hub.place
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
        self.hears: set[Person] = set()
        self.heard_by: set[Session] = set()
        self.following = 0
        self.answering = False
        """A VIEWPORT is applied and its CLOCK has not been sent."""
        self._frames: deque[Iterator[Message | PixelRun]] = deque()
        """Long frames that are being decoded, or wait for that."""
        self._decoded: list[ClientMessage | PixelRun] = []
        """What the first of them holds, as far as it is decoded: it counts when all of it is."""
        self._inbox: deque[ClientMessage | PixelRun] = deque()
        self._busy = False
        self._prepared: Callable[[], None] | None = None
        """What is left to do of the message that was worked on in a thread."""
        self._working = False

    @property
    def client(self) -> int:
        """The number that others know this client by; 0 before HELLO."""
        return self.identity.client if self.identity else 0

    @property
    def about(self) -> dict[str, object]:
        """Whose it is, for a line of the log."""
        return {"canvas": self._hub.name, "session": self.client}

    @property
    def idle(self) -> bool:
        """Whether everything received has been handled, or nothing more will be."""
        waits = self._inbox or self._frames or self._busy or self._prepared
        return self.state is State.CLOSED or not waits

    @property
    def has_much(self) -> bool:
        """See :attr:`server.turns.Worker.has_much`."""
        if self._frames or self._prepared or len(self._inbox) > _CHECK_EVERY:
            return True
        return self.source.unparsed_bytes > _SHORT_BYTES

    def receive(self, frame: bytes) -> None:
        """Take one binary frame; it is handled now, or in slices over the next turns."""
        if self.state is State.CLOSED:
            return
        counts = self._hub.counts
        counts.received_frames += 1
        counts.received_bytes += len(frame)
        if self._frames or len(frame) > _SHORT_BYTES:
            self._frames.append(decode_steps(frame, Sender.CLIENT))
        else:
            try:
                # Of what a client may send there is nothing else.
                messages = cast("list[ClientMessage | PixelRun]", decode_runs(frame, Sender.CLIENT))
                if len(messages) == 1 and self._takes_at_once(messages[0]):
                    self._try(self._handle, messages[0])
                    return
                self._inbox.extend(messages)
            except ProtocolError as error:
                self.end(error.close_code, error.reason)
                return
        self.pump()

    def _takes_at_once(self, message: ClientMessage | PixelRun) -> bool:
        """Whether it is as cheap as most are, nothing is before it, and there is time for it."""
        return (
            isinstance(message, _CHEAP)
            and not (self._inbox or self._busy or self._prepared)
            and self.state is State.OPEN
            and not self.outbox.behind
            and self._hub.turns.spares_a_trifle()
        )

    def pump(self) -> None:
        """Handle what was received: now, or when it is this session's turn."""
        if not self._working:
            self._hub.turns.run(self)

    def work(self, until: float) -> bool:
        """See :meth:`server.turns.Worker.work`: handle, decode and parse what came."""
        self._working = True
        try:
            ended = self._work(until)
        except ProtocolError as error:
            self.end(error.close_code, error.reason)
            ended = False  # what else came is parsed, and its answer to the close is found
        except Exception:
            logger.exception("what a client sent could not be read", extra=self.about)
            self.end(CloseCode.TRY_LATER, "the server failed at a message")
            ended = True
        finally:
            self._working = False
        if self.idle:
            self.on_idle()
        return not ended

    def _work(self, until: float) -> bool:
        """Whether it came to an end: nothing is left, or it has to wait for something."""
        unchecked = 0
        while True:
            if self._prepared is not None:
                unchecked = _CHECK_EVERY
                prepared, self._prepared = self._prepared, None
                self._try(prepared)
            elif self._inbox:
                if self._busy or self.outbox.behind or self.state is State.RESUMING:
                    return True  # it goes on when it may
                message = self._inbox.popleft()
                unchecked += 1 if isinstance(message, _CHEAP) else _CHECK_EVERY
                self._try(self._handle, message)
            elif self._frames:
                self._decode()
                unchecked = _CHECK_EVERY
            elif not self._busy and self.source.parse_next():
                unchecked += _CHECK_EVERY
            else:
                return True
            if unchecked >= _CHECK_EVERY:
                unchecked = 0
                if self._hub.scheduler.time() > until:
                    return False

    def _decode(self) -> None:
        """Decode some more messages of the first of the long frames."""
        some = list(islice(self._frames[0], _CHECK_EVERY))
        self._decoded += some  # type: ignore[arg-type]  # decode gives a client's only
        if len(some) < _CHECK_EVERY:
            self._frames.popleft()
            self._inbox.extend(self._decoded)
            self._decoded = []

    def _try(self, handle: Callable[..., None], *message: ClientMessage | PixelRun) -> None:
        try:
            handle(*message)
        except ProtocolError:
            raise
        except Exception:
            logger.exception("a message could not be handled", extra=self.about)
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
                self._hub.hearing.look(self, message, self.viewports)
            case CursorMove():
                self._hub.hearing.point(self, message)
            case PresenceSet():
                self._hub.hearing.introduce(self, message)
            case Follow():
                self._hub.hearing.follow(self, message)
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

    def resume(self, prepared: Callable[[], None] | None = None) -> None:
        """Go on handling what was received, with ``prepared`` first, when it is its turn."""
        self._busy = False
        self._prepared = prepared
        self.pump()

    def welcomed(self) -> None:
        """WELCOME is sent; what came after HELLO is handled now."""
        self.state = advance(self.state, Event.WELCOMED)
        self._hub.scheduler.call_soon(self.pump)

    def filled(self) -> None:
        """The line is full: the client doesn't read as fast as it is sent to."""
        self.outbox.filled()

    def drained(self) -> None:
        """The line takes bytes again after it was full."""
        if self.state is State.OPEN and self.outbox.behind:
            self.outbox.drained()
            self.wake()
            self.pump()

    def reached(self) -> None:
        """The client has answered: all that was sent before the line's last probe is there."""
        self.outbox.window.reached(self._hub.scheduler.time())
        if self.state is State.OPEN and self.view.stale:
            self.wake()

    def wake(self) -> None:
        """It has something to be sent with the next flush."""
        self._hub.due(self)

    def notify(self, level: int, text: str) -> None:
        """Send a NOTICE with the next flush: ``level`` 0 info, 1 warning, 2 error.

        The same one again before that is none.
        """
        notice = encode(Notice(level, text))
        if notice not in self.outbox.notices[-1:]:
            self.outbox.notices.append(notice)
        self.wake()

    def end(self, code: CloseCode, reason: str) -> None:
        """Close the connection from this side, and leave everything at once."""
        if self.state is not State.CLOSED:
            self.lost()
            self._hub.counts.closes[code] += 1
            self.line.close(code, reason)

    def lost(self) -> None:
        """The connection is gone, however it ended: leave everything at once."""
        if self.state is State.CLOSED:
            return
        self.state = advance(self.state, Event.ENDED)
        self._inbox.clear()
        self._frames.clear()
        self._decoded.clear()
        self._prepared = None
        self._hub.leave(self)
        self.on_idle()
