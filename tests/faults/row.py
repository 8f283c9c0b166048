"""A fault that the real server is put to: how much of it in the gate and in a long run.

A row is made of *trials*. A trial is some units of the fault (kills, connections, seconds, whatever
``unit`` says) from one seed, on a folder of its own: it returns figures, or raises AssertionError.
The gate runs one short trial of each row, ``make test-long`` (:mod:`tests.faults.__main__`) as many
as make up ``long`` units; it goes on where it was stopped.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
"""What a trial measured, by name: numbers, texts and lists of numbers; it survives JSON."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a fault: ``units`` of it, decided by ``seed``, in a ``folder`` that is empty."""

    seed: int
    units: int
    folder: Path
    long: bool = False
    """Whether this is not the gate: thresholds that take a quiet machine are held too."""

    def say(self, text: str) -> None:
        """Show how far it has come, to whoever watches a long run."""
        if self.long:
            print(f"    {text}", flush=True)


@dataclass(frozen=True, slots=True)
class Row:
    """A fault, and what must hold under it.

    ``summarise`` makes the figures of all trials into those that are told.
    """

    name: str
    title: str
    must_hold: str
    unit: str
    short: int
    long: int
    trial_units: int
    trial: Callable[[Trial], Figures]
    summarise: Callable[[Sequence[Figures]], Figures]


def run_short(row: Row, folder: Path, seed: int = 1) -> Figures:
    """The row's trial as it is in the gate; its figures are printed and returned."""
    began = time.monotonic()
    figures = row.trial(Trial(seed, row.short, folder))
    took_s = time.monotonic() - began
    print(f"\n{row.name}: {row.short:,} {row.unit} in {took_s:.1f} s")
    for name, value in row.summarise([figures]).items():
        print(f"    {name}: {shown(value)}")
    return figures


def shown(value: object) -> str:
    """A figure as people read it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def total(figures: Sequence[Figures], name: str) -> Any:
    """The sum of one figure over all trials."""
    return sum(one[name] for one in figures)


def totals(figures: Sequence[Figures], *lists: str) -> Figures:
    """The sums of all figures but ``lists``; a trial that doesn't tell one counts as 0."""
    names = dict.fromkeys(name for one in figures for name in one if name not in lists)
    return {name: sum(one.get(name, 0) for one in figures) for name in names}


def worst(figures: Sequence[Figures], name: str) -> Any:
    """The greatest of one figure over all trials."""
    return max(one[name] for one in figures)


def joined(figures: Sequence[Figures], name: str) -> list[float]:
    """One figure's lists of all trials, as one, in order of size."""
    return sorted(value for one in figures for value in one[name])


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which that share of ``ordered``, which rises, lies; NaN if it is empty."""
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
