"""The simulation finds servers that are wrong: else a promise would be untested."""

from contextlib import ExitStack

import pytest

from tests.simulation.mutants import MUTANTS, Mutant
from tests.simulation.verdict import Violation
from tests.simulation.world import Plan, World

CROWD = Plan(people=100, seconds=10, pause_s=0.15, hotspots=1, crashes=0, troubles=1)
SEEDS = (1, 2)


@pytest.mark.simulation
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_wrong_server_is_found(mutant: Mutant, seed: int) -> None:
    """Each mutant breaks the rule that it should (FAN-1, FAN-2, FAN-3, FAN-6, SES-5)."""
    with ExitStack() as stack:
        for wrong in mutant.patches():
            stack.enter_context(wrong)
        with pytest.raises(Violation) as found:
            World(CROWD, seed).run()
    assert found.value.rule in mutant.rules, found.value


@pytest.mark.simulation
def test_the_right_server_is_not() -> None:
    """The crowd in which the mutants are found finds nothing wrong with the real one (FAN-1)."""
    World(CROWD, SEEDS[0]).run()
