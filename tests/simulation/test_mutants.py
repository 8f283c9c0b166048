"""The simulation finds servers that are wrong: else a promise would be untested."""

from contextlib import ExitStack

import pytest

from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.verdict import Violation
from tests.simulation.world import Plan, World

CROWD = Plan(people=100, seconds=10, pause_s=0.15, hotspots=1, crashes=0, troubles=1)
ROUGH = Plan(people=40, seconds=10, pause_s=0.1, hotspots=1, crashes=0, restarts=0, troubles=3)
SHORT = Plan(people=10, seconds=5, pause_s=0.1, hotspots=1, crashes=0, restarts=0, troubles=0)
PLANS = {"SES-5": SHORT, "FAN-4": SHORT, "ACK-2": ROUGH, "ONCE-1": ROUGH, "ONCE-3": ROUGH}
"""What shows only at the end, or only when lines and the disk fail; the rest shows in a crowd."""
SEEDS = (2, 3)


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
def test_the_right_server_is_not() -> None:
    """The crowd in which the mutants are found finds nothing wrong with the real one (FAN-1)."""
    World(CROWD, SEEDS[0]).run()
