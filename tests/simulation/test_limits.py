"""What one client may have of a server, played move by move in virtual time."""

import pytest

from protocol.codec import encode
from protocol.errors import CloseCode, RejectCode
from protocol.messages import (
    NEW_SESSION,
    VERSION,
    Budget,
    Clock,
    CursorMove,
    Follow,
    Hello,
    Message,
    Notice,
    Pixel,
    Presence,
    PresenceSet,
    Rect,
    Reject,
    Tile,
    Viewport,
)
from server.session import Session
from server.settings import Settings
from tests.memory_log import MemoryLog, MemoryStore
from tests.simulation.table import Notepad, Table, connect
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import VirtualTime
from tiles.log.base import CanvasInfo

SIDE = 1024
HELLO = Hello(VERSION, NEW_SESSION, "")
HOME, ELSEWHERE = b"home", b"elsewhere"


def table(**settings: int | float) -> Table:
    """A table with a canvas of 16 × 16 tiles and these settings."""
    time = VirtualTime(Verdict())
    log = MemoryLog(MemoryStore(CanvasInfo(SIDE, SIDE)), schedule=time.do_after, delay_s=0.001)
    return Table(log, time, Settings(**settings))  # type: ignore[arg-type]


def sit_down(table: Table, address: bytes = HOME, session: bytes = NEW_SESSION) -> "Guest":
    """Somebody who said HELLO."""
    guest = Guest(table, address)
    guest.say(Hello(VERSION, session, ""))
    return guest


class Guest:
    """A connection and what it was sent."""

    def __init__(self, table: Table, address: bytes) -> None:
        self._table = table
        self.notepad = Notepad()
        self.session: Session = connect(table.hub, self.notepad, address)

    def say(self, *messages: Message, for_s: float = 0.05) -> None:
        """The client's frame comes, and time passes."""
        self.session.receive(b"".join(map(encode, messages)))
        self._table.time.run(self._table.time.now + for_s)

    @property
    def closed(self) -> CloseCode | None:
        """The code that it was closed with."""
        return self.notepad.closed

    @property
    def is_open(self) -> bool:
        """Whether it wasn't closed."""
        return self.notepad.closed is None

    def rejects(self) -> list[Reject]:
        """The REJECTs so far."""
        return [sent for sent in self.notepad.messages if isinstance(sent, Reject)]

    def budget(self) -> Budget:
        """The last BUDGET."""
        return [sent for sent in self.notepad.messages if isinstance(sent, Budget)][-1]

    def tiles(self) -> list[Tile]:
        """The TILEs so far."""
        return [sent for sent in self.notepad.messages if isinstance(sent, Tile)]


HUNDRED = Rect(0, 0, 0, 9, 9, 1, 2, 3)


def test_an_address_has_a_budget_of_its_own() -> None:
    """LIM-2: four new sessions in a row paint what two full budgets hold, and no more."""
    place = table(budget_pixels=1000, budget_refill=10, budget_sessions_per_address=2)
    drawn = 0
    for _ in range(4):
        guest = sit_down(place)
        guest.say(*[HUNDRED] * 10)
        drawn += 10 - len(guest.rejects())
        guest.session.lost()
    assert drawn == 20
    assert {reject.code for reject in guest.rejects()} == {RejectCode.RATE}
    assert all(4000 <= reject.retry_ms <= 5000 for reject in guest.rejects())
    assert guest.budget().pixels < 100
    neighbour = sit_down(place, ELSEWHERE)
    neighbour.say(*[HUNDRED] * 10)
    assert not neighbour.rejects()


def test_a_session_keeps_its_budget_over_connections() -> None:
    """LIM-2: it comes back with what it had left, from wherever it comes."""
    place = table(budget_pixels=1000, budget_refill=1)
    guest = sit_down(place)
    guest.say(*[HUNDRED] * 10)
    guest.session.lost()
    again = sit_down(place, ELSEWHERE, guest.notepad.welcome.session)
    assert again.notepad.welcome.handled == 10
    assert again.budget().pixels < 10
    again.say(HUNDRED)
    assert len(again.rejects()) == 1


