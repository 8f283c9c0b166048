"""All of it together: a server over the log in memory, its people, its accidents, its end."""

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from unittest.mock import patch

from protocol.errors import RejectCode
from protocol.messages import Drawing, PresenceSet
from protocol.session import State
from server.hub import Hub
from server.line import Line
from server.memory import Memory
from server.session import Session
from server.supervisor import Service, Supervisor
from server.turns import Turns
from tests.memory_log import MemoryStore
from tests.oracle.canvas import levels
from tests.sabotage import Sabotage, crash_at, stand_down
from tests.simulation.link import HEARTBEAT_S, Link, Profile
from tests.simulation.painter import Painter
from tests.simulation.person import Person
from tests.simulation.recount import (
    compare_following,
    compare_presence,
    compare_start,
    compare_views,
    nobody_left,
    recount,
    sample,
)
from tests.simulation.settings import BUDGETS_BYTES, SETTINGS
from tests.simulation.stranger import Stranger
from tests.simulation.tap import Counts, Tap
from tests.simulation.truth import Truth, WatchedLog
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import Process, VirtualTime
from tests.whole_canvas import whole_canvas
from tiles.log.base import CanvasInfo
from tiles.raster import Paint, rasterise
from tiles.recovery import recover

_RASTERISED_MAX = 4_000
_AFRESH = frozenset({"FAN-4", "LVL-3", "VIEW-1"})
"""What doesn't hold for tiles that go afresh since the fan-out failed."""
_TROUBLE_MADE_HERE = ("storage fails", "canvas main: not everything could be written")


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a simulation is. ``pause_s`` is a person's mean time between two acts."""

    people: int
    seconds: float
    width: int = 900
    height: int = 700
    pause_s: float = 1.0
    hotspots: int = 4
    crashes: int = 1
    restarts: int = 1
    troubles: int = 2
    visits: int = 6
    """Strangers who break the protocol."""
    failures: int = 0
    """Crashes of single background services."""


