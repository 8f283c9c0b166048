"""A server process and those that come after it, and the connections to it."""

import asyncio
from itertools import count
from typing import TYPE_CHECKING

from protocol.messages import PresenceSet
from protocol.session import State
from server.hub import Hub
from server.line import Line
from server.memory import Memory
from server.session import Session
from server.supervisor import Service, Supervisor
from server.turns import Turns
from tests.sabotage import crash_at, stand_down
from tests.simulation.ground import Opened
from tests.simulation.link import Link
from tests.simulation.settings import SETTINGS
from tests.simulation.shared_ground import VirtualSharedLog
from tests.simulation.tap import Tap
from tests.simulation.virtual_time import Process

if TYPE_CHECKING:
    from tests.simulation.world import World


class Server:
    """The only one of its world, or one of several nodes; ``number`` counts these from 0."""

    def __init__(self, world: "World", number: int) -> None:
        self.number = number
        self.hub: Hub | None = None
        self.supervisor: Supervisor | None = None
        self.process: Process | None = None
        self.opened: Opened | None = None
        self.sessions: list[Session] = []
        self.restarts = 0
        """Of background services, in processes that are no more."""
        self._world = world
        self.stopping = False
        self._links: list[Link] = []

    def start(self) -> None:
        """Open the log, replay it, serve."""
        world = self._world
        process = Process(world.time, world.rng, tick_s=0.0)
        opened = world.ground.open(self.number, process)
        process.tick_s = world.rng.choice((2e-6, 2e-5, 1e-4))
        supervisor = Supervisor(process)
        hub = Hub(
            "main",
            opened.log,
            opened.recovered,
            opened.pyramid,
            Memory(world.settings.memory_budget_bytes, supervisor),
            Turns(process),
            world.settings,
            supervisor,
            process.offload,
            lambda: int(1000 * world.time.now),
            bus=opened.bus,
        )
        hub.start()
        self.hub, self.process, self.opened = hub, process, opened
        self.supervisor = supervisor

    @property
    def settled(self) -> bool:
        """Whether it is up and, as a node, has come to where the stream ends."""
        if self.hub is None or self.hub.following is None:
            return True
        log = self.opened.log if self.opened else None
        assert isinstance(log, VirtualSharedLog)
        behind = self.hub.following.waiting or self.hub.seq != self._world.truth.seq
        return not behind and log.settled

    def accept(self, link: Link) -> bool:
        """Let a connection in, if the server is up."""
        hub, process, world = self.hub, self.process, self._world
        if hub is None or process is None or not process.running or self.stopping:
            return False
        session = hub.join(link, b"")
        truth = world.truth
        tap = Tap(
            session,
            truth,
            lambda: world.ground.shown(truth, hub.seq),
            SETTINGS,
            world.counts,
            link.profile.healthy,
        )
        link.accept(session, tap, SETTINGS.slow_reader_bytes, process.enter)
        self._links.append(link)
        self.sessions.append(session)
        return True

    def crash(self) -> None:
        """Like ``kill -9``."""
        if self.hub is not None and not self.stopping:
            self._count_restarts()
            assert self.process is not None
            assert self.opened is not None
            self.process.alive = False
            self.opened.crash()
            self._gone(crashed=True)

    def stop(self) -> None:
        """Like SIGTERM; a process that is frozen heeds it later."""
        if self.hub is None or self.stopping:
            return
        assert self.process is not None
        if not self.process.running:
            self._world.time.after(0.5, self.stop)
            return
        self._count_restarts()
        self.stopping = True
        asyncio.run(self.hub.stop())
        self.stopping = False
        for session in self.sessions:
            closed = session.state is State.CLOSED
            self._world.verdict.check(closed, "SES-5", "a session isn't closed at the end")
        self.process.alive = False
        self._gone(crashed=False)

    def _count_restarts(self) -> None:
        assert self.supervisor is not None
        self.restarts += sum(service.restarts for service in self.supervisor)

    def _gone(self, *, crashed: bool) -> None:
        links, self._links = self._links, []
        if not crashed and self.opened is not None:
            self.opened.cut()
        self.hub = self.process = self.opened = self.supervisor = None
        self.sessions.clear()  # what they held went with the hub
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
        if self.opened is None:
            return
        disk = self.opened.disk
        if self._world.rng.random() < 0.3:
            usual_s, disk.delay_s = disk.delay_s, seconds
            self._world.time.after(seconds, setattr, disk, "delay_s", usual_s)
        else:
            disk.fail(OSError("the disk is full"))
            self._world.time.after(seconds, disk.heal)

    def freeze(self, seconds: float) -> None:
        """Like SIGSTOP, and SIGCONT some seconds later."""
        if self.process is not None and not self.stopping:
            self.process.freeze(seconds)
            for link in self._links:
                link.tap.hampered = True  # no CLOCK comes in time

    def cut(self, seconds: float) -> None:
        """It is cut off from the stream, and the other nodes, for a while."""
        if self.opened is not None:
            self.opened.cut()
            self._world.time.after(seconds, self.opened.mend)


class NumberedSession(Session):
    """Hashed by number, so that sets of sessions have the same order in every run of a seed."""

    numbers = count()

    def __init__(self, hub: Hub, line: Line, address: bytes, anonymous: PresenceSet) -> None:
        self._number = next(self.numbers)
        super().__init__(hub, line, address, anonymous)

    def __hash__(self) -> int:
        return self._number
