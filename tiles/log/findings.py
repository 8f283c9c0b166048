"""What a check of a canvas found."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

PROBLEMS_KEPT = 50
"""Problems of one part that are told in full; the rest is counted."""

Say = Callable[[str], None]
"""Told, now and then, what is being done and how far it has come."""


class Part(StrEnum):
    """What a problem is a problem of, and so how it is repaired."""

    FILE = "file"
    """SQLite's own structure: the file is built anew from what can be read."""
    SETTINGS = "settings"
    """Nothing else has a meaning without them."""
    LOG = "log"
    """The log ends before the first row that isn't whole; the file is built anew."""
    AUTHORS = "authors"
    """What they drew stands, without their name."""
    SESSIONS = "sessions"
    """The session is forgotten: its client is welcomed as a new one."""
    CHECKPOINTS = "checkpoints"
    """Rebuilt from the log."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    part: Part
    text: str


@dataclass(slots=True)
class Findings:
    """Everything that was found of one canvas.

    The log is whole up to ``whole_seq``; it once reached ``end_seq``, as far as can be told.
    """

    whole_seq: int = 0
    end_seq: int = 0
    messages: int = 0
    tiles: int = 0
    sessions: int = 0
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    counts: Counter[Part] = field(default_factory=Counter)

    def add(self, part: Part, text: str) -> None:
        """Something is wrong."""
        self.counts[part] += 1
        if self.counts[part] <= PROBLEMS_KEPT:
            self.problems.append(Problem(part, text))

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.counts

    def has(self, *parts: Part) -> bool:
        """Whether something is wrong with one of these."""
        return any(self.counts[part] for part in parts)