class Server:
    """A server process and those that come after it."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.hub: Hub | None = None
        self.supervisor: Supervisor | None = None
        self.restarts = 0
        """Of background services, in processes that are no more."""
        self._process: Process | None = None
        self._log: WatchedLog | None = None
        self._links: list[Link] = []

    def start(self) -> None:
        """Open the log, replay it, serve."""
        world = self._world
        log = WatchedLog(
            world.store,
            schedule=world.time.do_after,
            delay_s=world.rng.choice((0.001, 0.01, 0.2)),
            epochs=lambda: world.rng.randrange(1, 1 << 53),
        )
        recovered = log.open()
        pyramid = recover(log, recovered)
        if world.truth.seq != recovered.seq or not recovered.clean:
            world.truth = Truth(world.verdict, world.store)
        log.truth = world.truth
        compare_start(world, whole_canvas(log, recovered))
        tick_s = world.rng.choice((2e-6, 2e-5, 1e-4))
        process = Process(world.time, world.rng, tick_s)
        supervisor = Supervisor(process)
        hub = Hub(
            "main",
            log,
            recovered,
            pyramid,
            Memory(world.settings.memory_budget_bytes, supervisor),
            Turns(process),
            world.settings,
            supervisor,
            process.offload,
            lambda: int(1000 * world.time.now),
        )
        hub.start()
        self.hub, self._process, self._log = hub, process, log
        self.supervisor = supervisor

    def accept(self, link: Link) -> bool:
        """Let a connection in, if the server is up."""
        if self.hub is None:
            return False
        session = self.hub.join(link, b"")
        world = self._world
        tap = Tap(session, world.truth, SETTINGS, world.counts, link.profile.healthy)
        link.accept(session, tap, SETTINGS.slow_reader_bytes)
        self._links.append(link)
        world.sessions.append(session)
        return True

    def crash(self) -> None:
        """Like ``kill -9``."""
        if self.hub is not None:
            self._count_restarts()
            assert self._process is not None
            assert self._log is not None
            self._process.alive = False
            self._log.crash()
            self._gone(crashed=True)

    def stop(self) -> None:
        """Like SIGTERM."""
        if self.hub is not None:
            self._count_restarts()
            assert self._process is not None
            asyncio.run(self.hub.stop())
            for session in self._world.sessions:
                closed = session.state is State.CLOSED
                self._world.verdict.check(closed, "SES-5", "a session isn't closed at the end")
            self._process.alive = False
            self._gone(crashed=False)

    def _count_restarts(self) -> None:
        assert self.supervisor is not None
        self.restarts += sum(service.restarts for service in self.supervisor)

    def _gone(self, *, crashed: bool) -> None:
        links, self._links = self._links, []
        self.hub = self._process = self._log = self.supervisor = None
        self._world.sessions.clear()  # what they held went with the hub
        if crashed:
            for link in links:
                link.crash()
        if not self._world.over:
            self._world.time.after(self._world.rng.uniform(0.3, 2.0), self.start)

    def fail(self) -> None:
        """A background service crashes, in the middle of something, if it does anything soon."""
        if self.supervisor is None:
            return
        rng = self._world.rng
        services = [one for one in self.supervisor if isinstance(one, Service)]
        crash_at(rng.choice(services), rng.choice((1, 2, 3, 5, 8, 13, 21)))
        self._world.time.after(1.2, stand_down)

    def trouble(self, seconds: float) -> None:
        """The disk fails for a while, or merely takes long."""
        log = self._log
        if log is None:
            return
        if self._world.rng.random() < 0.3:
            usual_s, log.delay_s = log.delay_s, seconds
            self._world.time.after(seconds, setattr, log, "delay_s", usual_s)
        else:
            log.fail(OSError("the disk is full"))
            self._world.time.after(seconds, log.heal)


class NumberedSession(Session):
    """Hashed by number, so that sets of sessions have the same order in every run of a seed."""

    numbers = count()

    def __init__(self, hub: Hub, line: Line, address: bytes, anonymous: PresenceSet) -> None:
        self._number = next(self.numbers)
        super().__init__(hub, line, address, anonymous)

    def __hash__(self) -> int:
        return self._number


class World:
    """One run by one seed; held to all promises, or only to those of ``rules``."""

    def __init__(self, plan: Plan, seed: int, rules: frozenset[str] | None = None) -> None:
        self.plan = plan
        self.rng = random.Random(seed)
        self.verdict = Verdict(rules, _AFRESH if plan.failures else frozenset())
        self.settings = SETTINGS.model_copy(
            update={"memory_budget_bytes": self.rng.choice(BUDGETS_BYTES)}
        )
        self.time = VirtualTime(self.verdict)
        info = CanvasInfo(plan.width, plan.height, (255, 254, 253))
        self.store = MemoryStore(info, epoch=self.rng.randrange(1, 1 << 53))
        self.truth = Truth(self.verdict, self.store)
        self.levels = levels(plan.width, plan.height)
        self.painter = Painter(self.rng, plan.width, plan.height)
        self.hotspots = [
            (self.rng.randrange(plan.width), self.rng.randrange(plan.height))
            for _ in range(plan.hotspots)
        ]
        self.counts = Counts()
        self.sessions: list[Session] = []
        self.quiet = self.over = False
        self.may_reject = {RejectCode.RATE, RejectCode.READ_ONLY}
        self.server = Server(self)
        self._rasterised: dict[Drawing, list[Paint]] = {}
        self.people = [self._person(number) for number in range(plan.people)]

    def _person(self, number: int) -> Person:
        rng = random.Random(self.rng.random())
        latency_s = rng.choice((0.001, 0.02, 0.08, 0.3))
        match number % 5:
            case 0 | 1 | 2:
                profile = Profile(latency_s, float("inf"), 0, healthy=True)
            case 3:
                profile = Profile(latency_s, 1_000_000, 65_536, healthy=False)
            case _:
                profile = Profile(
                    latency_s, rng.choice((1_500, 6_000, 20_000)), 2_048, healthy=False
                )
        return Person(self, rng, profile, paints=number % 4 != 1, zooms=number % 10 == 7)

    def rasterise(self, message: Drawing, width: int, height: int, max_tiles: int) -> list[Paint]:
        """The clients' rasteriser: what one has drawn needn't be rasterised for the next."""
        paints = self._rasterised.get(message)
        if paints is None:
            if len(self._rasterised) >= _RASTERISED_MAX:
                self._rasterised.clear()
            paints = self._rasterised[message] = rasterise(message, width, height, max_tiles)
        return paints

    # -- the run -------------------------------------------------------------------------------

    def run(self) -> None:
        """Live, come to rest, compare, leave, compare again.

        Raises :class:`tests.simulation.verdict.Violation`.
        """
        NumberedSession.numbers = count()
        # A flush that may do next to nothing leaves views and tiles to the next ones.
        slice_s = self.rng.choice((0.004, 0.0005, 0.00005))
        with (
            self._errors_count(),
            patch("server.fanout._SLICE_S", slice_s),
            patch("server.hub.Session", NumberedSession),
        ):
            try:
                self._live()
            finally:
                stand_down()
            self._rest()
            self._compare()
            self._leave()
            self._reopen()
        self.verdict.settle()

    def _live(self) -> None:
        plan, rng = self.plan, self.rng
        self.server.start()
        for person in self.people:
            person.pan()
            self.time.after(rng.uniform(0, min(3, plan.seconds / 4)), person.connect)
            self.time.after(rng.uniform(0, plan.pause_s), person.live)
        for _ in range(plan.visits):
            self.time.after(rng.uniform(0.1, 0.9) * plan.seconds, Stranger(self, rng).connect)
        for _ in range(plan.crashes):
            self.time.after(rng.uniform(0.2, 0.9) * plan.seconds, self.server.crash)
        for _ in range(plan.restarts):
            self.time.after(rng.uniform(0.2, 0.9) * plan.seconds, self.server.stop)
        for _ in range(plan.failures):
            self.time.after(rng.uniform(0.1, 0.9) * plan.seconds, self.server.fail)
        for _ in range(plan.troubles):
            at = rng.uniform(0.1, 0.9) * plan.seconds
            self.time.after(at, self.server.trouble, rng.uniform(0.2, 1.5))
        self._sample()
        self.time.run(plan.seconds)

    def _sample(self) -> None:
        """Recount every second."""
        if self.server.hub is not None:
            sample(self.verdict, self.server.hub)
        if not self.over:
            self.time.after(1.0, self._sample)

    def _rest(self) -> None:
        """Nobody does anything new: everybody's view and work must come to be complete."""
        self.quiet = True
        self.time.run(self.time.now + 240, lambda: all(person.settled for person in self.people))
        late = [person for person in self.people if not person.settled]
        for person in late[:3]:
            core = person.core
            self.verdict.fail(
                "FAN-1",
                f"{len(late)} never settle; one is {core.phase.value}, holds {len(core.outbox)}"
                f" messages, clock {core.view.clock} of {self.truth.seq}",
            )
        self.verdict.settle()
        # Until the last half-open line is noticed, and the last cursor forgotten.
        self.time.run(self.time.now + HEARTBEAT_S + 1, self._alone)
        self.time.run(self.time.now + 3 * SETTINGS.presence_linger_ms / 1000)

    def _alone(self) -> bool:
        """Whether the server knows of nobody but those who are there."""
        return self.server.hub is not None and len(self.server.hub.sessions) == len(self.people)

    def _compare(self) -> None:
        assert self.server.hub is not None
        compare_views(self)
        recount(self.verdict, self.server.hub, self.people)
        compare_presence(self.verdict, self.people)
        compare_following(self.verdict, self.people)
        arrived = self.counts.as_drawing + self.counts.as_snapshot
        self.verdict.check(
            self.counts.as_drawing >= 0.99 * arrived,
            "FAN-4",
            f"{self.counts.as_snapshot} of {arrived} changes came as snapshots",
        )
        self.verdict.settle()

    def _leave(self) -> None:
        """Everybody goes, each in another way; nothing of them stays."""
        for person in self.people:
            link = person.link
            assert link is not None
            person.link = None
            match self.rng.randrange(3):
                case 0:
                    link.close_from_client()
                case 1:
                    link.reset()
                case _:
                    link.go_deaf()
        self.time.run(self.time.now + 1)
        assert self.server.hub is not None
        nobody_left(self.verdict, self.server.hub, self.sessions)
        self.verdict.settle()

    def _reopen(self) -> None:
        """A clean stop keeps the epoch; the log holds everybody's drawing exactly once."""
        epoch = self.store.epoch
        self.over = True
        self.server.stop()
        self.server.start()
        self.verdict.check(self.store.epoch == epoch, "LOG-4", "a clean stop changed the epoch")
        in_log = [list(self.truth.drawn_by.get(s, ())) for s in self._all_sessions()]
        total = sum(map(len, in_log))
        self.verdict.check(total == self.truth.seq, "ONCE-1", "the log holds strangers' drawing")
        for person in self.people:
            expected = [
                data
                for serial, data in enumerate(person.drawn, 1)
                if serial not in person.rejected and serial not in person.lost
            ]
            logged = [data for session in person.sessions for data in self.truth.drawn_by[session]]
            missing = Counter(expected) - Counter(logged)
            extra = Counter(logged) - Counter(expected)
            self.verdict.check(not missing, "ONCE-1", f"{missing.total()} messages are lost")
            self.verdict.check(not extra, "ONCE-1", f"{extra.total()} weren't to be drawn")
            self.verdict.check(logged == expected, "ONCE-1", "somebody's drawing changed places")

    def _all_sessions(self) -> Iterator[bytes]:
        for person in self.people:
            yield from person.sessions

    @contextmanager
    def _errors_count(self) -> Iterator[None]:
        """What the server logs as an error ends the run, save for the trouble that is made here."""
        handler = _ErrorsFail(self.verdict)
        logger = logging.getLogger("server")
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)


class _ErrorsFail(logging.Handler):
    def __init__(self, verdict: Verdict) -> None:
        super().__init__(logging.ERROR)
        self._verdict = verdict

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is not None and isinstance(record.exc_info[1], Sabotage):
            return
        text = self.format(record)
        if not text.startswith(_TROUBLE_MADE_HERE):
            self._verdict.fail("SES-8", f"the server logged: {text}")
