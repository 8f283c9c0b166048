"""Simulations by seed as the trials of a row: their figures, and the seed that failed."""

from collections.abc import Callable, Sequence
from functools import partial

from tests.faults.row import Figures, Trial, total
from tests.faults.spread import spread
from tests.simulation.plan import Plan
from tests.simulation.verdict import Violation
from tests.simulation.world import World

PIECES = 8
"""Into which a trial of a long run is cut."""
_SUMS = ("seeds", "acts", "messages drawn", "CLOCKs compared")


def run_seeds(plan_of: Callable[[int], Plan], seed: int, seeds: int) -> Figures:
    """So many runs, from ``1000 * seed`` on. Raises AssertionError with the seed that failed."""
    figures = dict.fromkeys(_SUMS, 0) | {"fewest acts": 1 << 30}
    for number in range(1000 * seed, 1000 * seed + seeds):
        world = World(plan_of(number), number)
        try:
            world.run()
        except Violation as violation:
            raise AssertionError(f"World(plan_of({number}), {number}): {violation}") from violation
        acts = sum(person.acts for person in world.people)
        figures["seeds"] += 1
        figures["acts"] += acts
        figures["messages drawn"] += world.truth.seq
        figures["CLOCKs compared"] += world.counts.clocks
        figures["fewest acts"] = min(figures["fewest acts"], acts)
    return figures


def run_trial(plan_of: Callable[[int], Plan], trial: Trial) -> Figures:
    """The trial's seeds, in a long run on every core; ``plan_of`` is a function of a module."""
    work = partial(run_seeds, plan_of)
    return joined(spread(work, trial.seed, trial.units, pieces=PIECES if trial.long else 1))


def joined(figures: Sequence[Figures]) -> Figures:
    """The figures of several trials, or pieces of one."""
    fewest = min(one["fewest acts"] for one in figures)
    return {name: total(figures, name) for name in _SUMS} | {"fewest acts": fewest}
