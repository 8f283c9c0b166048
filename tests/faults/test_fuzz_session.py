"""Malformed conversations with a session, by grammar and guided by coverage, in virtual time."""

import gc
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.grammar import Grammar
from tests.faults.guided import run_guided
from tests.faults.row import Figures, Row, Trial, run_short, total, worst
from tests.faults.session_check import GROUND, Stages
from tests.faults.spread import resident_mib, spread

GROWTH_MAX_MIB = 24.0
_GUIDED_FRAMES_A_RUN = 4
"""About; what is guided is counted in conversations."""
_PIECES = 8
_SUMS = ("by grammar", "closed", "rejected", "drawn", "guided conversations")


def by_grammar(seed: int, frames: int) -> Figures:
    """At least so many frames of the grammar's conversations."""
    rng = random.Random(seed)
    grammar, stages, before = Grammar(rng, GROUND), Stages(), 0.0
    while stages.past["frames"] + stages.stage.frames < frames:
        if not before and stages.past["frames"] >= frames // 3:
            gc.collect()
            before = resident_mib()
        stages.hold(grammar.conversation(tuple(stages.stage.sessions)))
    stages.renew()
    gc.collect()
    growth = resident_mib() - before if before else 0.0
    assert growth < GROWTH_MAX_MIB, f"memory grew by {growth:.0f} MiB"
    return {"growth MiB": growth, **stages.past}


def trial(trial: Trial) -> Figures:
    """A tenth of the long run is guided by coverage, which takes a package of its own (atheris)."""
    guided = trial.units // 10 if trial.long else 0
    pieces = spread(
        by_grammar, trial.seed, trial.units - guided, pieces=_PIECES if trial.long else 1
    )
    runs = guided // _GUIDED_FRAMES_A_RUN
    found = run_guided("session", runs, trial.seed, trial.folder) if runs else None
    return {
        "by grammar": total(pieces, "frames"),
        "closed": total(pieces, "closed"),
        "rejected": total(pieces, "rejected"),
        "drawn": total(pieces, "drawn"),
        "guided conversations": found.runs if found else 0,
        "growth MiB": worst(pieces, "growth MiB"),
        "covered edges": found.edges if found else 0,
        "guided RSS MiB": found.rss_mib if found else 0,
    }


def summarise(figures: Sequence[Figures]) -> Figures:
    """Sums, and the worst memory."""
    sums = {name: total(figures, name) for name in _SUMS}
    return sums | {name: worst(figures, name) for name in figures[0] if name not in _SUMS}


ROW = Row(
    name="fuzz-session",
    title="malformed conversations with a session, by grammar and guided by coverage",
    must_hold="each frame has the answer that is due, bystanders paint on, sets equal a recount",
    unit="frames",
    short=3_000,
    long=10_000_000,
    trial_units=1_000_000,
    trial=trial,
    summarise=summarise,
)


@pytest.mark.long
def test_malformed_conversations(tmp_path: Path) -> None:
    """Out of turn, unparsable, refused or right: one answer each, nobody else disturbed.

    SES-1, SES-2, SES-3, SES-5, SES-8, WIRE-4, RAS-3, RAS-4, ACK-1, VIEW-3, ONCE-4, FAN-6.
    """
    figures = run_short(ROW, tmp_path)
    for name in ("closed", "rejected", "drawn"):
        assert figures[name] > 0, name
