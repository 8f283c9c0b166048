"""Cursors, presence and following: who hears of whom. Nothing of it is stored.

A session hears of at most ``max_cursors`` others: those whose viewport overlaps its own, and those
whose cursor is in it.
"""

from itertools import chain

from protocol.codec import encode
from protocol.messages import (
    PRESENCE_GONE,
    PRESENCE_HERE,
    Cursor,
    CursorMove,
    Presence,
    PresenceSet,
    Seen,
)
from server.line import Scheduler
from server.session import Session
from server.viewing import Viewing
from tiles.geometry import overlap

ANONYMOUS = PresenceSet(128, 128, 128, "")
"""What is told of a client that has said nothing about itself."""
_REVIEWS_PER_TURN = 64


class Awareness:
    """The awareness of one canvas; wakes each session that has something to be sent."""

    def __init__(
        self,
        viewing: Viewing,
        scheduler: Scheduler,
        max_cursors: int,
        cursor_interval_s: float,
        linger_s: float,
    ) -> None:
        self._viewing = viewing
        self._scheduler = scheduler
        self._max_cursors = max_cursors
        self._interval_s = cursor_interval_s
        self._linger_s = linger_s
        self._moved: dict[Session, None] = {}
        self._unreviewed: dict[Session, None] = {}
        self._leaving: dict[tuple[Session, Session], float] = {}
        self._followers: dict[int, set[Session]] = {}
        self._last_round = 0.0
        self._scheduled = False

    def move(self, session: Session, cursor: CursorMove) -> None:
        """A client's pointer moved; the latest place counts."""
        session.cursor = cursor
        self._moved[session] = None
        self._schedule()

    def introduce(self, session: Session, presence: PresenceSet) -> None:
        """A client said its name and colour."""
        session.presence = presence
        for hearer in session.heard_by:
            self._tell(hearer, session, PRESENCE_HERE)
        if presence.name:
            for follower in self._followers.get(session.client, ()):
                self._show(follower, session)
        else:
            for follower in self._followers.pop(session.client, set()):
                follower.following = 0
                follower.outbox.seen = b""
                follower.notify(0, "The person you followed doesn't want to be followed any more.")

    def view_changed(self, session: Session) -> None:
        """A session has another viewport: who hears of whom is reviewed soon, SEEN goes out now."""
        self._unreviewed[session] = None
        if session.view.box is not None:
            session.outbox.drop_cursors_outside(session.view.box)
        for follower in self._followers.get(session.client, ()):
            self._show(follower, session)
        self._schedule()

    def follow(self, session: Session, target: Session | None, client: int) -> None:
        """FOLLOW: ``target`` is the session that ``client`` names now, if it is connected."""
        self.unfollow(session)
        if client == 0:
            return
        if target is None or target is session or not target.presence.name:
            session.notify(0, "That person can't be followed.")
            return
        session.following = client
        self._followers.setdefault(client, set()).add(session)
        self._show(session, target)

    def unfollow(self, session: Session) -> None:
        """Stop following whomever the session follows."""
        followers = self._followers.get(session.following)
        if followers is not None:
            followers.discard(session)
            if not followers:
                del self._followers[session.following]
        session.following = 0
        session.outbox.seen = b""

    def leave(self, session: Session) -> None:
        """The session ended: whoever heard of it is told."""
        self.unfollow(session)
        self._moved.pop(session, None)
        self._unreviewed.pop(session, None)
        for hearer in list(session.heard_by):
            self._forget(hearer, session)
        for heard in list(session.hears):
            heard.heard_by.discard(session)
            self._leaving.pop((session, heard), None)
        session.hears.clear()

    def holds(self, session: Session) -> bool:
        """Whether any set here still holds the session: for recounts."""
        return (
            session in self._moved
            or session in self._unreviewed
            or any(session in pair for pair in self._leaving)
            or any(session in followers for followers in self._followers.values())
        )

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            wait = self._last_round + self._interval_s - self._scheduler.time()
            self._scheduler.call_later(max(0.0, wait), self._round)

    def _round(self) -> None:
        now = self._last_round = self._scheduler.time()
        self._scheduled = False
        for _ in range(min(_REVIEWS_PER_TURN, len(self._unreviewed))):
            session = next(iter(self._unreviewed))
            del self._unreviewed[session]
            self._review(session, now)
        moved, self._moved = self._moved, {}
        for session in moved:
            self._spread(session, now)
        while self._leaving:
            pair, due = next(iter(self._leaving.items()))
            if due > now:
                break
            del self._leaving[pair]
            self._forget(*pair)
        if self._unreviewed or self._leaving:
            self._schedule()

    def _review(self, session: Session, now: float) -> None:
        """Bring who hears of whom in line with a session's new viewport."""
        box = session.view.box
        for other in chain(list(session.hears), session.heard_by):
            apart = box is None or other.view.box is None or not overlap(box, other.view.box)
            for pair in ((session, other), (other, session)):
                if not apart:
                    self._leaving.pop(pair, None)
                elif pair[1] in pair[0].hears and pair not in self._leaving:
                    self._leaving[pair] = now + self._linger_s
        if box is None:
            return
        for other in self._viewing.areas.overlapping(box):
            if other is not session:
                self._hear(session, other)
                self._hear(other, session)

    def _spread(self, session: Session, now: float) -> None:
        """Send a cursor to those whose viewport holds it."""
        cursor = session.cursor
        if cursor is None:
            return
        data = encode(Cursor(session.client, cursor.x, cursor.y, cursor.buttons))
        spot = (cursor.x, cursor.y, cursor.x, cursor.y)
        for hearer in self._viewing.areas.overlapping(spot):
            if hearer is session or not self._hear(hearer, session):
                continue
            hearer.outbox.cursors[session.client] = (cursor.x, cursor.y, data)
            hearer.wake()
            pair = (hearer, session)
            away = session.view.box is None or not overlap(
                session.view.box, hearer.view.box or spot
            )
            if self._leaving.pop(pair, None) is not None or away:
                self._leaving[pair] = now + self._linger_s

    def _hear(self, hearer: Session, heard: Session) -> bool:
        """Let ``hearer`` hear of ``heard``, if it has room; whether it does."""
        if heard in hearer.hears:
            return True
        if len(hearer.hears) >= self._max_cursors:
            return False
        hearer.hears.add(heard)
        heard.heard_by.add(hearer)
        self._tell(hearer, heard, PRESENCE_HERE)
        return True

    def _forget(self, hearer: Session, heard: Session) -> None:
        """``hearer`` no longer hears of ``heard``; its place may go to another."""
        self._leaving.pop((hearer, heard), None)
        hearer.hears.discard(heard)
        heard.heard_by.discard(hearer)
        hearer.outbox.cursors.pop(heard.client, None)
        self._tell(hearer, heard, PRESENCE_GONE)
        if len(hearer.hears) == self._max_cursors - 1:
            self._unreviewed[hearer] = None
            self._schedule()

    def _tell(self, hearer: Session, about: Session, event: int) -> None:
        who = about.presence
        message = Presence(about.client, event, who.r, who.g, who.b, who.name)
        hearer.outbox.presence[about.client] = encode(message)
        hearer.wake()

    def _show(self, follower: Session, target: Session) -> None:
        # On a new connection of its session it may not have said its name yet.
        if target.view.box is not None and target.presence.name:
            follower.outbox.seen = encode(Seen(target.client, target.view.level, *target.view.box))
            follower.wake()
