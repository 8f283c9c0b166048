"""Background services that crash in the middle of their work, in virtual time."""

from unittest.mock import patch

import pytest

from protocol.codec import encode
from protocol.messages import (
    NEW_SESSION,
    VERSION,
    Ack,
    Clock,
    Hello,
    Message,
    Notice,
    Pixel,
    Reject,
    Tile,
    Viewport,
)
from server.session import Session
from server.supervisor import Service
from tests.memory_log import MemoryLog, MemoryStore
from tests.sabotage import crash_at, stand_down
from tests.simulation.plan import Plan
from tests.simulation.table import Notepad, Table, connect
from tests.simulation.verdict import Verdict, Violation
from tests.simulation.virtual_time import VirtualTime
from tests.simulation.world import World
from tiles.log.base import CanvasInfo, Commit

PLAN = Plan(people=9, seconds=14, pause_s=0.1, crashes=0, restarts=1, visits=2, failures=30)
TILES = 4
"""Of the table's canvas."""


@pytest.mark.simulation
@pytest.mark.parametrize("seed", range(1, 7))
def test_services_crash_and_nobody_keeps_a_gap(seed: int) -> None:
    """SUP-1: whichever service fails, wherever in its work, all is as it should be in the end."""
    world = World(PLAN, seed)
    world.run()
    assert world.servers[0].restarts > 0


@pytest.mark.simulation
@pytest.mark.parametrize(
    "forgetful", ["server.viewing.Viewing.renew_all", "server.paging.Paging._start_over"]
)
def test_a_restart_that_forgets_is_found(forgetful: str) -> None:
    """SUP-1: else nothing would be held to it. Who lacks something sees it one way or another."""

    def run_all() -> None:
        for seed in range(1, 13):
            World(PLAN, seed).run()

    with patch(forgetful, lambda *_: None), pytest.raises(Violation, match=r"FAN-1|LVL-1|CLK-1"):
        run_all()


class BrokenLine(Notepad):
    """A line that can't be written to, so many times."""

    broken = 0

    def write(self, framed: bytes) -> None:
        """See :meth:`server.line.Line.write`."""
        if self.broken:
            self.broken -= 1
            raise OSError("broken")
        super().write(framed)


def watch(table: Table, line: Notepad) -> Session:
    """Somebody who looks at all of the canvas, and has seen it."""
    session = connect(table.hub, line)
    table.say(session, Hello(VERSION, NEW_SESSION, ""), Viewport(0, 0, 0, 99, 99))
    line.messages.clear()
    return session


def kinds(line: Notepad) -> list[type[Message]]:
    """What came, by kind."""
    return [type(message) for message in line.messages]


def service(table: Table, name: str) -> Service:
    """One of the table's."""
    (found,) = [one for one in table.supervisor if one.name == name]
    assert isinstance(found, Service)
    return found


@pytest.mark.parametrize("times", [1, 3])
def test_a_write_that_fails_is_one_sessions_matter(times: int) -> None:
    """SUP-3: its tiles go afresh, and nothing else that it is due is lost; others don't notice."""
    table = Table()
    painter, watcher = Notepad(), BrokenLine()
    session = watch(table, painter)
    broken = watch(table, watcher)
    table.say(broken, Pixel(500, 1, 1, 2, 3))  # off the canvas
    watcher.messages.clear()
    watcher.broken = times
    broken.receive(encode(Pixel(501, 1, 1, 2, 3)))
    table.say(session, Pixel(1, 2, 3, 4, 5))
    assert kinds(painter).count(Pixel) == 1
    assert Tile not in kinds(painter)
    assert watcher.broken == 0
    assert kinds(watcher).count(Tile) == TILES
    assert Pixel not in kinds(watcher)
    assert kinds(watcher).count(Reject) == 1
    clocks = [message for message in watcher.messages if isinstance(message, Clock)]
    assert [clock.seq for clock in clocks] == [1]
    assert service(table, "fan-out").restarts == 0


def test_a_fan_out_that_fails_sends_everything_afresh() -> None:
    """SUP-3: to everybody, what was drawn while it was down included."""
    table = Table()
    lines = [Notepad(), Notepad()]
    sessions = [watch(table, line) for line in lines]
    fanout = service(table, "fan-out")
    crash_at(fanout, 1, "Fanout._distribute")
    try:
        sessions[0].receive(encode(Pixel(1, 2, 3, 4, 5)))
        table.time.run(table.time.now + 0.02)
        assert not fanout.up
        sessions[0].receive(encode(Pixel(1, 2, 6, 7, 8)))
        table.time.run(table.time.now + 1)
    finally:
        stand_down()
    assert fanout.restarts == 1
    for line in lines:
        assert kinds(line).count(Tile) == TILES
        assert Pixel not in kinds(line)
        tile = next(message for message in line.messages if isinstance(message, Tile))
        assert tile.seq == 2
    assert table.hub.durable_seq == 2


class RefusingLog(MemoryLog):
    """Takes no commits for a while."""

    refusals = 0

    def append(self, commit: Commit) -> None:
        """See :meth:`tiles.log.base.Log.append`."""
        if self.refusals:
            self.refusals -= 1
            raise MemoryError
        super().append(commit)


@pytest.mark.parametrize(("refusals", "told"), [(1, False), (2, True), (7, True)])
def test_commits_that_the_log_does_not_take(refusals: int, told: bool) -> None:
    """SUP-4: what was ordered stays in its order; drawing is refused until it is handed over."""
    time = VirtualTime(Verdict())
    store = MemoryStore(CanvasInfo(100, 100))
    log = RefusingLog(store, schedule=time.do_after, delay_s=0.001)
    table = Table(log, time)
    line = Notepad()
    session = watch(table, line)
    log.refusals = refusals
    table.say(session, Pixel(1, 2, 3, 4, 5))
    assert table.hub.read_only == told
    table.say(session, Pixel(1, 2, 6, 7, 8))
    time.run(time.now + 10)
    assert not table.hub.read_only
    table.say(session, Pixel(1, 2, 9, 9, 9))
    drawn = 2 if told else 3
    assert table.hub.durable_seq == table.hub.seq == store.seq == drawn
    assert kinds(line).count(Reject) == 3 - drawn
    notices = [message.level for message in line.messages if isinstance(message, Notice)]
    assert notices == ([2, 0] if told else [])
    last = [message for message in line.messages if isinstance(message, Ack)][-1]
    assert (last.handled, last.durable) == (3, 3)
