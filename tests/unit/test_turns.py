"""Who gets the event loop's time when there is more to do than fits into a turn."""

import random

from hypothesis import given
from hypothesis import strategies as st

from server.turns import Turns
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import Process, VirtualTime


class Job:
    """A worker with pieces of work, each of which takes a time."""

    def __init__(self, time: VirtualTime) -> None:
        self.used_s = 0.0
        self.queued = False
        self.pieces: list[float] = []
        self.done_at: list[float] = []
        self._time = time

    @property
    def has_much(self) -> bool:
        """See :attr:`server.turns.Worker.has_much`."""
        return sum(self.pieces) > 0.001

    def work(self, until: float) -> bool:
        """See :meth:`server.turns.Worker.work`."""
        while self.pieces:
            self._time.now += self.pieces.pop()
            self.done_at.append(self._time.now)
            if self._time.now > until:
                break
        return bool(self.pieces)


class Room:
    """A queue in virtual time, and how long the loop didn't turn."""

    def __init__(self) -> None:
        self.time = VirtualTime(Verdict())
        self.loop = Process(self.time, random.Random(1), tick_s=0)
        self.turns = Turns(self.loop)
        self.latest_s = 0.0
        self._looked = 0.0

    def watch(self) -> None:
        """Note how long a turn takes, as any other callback would feel it."""
        self.latest_s = max(self.latest_s, self.time.now - self._looked)
        self._looked = self.time.now
        self.loop.call_later(0.0001, self.watch)


def test_who_sends_little_is_served_at_once_beside_fifty_who_send_without_end() -> None:
    """SES-9: and a turn of the loop takes no longer than it may, but for one piece of work."""
    room = Room()
    room.loop.call_soon(room.watch)
    heavy = [Job(room.time) for _ in range(50)]
    for job in heavy:
        job.pieces = [0.0007] * 1000
        room.turns.run(job)
    light = Job(room.time)
    asked: list[float] = []

    def ask() -> None:
        asked.append(room.time.now)
        light.pieces.append(0.0001)
        room.turns.run(light)
        if len(asked) < 100:
            room.loop.call_later(0.01, ask)

    ask()
    room.time.run(3.0)
    waits = [done - at for at, done in zip(asked, light.done_at, strict=True)]
    assert max(waits) < 0.01
    assert room.latest_s < 0.004 + 0.001 + 2 * 0.0007
    done = [len(job.done_at) for job in heavy]
    assert max(done) - min(done) <= 2 * 0.001 / 0.0007 + 2


@given(
    st.lists(st.lists(st.floats(1e-5, 0.02), max_size=20), max_size=12),
    st.lists(st.floats(0, 0.05), max_size=12),
)
def test_all_work_is_done_once(work: list[list[float]], moments: list[float]) -> None:
    """SES-9: whoever it is, however dear."""
    room = Room()
    jobs = [Job(room.time) for _ in work]
    for job, pieces, at in zip(jobs, work, moments, strict=False):

        def begin(job: Job = job, pieces: list[float] = pieces) -> None:
            job.pieces = list(pieces)
            room.turns.run(job)

        room.loop.call_later(at, begin)
    room.time.run(60.0)
    for job, pieces in zip(jobs[: len(moments)], work, strict=False):
        assert len(job.done_at) == len(pieces)
        assert not job.pieces
        assert not job.queued


def test_who_leaves_is_forgotten() -> None:
    """SES-5: nothing is done for a worker that left while it waited."""
    room = Room()
    first, second = Job(room.time), Job(room.time)
    first.pieces = [0.005] * 3
    room.turns.run(first)
    second.pieces = [0.001]
    room.turns.run(second)
    assert second.queued
    room.turns.leave(second)
    room.time.run(1.0)
    assert not second.done_at
    assert len(first.done_at) == 3


def test_trifles_take_no_more_of_a_turn_than_there_is_and_none_before_their_turn() -> None:
    """SES-9: what isn't measured counts all the same, and never overtakes who waits."""
    room = Room()
    trifles = 0
    while room.turns.spares_a_trifle():
        trifles += 1
    assert 100 < trifles < 2_000, "some milliseconds of them"
    waits, later = Job(room.time), Job(room.time)
    waits.pieces = [0.001]
    room.turns.run(waits)
    assert waits.queued, "the turn is used up"
    room.time.run(1.0)
    assert waits.done_at
    assert room.turns.spares_a_trifle()
    later.pieces = [0.005, 0.005]
    room.turns.run(later)
    assert later.queued
    assert not room.turns.spares_a_trifle()
