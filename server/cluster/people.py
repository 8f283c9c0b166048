"""Awareness across nodes: the :class:`server.person.Elsewhere` of a canvas that several serve.

What comes is queued and taken in a little at a time, with a pause after it: the other nodes may
cost this one a share of its time, and what is too much is dropped, since it is said again.

Subjects, below ``tilecast.{canvas}``: ``cursors.{rx}.{ry}``, ``people.{rx}.{ry}`` and
``people.wide`` by region; ``who`` asks who is in some regions, ``follow`` tells who is followed,
``seen.{client}`` answers that.
"""

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from server.awareness import Awareness
from server.cluster.bus import Bus, Subscription
from server.cluster.ghosts import Ghosts
from server.cluster.people_wire import (
    NODE_BYTES,
    Extent,
    MalformedError,
    head,
    open_message,
    pack_regions,
    split_people,
    unpack_clients,
    unpack_cursors,
    unpack_glimpses,
    unpack_regions,
)
from server.cluster.regions import Heard, Listening, subject
from server.cluster.telling import Telling
from server.cluster.watching import Watching
from server.person import Person
from server.session import Session
from server.supervisor import Service
from tiles.geometry import Rectangle
from tiles.loop import Handle

_TELLING_S = 0.2
"""Shortest time between two rounds of telling who is where: five times a second."""
_TICK_S = 0.25
"""Longest time between two rounds, as long as anybody is here or elsewhere."""
_SLICE_S = 0.002
_REST = 3
"""A slice of work is followed by a pause of so many times what it took."""
_INBOX_MAX_BYTES = 1 << 20
"""What other nodes said and isn't taken in yet; more is dropped."""
_MESSAGE_MAX_BYTES = 1 << 16
"""No node says more at once."""
_AT_ONCE = 32
"""Records taken in without a look at the clock."""

_Reader = Callable[[bytes, bytes, float], Iterator[None]]
"""Takes in a message: the sender's node, the records and the time; in steps."""


