"""A thousand people on one screen, all moving their pointers."""

import time
from contextlib import ExitStack
from typing import Any

from benchmarks.figures import percentile
from benchmarks.results import RowResult, Target
from benchmarks.run import Run
from benchmarks.server import TilecastServer
from benchmarks.subjects import TILECAST_DIALECT
from benchmarks.views import HOT_CANVAS, HOT_SCREEN
from benchmarks.workers import LoadProcess

NAME = "cursors"
TITLE = "Cursors: people on one 1080p screen, each moving 30 times a second"

_PEOPLE = (100, 1000)
_MOVES_A_SECOND = 30
_WINDOW_S = 10.0
_WARM_UP_S = 3.0
_PING_EVERY_S = 0.01
_SEED = 5


def planned_s(_: Run) -> float:
    """About how long the row takes."""
    return len(_PEOPLE) * (_WINDOW_S + 2 * _WARM_UP_S) + 8


def run_row(run: Run) -> RowResult:
    """Run the row."""
    result = RowResult(NAME, TITLE)
    width, height = HOT_CANVAS
    cpu = late_ms = 0.0
    flags = ("--width", str(width), "--height", str(height))
    with ExitStack() as stack:
        server = stack.enter_context(TilecastServer(run.new_folder(), *flags))
        crowd = stack.enter_context(LoadProcess("pointing", nice=10))
        pinger = stack.enter_context(LoadProcess("pinger"))
        pinger.ask("ping", path="/healthz", port=server.port, every_s=_PING_EVERY_S)
        there = 0
        for people in _PEOPLE:
            run.say(f"{NAME}: {people:,} people")
            crowd.ask("hush")
            crowd.connect(
                views=[HOT_SCREEN] * (people - there),
                in_flight=50,
                dialect=TILECAST_DIALECT,
                port=server.port,
            )
            there = people
            time.sleep(_WARM_UP_S)
            pinger.ask("pinged")
            time.sleep(_WARM_UP_S / 2)
            quiet_ms = _milliseconds(pinger.ask("pinged"))
            crowd.ask("point", rate=_MOVES_A_SECOND, seed=_SEED)
            time.sleep(_WARM_UP_S / 2)
            pinger.ask("pinged")
            first = _look(server, crowd)
            time.sleep(_WINDOW_S)
            last = _look(server, crowd)
            pinged_ms = _milliseconds(pinger.ask("pinged"))
            seconds = last["at"] - first["at"]
            cpu = (last["cpu_s"] - first["cpu_s"]) / seconds
            late_ms = max(pinged_ms) - percentile(quiet_ms, 0.5)
            result.lines.append(
                {
                    "people": people,
                    "moves/s": (last["sent_frames"] - first["sent_frames"]) / seconds,
                    "CPU": cpu,
                    "CURSORs/s": (last["cursors"] - first["cursors"]) / seconds,
                    "CURSORs/s per person": (last["cursors"] - first["cursors"]) / seconds / people,
                    "B/s per person": (last["bytes"] - first["bytes"]) / seconds / people,
                    "ping p50 ms": percentile(pinged_ms, 0.5),
                    "ping p99 ms": percentile(pinged_ms, 0.99),
                    "ping max ms": max(pinged_ms),
                    "pings": len(pinged_ms),
                    "load busy": (last["load_cpu_s"] - first["load_cpu_s"]) / seconds,
                }
            )
    result.notes.append(
        f"The event loop's lateness is that of the answer to GET /healthz, asked every "
        f"{_PING_EVERY_S * 1000:.0f} ms by a process of its own, less the median while nobody "
        "moves."
    )
    result.targets += [
        Target(f"{_PEOPLE[-1]:,} people: share of a core", cpu, "<", 0.5),
        Target(f"{_PEOPLE[-1]:,} people: event loop never later than", late_ms, "≤", 30, "ms"),
    ]
    return result


def _milliseconds(answer: dict[str, Any]) -> list[float]:
    return [took / 1e6 for took in answer["took_ns"]]


def _look(server: TilecastServer, crowd: LoadProcess) -> dict[str, Any]:
    counts = crowd.ask("counts")
    return {
        "at": time.monotonic(),
        "cpu_s": server.cpu_seconds(),
        "load_cpu_s": counts["cpu_s"],
        "bytes": counts["bytes"],
        "sent_frames": counts["sent_frames"],
        "cursors": crowd.ask("heard")["cursors"],
    }
