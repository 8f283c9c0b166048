"""What the other nodes are told of this node's sessions: who is here, where, and under what name.

It goes to the regions that somebody looks at or points to, when it changes and every few seconds:
so a message that is lost is made good, and a node that is new knows soon.
"""

from collections.abc import Callable, Iterator

from server.cluster.parcels import Parcels
from server.cluster.people_wire import pack_cursor, pack_gone, pack_person
from server.cluster.regions import ALL, EVERYWHERE, region_at, regions_of
from server.session import Session

REFRESH_S = 1.5
"""Everybody is told of again after so long: two or three times in a ghost's life."""
_ANSWERS_S = 0.5
"""Shortest time between two answers to nodes that ask who is in a region."""
_PARCEL_MAX_BYTES = 4096
"""More are several messages. To take one of these in takes well under a millisecond."""


class Told:
    """When and where a session was told of."""

    __slots__ = ("at", "client", "regions")

    def __init__(self, client: int) -> None:
        self.client = client
        self.at = 0.0
        self.regions: tuple[int, ...] = ()


class Telling:
    """The sessions of which others are told. ``people`` and ``cursors`` take the messages."""

    def __init__(
        self,
        people: Callable[[int, bytes], None],
        cursors: Callable[[int, bytes], None],
        head: bytes,
    ) -> None:
        self._people = Parcels(people, head, _PARCEL_MAX_BYTES)
        self._cursors = Parcels(cursors, head, _PARCEL_MAX_BYTES)
        self._told: dict[Session, Told] = {}
        """Those who were told of longest ago first."""
        self._by_client: dict[int, Session] = {}
        self._changed: dict[Session, None] = {}
        self._left: dict[Told, None] = {}
        self._asked: dict[int, None] = {}
        """Regions of which other nodes want to know who is there."""
        self._next_answers = 0.0

    def __len__(self) -> int:
        return len(self._told)

    @property
    def due(self) -> bool:
        """Whether there is something that hasn't been told."""
        return bool(self._changed or self._left)

    def find(self, client: int) -> Session | None:
        """The session here that others know by that number, if there is anything to tell of it."""
        return self._by_client.get(client)

    def holds(self, session: Session) -> bool:
        """Whether anything here still holds the session: for recounts."""
        return (
            session in self._told or session in self._changed or session in self._by_client.values()
        )

    def changed(self, session: Session) -> None:
        """There is something new to be told of a session."""
        self._changed[session] = None
        self._by_client[session.client] = session

    def moved(self, session: Session) -> None:
        """Collect a session's cursor for the region that it is in."""
        cursor = session.cursor
        if cursor is None:
            return
        region = region_at(cursor.x, cursor.y)
        self._cursors.add(region, pack_cursor(session.client, cursor))
        told = self._told.get(session)
        if told is None or not (region in told.regions or EVERYWHERE in told.regions):
            self._changed[session] = None

    def send_cursors(self) -> None:
        """Send the cursors that were collected."""
        self._cursors.send()

    def left(self, session: Session) -> None:
        """A session ended."""
        self._changed.pop(session, None)
        if self._by_client.get(session.client) is session:
            del self._by_client[session.client]
        told = self._told.pop(session, None)
        if told is not None:
            self._left[told] = None

    def ask(self, region: int) -> None:
        """Another node wants to know who is in a region, or in ``ALL``."""
        self._asked[region] = None

    def tell(self, now: float) -> Iterator[None]:
        """Tell what is to be told, in steps."""
        for told in list(self._left):
            gone = pack_gone(told.client)
            for region in told.regions:
                self._people.add(region, gone)
            del self._left[told]
            yield
        for session in self._whose_turn(now):
            if session in self._changed or session in self._told:  # else it left meanwhile
                self._tell(session, now)
                self._changed.pop(session, None)
                yield
        self._people.send()

    def _whose_turn(self, now: float) -> list[Session]:
        due = dict(self._changed)
        if self._asked and now >= self._next_answers:
            self._next_answers = now + _ANSWERS_S
            asked, self._asked = self._asked, {}
            for session, told in self._told.items():
                if ALL in asked or not asked.keys().isdisjoint(told.regions):
                    due[session] = None
        for session, told in self._told.items():
            if now - told.at < REFRESH_S:
                break
            due[session] = None
        return list(due)

    def _tell(self, session: Session, now: float) -> None:
        told = self._told.get(session) or Told(session.client)
        regions = regions_of(session.view.box)
        if session.cursor is not None and EVERYWHERE not in regions:
            pointed = region_at(session.cursor.x, session.cursor.y)
            if pointed not in regions:
                regions += (pointed,)
        record = pack_person(session)
        for region in {*told.regions, *regions}:
            self._people.add(region, record)
        told.regions, told.at = regions, now
        self._told.pop(session, None)
        self._told[session] = told
