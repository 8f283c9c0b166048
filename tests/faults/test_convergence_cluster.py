"""The simulation of several nodes by seed: they crash, freeze, lose the stream, and converge."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.faults.row import Row, run_short
from tests.faults.seeds import joined, run_trial
from tests.simulation.plan import Plan

PLAN = Plan(
    people=8,
    seconds=22,
    pause_s=0.1,
    crashes=3,
    restarts=2,
    troubles=3,
    nodes=3,
    freezes=3,
    cuts=3,
    delays=1,
    mishaps=0.2,
)
FAILING = replace(PLAN, nodes=2, failures=4)
"""Background services crash too; then some of what changes may come as snapshots."""


def plan_of(number: int) -> Plan:
    """Every third seed's services crash."""
    return PLAN if number % 3 else FAILING


ROW = Row(
    name="convergence-cluster",
    title="convergence of 2 or 3 nodes by seed: crashes, lost folds, SIGSTOP, cuts, lost entries",
    must_hold="all nodes equal what the stream's entries come to; everybody's drawing exactly once",
    unit="seeds",
    short=1,
    long=10_000,
    trial_units=200,
    trial=partial(run_trial, plan_of),
    summarise=joined,
)


@pytest.mark.long
@pytest.mark.simulation
def test_convergence_of_nodes(tmp_path: Path) -> None:
    """CLU-70 to CLU-74, and all else that the simulation holds (tests/simulation)."""
    figures = run_short(ROW, tmp_path)
    assert figures["fewest acts"] >= 300
