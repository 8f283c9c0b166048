"""A crowd on one screen: what it costs falls on the cursors' rate, not on the server."""

from collections import Counter

from protocol.codec import encode
from protocol.messages import (
    NEW_SESSION,
    PRESENCE_HERE,
    VERSION,
    Cursor,
    CursorMove,
    Hello,
    Presence,
    Viewport,
)
from tests.simulation.settings import SETTINGS
from tests.simulation.table import Notepad, Table

_PEOPLE = 60
_SECONDS = 4


def moved(tick_s: float) -> list[Notepad]:
    """What everybody heard, all on one screen and moving 50 times a second."""
    table = Table(tick_s=tick_s)
    people = []
    for _ in range(_PEOPLE):
        session, notepad = table.join()
        table.say(session, Hello(VERSION, NEW_SESSION, ""), Viewport(0, 0, 0, 99, 99))
        people.append((session, notepad))
    for _, notepad in people:
        notepad.messages = [heard for heard in notepad.messages if isinstance(heard, Presence)]
    started = table.time.now
    move = 0
    while table.time.now < started + _SECONDS:
        move += 1
        for session, _ in people:
            session.receive(encode(CursorMove(move % 100, move % 90, 0)))
        table.time.run(table.time.now + 0.02)
    return [notepad for _, notepad in people]


def rates(notepads: list[Notepad]) -> list[float]:
    """For each pair of a hearer and somebody it hears of, cursors a second."""
    found = []
    for notepad in notepads:
        by_client = Counter(
            message.client for message in notepad.messages if isinstance(message, Cursor)
        )
        assert len(by_client) == SETTINGS.max_cursors
        found += [cursors / _SECONDS for cursors in by_client.values()]
    return found


def test_the_rate_falls_under_load() -> None:
    """AWR-5, AWR-1: a slow machine sends each cursor less often, a fast one 30 times a second."""
    fast, slow = rates(moved(tick_s=1e-7)), rates(moved(tick_s=1e-4))
    assert 25 < min(fast) <= max(fast) <= 30
    assert 1 < min(slow) <= max(slow) < 0.7 * min(fast)


def test_everybody_hears_of_as_many_as_there_is_room_for() -> None:
    """AWR-3: and of no more, each announced before its first cursor."""
    for notepad in moved(1e-6):
        here = set()
        for message in notepad.messages:
            if isinstance(message, Presence) and message.event == PRESENCE_HERE:
                here.add(message.client)
            elif isinstance(message, Cursor):
                assert message.client in here
        assert len(here) == SETTINGS.max_cursors