class People:
    """The people of the other nodes, and what these are told of this one's.

    ``node`` names this one among them; what it does by itself is what ``service`` does.
    """

    def __init__(
        self,
        canvas: str,
        extent: Extent,
        bus: Bus,
        awareness: Awareness,
        service: Service,
        node: bytes | None = None,
    ) -> None:
        self.malformed = 0
        """Messages and records of other nodes that can't be what they are said to be."""
        self.overrun = 0
        """Messages that were dropped since there were too many."""
        self._prefix = f"tilecast.{canvas}"
        self._extent = extent
        self._bus = bus
        self._service = service
        self._node = node or secrets.token_bytes(NODE_BYTES)
        self._head = head(self._node)
        self.ghosts = Ghosts(awareness, extent)
        self.telling = Telling(self._publisher("people"), self._publisher("cursors"), self._head)
        self.watching = Watching(
            bus,
            self._prefix,
            self._head,
            self._hearing(self._read_glimpses),
            awareness.followers,
            self.telling.find,
        )
        self.listening = Listening(
            bus,
            self._prefix,
            self._hearing(self._read_cursors),
            self._hearing(self._read_people),
        )
        self._questions: list[Subscription] = []
        self._looked: dict[Session, None] = {}
        """Those whose viewport may touch other regions than before."""
        self._inbox: deque[tuple[_Reader, bytes]] = deque()
        self._inbox_bytes = 0
        self._steps: Iterator[None] | None = None
        self._timer: Handle | None = None
        self._timer_at = 0.0
        self._next_telling = 0.0
        self._closed = False
        service.on_restart(self._start_over)

    # -- what awareness asks and says -----------------------------------------------------------

    def near(self, box: Rectangle) -> Iterable[Person]:
        """See :meth:`server.person.Elsewhere.near`."""
        return self.ghosts.near(box)

    def changed(self, session: Session) -> None:
        """See :meth:`server.person.Elsewhere.changed`."""
        self._looked[session] = None
        self.ghosts.drop(session.client)
        self.telling.changed(session)
        self.watching.changed(session)
        self._schedule_due()

    def moved(self, session: Session) -> None:
        """See :meth:`server.person.Elsewhere.moved`."""
        if self.telling.find(session.client) is not session:
            self.changed(session)
        self.telling.moved(session)

    def send(self) -> None:
        """See :meth:`server.person.Elsewhere.send`."""
        self.telling.send_cursors()
        if self.telling.due:
            self._schedule_due()

    def left(self, session: Session) -> None:
        """See :meth:`server.person.Elsewhere.left`."""
        self._looked.pop(session, None)
        self.listening.look(session, None)
        self.telling.left(session)
        self._schedule_due()

    def watch(self, client: int, *, here: bool) -> bool:
        """See :meth:`server.person.Elsewhere.watch`."""
        self.watching.watch(client, self._service.time(), here=here)
        self._schedule_due()
        return True

    def unwatch(self, client: int) -> None:
        """See :meth:`server.person.Elsewhere.unwatch`."""
        self.watching.unwatch(client)

    def holds(self, session: Session) -> bool:
        """See :meth:`server.person.Elsewhere.holds`."""
        return session in self._looked or session in self.listening or self.telling.holds(session)

    def close(self) -> None:
        """Say and hear nothing more. Nobody is said to be gone: most come back elsewhere."""
        self._closed = True
        self.listening.close()
        self.watching.close()
        self._ask_and_answer(answer=False)
        self._inbox.clear()
        self._steps = None

    # -- the bus -------------------------------------------------------------------------------

    def _publisher(self, kind: str) -> Callable[[int, bytes], None]:
        def publish(region: int, message: bytes) -> None:
            if not self._closed:
                self._bus.publish(subject(self._prefix, kind, region), message)

        return publish

    def _hearing(self, reader: _Reader) -> Heard:
        def heard(_: str, data: bytes) -> None:
            size = len(data)
            if self._closed:
                return
            if size > _MESSAGE_MAX_BYTES or self._inbox_bytes + size > _INBOX_MAX_BYTES:
                self.overrun += 1
                return
            self._inbox_bytes += size
            self._inbox.append((reader, data))
            self._schedule(self._service.time())

        return heard

    def _take_in(self) -> Iterator[None]:
        """Take in the first message that waits, in steps."""
        reader, data = self._inbox.popleft()
        self._inbox_bytes -= len(data)
        try:
            opened = open_message(data)
            if opened is not None and opened[0] != self._node:
                yield from reader(*opened, self._service.time())
        except MalformedError:
            self.malformed += 1

    def _read_cursors(self, node: bytes, records: bytes, _: float) -> Iterator[None]:
        for count, cursor in enumerate(unpack_cursors(records), 1):
            self.ghosts.moved(node, *cursor)
            if count % _AT_ONCE == 0:
                yield

    def _read_people(self, node: bytes, records: bytes, now: float) -> Iterator[None]:
        for client, record in split_people(records):
            if self.telling.find(client) is None:
                try:
                    self.ghosts.told(node, client, record, now)
                except MalformedError:
                    self.malformed += 1
                yield

    def _read_questions(self, _: bytes, records: bytes, __: float) -> Iterator[None]:
        for region in unpack_regions(records, self._extent):
            self.telling.ask(region)
        yield

    def _read_interest(self, _: bytes, records: bytes, now: float) -> Iterator[None]:
        for count, client in enumerate(unpack_clients(records), 1):
            self.watching.asked(client, now)
            if count % _AT_ONCE == 0:
                yield

    def _read_glimpses(self, _: bytes, records: bytes, __: float) -> Iterator[None]:
        for glimpse in unpack_glimpses(records, self._extent):
            self.watching.answered(glimpse)
            yield

    # -- rounds --------------------------------------------------------------------------------

    def _schedule_due(self) -> None:
        """Something is to be told: at once if it is about who is followed, else when it may be."""
        now = self._service.time()
        self._schedule(now if self.watching.due else max(now, self._next_telling))

    def _schedule(self, at: float) -> None:
        """Have a round no later than ``at``."""
        if self._steps is not None or self._closed:
            return  # the end of this round looks at what is to be done next
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._service.call_later(max(0.0, at - self._service.time()), self._begin)

    def _start_over(self) -> None:
        """It failed, wherever: what of it got lost is told with the next refresh."""
        self._steps = self._timer = None
        self._inbox_bytes = sum(len(data) for _, data in self._inbox)
        self._schedule(self._service.time())

    def _begin(self) -> None:
        self._timer = None
        self._steps = self._round()
        self._go_on()

    def _go_on(self) -> None:
        """Do as much of the round as fits in one turn of the loop."""
        if self._closed or self._steps is None:
            return
        started = self._service.time()
        for _ in self._steps:
            took = self._service.time() - started
            if took > _SLICE_S:
                self._service.call_later(_REST * took, self._go_on)
                return
        self._steps = None
        now = self._service.time()
        if self._inbox:
            self._schedule(now + _REST * (now - started))
        elif self.watching.due:
            self._schedule(now)
        elif self.telling.due or self._looked:
            self._schedule(max(now, self._next_telling))
        elif self._questions or len(self.ghosts) or len(self.watching):
            self._schedule(now + _TICK_S)

    def _round(self) -> Iterator[None]:
        """One round, in steps of well under a millisecond."""
        for _ in range(len(self._inbox)):
            yield from self._take_in()
        now = self._service.time()
        yield from self.watching.work(now)
        if now < self._next_telling:
            return
        self._next_telling = now + _TELLING_S
        yield from self._listen()
        yield from self.telling.tell(now)
        yield from self.ghosts.expire(now)

    def _listen(self) -> Iterator[None]:
        """Bring what this node listens to in line with what its sessions look at."""
        for session in list(self._looked):
            if session in self._looked:  # else it left meanwhile
                self.listening.look(session, session.view.box)
                self._looked.pop(session, None)
                yield
        unknown = self.listening.settle()
        self._ask_and_answer(answer=len(self.telling) > 0 or self.telling.due)
        if unknown:
            self._bus.publish(f"{self._prefix}.who", self._head + pack_regions(unknown))

    def _ask_and_answer(self, *, answer: bool) -> None:
        """Hear what other nodes ask about the people of this one, or don't."""
        if answer and not self._questions:
            self._questions = [
                self._bus.subscribe(f"{self._prefix}.who", self._hearing(self._read_questions)),
                self._bus.subscribe(f"{self._prefix}.follow", self._hearing(self._read_interest)),
            ]
        elif not answer:
            questions, self._questions = self._questions, []
            for subscription in questions:
                subscription.cancel()
