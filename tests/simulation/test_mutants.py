"""The simulation finds servers that are wrong: else a promise would be untested."""

from contextlib import ExitStack

import pytest

from tests.simulation.cluster_mutants import CLUSTER_MUTANTS
from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.plan import Plan
from tests.simulation.verdict import Violation
from tests.simulation.world import World

CROWD = Plan(people=100, seconds=10, pause_s=0.15, hotspots=1, crashes=0, troubles=1)
ROUGH = Plan(people=40, seconds=10, pause_s=0.1, hotspots=1, crashes=0, restarts=0, troubles=3)
SHORT = Plan(people=10, seconds=5, pause_s=0.1, hotspots=1, crashes=0, restarts=0, troubles=0)
PLANS = {"SES-5": SHORT, "FAN-4": SHORT, "ACK-2": ROUGH, "ONCE-1": ROUGH, "ONCE-3": ROUGH}
"""What shows only at the end, or only when lines and the disk fail; the rest shows in a crowd."""
SEEDS = (2, 3)
NODES = Plan(
    people=16,
    seconds=12,
    pause_s=0.06,
    hotspots=1,
    crashes=2,
    restarts=1,
    troubles=3,
    visits=0,
    nodes=3,
    freezes=8,
    cuts=6,
    delays=2,
    mishaps=0.3,
)
NODES_SEEDS = range(1, 11)


@pytest.mark.simulation
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("mutant", "rule"),
    [
        pytest.param(mutant, rule, id=f"{mutant.name} by {rule}")
        for mutant in MUTANTS
        for rule in mutant.rules
    ],
)
def test_a_wrong_server_is_found(mutant: Mutant, rule: str, seed: int) -> None:
    """Each rule alone finds the mutants that break it (FAN-1 to FAN-6, SES-5, ONCE-1)."""
    plan = PLANS.get(rule, CROWD)
    with ExitStack() as stack:
        for wrong in mutant.patches():
            stack.enter_context(wrong)
        with pytest.raises(Violation, match=rule):
            World(plan, seed, frozenset({rule})).run()


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("mutant", "rule"),
    [
        pytest.param(mutant, rule, id=f"{mutant.name} by {rule}")
        for mutant in CLUSTER_MUTANTS
        for rule in mutant.rules
    ],
)
def test_a_wrong_node_is_found(mutant: Mutant, rule: str) -> None:
    """By one seed of a few: what it takes is often that two accidents meet (CLU-70 to CLU-73)."""

    def run_all() -> None:
        for seed in NODES_SEEDS:
            World(NODES, seed, frozenset({rule})).run()

    with ExitStack() as stack:
        for wrong in mutant.patches():
            stack.enter_context(wrong)
        with pytest.raises(Violation, match=rule):
            run_all()


@pytest.mark.simulation
def test_the_right_node_is_not() -> None:
    """The accidents by which the mutants are found are nothing to the real one (CLU-70)."""
    World(NODES, NODES_SEEDS[0]).run()


@pytest.mark.simulation
def test_the_right_server_is_not() -> None:
    """The crowd in which the mutants are found finds nothing wrong with the real one (FAN-1)."""
    World(CROWD, SEEDS[0]).run()
