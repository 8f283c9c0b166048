"""Cursors and presence: who hears of whom. Nothing of it is stored.

A session hears of at most ``max_cursors`` people, of this node or another: those whose viewport
overlaps its own, and those whose cursor is in it. Cursors go out in rounds; the dearer a round was,
the later the next begins.
"""

from collections.abc import Collection, Iterator
from itertools import chain

from protocol.codec import encode
from protocol.messages import (
    PRESENCE_GONE,
    PRESENCE_HERE,
    Cursor,
    CursorMove,
    Presence,
    PresenceSet,
)
from protocol.session import State
from server.followers import Followers
from server.person import Elsewhere, Nowhere, Person
from server.session import Session
from server.supervisor import Service
from server.viewing import Viewing
from tiles.geometry import overlap
from tiles.subscriptions import Areas

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

    ``sessions`` are all that hear, those of this node; the rounds are what ``service`` does.
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
        self._moved: dict[Person, None] = {}
        self._moving: dict[Person, tuple[int, int, int, bytes]] = {}
        """What the round under way tells: client, x, y, and the CURSOR."""
        self._hearers: dict[Session, None] = {}
        """Who has still to get some of them."""
        self._introduced: dict[Person, None] = {}
        """Who said something about itself that those who hear of it are still to be told."""
        self._introduced_at: dict[Person, float] = {}
        """When they were last told something of a person's own."""
        self._unreviewed: dict[Person, None] = {}
        """Others may be to hear of these, or not any more."""
        self._looking: dict[Session, None] = {}
        """These may be to hear of others, or not any more."""
        self._parted: dict[Session, None] = {}
        """Who has a PRESENCE (gone) in its outbox: it goes out with the next look at the latest."""
        self._leaving: dict[tuple[Session, Person], float] = {}
        """Pairs of who hears and whom, which don't overlap, and until when."""
        self._here: dict[Person, bytes] = {}
        """The PRESENCE of those that somebody was told of."""
        self.followers = Followers()
        self._elsewhere: Elsewhere = Nowhere()
        self._next_round = 0.0
        self._next_reviews = 0.0
        self._began = 0.0
        self._steps: Iterator[None] = iter(())
        self._took = 0.0
        self._scheduled = False
        service.on_restart(self._start_over)

    def join(self, elsewhere: Elsewhere) -> None:
        """There are other nodes."""
        self._elsewhere = self.followers.elsewhere = elsewhere

    def close(self) -> None:
        """Say nothing more to other nodes."""
        self._elsewhere.close()

    # -- the sessions of this node -------------------------------------------------------------

    def introduce(self, session: Session, presence: PresenceSet) -> None:
        """A client said its name and colour."""
        self.rename(session, presence)
        self.followers.introduced(session)
        self._elsewhere.changed(session)

    def view_changed(self, session: Session) -> None:
        """A session has another viewport: who hears of whom is reviewed soon, SEEN goes out now."""
        self._looking[session] = None
        if session.view.box is not None:
            session.outbox.drop_cursors_outside(session.view.box)
            self._note_room(session)
        self.reframe(session)
        self.followers.show(session)
        self._elsewhere.changed(session)

    def leave(self, session: Session) -> None:
        """The session ended: whoever heard of it is told."""
        self.followers.unfollow(session)
        self._hearers.pop(session, None)
        self._looking.pop(session, None)
        self._parted.pop(session, None)
        self._roomy.drop(session.client)
        self._elsewhere.left(session)
        self.lose(session)
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
            or session in self._looking
            or session in self._parted
            or session.client in self._roomy
            or session in self._here
            or any(session in pair for pair in self._leaving)
            or session in self.followers.sessions()
            or self._elsewhere.holds(session)
        )

    # -- people, wherever they are connected ---------------------------------------------------

    def move(self, person: Person, cursor: CursorMove) -> None:
        """A client's pointer moved; the latest place counts."""
        person.cursor = cursor
        self._moved[person] = None
        if not self._scheduled:
            self._schedule()

    def rename(self, person: Person, presence: PresenceSet) -> None:
        """A person has another name or colour: whoever hears of it is told."""
        person.presence = presence
        self._here.pop(person, None)
        self._introduced[person] = None
        self._schedule()

    def reframe(self, person: Person) -> None:
        """A person has another viewport: who hears of it is reviewed soon."""
        self._unreviewed[person] = None
        self._schedule()

    def lose(self, person: Person) -> None:
        """A person is here no more: whoever heard of it is told."""
        self._moved.pop(person, None)
        self._moving.pop(person, None)
        self._introduced.pop(person, None)
        self._introduced_at.pop(person, None)
        self._unreviewed.pop(person, None)
        self._here.pop(person, None)
        if person.heard_by:
            gone = _encoded(person, PRESENCE_GONE)
            for hearer in list(person.heard_by):
                self._forget(hearer, person, gone)

    # -- rounds --------------------------------------------------------------------------------

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
        everybody: dict[Person, None] = dict.fromkeys(self._sessions)
        for session in self._sessions:
            for heard in session.hears:
                heard.heard_by.add(session)
                everybody[heard] = None
            if session.view.box is not None:
                self._note_room(session)
                self._looking[session] = None
        self._leaving = {
            pair: until for pair, until in self._leaving.items() if pair[1] in pair[0].hears
        }
        self._introduced |= {person: None for person in everybody if person.heard_by}
        self._moved |= {person: None for person in everybody if person.cursor is not None}
        self._unreviewed |= {person: None for person in everybody if person.view.box is not None}
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
        reviews = self._unreviewed or self._looking or self._parted
        if self._moved or self._introduced or reviews or self._leaving:
            self._schedule()

    def _round(self, now: float) -> Iterator[None]:
        """One round that began at ``now``, in steps of well under a millisecond."""
        if now >= self._next_reviews:
            self._next_reviews = now + _REVIEWS_S
            unreviewed, self._unreviewed = self._unreviewed, {}
            while unreviewed:
                self._review_hearers(unreviewed.popitem()[0], now)
                yield
            looking, self._looking = self._looking, {}
            while looking:
                self._review_heard(looking.popitem()[0], now)
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
        self._elsewhere.send()
        while self._hearers:
            self._deliver(self._hearers.popitem()[0], now)
            yield
        self._moving.clear()

    def _tell_all(self, about: Person, now: float) -> None:
        """Tell whoever hears of a person what it said last: now, or when it is time."""
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

    def _collect(self, person: Person, now: float) -> None:
        """Note a cursor that moved, and who hears of it."""
        cursor = person.cursor
        if cursor is None or person.state is not State.OPEN:
            return  # it left while others were collected
        if isinstance(person, Session):
            self._elsewhere.moved(person)
        spot = (cursor.x, cursor.y, cursor.x, cursor.y)
        for hearer in self._roomy.overlapping(spot):
            if hearer is not person and self._hear(hearer, person):
                box = person.view.box
                if box is None or not overlap(box, hearer.view.box or spot):
                    self._leaving.setdefault((hearer, person), now + self._linger_s)
        if person.heard_by:
            message = Cursor(person.client, cursor.x, cursor.y, cursor.buttons)
            self._moving[person] = person.client, cursor.x, cursor.y, encode(message)
            self._hearers.update(dict.fromkeys(person.heard_by))

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

    def _review_hearers(self, person: Person, now: float) -> None:
        """Bring who hears of a person in line with its viewport."""
        box, leaving = person.view.box, self._leaving
        for hearer in person.heard_by:
            other = hearer.view.box
            if box is None or other is None or not overlap(box, other):
                leaving.setdefault((hearer, person), now + self._linger_s)
            elif leaving:
                leaving.pop((hearer, person), None)
        if box is not None:
            for hearer in self._roomy.overlapping(box):
                if hearer is not person and person not in hearer.hears:
                    self._hear(hearer, person)

    def _review_heard(self, session: Session, now: float) -> None:
        """Bring whom a session hears of in line with its viewport."""
        box, leaving = session.view.box, self._leaving
        for heard in session.hears:
            other = heard.view.box
            if box is None or other is None or not overlap(box, other):
                leaving.setdefault((session, heard), now + self._linger_s)
            elif leaving:
                leaving.pop((session, heard), None)
        if box is not None and len(session.hears) < self._max_cursors:
            for person in chain(self._viewing.neighbours(session), self._elsewhere.near(box)):
                if person not in session.hears and not self._hear(session, person):
                    break
            self._note_room(session)

    def _hear(self, hearer: Session, heard: Person) -> bool:
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

    def _forget(self, hearer: Session, heard: Person, gone: bytes) -> None:
        """``hearer`` no longer hears of ``heard``; its place may go to another."""
        hearer.outbox.cursors.pop(heard.client, None)
        hearer.outbox.presence[heard.client] = gone
        self._parted[hearer] = None
        hearer.hears.discard(heard)
        heard.heard_by.discard(hearer)
        self._leaving.pop((hearer, heard), None)
        if len(hearer.hears) == self._max_cursors - 1:
            self._looking[hearer] = None  # in a crowd another takes the place soon
        self._schedule()

    def _note_room(self, session: Session) -> None:
        """The session, if it has room for another, can be found by where it looks."""
        if session.view.box is not None and len(session.hears) < self._max_cursors:
            self._roomy.put(session.client, session, session.view.box)

    def _presence(self, person: Person) -> bytes:
        """That a person is here: many are told the same."""
        data = self._here.get(person)
        if data is None:
            data = self._here[person] = _encoded(person, PRESENCE_HERE)
        return data

    def _tell(self, hearer: Session, about: Person, data: bytes) -> None:
        hearer.outbox.presence[about.client] = data
        hearer.wake()


def _encoded(person: Person, event: int) -> bytes:
    who = person.presence
    return encode(Presence(person.client, event, who.r, who.g, who.b, who.name))
