"""Cursors, presence and following: who hears of whom. Nothing of it is stored.

A session hears of at most ``max_cursors`` others: those whose viewport overlaps its own, and those
whose cursor is in it. Cursors go out in rounds; the dearer a round was, the later the next begins.
"""

from collections.abc import Collection, Iterator

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
from protocol.session import State
from server.session import Session
from server.supervisor import Service
from server.viewing import Viewing
from tiles.geometry import overlap
from tiles.subscriptions import Areas

ANONYMOUS = PresenceSet(128, 128, 128, "")
"""What is told of a client that has said nothing about itself."""
_TURN_MAX_S = 0.002
_REVIEWS_S = 0.25
"""Shortest time between two looks at who hears of whom, while viewports move and sessions leave.

Where hundreds leave within a second each look is a write to everybody else.
"""
_REST = 12
"""A round is followed by a pause of so many times what it took."""
_LONG_S = 0.005
_LONG_REST = 20
"""So many times what it took beyond that."""


class Awareness:
    """The awareness of one canvas; wakes each session that has something to be sent.

    ``sessions`` are all that there are; the rounds are what ``service`` does.
    """

    def __init__(
        self,
        viewing: Viewing,
        sessions: Collection[Session],
        service: Service,
        max_cursors: int,
        cursor_interval_s: float,
        linger_s: float,
        presence_interval_s: float,
    ) -> None:
        self._viewing = viewing
        self._sessions = sessions
        self._service = service
        self._max_cursors = max_cursors
        self._interval_s = cursor_interval_s
        self._linger_s = linger_s
        self._presence_interval_s = presence_interval_s
        self._roomy: Areas[Session] = Areas()
        """The viewports of those that hear of fewer others than they may."""
        self._moved: dict[Session, None] = {}
        self._moving: dict[Session, tuple[int, int, int, bytes]] = {}
        """What the round under way tells: client, x, y, and the CURSOR."""
        self._hearers: dict[Session, None] = {}
        """Who has still to get some of them."""
        self._introduced: dict[Session, None] = {}
        """Who said something about itself that those who hear of it are still to be told."""
        self._introduced_at: dict[Session, float] = {}
        """When they were last told something of a session's own."""
        self._unreviewed: dict[Session, None] = {}
        self._parted: dict[Session, None] = {}
        """Who has a PRESENCE (gone) in its outbox: it goes out with the next look at the latest."""
        self._leaving: dict[tuple[Session, Session], float] = {}
        """Pairs that hear of each other and don't overlap, and until when."""
        self._followers: dict[int, set[Session]] = {}
        self._here: dict[Session, bytes] = {}
        """The PRESENCE of those that somebody was told of."""
        self._next_round = 0.0
        self._next_reviews = 0.0
        self._began = 0.0
        self._steps: Iterator[None] = iter(())
        self._took = 0.0
        self._scheduled = False
        service.on_restart(self._start_over)

    def move(self, session: Session, cursor: CursorMove) -> None:
        """A client's pointer moved; the latest place counts."""
        session.cursor = cursor
        self._moved[session] = None
        if not self._scheduled:
            self._schedule()

    def introduce(self, session: Session, presence: PresenceSet) -> None:
        """A client said its name and colour."""
        session.presence = presence
        self._here.pop(session, None)
        self._introduced[session] = None
        self._schedule()
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
            self._note_room(session)
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
        self._moving.pop(session, None)
        self._introduced.pop(session, None)
        self._introduced_at.pop(session, None)
        self._hearers.pop(session, None)
        self._unreviewed.pop(session, None)
        self._parted.pop(session, None)
        self._roomy.drop(session.client)
        self._here.pop(session, None)
        gone = _encoded(session, PRESENCE_GONE)
        for hearer in list(session.heard_by):
            self._forget(hearer, session, gone)
        for heard in list(session.hears):
            heard.heard_by.discard(session)
            self._leaving.pop((session, heard), None)
        session.hears.clear()

    def holds(self, session: Session) -> bool:
        """Whether any set here still holds the session: for recounts."""
        return (
            session in self._moved
            or session in self._moving
            or session in self._introduced
            or session in self._introduced_at
            or session in self._hearers
            or session in self._unreviewed
            or session in self._parted
            or session.client in self._roomy
            or session in self._here
            or any(session in pair for pair in self._leaving)
            or any(session in followers for followers in self._followers.values())
        )

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            wait = self._next_round - self._service.time()
            self._service.call_later(max(0.0, wait), self._begin_round)

    def _start_over(self) -> None:
        """It failed, wherever: everybody is told anew of all that they hear of."""
        self._scheduled = False
        self._steps = iter(())
        self._moving.clear()
        self._hearers.clear()
        for session in self._sessions:
            for heard in session.hears:
                heard.heard_by.add(session)
            if session.view.box is not None:
                self._note_room(session)
        self._leaving = {
            pair: until for pair, until in self._leaving.items() if pair[1] in pair[0].hears
        }
        everybody = dict.fromkeys(self._sessions)
        self._introduced |= {session: None for session in everybody if session.heard_by}
        self._moved |= {session: None for session in everybody if session.cursor is not None}
        self._unreviewed |= {session: None for session in everybody if session.view.box is not None}
        self._schedule()

    def _begin_round(self) -> None:
        self._began = self._service.time()
        self._took = 0.0
        self._steps = self._round(self._began)
        self._go_on()

    def _go_on(self) -> None:
        """Do as much of the round as fits in one turn of the loop."""
        started = self._service.time()
        for _ in self._steps:
            if self._service.time() - started > _TURN_MAX_S:
                self._took += self._service.time() - started
                self._service.call_soon(self._go_on)
                return
        now = self._service.time()
        self._took += now - started
        rest_s = _REST * min(self._took, _LONG_S) + _LONG_REST * max(0.0, self._took - _LONG_S)
        self._next_round = max(self._began + self._interval_s, now + rest_s)
        self._scheduled = False
        if self._moved or self._introduced or self._unreviewed or self._parted or self._leaving:
            self._schedule()

    def _round(self, now: float) -> Iterator[None]:
        """One round that began at ``now``, in steps of well under a millisecond."""
        if now >= self._next_reviews:
            self._next_reviews = now + _REVIEWS_S
            unreviewed, self._unreviewed = self._unreviewed, {}
            while unreviewed:
                self._review(unreviewed.popitem()[0], now)
                yield
            while self._parted:
                self._parted.popitem()[0].wake()
                yield
        while self._leaving:
            pair, due = next(iter(self._leaving.items()))
            if due > now:
                break
            self._forget(*pair, _encoded(pair[1], PRESENCE_GONE))
            yield
        introduced, self._introduced = self._introduced, {}
        while introduced:
            self._tell_all(introduced.popitem()[0], now)
            yield
        moved, self._moved = self._moved, {}
        while moved:
            self._collect(moved.popitem()[0], now)
            yield
        while self._hearers:
            self._deliver(self._hearers.popitem()[0], now)
            yield
        self._moving.clear()

    def _tell_all(self, about: Session, now: float) -> None:
        """Tell whoever hears of a session what it said last: now, or when it is time."""
        if about.state is not State.OPEN:
            return  # it left while others were told
        told_at = self._introduced_at.get(about)
        if told_at is not None and now - told_at < self._presence_interval_s:
            self._introduced[about] = None
        else:
            self._introduced_at[about] = now
            data = self._presence(about)
            for hearer in about.heard_by:
                self._tell(hearer, about, data)

    def _collect(self, session: Session, now: float) -> None:
        """Note a cursor that moved, and who hears of it."""
        cursor = session.cursor
        if cursor is None or session.state is not State.OPEN:
            return  # it left while others were collected
        message = Cursor(session.client, cursor.x, cursor.y, cursor.buttons)
        self._moving[session] = session.client, cursor.x, cursor.y, encode(message)
        spot = (cursor.x, cursor.y, cursor.x, cursor.y)
        for hearer in self._roomy.overlapping(spot):
            if hearer is not session and self._hear(hearer, session):
                box = session.view.box
                if box is None or not overlap(box, hearer.view.box or spot):
                    self._leaving.setdefault((hearer, session), now + self._linger_s)
        self._hearers.update(dict.fromkeys(session.heard_by))

    def _deliver(self, hearer: Session, now: float) -> None:
        """Send one session those of the cursors that are in its viewport."""
        if hearer.view.box is None:
            return
        x0, y0, x1, y1 = hearer.view.box
        cursors, moving, leaving = hearer.outbox.cursors, self._moving, self._leaving
        for heard in hearer.hears:
            told = moving.get(heard)
            if told is None:
                continue
            client, x, y, data = told
            if x0 <= x <= x1 and y0 <= y <= y1:
                cursors[client] = x, y, data
                if leaving and leaving.pop((hearer, heard), None) is not None:
                    leaving[hearer, heard] = now + self._linger_s
        if cursors:
            hearer.wake()

    def _review(self, session: Session, now: float) -> None:
        """Bring who hears of whom in line with a session's new viewport."""
        box = session.view.box
        for other in session.hears | session.heard_by:
            apart = box is None or other.view.box is None or not overlap(box, other.view.box)
            if not apart and not self._leaving:
                continue
            for pair in ((session, other), (other, session)):
                if not apart:
                    self._leaving.pop(pair, None)
                elif pair[1] in pair[0].hears and pair not in self._leaving:
                    self._leaving[pair] = now + self._linger_s
        if box is None:
            return
        for other in self._roomy.overlapping(box):
            if other is not session and session not in other.hears:
                self._hear(other, session)
        if len(session.hears) < self._max_cursors:
            for other in self._viewing.neighbours(session):
                if other not in session.hears and not self._hear(session, other):
                    break
            self._note_room(session)

    def _hear(self, hearer: Session, heard: Session) -> bool:
        """Let ``hearer`` hear of ``heard``, if it has room; whether it does."""
        if heard in hearer.hears:
            return True
        if len(hearer.hears) >= self._max_cursors:
            return False
        hearer.hears.add(heard)
        heard.heard_by.add(hearer)
        if len(hearer.hears) == self._max_cursors:
            self._roomy.drop(hearer.client)
        self._tell(hearer, heard, self._presence(heard))
        return True

    def _forget(self, hearer: Session, heard: Session, gone: bytes) -> None:
        """``hearer`` no longer hears of ``heard``; its place may go to another."""
        hearer.outbox.cursors.pop(heard.client, None)
        hearer.outbox.presence[heard.client] = gone
        self._parted[hearer] = None
        hearer.hears.discard(heard)
        heard.heard_by.discard(hearer)
        self._leaving.pop((hearer, heard), None)
        if len(hearer.hears) == self._max_cursors - 1:
            self._unreviewed[hearer] = None  # in a crowd another takes the place soon
        self._schedule()

    def _note_room(self, session: Session) -> None:
        """The session, if it has room for another, can be found by where it looks."""
        if session.view.box is not None and len(session.hears) < self._max_cursors:
            self._roomy.put(session.client, session, session.view.box)

    def _presence(self, session: Session) -> bytes:
        """That a session is here: many are told the same."""
        data = self._here.get(session)
        if data is None:
            data = self._here[session] = _encoded(session, PRESENCE_HERE)
        return data

    def _tell(self, hearer: Session, about: Session, data: bytes) -> None:
        hearer.outbox.presence[about.client] = data
        hearer.wake()

    def _show(self, follower: Session, target: Session) -> None:
        # On a new connection of its session it may not have said its name yet.
        if target.view.box is not None and target.presence.name:
            follower.outbox.seen = encode(Seen(target.client, target.view.level, *target.view.box))
            follower.wake()


def _encoded(session: Session, event: int) -> bytes:
    who = session.presence
    return encode(Presence(session.client, event, who.r, who.g, who.b, who.name))
