"""All of it together: servers over a log in memory, their people, their accidents, their end."""

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from unittest.mock import patch

from protocol.errors import RejectCode
from protocol.messages import Drawing
from tests.oracle.canvas import levels
from tests.sabotage import Sabotage, stand_down
from tests.simulation.accidents import Accidents
from tests.simulation.agreement import compare_nodes, compare_sessions, sample_claims
from tests.simulation.ground import Ground, OneWriter
from tests.simulation.link import HEARTBEAT_S, Link, Profile
from tests.simulation.painter import Painter
from tests.simulation.person import Person
from tests.simulation.plan import Plan
from tests.simulation.recount import (
    compare_following,
    compare_presence,
    compare_views,
    nobody_left,
    recount,
    sample,
)
from tests.simulation.serving import NumberedSession, Server
from tests.simulation.settings import BUDGETS_BYTES, SETTINGS
from tests.simulation.shared_ground import Keeper, SharedGround
from tests.simulation.tap import Counts
from tests.simulation.truth import Truth
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import VirtualTime
from tiles.log.base import CanvasInfo
from tiles.raster import Paint, rasterise

_RASTERISED_MAX = 4_000
_AFRESH = frozenset({"FAN-4", "LVL-3", "VIEW-1"})
"""What doesn't hold for tiles that go afresh since the fan-out failed."""
_TROUBLE_MADE_HERE = ("storage fails", "canvas main: not everything could be written")


class World:
    """One run by one seed; held to all promises, or only to those of ``rules``.

    ``keeper``: of several nodes' stream, see :class:`SharedGround`.
    """

    def __init__(
        self,
        plan: Plan,
        seed: int,
        rules: frozenset[str] | None = None,
        keeper: Callable[[int], Keeper] | None = None,
    ) -> None:
        self.plan = plan
        self.rng = random.Random(seed)
        self.verdict = Verdict(rules, _AFRESH if plan.failures else frozenset())
        self.settings = SETTINGS.model_copy(
            update={"memory_budget_bytes": self.rng.choice(BUDGETS_BYTES)}
        )
        self.time = VirtualTime(self.verdict)
        self.info = info = CanvasInfo(plan.width, plan.height, (255, 254, 253))
        self.quiet = self.over = False
        self.ground = self._ground(info, keeper)
        self.levels = levels(plan.width, plan.height)
        self.painter = Painter(self.rng, plan.width, plan.height)
        self.hotspots = [
            (self.rng.randrange(plan.width), self.rng.randrange(plan.height))
            for _ in range(plan.hotspots)
        ]
        self.counts = Counts()
        self.may_reject = {RejectCode.RATE, RejectCode.READ_ONLY}
        self.servers = [Server(self, number) for number in range(max(1, plan.nodes))]
        self._rasterised: dict[Drawing, list[Paint]] = {}
        self.people = [self._person(number) for number in range(plan.people)]

    def _ground(self, info: CanvasInfo, keeper: Callable[[int], Keeper] | None) -> Ground:
        if not self.plan.nodes:
            return OneWriter(self.time, self.rng, self.verdict, info)
        rng = random.Random(self.rng.random())
        return SharedGround(
            self.time, rng, self.verdict, info, self.plan, lambda: self.quiet, keeper
        )

    @property
    def truth(self) -> Truth:
        """What really happened, in the epoch of now."""
        return self.ground.truth

    def accept(self, link: Link) -> bool:
        """Connect it to a server, whichever; False if that one isn't there."""
        servers = self.servers
        server = servers[0] if len(servers) == 1 else self.rng.choice(servers)
        return server.accept(link)

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
        with ExitStack() as stack:
            stack.enter_context(self._errors_count())
            stack.enter_context(patch("server.fanout._SLICE_S", slice_s))
            stack.enter_context(patch("server.hub.Session", NumberedSession))
            for name, limit in self.ground.limits.items():
                stack.enter_context(patch(name, limit))
            try:
                self._live()
            finally:
                stand_down()
            settled = self._rest()
            self._agree()
            if settled:
                self._compare()
                self._leave()
                self._reopen()
        self.verdict.settle()

    def _live(self) -> None:
        plan, rng = self.plan, self.rng
        for server in self.servers:
            server.start()
        for person in self.people:
            person.pan()
            self.time.after(rng.uniform(0, min(3, plan.seconds / 4)), person.connect)
            self.time.after(rng.uniform(0, plan.pause_s), person.live)
        Accidents(self).plan()
        self._sample()
        self.time.run(plan.seconds)

    def _sample(self) -> None:
        """Recount every second."""
        for server in self.servers:
            if server.hub is not None and not server.stopping:
                sample(self.verdict, server.hub)
                if isinstance(self.ground, SharedGround):
                    sample_claims(self.verdict, self.ground, server.hub)
        if not self.over:
            self.time.after(1.0, self._sample)

    def _rest(self) -> bool:
        """Nobody does anything new: everybody's view and work must come to be complete.

        Whether they do; if not, there is nothing to compare for rules that are blind to it.
        """
        self.quiet = True
        self.time.run(self.time.now + 240, self._settled)
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
        return not late

    def _settled(self) -> bool:
        """Whether everybody has what they asked for, and every node what there is."""
        behind = not all(server.settled for server in self.servers)
        return not behind and all(person.settled for person in self.people)

    def _alone(self) -> bool:
        """Whether the servers know of nobody but those who are there."""
        sessions = 0
        for server in self.servers:
            if server.hub is None:
                return False
            sessions += len(server.hub.sessions)
        return sessions == len(self.people)

    def _agree(self) -> None:
        """Nodes hold the same, and nobody's session was lost with any."""
        if isinstance(self.ground, SharedGround):
            compare_nodes(self.verdict, self.ground, self.servers)
            compare_sessions(self.verdict, self.people)
        self.verdict.settle()

    def _compare(self) -> None:
        compare_views(self)
        for server in self.servers:
            assert server.hub is not None
            people = [
                one
                for one in self.people
                if one.link and one.link.tap.session in server.hub.sessions
            ]
            recount(self.verdict, server.hub, people)
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
        for server in self.servers:
            assert server.hub is not None
            nobody_left(self.verdict, server.hub, server.sessions)
        self.verdict.settle()

    def _reopen(self) -> None:
        """A clean stop keeps the epoch; the log holds everybody's drawing exactly once."""
        epoch = self.ground.epoch
        self.over = True
        for server in self.servers:
            server.stop()
        for server in self.servers:
            server.start()
        self.verdict.check(self.ground.epoch == epoch, "LOG-4", "a clean stop changed the epoch")
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
        loggers = [logging.getLogger(name) for name in ("server", "tiles")]
        for logger in loggers:
            logger.addHandler(handler)
        try:
            yield
        finally:
            for logger in loggers:
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
