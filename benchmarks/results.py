"""What a row found out: a table of figures, targets met or not, and notes."""

import math
from dataclasses import dataclass, field
from typing import Any

Value = int | float | str | None


@dataclass(frozen=True, slots=True)
class Target:
    """A figure that has to stay on one side of a bound; ``measured`` None: it couldn't be."""

    what: str
    measured: float | None
    sense: str
    """One of ``≥``, ``≤``, ``<``."""
    bound: float
    unit: str = ""
    why_not: str = ""
    """Why it was not measured."""

    @property
    def verdict(self) -> str:
        """``met``, ``not met``, or why there is no saying."""
        if self.measured is None:
            return f"not measured: {self.why_not}"
        holds = {
            "≥": self.measured >= self.bound,
            "≤": self.measured <= self.bound,
            "<": self.measured < self.bound,
        }[self.sense]
        return "met" if holds else "not met"


@dataclass(slots=True)
class RowResult:
    """The outcome of one row of the benchmark."""

    name: str
    title: str
    lines: list[dict[str, Value]] = field(default_factory=list)
    """The table, a dictionary a line, all with the same keys."""
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """For the JSON file."""
        return {
            "name": self.name,
            "title": self.title,
            "seconds": round(self.seconds, 1),
            "lines": [
                {name: _finite(value) for name, value in line.items()} for line in self.lines
            ],
            "targets": [
                {
                    "what": target.what,
                    "measured": _finite(target.measured),
                    "sense": target.sense,
                    "bound": target.bound,
                    "unit": target.unit,
                    "verdict": target.verdict,
                }
                for target in self.targets
            ],
            "notes": self.notes,
        }


def _finite(value: Value) -> Value:
    """JSON has no infinity (what never came) and no NaN (what there was nothing of)."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "inf"
    return value


def significant(value: Value) -> str:
    """A figure as a table shows it: three digits that count, thousands apart."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 1000:  # noqa: PLR2004
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"  # noqa: PLR2004
