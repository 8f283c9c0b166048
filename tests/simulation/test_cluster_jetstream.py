"""The simulation with several nodes, their stream held by a real NATS server."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.simulation.jetstream_keeper import JetStreamRig
from tests.simulation.test_cluster import NODES
from tests.simulation.world import World

SHORT = replace(NODES, people=5, seconds=6, crashes=1, freezes=1, cuts=1, troubles=1, visits=0)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JetStreamRig]:
    """One server for all runs."""
    rig = JetStreamRig(tmp_path_factory.mktemp("nats"))
    yield rig
    rig.close()


@pytest.mark.simulation
@pytest.mark.parametrize("seed", range(1, 4))
def test_nodes_converge_over_jetstream(rig: JetStreamRig, seed: int) -> None:
    """What JetStream holds is what all nodes come to hold (CLU-70, CLU-71, ONCE-1)."""
    world = World(SHORT, seed, keeper=rig.keeper)
    world.run()
    keeper = rig.keepers[-1]
    assert keeper.bounds().last > 20
    assert keeper.reads > 2 * keeper.bounds().last