def test_drawing_on_over_budget() -> None:
    """LIM-3: REJECT 3 for each, and 4429 when there were more than may be on their way."""
    place = table(budget_pixels=10, budget_refill=1, max_unacked=100, flood_rejections=50)
    guest = sit_down(place)
    pixel = Pixel(1, 1, 2, 3, 4)
    guest.say(*[pixel] * 100)
    assert len(guest.rejects()) == 90
    for _ in range(15):
        guest.say(*[pixel] * 10)
    assert guest.is_open
    guest.say(pixel)
    assert guest.closed is CloseCode.FLOOD
    assert len(guest.rejects()) >= 90 + 150 - 10
    assert {reject.code for reject in guest.rejects()} == {RejectCode.RATE}


def test_a_resend_is_no_flood() -> None:
    """LIM-3: time and again all that a client may hold, all of it over budget."""
    place = table(budget_pixels=10, budget_refill=1, max_unacked=100, flood_rejections=1)
    id = NEW_SESSION
    for _ in range(10):
        guest = sit_down(place, session=id)
        id = guest.notepad.welcome.session
        guest.say(*[Pixel(1, 1, 2, 3, 4)] * 100)
        assert guest.is_open
        guest.session.lost()
        place.time.run(place.time.now + 0.1)


@pytest.mark.parametrize("message", [CursorMove(1, 1, 0), PresenceSet(1, 2, 3, "Ann")])
def test_talking_without_end(message: Message) -> None:
    """LIM-4: ten seconds' worth at once is heard, more closes with 4429."""
    place = table(flood_messages_per_second=20)
    guest = sit_down(place)
    guest.say(*[message] * 200, for_s=1.0)
    for _ in range(10):
        guest.say(*[message] * 20, for_s=1.01)
    assert guest.is_open
    guest.say(*[message] * 220)
    assert guest.closed is CloseCode.FLOOD


@pytest.mark.parametrize(
    "message",
    [
        Follow(99),
        PresenceSet(1, 2, 3, "x" * 65),
        Viewport(0, 0, 0, SIDE - 1, SIDE - 1),
    ],
)
def test_what_is_refused_is_said_once_a_flush(message: Message) -> None:
    """LIM-4: five bytes are no way to be sent fifty, a thousand times over."""
    place = table(max_viewport_tiles=100)
    guest = sit_down(place)
    guest.notepad.messages.clear()
    guest.say(*[message] * 1000)
    assert 1 <= len(guest.notepad.messages) <= 25
    assert {type(sent) for sent in guest.notepad.messages} == {Notice}
    assert guest.is_open


def test_a_flood_is_remembered() -> None:
    """LIM-4: whoever comes back at once as the same session goes on where it was closed."""
    place = table(flood_messages_per_second=20)
    guest = sit_down(place)
    guest.say(*[CursorMove(1, 1, 0)] * 300)
    assert guest.closed is CloseCode.FLOOD
    again = sit_down(place, session=guest.notepad.welcome.session)
    again.say(*[CursorMove(1, 1, 0)] * 50)
    assert again.closed is CloseCode.FLOOD


def test_names_that_change_without_end() -> None:
    """LIM-5: others are told a few times a second, and of the last one in the end."""
    place = table(presence_interval_ms=500)
    ann, hearer = sit_down(place), sit_down(place)
    whole = Viewport(0, 0, 0, SIDE - 1, SIDE - 1)
    hearer.say(whole)
    ann.say(whole, CursorMove(5, 5, 0), for_s=0.5)
    hearer.notepad.messages.clear()
    for number in range(100):
        ann.say(PresenceSet(1, 2, 3, f"Ann {number}"), for_s=0.02)
    place.time.run(place.time.now + 1)
    names = [sent.name for sent in hearer.notepad.messages if isinstance(sent, Presence)]
    assert 4 <= len(names) <= 6
    assert names[-1] == "Ann 99"


