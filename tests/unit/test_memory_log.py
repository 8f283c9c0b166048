"""The log in memory in virtual time: simulations stand on its delays."""

import heapq
import itertools
from collections.abc import Callable

from tests.log_rigs import INFO, Drawing, Recorder
from tests.memory_log import MemoryLog, MemoryStore


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._order = itertools.count()
        self._calls: list[tuple[float, int, Callable[[], None]]] = []

    def schedule(self, delay_s: float, call: Callable[[], None]) -> None:
        """Call after a delay."""
        heapq.heappush(self._calls, (self.now_s + delay_s, next(self._order), call))

    def run_until(self, time_s: float) -> None:
        """Make all calls due up to a time."""
        while self._calls and self._calls[0][0] <= time_s:
            self.now_s, _, call = heapq.heappop(self._calls)
            call()
        self.now_s = time_s


def started(store: MemoryStore, clock: Clock | None, delay_s: float) -> tuple[MemoryLog, Recorder]:
    """A log that is open and started."""
    log = MemoryLog(store, schedule=clock.schedule if clock else None, delay_s=delay_s)
    log.open()
    log.start(recorder := Recorder())
    return log, recorder


def test_commits_are_durable_after_the_delay_in_groups() -> None:
    """What comes while a group is under way is the next group, as with a disk."""
    clock = Clock()
    log, recorder = started(MemoryStore(INFO), clock, 1.0)
    drawing = Drawing()
    log.append(drawing.commit(1))
    clock.run_until(0.5)
    log.append(drawing.commit(1))
    log.append(drawing.commit(1))
    assert recorder.events == []
    clock.run_until(1.0)
    assert recorder.events == [1]
    assert list(log.read(0)) == drawing.batches[:1]
    clock.run_until(1.9)
    assert recorder.events == [1]
    log.delay_s = 0.25
    log.append(drawing.commit(1))
    clock.run_until(2.25)
    assert recorder.events == [1, 3, 4]


def test_commits_on_demand() -> None:
    """Without a schedule nothing is durable until it is asked for."""
    log, recorder = started(MemoryStore(INFO), None, 0.0)
    drawing = Drawing()
    log.append(drawing.commit(1))
    log.append(drawing.commit(1))
    assert recorder.events == []
    log.commit()
    assert recorder.events == [2]


def test_a_crash_loses_what_was_under_way() -> None:
    """A group that was begun before a crash never ends, also not over the next log."""
    clock = Clock()
    store = MemoryStore(INFO)
    log, recorder = started(store, clock, 1.0)
    log.append(Drawing().commit(1))
    log.crash()
    again, _ = started(store, clock, 1.0)
    clock.run_until(5.0)
    assert recorder.events == []
    assert list(again.read(0)) == []


def test_trouble_lasts_until_healed() -> None:
    """Failing and healing are told once each, and the commits follow in order."""
    clock = Clock()
    log, recorder = started(MemoryStore(INFO), clock, 1.0)
    drawing = Drawing()
    error = OSError("told to")
    log.fail(error)
    log.append(drawing.commit(1))
    clock.run_until(10.0)
    log.append(drawing.commit(1))
    clock.run_until(20.0)
    log.heal()
    clock.run_until(30.0)
    assert recorder.events == [error, 2, None]
