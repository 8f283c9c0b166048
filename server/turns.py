"""Shares the event loop's time among those who sent more than fits into one of its turns.

Start-time fair queueing: everybody's use of time has a start and an end on one virtual clock, and
whose next use would start first is served first. Whoever didn't use its share lately starts a
little before the others: so somebody who sends a little now and then is served at once, however
many others send as much and as dearly as they may.
"""

import heapq
import logging
from itertools import count
from typing import Protocol

from tiles.loop import Scheduler

logger = logging.getLogger(__name__)

_TURN_S = 0.004
"""Time for all of them together in one turn of the loop."""
_SLICE_S = 0.001
"""Time for one of them, before others are asked."""
_CREDIT_S = 0.004
"""So far before the others somebody starts who has used less than its share."""
_APART_S = 0.002
"""With so much time gone that nobody used another turn must have begun."""
_TRIFLE_S = 0.000_005
"""What a trifle is taken to cost."""


class Worker(Protocol):
    """Somebody with work to be done in slices."""

    used_s: float
    """Where its last use of time ended on the virtual clock; 0 at first."""
    queued: bool
    """Whether its time will come; False at first."""

    @property
    def has_much(self) -> bool:
        """Whether what it has to do may well take all of a slice."""

    def work(self, until: float) -> bool:
        """Work until then or a little longer; whether there is more to be done at once."""


class Turns:
    """The queue of one event loop."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._queue: list[tuple[float, int, Worker]] = []
        self._order = count()
        self._virtual_s = 0.0
        self._spent_s = 0.0
        """Of the turn that began at ``_began``."""
        self._began = 0.0
        self._scheduled = False

    def spares_a_trifle(self) -> bool:
        """Whether somebody may do, at once and unmeasured, what costs less than its turn would."""
        if self._queue or self._spent_s > _TURN_S:
            return False
        self._spent_s += _TRIFLE_S
        return True

    def run(self, worker: Worker) -> None:
        """Let ``worker`` work: now, if this turn has time for it, else when its time comes."""
        if worker.queued:
            return
        now = self._scheduler.time()
        if now - self._began > self._spent_s + _APART_S:
            self._began, self._spent_s = now, 0.0
        if self._queue or self._spent_s > _TURN_S:
            self._enqueue(worker)
        else:
            self._serve(worker, now)

    def leave(self, worker: Worker) -> None:
        """``worker`` won't work any more."""
        if worker.queued:
            worker.queued = False
            self._queue = [entry for entry in self._queue if entry[2] is not worker]
            heapq.heapify(self._queue)

    def _enqueue(self, worker: Worker) -> None:
        worker.queued = True
        start = self._start(worker)
        if worker.has_much:
            start += _SLICE_S  # among equals it is later, and so are fewer kept waiting
        heapq.heappush(self._queue, (start, next(self._order), worker))
        if not self._scheduled:
            self._scheduled = True
            self._scheduler.call_soon(self._turn)

    def _turn(self) -> None:
        """The loop has turned."""
        self._scheduled = False
        self._began, self._spent_s = self._scheduler.time(), 0.0
        try:
            while self._queue and self._spent_s <= _TURN_S:
                _, _, worker = heapq.heappop(self._queue)
                worker.queued = False
                self._serve(worker, self._scheduler.time())
        finally:
            if self._queue and not self._scheduled:
                self._scheduled = True
                self._scheduler.call_soon(self._turn)

    def _serve(self, worker: Worker, now: float) -> None:
        start = self._start(worker)
        self._virtual_s = max(start, self._virtual_s)
        try:
            more = worker.work(now + _SLICE_S)
        finally:
            took_s = self._scheduler.time() - now
            self._spent_s += took_s
            worker.used_s = start + took_s
        if more and not worker.queued:
            self._enqueue(worker)

    def _start(self, worker: Worker) -> float:
        return max(worker.used_s, self._virtual_s - _CREDIT_S)
