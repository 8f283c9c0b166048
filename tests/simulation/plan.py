"""How large a simulation is, and what befalls it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a simulation is. ``pause_s`` is a person's mean time between two acts."""

    people: int
    seconds: float
    width: int = 900
    height: int = 700
    pause_s: float = 1.0
    hotspots: int = 4
    crashes: int = 1
    restarts: int = 1
    troubles: int = 2
    visits: int = 6
    """Strangers who break the protocol."""
    failures: int = 0
    """Crashes of single background services."""
    nodes: int = 0
    """Equal servers over one stream; 0: one server over a log of its own."""
    freezes: int = 0
    """Of single nodes, for some seconds."""
    cuts: int = 0
    """Of single nodes from the stream."""
    delays: int = 0
    """Times at which the stream is slow for all."""
    mishaps: float = 0.0
    """At most this share of the entries get lost, or come late, or without an answer."""
