"""What befalls a simulation's servers and their stream, by seed."""

from typing import TYPE_CHECKING

from tests.simulation.serving import Server
from tests.simulation.shared_ground import SharedGround
from tests.simulation.stranger import Stranger

if TYPE_CHECKING:
    from tests.simulation.world import World

_FROZEN_S = (0.5, 2.0, 6.0, 14.0)
"""After eleven seconds without a CLOCK a client takes its line for dead."""
_LOST = 0.3
"""Share of the crashes of a node that take its fold with them."""


class Accidents:
    """Laid out at the start; each then picks the server that it meets."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def plan(self) -> None:
        """Lay them out over the time in which people are at work."""
        world, plan = self._world, self._world.plan
        time, rng = world.time, world.rng
        for _ in range(plan.visits):
            time.after(rng.uniform(0.1, 0.9) * plan.seconds, Stranger(world, rng).connect)
        for _ in range(plan.crashes):
            time.after(rng.uniform(0.2, 0.9) * plan.seconds, self._crash)
        for _ in range(plan.restarts):
            time.after(rng.uniform(0.2, 0.9) * plan.seconds, self._stop)
        for _ in range(plan.failures):
            time.after(rng.uniform(0.1, 0.9) * plan.seconds, self._fail)
        for _ in range(plan.troubles):
            at = rng.uniform(0.1, 0.9) * plan.seconds
            time.after(at, self._trouble, rng.uniform(0.2, 1.5))
        for _ in range(plan.freezes):
            time.after(rng.uniform(0.1, 0.9) * plan.seconds, self._freeze)
        for _ in range(plan.cuts):
            at = rng.uniform(0.1, 0.9) * plan.seconds
            time.after(at, self._cut, rng.uniform(0.05, 6.0))
        for _ in range(plan.delays):
            time.after(rng.uniform(0.1, 0.9) * plan.seconds, self._delay)

    def _somewhere(self) -> Server:
        servers = self._world.servers
        return servers[0] if len(servers) == 1 else self._world.rng.choice(servers)

    def _crash(self) -> None:
        server = self._somewhere()
        server.crash()
        if self._world.plan.nodes and self._world.rng.random() < _LOST and server.hub is None:
            self._world.ground.lose(server.number)

    def _stop(self) -> None:
        self._somewhere().stop()

    def _fail(self) -> None:
        self._somewhere().fail()

    def _trouble(self, seconds: float) -> None:
        self._somewhere().trouble(seconds)

    def _freeze(self) -> None:
        self._somewhere().freeze(self._world.rng.choice(_FROZEN_S))

    def _cut(self, seconds: float) -> None:
        self._somewhere().cut(seconds)

    def _delay(self) -> None:
        """The stream takes long for a while, as it does while it elects another leader."""
        world, ground = self._world, self._world.ground
        assert isinstance(ground, SharedGround)
        ground.stream.delay_s = world.rng.uniform(0.2, 2.0)
        usual_s = ground.stream.usual_delay_s
        world.time.after(world.rng.uniform(0.5, 4.0), setattr, ground.stream, "delay_s", usual_s)
