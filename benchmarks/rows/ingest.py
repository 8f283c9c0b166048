"""Painters that draw as fast as it is made durable; then at half of that, timing the ACKs."""

import time
from contextlib import ExitStack

from benchmarks.figures import percentile
from benchmarks.results import RowResult, Target, Value
from benchmarks.run import Run
from benchmarks.server import TilecastServer
from benchmarks.subjects import TILECAST_DIALECT
from benchmarks.views import HOT_SCREEN
from benchmarks.workers import LoadProcess

NAME = "ingest"
TITLE = "Ingest: drawing applied and durable, and the wait for a durable ACK at half that load"

_PAINTERS = 8
_PATCH_PAINTERS = 144
_SIDE = 4096
_KINDS = {"pixels": 8192, "strokes": 400, "patches": 16}
"""Messages that each painter may have on the way when it goes as fast as possible."""
_WHAT = {
    "pixels": "PIXELs, 500 a frame, on one screen",
    "strokes": "STROKEs, size 3, 32 points, 10 a frame",
    "patches": "PATCHes of 64 × 64, 4 a frame",
}
_WINDOW_S = 8.0
_WARM_UP_S = 2.0
_SEED = 6


def planned_s(_: Run) -> float:
    """About how long the row takes."""
    return len(_KINDS) * 2 * (_WINDOW_S + _WARM_UP_S) + 4


def run_row(run: Run) -> RowResult:
    """Run the row."""
    result = RowResult(NAME, TITLE)
    lines: dict[str, dict[str, float]] = {}
    # As if each painter had an address of its own.
    flags = (
        *("--width", str(_SIDE), "--height", str(_SIDE)), "--budget-sessions-per-address", "0",
    )  # fmt: skip
    with ExitStack() as stack:
        server = stack.enter_context(TilecastServer(run.new_folder(), *flags))
        crowd = stack.enter_context(LoadProcess("pouring"))
        crowd.connect(
            views=[None] * _PAINTERS, in_flight=_PAINTERS, dialect=TILECAST_DIALECT,
            port=server.port,
        )  # fmt: skip
        for kind in _KINDS:
            if kind == "patches":
                # So that it isn't the painters' budgets that end it.
                crowd.connect(
                    views=[None] * (_PATCH_PAINTERS - _PAINTERS), in_flight=_PAINTERS,
                    dialect=TILECAST_DIALECT, port=server.port,
                )  # fmt: skip
            run.say(f"{NAME}: {kind}, as fast as possible")
            full = _measure(server, crowd, kind, None)
            run.say(f"{NAME}: {kind}, at half load")
            half = _measure(server, crowd, kind, full["messages/s"] / 2)
            lines[kind] = full | {"ack p50": half["p50"], "ack p99": half["p99"]}
            shown: dict[str, Value] = {
                "drawing": _WHAT[kind],
                "messages/s": full["messages/s"],
                "distinct px/s": full["pixels/s"],
                "CPU": full["cpu"],
                "ACK p50 ms at half load": half["p50"],
                "ACK p99 ms": half["p99"],
                "ACK max ms": half["max"],
                "messages/s at half load": half["messages/s"],
                "CPU at half load": half["cpu"],
            }
            result.lines.append(shown)
            if full["rejects"] + half["rejects"]:
                result.notes.append(f"{kind}: {full['rejects'] + half['rejects']:.0f} REJECTs.")
    result.notes.append("Durable is what an ACK calls so: after the fsync of its commit.")
    pixels, strokes = lines["pixels"], lines["strokes"]
    result.targets += [
        Target("pixels in batches, durable, px/s", pixels["pixels/s"], "≥", 300_000),
        Target("strokes, durable, distinct px/s", strokes["pixels/s"], "≥", 2_000_000),
        Target("durable ACK of pixels at half load, p50", pixels["ack p50"], "<", 10, "ms"),
        Target("durable ACK of pixels at half load, p99", pixels["ack p99"], "<", 40, "ms"),
        Target("durable ACK of strokes at half load, p50", strokes["ack p50"], "<", 10, "ms"),
        Target("durable ACK of strokes at half load, p99", strokes["ack p99"], "<", 40, "ms"),
    ]
    return result


def _measure(
    server: TilecastServer, crowd: LoadProcess, kind: str, rate: float | None
) -> dict[str, float]:
    crowd.ask(
        "pour", kind=kind, rate=rate, unacked=_KINDS[kind], box=HOT_SCREEN[:4],
        seed=_SEED,
    )  # fmt: skip
    time.sleep(_WARM_UP_S)
    first, cpu_s = crowd.ask("poured"), server.cpu_seconds()
    time.sleep(_WINDOW_S)
    last, cpu_s = crowd.ask("poured"), server.cpu_seconds() - cpu_s
    crowd.ask("drain", within_s=30)
    seconds = last["at"] - first["at"]
    took_ms = [took * 1e3 for took in last["took_s"]]
    return {
        "messages/s": (last["durable"] - first["durable"]) / seconds,
        "pixels/s": (last["pixels"] - first["pixels"]) / seconds,
        "cpu": cpu_s / seconds,
        "rejects": last["rejects"] - first["rejects"],
        "p50": percentile(took_ms, 0.5),
        "p99": percentile(took_ms, 0.99),
        "max": max(took_ms, default=float("nan")),
    }
