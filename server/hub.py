"""One live canvas: its parts, who is connected to it, and what they say.

What is drawn is ordered in :mod:`server.ordering`; the flush (:mod:`server.fanout`) then writes
once to each session that has something coming.
"""

import asyncio
import logging
from collections.abc import Callable

from protocol.codec import encode
from protocol.errors import CloseCode
from protocol.messages import (
    Hello,
    Notice,
)
from protocol.session import State
from server.activity import Activity
from server.admission import Admission
from server.applying import Applying
from server.awareness import Awareness
from server.bucket import Rate
from server.checkpointer import Checkpointer
from server.cluster.bus import Bus
from server.cluster.people import People
from server.cluster.people_wire import Extent
from server.counts import Counts
from server.entering import Entering
from server.fanout import Fanout
from server.following import Following
from server.hearing import Hearing
from server.identity import Identity
from server.journal import Journal, JournalListener
from server.line import Line
from server.memory import Member, Memory
from server.ordering import Ordering
from server.overviews import Overviews
from server.paging import Paging
from server.person import ANONYMOUS
from server.reception import IN_TROUBLE, Reception
from server.session import Session
from server.settings import Settings
from server.supervisor import Supervisor
from server.sweeper import Sweeper
from server.turns import Turns
from server.viewing import Viewing
from tiles.log.base import Author, CanvasInfo, Log, LostError, Ordered, OutdatedError, Recovered
from tiles.loop import Offload
from tiles.pyramid import Pyramid
from tiles.raster import DrawLimits
from tiles.snapshot import Snapshots

logger = logging.getLogger(__name__)

_JOURNAL_MAX_BYTES = 64 * 1024 * 1024