def test_a_name_is_shown_as_it_may_be() -> None:
    """LIM-6: cleaned, to others and for the log; a name of nothing is anonymous."""
    place = table()
    ann, hearer = sit_down(place), sit_down(place)
    whole = Viewport(0, 0, 0, SIDE - 1, SIDE - 1)
    hearer.say(whole)
    ann.say(whole, PresenceSet(1, 2, 3, " \u202eAnn\x07 "), CursorMove(5, 5, 0), for_s=0.5)
    names = [sent.name for sent in hearer.notepad.messages if isinstance(sent, Presence)]
    assert names[-1] == "Ann"
    assert ann.session.author.name == "Ann"
    ann.say(PresenceSet(1, 2, 3, "\u200b\u3164"), for_s=0.5)
    names = [sent.name for sent in hearer.notepad.messages if isinstance(sent, Presence)]
    assert names[-1] == ""


def test_a_viewport_that_jumps_without_end() -> None:
    """LIM-7: tiles come in at their rate; the last viewport is the one that counts in the end."""
    place = table(max_viewport_tiles=64, viewport_tiles_per_second=100)
    guest = sit_down(place)
    corner, far = Viewport(0, 0, 0, 511, 511), Viewport(0, 512, 512, 1023, 1023)
    began = place.time.now
    for _ in range(200):
        guest.say(corner, for_s=0.01)
        guest.say(far, for_s=0.01)
    passed = place.time.now - began
    assert len(guest.tiles()) <= 4 * 64 + 100 * passed + 64
    assert len(guest.tiles()) >= 4 * 64 + 100 * passed - 64
    guest.say(corner)
    place.time.run(place.time.now + 1)
    assert guest.session.view.number == 401
    assert not guest.session.view.stale
    clocks = [sent for sent in guest.notepad.messages if isinstance(sent, Clock)]
    assert clocks[-1].view == 401
    assert guest.is_open
    guest.session.lost()
    assert not place.hub._entering.holds(guest.session)


def test_a_viewport_that_moves_by_a_column_waits_for_nothing() -> None:
    """LIM-7: what stays in view costs nothing."""
    place = table(max_viewport_tiles=64, viewport_tiles_per_second=200)
    guest = sit_down(place)
    for step in range(64):
        left = 64 * (step % 9)
        guest.say(Viewport(0, left, 0, left + 511, 511), for_s=0.1)
        assert guest.session.view.number == step + 1


def test_snapshots_come_at_their_pace() -> None:
    """LIM-8: the first view at once, the next as the bytes allow; every tile comes in the end."""
    place = table(
        max_viewport_tiles=64, viewport_tiles_per_second=0, snapshot_bytes_per_second=2000
    )
    guest = sit_down(place)
    halves = Viewport(0, 0, 0, 511, 511), Viewport(0, 512, 512, 1023, 1023)
    size = len(encode(Tile(0, 0, 0, 0, 0, b"\xff" * 3)))
    identity = guest.session.identity
    assert identity is not None
    identity.paces.snapshots.take(identity.paces.snapshots.burst - 1, place.time.now)
    began, before = place.time.now, len(guest.tiles())
    for number in range(100):
        guest.say(halves[number % 2], for_s=0.1)
    passed = place.time.now - began
    sent = (len(guest.tiles()) - before) * size
    assert 0.9 * 2000 * passed - 64 * size <= sent <= 2000 * passed + 64 * size
    assert guest.session.view.number == 100
    place.time.run(place.time.now + 2)
    assert not guest.session.view.stale
    last = {(tile.tx, tile.ty) for tile in guest.tiles()[-64:]}
    assert last == {(tx, ty) for tx in range(8, 16) for ty in range(8, 16)}


def test_sessions_that_come_and_go_are_forgotten() -> None:
    """LIM-12: of those that are gone so many are kept, the latest; who is here stays."""
    place = table(budget_pixels=1000, budget_refill=1000)
    reception = place.hub._reception
    reception.identities._away_max = 20
    present = sit_down(place)
    for number in range(50):
        guest = sit_down(place, address=bytes([number]))
        guest.say(HUNDRED)
        guest.session.lost()
    last = guest.notepad.welcome.session
    place.time.run(place.time.now + 5)
    assert len(reception.identities) == 21
    assert len(reception.addresses) == 1
    assert reception.identities.get(present.notepad.welcome.session) is not None
    assert sit_down(place, session=last).notepad.welcome.handled == 1
    assert sit_down(place, session=last).notepad.welcome.session == last
