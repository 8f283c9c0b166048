"""The simulation by seed: eight clients, accidents of every kind, and views equal byte for byte."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.row import Figures, Row, Trial, run_short
from tests.faults.seeds import PIECES, joined, run_seeds
from tests.faults.spread import spread
from tests.simulation.plan import Plan

PLAN = Plan(people=8, seconds=22, pause_s=0.07, crashes=2, restarts=2, troubles=3)
FAILING = replace(PLAN, failures=4)
"""Background services crash too; then some of what changes may come as snapshots."""


def plan_of(number: int) -> Plan:
    """Every third seed's services crash."""
    return PLAN if number % 3 else FAILING


def by_seed(seed: int, seeds: int) -> Figures:
    """So many runs, from ``1000 * seed`` on. Raises AssertionError with the seed that failed."""
    return run_seeds(plan_of, seed, seeds)


def trial(trial: Trial) -> Figures:
    """The trial's seeds, in a long run on every core."""
    return joined(spread(by_seed, trial.seed, trial.units, pieces=PIECES if trial.long else 1))


ROW = Row(
    name="convergence",
    title="convergence simulation by seed: 8 clients, 1,000 acts, crashes, lines that fail",
    must_hold="views equal the oracle's canvas byte for byte at every CLOCK and at the end",
    unit="seeds",
    short=2,
    long=10_000,
    trial_units=200,
    trial=trial,
    summarise=joined,
)


@pytest.mark.long
@pytest.mark.simulation
def test_convergence(tmp_path: Path) -> None:
    """FAN-1, ONCE-1, LVL-1, and all else that the simulation holds (tests/simulation)."""
    figures = run_short(ROW, tmp_path)
    assert figures["fewest acts"] >= 1000
