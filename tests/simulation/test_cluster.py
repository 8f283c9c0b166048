"""The simulation with several nodes over one stream, which fail in every way that they may."""

from dataclasses import replace

import pytest

from tests.simulation.plan import Plan
from tests.simulation.shared_ground import SharedGround
from tests.simulation.world import World

NODES = Plan(
    people=8,
    seconds=12,
    pause_s=0.12,
    crashes=2,
    restarts=1,
    troubles=2,
    nodes=3,
    freezes=2,
    cuts=2,
    delays=1,
    mishaps=0.2,
)
FAILING = replace(NODES, nodes=2, failures=20)
"""Background services crash too."""
QUIET = Plan(people=20, seconds=8, pause_s=0.1, crashes=0, restarts=0, troubles=0, nodes=3)


@pytest.mark.simulation
@pytest.mark.parametrize("seed", range(1, 9))
def test_nodes_converge(seed: int) -> None:
    """Nodes crash, with their folds or without, freeze, stop, and lose the stream; entries are
    lost, stored late or twice; people go on at whichever node they get to.

    At every CLOCK what a client holds equals the oracle (FAN-1). At rest all nodes hold the same,
    which is what the stream's entries come to (CLU-70), and everybody's drawing once, in its order
    (ONCE-1). Nobody is asked anything when a node dies (CLU-71), what comes late from a connection
    that was given up is void, and doesn't take the session back (CLU-72). Nobody shares a number
    with anybody (CLU-73), and a node that lost its fold has it again, in the same epoch (CLU-74).
    """
    World(NODES, seed).run()


@pytest.mark.simulation
@pytest.mark.parametrize("seed", range(1, 4))
def test_nodes_whose_services_crash_converge(seed: int) -> None:
    """Whichever service fails, that of following the stream too, nobody keeps a gap (SUP-1)."""
    world = World(FAILING, seed)
    world.run()
    assert sum(server.restarts for server in world.servers) > 0


@pytest.mark.simulation
def test_nodes_that_nothing_befalls() -> None:
    """Changes arrive as drawing (FAN-4), nothing is void, and nobody is ever asked (CLU-71)."""
    world = World(QUIET, 1)
    world.run()
    assert world.counts.as_drawing > 500
    assert world.counts.as_snapshot == 0
    assert isinstance(world.ground, SharedGround)
    assert world.ground.stream_truth.void == 0


@pytest.mark.simulation
def test_a_seed_is_the_same_run_again() -> None:
    """So that one that fails can be looked into."""
    first, again = World(NODES, 5), World(NODES, 5)
    first.run()
    again.run()
    assert vars(first.counts) == vars(again.counts)
    assert first.time.now == again.time.now
