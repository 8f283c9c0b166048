"""Malformed frames to the codec, by grammar and guided by coverage: the oracle says what is due."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.codec_check import check_frame
from tests.faults.grammar import Grammar
from tests.faults.guided import run_guided
from tests.faults.row import Figures, Row, Trial, run_short, total, worst
from tests.faults.spread import resident_mib, spread
from tests.oracle.conversation import Ground

GROUND = Ground(200, 150, 4_000, 6, 8)
GROWTH_MAX_MIB = 16.0
_PIECES = 8


def by_grammar(seed: int, frames: int) -> Figures:
    """So many frames of the grammar."""
    grammar, accepted, before = Grammar(random.Random(seed), GROUND), 0, 0.0
    for number in range(frames):
        if number == frames // 4:
            before = resident_mib()
        accepted += check_frame(grammar.frame())
    growth = resident_mib() - before
    assert growth < GROWTH_MAX_MIB, f"memory grew by {growth:.0f} MiB"
    return {"frames": frames, "accepted": accepted, "growth MiB": growth}


def trial(trial: Trial) -> Figures:
    """Half of the long run is guided by coverage, which takes a package of its own (atheris)."""
    guided = trial.units // 2 if trial.long else 0
    pieces = spread(
        by_grammar, trial.seed, trial.units - guided, pieces=_PIECES if trial.long else 1
    )
    found = run_guided("codec", guided, trial.seed, trial.folder) if guided else None
    return {
        "by grammar": total(pieces, "frames"),
        "accepted": total(pieces, "accepted"),
        "growth MiB": worst(pieces, "growth MiB"),
        "guided": found.runs if found else 0,
        "covered edges": found.edges if found else 0,
        "guided RSS MiB": found.rss_mib if found else 0,
    }


def summarise(figures: Sequence[Figures]) -> Figures:
    """Sums, and the worst memory."""
    sums = {name: total(figures, name) for name in ("by grammar", "accepted", "guided")}
    most = {name: worst(figures, name) for name in figures[0] if name not in sums}
    return sums | most


ROW = Row(
    name="fuzz-codec",
    title="malformed frames to the codec, by grammar and guided by coverage",
    must_hold="each is parsed or refused as the oracle says, nothing else is raised, memory flat",
    unit="frames",
    short=10_000,
    long=10_000_000,
    trial_units=2_000_000,
    trial=trial,
    summarise=summarise,
)


@pytest.mark.long
def test_malformed_frames_to_the_codec(tmp_path: Path) -> None:
    """WIRE-2, WIRE-3, WIRE-4: and what parses is what the design page makes of it (RUN-1)."""
    figures = run_short(ROW, tmp_path)
    assert ROW.short // 3 < figures["accepted"] < ROW.short
