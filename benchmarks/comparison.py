"""What the rows that compare Tilecast with its peers have in common."""

from collections.abc import Callable

from benchmarks.crowd import Window
from benchmarks.peers.start import PeerMissing
from benchmarks.results import RowResult, Value
from benchmarks.run import Run
from benchmarks.subjects import PEERS, Subject, peer

Windows = dict[tuple[int, int], Window]
"""By setting: viewers (or others), pixels per second."""


def measure_peers(
    run: Run, result: RowResult, measure: Callable[[Subject], Windows]
) -> dict[str, Windows]:
    """Each peer of the run in turn, by kind; those that can't run here are noted and left out."""
    found = {}
    for kind in run.peers:
        try:
            found[kind] = measure(peer(kind))
        except PeerMissing as missing:
            result.notes.append(f"{PEERS[kind]}: not run: {missing}")
    return found


def line(window: Window) -> dict[str, Value]:
    """The figures of one window, for a line of the table."""
    return {
        "painted/s": round(window.painted / window.seconds),
        "delivered share": window.share if window.expected else None,
        "delivered per CPU s": window.per_cpu_s,
        "µs per delivery": 1e6 / window.per_cpu_s if window.delivered else None,
        "CPU": window.cpu_s / window.seconds,
        "p50 ms": window.p50_ms if window.samples else None,
        "p99 ms": window.p99_ms if window.samples else None,
        "p99.9 ms": window.p999_ms if window.samples else None,
        "samples": window.samples,
        "B per pixel": window.bytes_per_pixel,
        "frames/s per viewer": window.frames_per_viewer_s,
        "load busy": window.load_busy,
    }


def add_line(result: RowResult, head: dict[str, Value], window: Window) -> None:
    """Put a window's figures into the table, and doubts about them into the notes."""
    result.lines.append(head | line(window))
    where = ", ".join(f"{name} {value}" for name, value in head.items())
    result.notes += [f"{where}: {doubt}." for doubt in window.doubts]
