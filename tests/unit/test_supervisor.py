"""Services: what is called after a failure, when they come back, and what is counted."""

import logging
import random

import pytest

from server.supervisor import (
    HEALTHY_S,
    RESTART_INITIAL_S,
    RESTART_MAX_S,
    Service,
    Supervisor,
)
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import Process, VirtualTime


class Worker:
    """A service that notes what it does."""

    def __init__(self) -> None:
        self.time = VirtualTime(Verdict())
        self.supervisor = Supervisor(Process(self.time, random.Random(1), tick_s=0))
        self.service: Service = self.supervisor.service("worker", "main")
        self.service.on_restart(self.restart)
        self.done: list[str] = []
        self.restarted_at: list[float] = []
        self.fails_at_restart = 0

    def restart(self) -> None:
        """It is to go on."""
        self.restarted_at.append(self.time.now)
        if self.fails_at_restart:
            self.fails_at_restart -= 1
            self.fail()

    def do(self, what: str) -> None:
        """Work."""
        self.done.append(what)

    def fail(self) -> None:
        """Don't."""
        raise RuntimeError("on purpose")

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.time.run(self.time.now + seconds)


def test_calls_are_made() -> None:
    """SUP-1: a service is a scheduler like any other, until it fails."""
    worker = Worker()
    service = worker.service
    service.call_later(0.2, worker.do, "later")
    service.call_soon(worker.do, "soon")
    service.call_soon_threadsafe(worker.do, "from a thread")
    service.call_later(0.1, worker.do, "never").cancel()
    service.own(worker.do)("handed out")
    worker.run(1)
    assert worker.done == ["handed out", "soon", "from a thread", "later"]
    assert (service.up, service.restarts) == (True, 0)


def test_what_a_failed_service_had_under_way_is_void() -> None:
    """SUP-1: nothing of the life before is called, nor what is asked of it while it is down."""
    worker = Worker()
    service = worker.service
    handed_out = service.own(worker.do)
    service.call_later(0.5, worker.do, "scheduled before")
    service.call_soon(worker.fail)
    service.call_soon(worker.do, "in the same turn")
    worker.run(RESTART_INITIAL_S / 2)
    assert not service.up
    service.call_soon(worker.do, "while it was down")
    service.call_later(1, worker.do, "while it was down, later")
    own = service.own(worker.do)
    worker.run(2)
    handed_out("handed out before")
    own("handed out while it was down")
    assert worker.done == []
    assert (service.up, service.restarts) == (True, 1)
    service.call_soon(worker.do, "after")
    worker.run(1)
    assert worker.done == ["after"]


def test_the_wait_doubles_and_is_forgotten() -> None:
    """SUP-2: from 50 ms to 2 s while it keeps failing, and 50 ms again after a healthy while."""
    worker = Worker()
    worker.fails_at_restart = 8
    worker.service.call_soon(worker.fail)
    began = worker.time.now
    worker.run(60)
    waits = [b - a for a, b in zip([began, *worker.restarted_at], worker.restarted_at)]  # noqa: B905
    due = [min(RESTART_INITIAL_S * 2**n, RESTART_MAX_S) for n in range(9)]
    assert waits == pytest.approx(due)
    assert worker.service.restarts == 9
    assert worker.service.up
    worker.run(HEALTHY_S)
    failed_at = worker.time.now
    worker.service.call_soon(worker.fail)
    worker.run(60)
    assert worker.restarted_at[-1] - failed_at == pytest.approx(RESTART_INITIAL_S)


def test_a_failure_is_logged_with_its_name(caplog: pytest.LogCaptureFixture) -> None:
    """SUP-2: whose it was, of which canvas, and the traceback."""
    worker = Worker()
    worker.service.call_soon(worker.fail)
    with caplog.at_level(logging.ERROR):
        worker.run(1)
    (record,) = caplog.records
    assert "canvas main: worker failed" in record.getMessage()
    assert record.exc_info is not None


def test_a_closed_canvas_has_no_services() -> None:
    """SUP-1: not even one that is about to be restarted."""
    worker = Worker()
    other = worker.supervisor.service("memory")
    thread = worker.supervisor.thread("log-writer", "main")
    assert list(worker.supervisor) == [worker.service, other, thread]
    worker.service.call_soon(worker.fail)
    worker.run(RESTART_INITIAL_S / 2)
    worker.supervisor.stop("main")
    assert list(worker.supervisor) == [other]
    worker.run(10)
    assert worker.restarted_at == []
    worker.service.own(worker.fail)()  # it is logged, and that is all
    worker.run(10)
    assert worker.restarted_at == []
