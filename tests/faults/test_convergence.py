"""The simulation by seed: eight clients, accidents of every kind, and views equal byte for byte."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.faults.row import Row, run_short
from tests.faults.seeds import joined, run_trial
from tests.simulation.plan import Plan

PLAN = Plan(people=8, seconds=22, pause_s=0.07, crashes=2, restarts=2, troubles=3)
FAILING = replace(PLAN, failures=4)
"""Background services crash too; then some of what changes may come as snapshots."""


def plan_of(number: int) -> Plan:
    """Every third seed's services crash."""
    return PLAN if number % 3 else FAILING


ROW = Row(
    name="convergence",
    title="convergence simulation by seed: 8 clients, 1,000 acts, crashes, lines that fail",
    must_hold="views equal the oracle's canvas byte for byte at every CLOCK and at the end",
    unit="seeds",
    short=2,
    long=10_000,
    trial_units=200,
    trial=partial(run_trial, plan_of),
    summarise=joined,
)


@pytest.mark.long
@pytest.mark.simulation
def test_convergence(tmp_path: Path) -> None:
    """FAN-1, ONCE-1, LVL-1, and all else that the simulation holds (tests/simulation)."""
    figures = run_short(ROW, tmp_path)
    assert figures["fewest acts"] >= 1000
