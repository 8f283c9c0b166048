"""The flush: what was drawn goes to who is live on it, and each session gets one write.

A flush comes on the next turn of the loop when the server is idle. Under load the next one waits as
long as the last one took, up to a ceiling, so that more goes out with each write.
"""

import logging
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING

from protocol.messages import Clock
from protocol.session import State
from server.feed import Feed
from server.session import Session, Wanted
from server.snapshotting import Snapshotting

if TYPE_CHECKING:
    from server.hub import Hub

logger = logging.getLogger(__name__)

_SLICE_S = 0.004
"""Time that one flush gives to changing viewports and to snapshots."""


class Fanout:
    """Delivers for one hub. ``submit`` hands the log what was ordered, before anybody sees it."""

    def __init__(
        self, hub: "Hub", submit: Callable[[], None], view_changed: Callable[[Session], None]
    ) -> None:
        self._hub = hub
        self._submit = submit
        self._view_changed = view_changed
        self._feed = Feed()
        self._snapshotting = Snapshotting(hub)
        self._due: dict[Session, None] = {}
        self._looking: dict[Session, None] = {}
        self._scheduled = False
        self._next_flush = 0.0

    def add(self, tiles: list[int], data: bytes) -> None:
        """An encoded drawing message was ordered, and touches these level-0 tiles."""
        self._feed.add(tiles, data)
        self._schedule()

    def due(self, session: Session) -> None:
        """Have the next flush look at the session."""
        self._due[session] = None
        self._schedule()

    def look(self, session: Session, wanted: Wanted) -> None:
        """Apply a VIEWPORT with the next flush, unless a later one comes before."""
        session.wanted = wanted
        self._looking[session] = None
        self._schedule()

    def leave(self, session: Session) -> None:
        """The session ended."""
        self._due.pop(session, None)
        self._looking.pop(session, None)

    def holds(self, session: Session) -> bool:
        """Whether a session is still waited for: for recounts."""
        return session in self._due or session in self._looking

    def _schedule(self) -> None:
        if self._scheduled:
            return
        self._scheduled = True
        wait = self._next_flush - self._hub.scheduler.time()
        if wait > 0:
            self._hub.scheduler.call_later(wait, self._flush_on_time)
        else:
            self._hub.scheduler.call_soon(self._flush_on_time)

    def _flush_on_time(self) -> None:
        self._scheduled = False
        started = self._hub.scheduler.time()
        try:
            self.flush()
        except Exception:
            logger.exception("canvas %s: a flush failed; all tiles go afresh", self._hub.name)
            for session in list(self._hub.sessions):
                self._start_over(session)
        ended = self._hub.scheduler.time()
        ceiling = self._hub.settings.flush_ceiling_ms / 1000
        self._next_flush = ended + min(ended - started, ceiling)

    def flush(self) -> None:
        """Deliver what was drawn since the last flush, and what sessions are owed."""
        deadline = self._hub.scheduler.time() + _SLICE_S
        self._change_views(deadline)
        self._submit()
        self._distribute()
        due, self._due = self._due, {}
        for session in due:
            if session.state is State.OPEN and not session.outbox.behind:
                try:
                    self._write(session, deadline)
                except Exception:
                    logger.exception("a session could not be written to; its tiles go afresh")
                    self._start_over(session)

    def _change_views(self, deadline: float) -> None:
        while self._looking:
            session = next(iter(self._looking))
            del self._looking[session]
            assert session.wanted is not None, "a session that looks wants a view"
            self._hub.viewing.change(session, session.wanted, self._hub.seq)
            session.wanted = None
            session.answering = True
            self._view_changed(session)
            self.due(session)
            if self._hub.scheduler.time() > deadline:
                break

    def _distribute(self) -> None:
        viewing = self._hub.viewing
        for tiles, data in self._feed.take():
            if len(tiles) == 1:
                audience = viewing.live.of(tiles[0])
            else:
                audience = set(chain.from_iterable(map(viewing.live.of, tiles)))
            behind = []
            for session in audience:
                if session.outbox.behind:
                    behind.append(session)
                else:
                    session.outbox.drawing.append(data)
                    self._due[session] = None
            for session in behind:
                for tile in tiles:
                    viewing.owe(session, tile)

    def _write(self, session: Session, deadline: float) -> None:
        outbox, view = session.outbox, session.view
        tiles = self._snapshotting.take(session, deadline)
        if not view.stale and (tiles or session.answering):
            session.answering = False
            outbox.clock_due = True
        if outbox.drawing or outbox.clock_due:
            outbox.clock_due = True
            if view.in_step and not session.answering:
                outbox.clock = Clock(view.number, self._hub.seq)
        assert session.identity is not None, "an open session has said HELLO"
        outbox.ack = session.identity.ack()
        outbox.write(tiles, self._hub.scheduler.time())
        if view.stale and not outbox.behind:
            self.due(session)

    def _start_over(self, session: Session) -> None:
        """Something failed: send every tile of the session's viewport afresh."""
        session.outbox.drawing.clear()
        self._hub.viewing.owe_all(session)
        if session.state is State.OPEN:
            self.due(session)