class Hub:
    """A canvas and everybody who is connected to it. Lives on the event loop's thread.

    The clock and the loop (``supervisor``), the wall clock in milliseconds (``now_ms``) and threads
    (``offload``) are arguments, so that a simulation can run it in virtual time.
    """

    def __init__(
        self,
        name: str,
        log: Log,
        recovered: Recovered,
        pyramid: Pyramid,
        memory: Memory,
        turns: Turns,
        settings: Settings,
        supervisor: Supervisor,
        offload: Offload,
        now_ms: Callable[[], int],
        reading: Offload | None = None,
        bus: Bus | None = None,
    ) -> None:
        self.name = name
        self.info = recovered.info
        self.canvas = pyramid.canvas
        self.epoch = recovered.epoch
        self.seq = recovered.seq
        self.place = recovered.mark.place
        """In a shared log: the entries up to there are applied."""
        self.settings = settings
        self.scheduler = scheduler = supervisor.scheduler
        self.turns = turns
        self._supervisor = supervisor
        self.pyramid = pyramid
        self.snapshots = Snapshots(pyramid)
        self.viewing = Viewing(pyramid)
        self.paging = Paging(pyramid, log, supervisor.service("paging", name), reading or offload)
        self.overviews = Overviews(
            self.viewing,
            supervisor.service("overviews", name),
            settings.overview_interval_ms / 1000,
            settings.overview_bytes_per_second,
        )
        self.sessions: set[Session] = set()
        self.counts = Counts()
        self.activity = Activity(recovered.info.width, recovered.info.height, scheduler.time)
        self._log = log
        limits = DrawLimits(settings.max_message_pixels, settings.max_message_tiles)
        self._admission = Admission(recovered.info, limits)
        self.journal = Journal(
            log,
            recovered.seq,
            now_ms,
            _JOURNAL_MAX_BYTES,
            self._on_durable,
            self._on_trouble,
            supervisor.service("journal", name),
            supervisor.thread("log-writer", name),
        )
        self._memory = memory
        self.checkpointer = Checkpointer(
            pyramid,
            log,
            self.journal,
            self.paging,
            supervisor.service("checkpointer", name),
            offload,
            lambda: self.seq,
            settings.checkpoint_step_tiles,
            settings.checkpoint_interval_s,
        )
        self._overviews_saved = recovered.overviews
        self._awareness = Awareness(
            self.viewing,
            self.sessions,
            supervisor.service("awareness", name),
            settings.max_cursors,
            settings.cursor_interval_ms / 1000,
            settings.presence_linger_ms / 1000,
            settings.presence_interval_ms / 1000,
        )
        if bus is not None:
            extent = Extent(recovered.info.width, recovered.info.height, pyramid.levels)
            people = supervisor.service("people", name)
            self._awareness.join(People(name, extent, bus, self._awareness, people))
        self.fanout = Fanout(
            self, supervisor.service("fan-out", name), self.journal.submit, self._view_changed
        )
        self._entering = Entering(scheduler, self.fanout.look)
        applying = Applying(self, self.checkpointer, self.fanout)
        self.following: Following | None = None
        """Applies what the stream of a shared log brings."""
        if log.shared:
            service = supervisor.service("following", name)
            self.following = Following(
                self, service, applying, offload, log, memory, self._counted, self._drawn
            )
        rate = Rate(settings.budget_pixels, settings.budget_refill)
        self._reception = Reception(
            self, log, self.journal, self.following, rate, scheduler, offload
        )
        self.hearing = Hearing(self, self._entering, self._awareness, self._reception.identities)
        self._sweeper = Sweeper(
            self, supervisor.service("sweeper", name), self._reception, log, now_ms
        )
        self.on_lost: Callable[[], None] = lambda: None
        """Called when the log has parted with the stream that it followed, or what that brings
        can't be applied: this hub is of no use any more."""
        self._over = False
        """It stops, and nobody looks at anything any more."""
        self.ordering = Ordering(
            self,
            self._admission,
            self.journal,
            applying,
            self.fanout,
            memory,
            offload,
            shared=log.shared,
        )

    # -- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to write the log, and to sweep."""
        self._log.start(
            JournalListener(self.journal), self.following.hear if self.following else None
        )
        self._sweeper.start()
        self.checkpointer.start()
        residents = self.pyramid.residents
        self._memory.join(Member(residents, self.checkpointer.run, self._go_on))
        self.paging.kick()
        if not self._overviews_saved:
            self.checkpointer.run()

    async def stop(self) -> None:
        """Tell everybody, write what is ordered, close: within the shutdown time."""
        self.checkpointer.stop()
        try:
            self.fanout.flush()
        except Exception:
            logger.exception(
                "canvas %s: the last flush failed", self.name, extra={"canvas": self.name}
            )
        self.paging.stop()
        if self.following is not None:
            self.following.stop()
        self._over = True
        self._awareness.close()
        farewell = encode(Notice(1, "The server is restarting; your client comes back by itself."))
        for session in list(self.sessions):
            if session.state is State.OPEN and not session.outbox.behind:
                session.line.write(session.line.frame(farewell))
            session.end(CloseCode.RESTARTING, "restarting")
        self.journal.submit()
        if not await asyncio.to_thread(self._log.close, self.settings.shutdown_timeout_s):
            logger.error(
                "canvas %s: not everything could be written",
                self.name,
                extra={"canvas": self.name},
            )
        self._memory.leave(self.pyramid.residents)
        self._supervisor.stop(self.name)

    def change(self, info: CanvasInfo) -> None:
        """Title, palette or frozen changed, and are stored."""
        texts = _changes(self.info, info)
        self.info = info
        self._admission.change(info)
        for session in self.sessions:
            if session.state is State.OPEN:
                for text in texts:
                    session.notify(0, text)

    # -- facts ---------------------------------------------------------------------------------

    @property
    def behind(self) -> int:
        """Entries of a shared log's stream that aren't applied yet, as far as is known."""
        return self._log.behind + self.following.waiting if self.following else 0

    @property
    def durable_seq(self) -> int:
        """Everything up to here would survive a power cut."""
        return self.seq if self._log.shared else self.journal.durable_seq

    @property
    def read_only(self) -> bool:
        """Whether drawing is rejected because storage is in trouble."""
        return self.journal.read_only

    @property
    def identities(self) -> int:
        """Sessions in memory, connected or not."""
        return len(self._reception.identities)

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
            "identities": self.identities,
            "read_only": self.read_only,
        }

    # -- connections ---------------------------------------------------------------------------

    def join(self, line: Line, address: bytes) -> Session:
        """A new connection, which has to say HELLO."""
        session = Session(self, line, address, ANONYMOUS)
        self.sessions.add(session)
        self.counts.connections += 1
        return session

    def leave(self, session: Session) -> None:
        """The session ended: it leaves every set, index and count."""
        self.sessions.discard(session)
        if not self._over:  # for ten thousand it would take seconds, and these go with the hub
            self.viewing.leave(session)
            self._awareness.leave(session)
            self.overviews.leave(session)
        self.fanout.leave(session)
        self._entering.leave(session)
        self._reception.leave(session)
        self.ordering.leave(session)
        self.turns.leave(session)

    def due(self, session: Session) -> None:
        """Have the next flush look at the session."""
        self.fanout.due(session)

    def hello(self, session: Session, hello: Hello) -> None:
        """Take a HELLO."""
        self._reception.hello(session, hello)

    # -- the log's answers ---------------------------------------------------------------------

    def _on_durable(self, identities: list[Identity]) -> None:
        for identity in identities:
            try:
                if identity.connection is not None:
                    self.due(identity.connection)
                self._reception.durable(identity)
            except Exception:
                logger.exception(
                    "a session can't be told what is durable; it ends",
                    extra={"canvas": self.name},
                )
                for session in (identity.connection, identity.waiting):
                    if session is not None:
                        session.end(CloseCode.TRY_LATER, "the server failed at this session")

    def _counted(self, ordered: Ordered) -> None:
        """An entry of a shared log is applied as far as its drawing goes."""
        if ordered.info is not None:
            self.change(ordered.info)
        self._reception.counted(ordered)
        self.place = ordered.place

    def _drawn(self, author: Author, pixels: int) -> None:
        """Somebody of a shared log painted so much: who did it here has paid already."""
        identity = self._reception.identities.get(author.session)
        if identity is None or not identity.claim:
            now = self.scheduler.time()
            self._reception.addresses.drawn_elsewhere(author.address, pixels, now)

    def _view_changed(self, session: Session) -> None:
        self._entering.changed(session)
        self._awareness.view_changed(session)
        self.overviews.view_changed(session)

    def _on_trouble(self, error: Exception | None) -> None:
        if isinstance(error, LostError):
            self.on_lost()
        elif isinstance(error, OutdatedError):
            self._reception.send_away()
        if error is None:
            level, text = 0, "Storage is well again: painting goes on."
        else:
            level, text = 2, IN_TROUBLE
        for session in list(self.sessions):
            if session.state is State.OPEN:
                session.notify(level, text)
            elif error is not None:
                self._reception.turn_away(session)
        self._go_on()

    def _go_on(self) -> None:
        """Who waited to draw may: on a turn of its own, since it is no part of who says so."""
        self.scheduler.call_soon(self.ordering.go_on)
        if self.following is not None:
            self.following.go_on()


def _changes(before: CanvasInfo, after: CanvasInfo) -> list[str]:
    """What people who are connected are told of changed settings."""
    texts = []
    if after.frozen != before.frozen:
        texts.append(
            "The canvas is frozen." if after.frozen else "The canvas is open for painting."
        )
    if after.palette != before.palette:
        texts.append("The canvas has other colours now: reload to paint with them.")
    if after.title != before.title:
        texts.append(f"The canvas has another title: {after.title}")
    return texts
