"""Many people who move about on several nodes, in virtual time."""

import random

import pytest

from tests.simulation.nodes import GONE_S, REST_S, SIDE, Nodes, Visitor


class Crowd:
    """People who come, look around, point, say their names, follow each other and go."""

    HOTSPOTS = ((1000, 1000), (2048, 2048), (6000, 300), (9500, 9500))

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(f"crowd {seed}")
        self.nodes = Nodes(3, seed, rng.choice((1e-7, 1e-6, 2e-5)))
        self.nodes.network.memory.delay_s = rng.choice((0.0, 0.001, 0.05))
        self.nodes.network.loss = rng.choice((0.0, 0.02, 0.2))

    def live(self, seconds: float) -> None:
        """So long."""
        end = self.nodes.time.now + seconds
        while self.nodes.time.now < end:
            self.act()
            self.nodes.run(self.rng.expovariate(40))

    def act(self) -> None:
        """Somebody does something."""
        rng, present = self.rng, self.nodes.present()
        if len(present) < 8 or (len(present) < 24 and rng.random() < 0.1):
            self.come()
            return
        one = rng.choice(present)
        match rng.randrange(10):
            case 0 | 1 | 2:
                self.look(one)
            case 3 | 4 | 5:
                near = one.box or (0, 0, SIDE - 1, SIDE - 1)
                x0, y0, x1, y1 = near if rng.random() < 0.8 else (0, 0, SIDE - 1, SIDE - 1)
                one.point(rng.randint(x0, x1), rng.randint(y0, y1))
            case 6:
                one.introduce(rng.choice(("", "Ada", "名前", "x" * 64)))
            case 7 | 8:
                one.follow(rng.choice(present).client)
            case _:
                one.leave()
                if rng.random() < 0.5:  # on another node, perhaps
                    self.come(one.client)

    def come(self, client: int = 0) -> None:
        """Somebody connects."""
        alive = [number for number, node in enumerate(self.nodes.nodes) if node.alive]
        visitor = self.nodes.join(self.rng.choice(alive), client)
        if self.rng.random() < 0.9:
            self.look(visitor)

    def look(self, visitor: Visitor) -> None:
        """At a screen at one of a few places; once in a while at a large part of it all."""
        rng = self.rng
        if rng.random() < 0.1:
            x0, y0 = rng.randrange(SIDE // 2), rng.randrange(SIDE // 2)
            side = rng.choice((3000, 9000))
            visitor.look((x0, y0, min(SIDE, x0 + side) - 1, min(SIDE, y0 + side) - 1), level=6)
        else:
            x, y = rng.choice(self.HOTSPOTS)
            x0, y0 = max(0, x + rng.randint(-500, 100)), max(0, y + rng.randint(-500, 100))
            visitor.look((x0, y0, x0 + rng.randint(50, 500), y0 + rng.randint(50, 400)))

    def rest(self) -> None:
        """Nobody does anything: all must come to be as if there were one node."""
        self.nodes.network.loss = 0
        self.nodes.run(REST_S)
        self.nodes.compare()
        self.nodes.compare_following()
        self.nodes.compare_cursors()
        self.nodes.compare()

    def end(self) -> None:
        """Everybody leaves; nothing of them stays, and the nodes fall silent."""
        for visitor in self.nodes.present():
            visitor.leave()
        self.nodes.run(REST_S)
        left = self.nodes.traces()
        assert left == [], left
        published = self.nodes.network.memory.published
        self.nodes.run(30)
        assert self.nodes.network.memory.published == published


@pytest.mark.simulation
@pytest.mark.parametrize("seed", range(1, 9))
def test_a_crowd_across_nodes(seed: int) -> None:
    """CLU-20, CLU-21, CLU-22, CLU-23: whatever is lost, late, cut off or dead, all is right soon.

    And nothing is left of anybody in the end.
    """
    crowd = Crowd(seed)
    crowd.live(4)
    crowd.rest()
    lonely = crowd.rng.choice(crowd.nodes.nodes)
    lonely.wire.bus.cut()
    crowd.live(crowd.rng.choice((0.5, 8)))
    lonely.wire.bus.mend()
    crowd.rest()
    crowd.live(2)
    crowd.rng.choice(crowd.nodes.nodes).die()
    dead = {one.client for one in crowd.nodes.visitors if one.gone}
    dead -= {one.client for one in crowd.nodes.present()}
    crowd.nodes.run(GONE_S)
    for visitor in crowd.nodes.present():
        assert not visitor.here & dead, (visitor.client, visitor.here & dead)
    crowd.live(1)
    crowd.rest()
    crowd.end()
