"""The flush: what was drawn goes to who is live on it, and each session gets one write.

A flush comes on the next turn of the loop when the server is idle. Under load the next one waits as
long as the last one took, up to a ceiling, so that more goes out with each write: the write is the
most of what it costs, however little is in it.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, compress
from typing import TYPE_CHECKING

from protocol.codec import encode
from protocol.errors import CloseCode
from protocol.messages import Clock
from protocol.session import State
from server.audience import audiences
from server.feed import Feed
from server.histogram import FAST_S, Histogram
from server.line import FRAME_BYTES, pack
from server.session import Session, Wanted
from server.snapshotting import Snapshotting
from server.supervisor import Service
from server.window import Window
from tiles.pixel_run import TilePixels

if TYPE_CHECKING:
    from server.hub import Hub

logger = logging.getLogger(__name__)

_SHARED_MAX_BYTES = 128 * 1024
"""Drawing of one flush that is framed once, the same for all who get it."""
_SLICE_S = 0.004
"""Time that one flush gives to changing viewports, and to those that are due more than drawing."""
_DRAWING_S = 0.012
"""Time that one flush gives to writes of drawing alone: some 1,000 of them."""
_CHECK_EVERY = 32
"""So many of these writes are made without a look at the clock."""


class Fanout:
    """Delivers for one hub. ``submit`` hands the log what was ordered, before anybody sees it.

    The flushes are what ``service`` does. Where one fails for one session, that session's tiles go
    afresh; where it fails for all, everybody's do.
    """

    def __init__(
        self,
        hub: "Hub",
        service: Service,
        submit: Callable[[], None],
        view_changed: Callable[[Session], None],
    ) -> None:
        self._hub = hub
        self._service = service
        self._submit = submit
        self._view_changed = view_changed
        self._feed = Feed()
        self._snapshotting = Snapshotting(hub)
        self._answers: dict[Session, None] = {}
        """Those of the due whose last VIEWPORT isn't answered yet: they go before who merely has
        refreshes to come, as long as there is time for both."""
        self._due: dict[Session, None] = {}
        self._late: dict[Session, None] = {}
        """Those that there was no time for when the drawing was distributed that they are to get.
        Until they have it nothing else is done: a crowd of any size gets it in as few writes."""
        self._seq = hub.seq
        """What was ordered up to there is distributed."""
        self._looking: dict[Session, None] = {}
        self._busy = False
        """A flush is about to come, or what it wrote is being sent."""
        self._wanted = False
        self._left_over = False
        """A flush had no time for all that was asked: the next comes with the next turn."""
        self._took_s = 0.0
        """The longest of the flushes since the last pause."""
        self._next_flush = 0.0
        self.flush_times = Histogram(FAST_S)
        """Of each flush, in seconds, with the writes to the system that it led to."""
        self.sent_bytes = 0
        """Written to sessions by them."""
        self.delivered_messages = 0
        """Drawing messages given to sessions that are live: one for each message and session."""
        service.on_restart(self._start_all_over)

    def add(self, tiles: Sequence[int], data: bytes) -> None:
        """An encoded drawing message was ordered, and touches these level-0 tiles."""
        self._feed.add(tiles, data)
        self._schedule()

    def add_pixels(self, parts: Iterable[TilePixels]) -> None:
        """A run of PIXELs was ordered, by the tiles that they touch."""
        self._feed.add_pixels(parts)
        self._schedule()

    def due(self, session: Session) -> None:
        """Have the next flush look at the session."""
        (self._answers if session.answering else self._due)[session] = None
        self._schedule()

    def look(self, session: Session, wanted: Wanted) -> None:
        """Apply a VIEWPORT with the next flush, unless a later one comes before."""
        session.wanted = wanted
        self._looking[session] = None
        self._schedule()

    def leave(self, session: Session) -> None:
        """The session ended."""
        self._answers.pop(session, None)
        self._due.pop(session, None)
        self._late.pop(session, None)
        self._looking.pop(session, None)
        self._snapshotting.leave(session)

    def holds(self, session: Session) -> bool:
        """Whether a session is still waited for: for recounts."""
        waiting = (self._answers, self._due, self._late, self._looking)
        return any(session in some for some in waiting)

    def _schedule(self) -> None:
        self._wanted = True
        if self._busy:
            return
        self._busy = True
        wait = self._next_flush - self._service.time()
        if wait > 0:
            self._service.call_later(wait, self._flush_on_time)
        else:
            self._service.call_soon(self._flush_on_time)

    def _flush_on_time(self) -> None:
        self._wanted = False
        started = self._service.time()
        self.flush()
        # The loop hands what was written to the system at the end of its turn.
        self._service.call_soon(self._flushed, started)

    def _flushed(self, started: float) -> None:
        ended = self._service.time()
        self.flush_times.observe(ended - started)
        self._took_s = max(self._took_s, ended - started)
        self._next_flush = ended
        if not self._left_over:
            self._next_flush += min(self._took_s, self._hub.settings.flush_ceiling_ms / 1000)
            self._took_s = 0.0
        self._left_over = False
        self._busy = False
        if self._wanted:
            self._schedule()

    def flush(self) -> None:
        """Deliver what was drawn since the last flush, and what sessions are owed."""
        if self._late:
            self._write_late(self._service.time() + _DRAWING_S)
            self._schedule()
            return
        self._change_views()
        self._submit()
        deadline = self._service.time() + _DRAWING_S
        self._distribute(deadline)
        self._write_late(deadline)
        self._write_due()

    def _write_late(self, deadline: float) -> None:
        self._write_to(self._late, deadline)
        if self._late:
            self._left_over = True
            self._schedule()

    def _write_due(self) -> None:
        """Write to those that have something coming; whom there is no time for comes next."""
        began = self._service.time()
        answers, self._answers = self._answers, {}
        due, self._due = self._due, {}
        for session in answers:
            due.pop(session, None)
        self._write_to(answers, began + _SLICE_S / 2)
        self._write_to(due, began + _SLICE_S)
        if answers or due:
            self._left_over |= bool(answers)
            self._answers = answers | self._answers
            self._due = due | self._due
            self._schedule()

    def _write_to(self, waiting: dict[Session, None], deadline: float) -> None:
        """Write to the first of ``waiting`` until the deadline; one at least."""
        while waiting:
            session = next(iter(waiting))
            del waiting[session]
            if session.state is State.OPEN and not session.outbox.behind:
                try:
                    self._write(session, deadline)
                except Exception:
                    self._failed(session)
            if self._service.time() > deadline:
                break

    def _change_views(self) -> None:
        deadline = self._service.time() + _SLICE_S
        waiting, self._looking = self._looking, {}
        while waiting:
            session = next(iter(waiting))
            del waiting[session]
            if session.outbox.behind and session.outbox.drawing:
                # The drawing would hold this up for as long as it is.
                self._hub.viewing.renew(session, None)
                self._start_over(session)
            if session.outbox.drawing:
                self._looking[session] = None  # it was for the viewport that it still has
                continue
            try:
                self._change_view(session)
            except Exception:
                logger.exception("a viewport could not be changed", extra=session.about)
                session.end(CloseCode.TRY_LATER, "the server failed at a VIEWPORT")
            if self._service.time() > deadline:
                break
        if waiting or self._looking:
            self._left_over |= bool(waiting)
            self._looking = waiting | self._looking
            self._schedule()

    def _change_view(self, session: Session) -> None:
        viewing, wanted = self._hub.viewing, session.wanted
        assert wanted is not None, "a session that looks wants a view"
        try:
            viewing.change(session, wanted, self._hub.seq)
        except Exception:
            logger.exception(
                "a viewport could not be changed; all of it goes afresh", extra=session.about
            )
            viewing.renew(session, wanted)
            viewing.change(session, wanted._replace(known=()), self._hub.seq)
        session.answering = True
        self._view_changed(session)
        session.wanted = None
        self.due(session)

    def _distribute(self, deadline: float) -> None:
        """Send to each session what touches its live tiles; who gets the same shares the bytes."""
        self._seq = self._hub.seq
        pieces = list(self._feed.take())
        if not pieces:
            return
        viewing, due = self._hub.viewing, self._due
        now = self._service.time()
        written, hurried = 0, False
        touched = [tiles for tiles, _ in pieces]
        parts = [data for _, data in pieces]
        counts = self._feed.taken
        clocks: dict[int, tuple[Clock, bytes]] = {}
        for chosen, slots in audiences(touched, viewing.live, len(viewing.slots)):
            drawing = b"".join(compress(parts, chosen))
            large = len(drawing) > _SHARED_MAX_BYTES
            shared: dict[int, tuple[Clock, bytes]] = {}
            before, frame = written, b""
            messages = sum(compress(counts, chosen))
            self.delivered_messages += messages * len(slots)
            for slot in slots:
                session = viewing.slots[slot]
                assert session is not None, "who is live on a tile has a slot"
                outbox, view = session.outbox, session.view
                if outbox.behind:
                    self.delivered_messages -= messages
                    for tile in chain.from_iterable(compress(touched, chosen)):
                        viewing.owe(session, tile)
                    continue
                if large or hurried or view.stale or session.answering or session in due:
                    # By its messages where all of it may not fit into a frame.
                    outbox.drawing += compress(parts, chosen) if large else (drawing,)
                    self._defer(session)
                    continue
                written += 1
                if not written % _CHECK_EVERY:
                    hurried = self._service.time() > deadline
                told = shared.get(view.number)
                if told is None:
                    clock, ending = self._clock(view.number, clocks)
                    whole = [drawing + ending]
                    if len(drawing) > FRAME_BYTES:
                        whole = pack([*compress(parts, chosen), ending])
                    framed = b"".join(map(session.line.frame, whole))
                    told = shared[view.number] = clock, framed
                clock, frame = told
                try:
                    session.line.write(frame)
                except Exception:
                    self._failed(session)
                else:
                    outbox.written += len(frame)
                    outbox.clock, outbox.clock_at = clock, now
            self.sent_bytes += (written - before) * len(frame)  # each is as long as the last

    def _defer(self, session: Session) -> None:
        """The session has drawing in its outbox: it is written with what else it is owed."""
        if session.view.stale or session.answering:
            self.due(session)
        else:
            self._late[session] = None

    def _clock(self, view: int, known: dict[int, tuple[Clock, bytes]]) -> tuple[Clock, bytes]:
        """The CLOCK of this flush for a viewport of that number, made once."""
        clock = known.get(view)
        if clock is None:
            message = Clock(view, self._seq)
            clock = known[view] = message, encode(message)
        return clock

    def _write(self, session: Session, deadline: float) -> None:
        outbox, view = session.outbox, session.view
        # What was ordered meanwhile is neither shown nor acknowledged before it is distributed.
        all_distributed = self._seq == self._hub.seq
        tiles = self._snapshotting.take(session, deadline) if all_distributed else []
        if tiles:
            outbox.clock_due = True  # on a slow line they stand before the next
        if session.answering and self._snapshotting.answered(session):
            session.answering = False
            outbox.clock_due = True
        clock = outbox.clock
        if outbox.drawing or outbox.clock_due:
            outbox.clock_due = True
            if view.in_step and not session.answering:
                clock = Clock(view.number, self._seq)
        assert session.identity is not None, "an open session has said HELLO"
        if all_distributed:
            self._due.pop(session, None)
            outbox.ack = session.identity.ack()
        if outbox.budget_due:
            outbox.budget_due = False
            outbox.budget = session.identity.allowance.budget(self._service.time())
        self.sent_bytes += outbox.write(tiles, clock, self._service.time())
        if view.stale and not outbox.behind and not self._snapshotting.waits(session):
            self.due(session)

    def _failed(self, session: Session) -> None:
        """A session could not be written to: every tile of its viewport goes afresh."""
        logger.exception(
            "a session could not be written to; its tiles go afresh", extra=session.about
        )
        try:
            self._hub.viewing.renew(session, None)
        except Exception:
            logger.exception("its tiles can't go afresh", extra=session.about)
            session.end(CloseCode.TRY_LATER, "the server failed at a write")
            return
        self._start_over(session)

    def _start_over(self, session: Session) -> None:
        """Every tile of the session's viewport is stale; what it is said to wait for may not be."""
        session.outbox.drawing.clear()
        session.outbox.window = Window()
        session.answering = session.view.tiles is not None
        if session.state is State.OPEN:
            self.due(session)

    def _start_all_over(self) -> None:
        """It failed, wherever: everybody's tiles go afresh, and hold what nobody was sent."""
        self._busy = False
        self._feed = Feed()
        self._snapshotting = Snapshotting(self._hub)
        self._hub.viewing.renew_all(self._hub.sessions)
        self._answers.clear()
        self._due.clear()
        self._late.clear()
        self._looking.clear()
        for session in self._hub.sessions:
            self._start_over(session)
            if session.wanted is not None:
                self._looking[session] = None
        self._schedule()
