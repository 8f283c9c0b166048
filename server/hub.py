"""One live canvas: its parts, who is connected to it, and what they say.

What is drawn is ordered in :mod:`server.ordering`; the flush (:mod:`server.fanout`) then writes
once to each session that has something coming.
"""

import asyncio
import logging
from collections.abc import Callable

from protocol.errors import CloseCode, ProtocolError
from protocol.messages import (
    CursorMove,
    Follow,
    Hello,
    PresenceSet,
    Viewport,
)
from protocol.session import State
from server.admission import Admission, Rate
from server.awareness import ANONYMOUS, Awareness
from server.checkpointer import Checkpointer
from server.fanout import Fanout
from server.identity import Identity
from server.journal import Journal, JournalListener
from server.line import Line, Offload, Scheduler
from server.memory import Member, Memory
from server.ordering import Ordering
from server.overviews import Overviews
from server.paging import Paging
from server.reception import Reception
from server.session import Session, Wanted
from server.settings import Settings
from server.viewing import Viewing
from tiles.geometry import clip, tile_range
from tiles.log.base import Author, CanvasInfo, Log, Recovered
from tiles.pyramid import Pyramid
from tiles.raster import DrawLimits
from tiles.snapshot import Snapshots

logger = logging.getLogger(__name__)

_NAME_MAX_BYTES = 64
_DAY_MS = 24 * 60 * 60 * 1000
_FORGET_INTERVAL_S = 3600.0
_JOURNAL_MAX_BYTES = 64 * 1024 * 1024


