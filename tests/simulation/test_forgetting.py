"""Sessions that haven't drawn for long are forgotten, in virtual time."""

import random

from server.hub import Hub
from server.memory import Memory
from server.supervisor import Supervisor
from server.turns import Turns
from tests.memory_log import MemoryLog, MemoryStore
from tests.simulation.settings import SETTINGS
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import Process, VirtualTime
from tiles.log.base import CanvasInfo, Commit, SessionCount
from tiles.recovery import recover

HOUR_S = 3600
HOUR_MS = 1000 * HOUR_S


class Nobody:
    """A listener that only lets the log write."""

    def durable(self, ticket: int) -> None:
        """See :meth:`tiles.log.base.Listener.durable`."""

    def trouble(self, error: Exception | None) -> None:
        """See :meth:`tiles.log.base.Listener.trouble`."""


def test_counts_are_kept_for_their_days() -> None:
    """ONCE-6: at the start and while it runs, each when its time has come, by no clock sooner."""
    time = VirtualTime(Verdict())
    process = Process(time, random.Random(1), tick_s=1e-6)
    store = MemoryStore(CanvasInfo(100, 100))
    before = MemoryLog(store, schedule=time.do_after, delay_s=0.001)
    before.open()
    before.start(Nobody())
    seen_hours = {b"a" * 16: 69, b"b" * 16: 71, b"c" * 16: 99}
    counts = [SessionCount(id, 5, (), hour * HOUR_MS) for id, hour in seen_hours.items()]
    before.append(Commit(1, (), counts))
    time.run(time.now + 1)
    before.close(1)

    log = MemoryLog(store, schedule=time.do_after, delay_s=0.001)
    recovered = log.open()
    pyramid = recover(log, recovered)
    supervisor = Supervisor(process)
    memory = Memory(SETTINGS.memory_budget_bytes, supervisor)
    began = time.now

    set_forward_ms = 0

    def now_ms() -> int:
        """The wall clock; it is hour 100 at the start."""
        return int((100 + (time.now - began) / HOUR_S) * HOUR_MS) + set_forward_ms

    settings = SETTINGS.model_copy(update={"session_keep_days": 30 / 24})
    turns = Turns(process)
    hub = Hub(
        "main",
        log,
        recovered,
        pyramid,
        memory,
        turns,
        settings,
        supervisor,
        process.offload,
        now_ms,
    )
    hub.start()
    time.run(began + 1)
    assert [log.session(id) is not None for id in seen_hours] == [False, True, True]
    time.run(began + 2 * HOUR_S + 1)
    assert [log.session(id) is not None for id in seen_hours] == [False, False, True]
    set_forward_ms = 40 * 24 * HOUR_MS
    time.run(began + 3 * HOUR_S + 1)
    set_forward_ms = 0
    time.run(began + 4 * HOUR_S + 1)
    assert [log.session(id) is not None for id in seen_hours] == [False, False, True]
    time.run(began + 30 * HOUR_S + 1)
    assert [log.session(id) is not None for id in seen_hours] == [False, False, False]