class Hub:
    """A canvas and everybody who is connected to it. Lives on the event loop's thread.

    The clock and the loop (``scheduler``), the wall clock in milliseconds (``now_ms``) and threads
    (``offload``) are arguments, so that a simulation can run it in virtual time.
    """

    def __init__(
        self,
        name: str,
        log: Log,
        recovered: Recovered,
        pyramid: Pyramid,
        memory: Memory,
        settings: Settings,
        scheduler: Scheduler,
        offload: Offload,
        now_ms: Callable[[], int],
        reading: Offload | None = None,
    ) -> None:
        self.name = name
        self.info = recovered.info
        self.canvas = pyramid.canvas
        self.epoch = recovered.epoch
        self.seq = recovered.seq
        self.settings = settings
        self.scheduler = scheduler
        self.pyramid = pyramid
        self.snapshots = Snapshots(pyramid)
        self.viewing = Viewing(pyramid)
        self.paging = Paging(pyramid, log, scheduler, reading or offload)
        self.overviews = Overviews(
            self.viewing,
            scheduler,
            settings.overview_interval_ms / 1000,
            settings.overview_bytes_per_second,
        )
        self.sessions: set[Session] = set()
        self._log = log
        self._now_ms = now_ms
        limits = DrawLimits(settings.max_message_pixels, settings.max_message_tiles)
        self._admission = Admission(recovered.info, limits)
        self._journal = Journal(
            log, recovered.seq, now_ms, _JOURNAL_MAX_BYTES, self._on_durable, self._on_trouble
        )
        rate = Rate(settings.budget_pixels, settings.budget_refill)
        self._reception = Reception(self, log, self._journal, rate, scheduler, offload)
        self._memory = memory
        self._checkpointer = Checkpointer(
            pyramid,
            log,
            self._journal,
            self.paging,
            scheduler,
            offload,
            lambda: self.seq,
            settings.checkpoint_step_tiles,
        )
        self._overviews_saved = recovered.overviews
        self._awareness = Awareness(
            self.viewing,
            scheduler,
            settings.max_cursors,
            settings.cursor_interval_ms / 1000,
            settings.presence_linger_ms / 1000,
        )
        self._fanout = Fanout(self, self._journal.submit, self._view_changed)
        self.ordering = Ordering(
            self,
            self._admission,
            self._journal,
            self._checkpointer,
            self._fanout,
            memory,
            offload,
        )
        self._stopping = False

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to write the log, and to sweep."""
        self._log.start(JournalListener(self.scheduler, self._journal))
        self.scheduler.call_later(self._sweep_interval, self._sweep)
        self.scheduler.call_later(self.settings.checkpoint_interval_s, self._checkpoint)
        self._forget_sessions()
        residents = self.pyramid.residents
        self._memory.join(Member(residents, self._checkpointer.run, self.ordering.go_on))
        self.paging.kick()
        if not self._overviews_saved:
            self._checkpointer.run()

    async def stop(self) -> None:
        """Tell everybody, write what is ordered, close: within the shutdown time."""
        self._stopping = True
        self._checkpointer.stop()
        for session in list(self.sessions):
            if session.state is State.OPEN:
                session.notify(1, "The server is restarting; your client comes back by itself.")
        self._fanout.flush()
        self.paging.stop()
        for session in list(self.sessions):
            session.end(CloseCode.RESTARTING, "restarting")
        self._journal.submit()
        if not await asyncio.to_thread(self._log.close, self.settings.shutdown_timeout_s):
            logger.error("canvas %s: not everything could be written", self.name)
        self._memory.leave(self.pyramid.residents)

    def change(self, info: CanvasInfo) -> None:
        """Title, palette or frozen changed, and are stored."""
        frozen, self.info = self.info.frozen, info
        self._admission.change(info)
        if info.frozen != frozen:
            text = "The canvas is frozen." if info.frozen else "The canvas is open for painting."
            for session in self.sessions:
                if session.state is State.OPEN:
                    session.notify(0, text)

    # -- facts ---------------------------------------------------------------------------------

    @property
    def durable_seq(self) -> int:
        """Everything up to here would survive a power cut."""
        return self._journal.durable_seq

    @property
    def read_only(self) -> bool:
        """Whether drawing is rejected because storage is in trouble."""
        return self._journal.read_only

    def stats(self) -> dict[str, int | bool]:
        """What a person or a dashboard wants to know."""
        return {
            "sessions": len(self.sessions),
            "subscriptions": self.viewing.live.pairs,
            "stale": self.viewing.stale_pairs,
            "seq": self.seq,
            "durable_seq": self.durable_seq,
            "epoch": self.epoch,
            "tiles": len(self.canvas),
            "overview_tiles": len(self.pyramid),
            "memory_bytes": self.pyramid.residents.bytes,
            "unsaved_tiles": len(self.pyramid.residents.unsaved),
            "identities": len(self._reception.identities),
            "read_only": self.read_only,
        }

    # -- connections ---------------------------------------------------------------------------

    def join(self, line: Line, address: bytes) -> Session:
        """A new connection, which has to say HELLO."""
        session = Session(self, line, address, ANONYMOUS)
        self.sessions.add(session)
        return session

    def leave(self, session: Session) -> None:
        """The session ended: it leaves every set, index and count."""
        self.sessions.discard(session)
        self.viewing.leave(session)
        self._awareness.leave(session)
        self._fanout.leave(session)
        self._reception.leave(session)
        self.overviews.leave(session)
        self.ordering.leave(session)

    def due(self, session: Session) -> None:
        """Have the next flush look at the session."""
        self._fanout.due(session)

    # -- what clients say ----------------------------------------------------------------------

    def hello(self, session: Session, hello: Hello) -> None:
        """Take a HELLO."""
        self._reception.hello(session, hello)

    def look(self, session: Session, viewport: Viewport, number: int) -> None:
        """Take a VIEWPORT; one that a later one overtakes before the next flush is skipped."""
        if viewport.level >= self.pyramid.levels:
            raise ProtocolError(f"there is no level {viewport.level}")
        box = clip(
            (viewport.x0, viewport.y0, viewport.x1, viewport.y1),
            self.info.width,
            self.info.height,
        )
        if box is None:
            raise ProtocolError("the VIEWPORT is empty: none of it lies on the canvas")
        total = tile_range(viewport.level, box).total
        if total > self.settings.max_viewport_tiles:
            session.notify(
                1,
                f"The viewport has {total:,} tiles, at most {self.settings.max_viewport_tiles:,}"
                " are allowed: nothing changed.",
            )
            return
        self._fanout.look(session, Wanted(number, viewport.level, box, viewport.known))

    def point(self, session: Session, cursor: CursorMove) -> None:
        """Take a CURSOR; off the canvas it is ignored."""
        if cursor.x < self.info.width and cursor.y < self.info.height:
            self._awareness.move(session, cursor)

    def introduce(self, session: Session, presence: PresenceSet) -> None:
        """Take a PRESENCE."""
        if len(presence.name.encode()) > _NAME_MAX_BYTES:
            session.notify(1, f"A name has at most {_NAME_MAX_BYTES} bytes: yours is not changed.")
            return
        self._awareness.introduce(session, presence)
        session.author = Author(session.author.session, presence.name, session.address)

    def follow(self, session: Session, follow: Follow) -> None:
        """Take a FOLLOW."""
        target = self._reception.identities.by_client(follow.client)
        self._awareness.follow(session, target.connection if target else None, follow.client)

    # -- the log's answers ---------------------------------------------------------------------

    def _on_durable(self, identities: list[Identity]) -> None:
        for identity in identities:
            if identity.connection is not None:
                self.due(identity.connection)
            self._reception.durable(identity)

    def _view_changed(self, session: Session) -> None:
        self._awareness.view_changed(session)
        self.overviews.view_changed(session)

    def _on_trouble(self, error: Exception | None) -> None:
        if error is None:
            level, text = 0, "Storage is well again: painting goes on."
        else:
            level, text = 2, "Storage is in trouble: the canvas is read-only until it is mended."
        for session in list(self.sessions):
            if session.state is State.OPEN:
                session.notify(level, text)
            elif error is not None:
                self._reception.turn_away(session)
        self.ordering.go_on()

    # -- by the clock --------------------------------------------------------------------------

    @property
    def _sweep_interval(self) -> float:
        return self.settings.clock_interval_s / 5

    def _sweep(self) -> None:
        now = self.scheduler.time()
        clock_age = self.settings.clock_interval_s - self._sweep_interval
        for session in list(self.sessions):
            if session.outbox.stuck(now, self.settings.slow_reader_timeout_s):
                session.lost()
                session.line.abort()
            elif session.state is State.OPEN:
                if now - session.outbox.clock_at >= clock_age:
                    session.outbox.clock_due = True
                    self.due(session)
            elif (
                session.state is State.AWAITING_HELLO
                and now - session.opened_at > self.settings.hello_timeout_s
            ):
                session.end(CloseCode.TOO_SLOW, "no HELLO in time")
        self._reception.identities.sweep(now)
        if not self._stopping:
            self.scheduler.call_later(self._sweep_interval, self._sweep)

    def _checkpoint(self) -> None:
        if not self._stopping:
            self._checkpointer.run()
            self.scheduler.call_later(self.settings.checkpoint_interval_s, self._checkpoint)

    def _forget_sessions(self) -> None:
        """Counts of sessions that haven't drawn for long go from the log."""
        if not self._stopping:
            keep_ms = int(self.settings.session_keep_days * _DAY_MS)
            self._log.forget_sessions(self._now_ms() - keep_ms)
            self.scheduler.call_later(_FORGET_INTERVAL_S, self._forget_sessions)
