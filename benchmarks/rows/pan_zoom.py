"""Viewports that move, and viewers who see it all from far away."""

import random
import time
from contextlib import ExitStack
from typing import Any

from benchmarks.artwork import paint_rectangles
from benchmarks.figures import percentile
from benchmarks.load.dialect import TILE, View
from benchmarks.results import RowResult, Target, Value
from benchmarks.run import Run
from benchmarks.server import TilecastServer
from benchmarks.subjects import TILECAST_DIALECT
from benchmarks.views import SCREEN_HEIGHT, SCREEN_WIDTH
from benchmarks.workers import LoadProcess
from protocol.messages import TABLE, Tile

NAME = "pan-zoom"
TITLE = "Pan and zoom: 1080p views moving 20 times a second; 1,000 zoomed-out viewers"

_SIDE = 8192
_WANDERERS = 20
_MANY_WANDERERS = 200
_MOVES_A_SECOND = 20
_DRIFT_PIXELS = 80
_FAR_LEVEL = 2
_FAR_VIEWERS = 1000
_FAR_RATE = 10_000
_FAR_SIDE = 16_384
_FAR_CANVAS_LEVEL = 4
_RECTANGLES = 4000
_WINDOW_S = 8.0
_FAR_WINDOW_S = 10.0
_WARM_UP_S = 1.0
_SEED = 4
_TILE = next(row.number for row in TABLE if row.message is Tile)


def planned_s(_: Run) -> float:
    """About how long the row takes."""
    return 4 * (_WINDOW_S + _WARM_UP_S) + _FAR_WINDOW_S + 25


def run_row(run: Run) -> RowResult:
    """Run the row."""
    result = RowResult(NAME, TITLE)
    flags = ("--width", str(_SIDE), "--height", str(_SIDE))
    with TilecastServer(run.new_folder(), *flags) as server:
        run.say(f"{NAME}: painting something to look at")
        paint_rectangles(server.port, _RECTANGLES, _SIDE, _SEED)
        few = _pan(run, server, _WANDERERS, "a tile column and back, both held", None, 0, result)
        many = _pan(
            run, server, _MANY_WANDERERS, "a tile column and back, both held", None, 0, result
        )
        drift = _DRIFT_PIXELS
        _pan(run, server, _WANDERERS, f"drifting up to {drift} px", drift, 0, result)
        far = f"drifting, level {_FAR_LEVEL}"
        _pan(run, server, _WANDERERS, far, drift << _FAR_LEVEL, _FAR_LEVEL, result)
    _zoomed_out(run, result)
    for views, took_us in ((_MANY_WANDERERS, many), (_WANDERERS, few)):
        title = f"{views} viewports moved by a tile column, no snapshots: server CPU for each"
        result.targets.append(Target(title, took_us, "≤", 150, "µs"))
    return result


def _pan(
    run: Run,
    server: TilecastServer,
    wanderers: int,
    how: str,
    pixels: int | None,
    level: int,
    result: RowResult,
) -> float:
    """Views that move; the server's CPU time for each VIEWPORT, in µs."""
    run.say(f"{NAME}: {wanderers} views, {how}")
    width, height = SCREEN_WIDTH << level, SCREEN_HEIGHT << level
    rng = random.Random(_SEED)
    views = []
    for _ in range(wanderers):
        x, y = rng.randrange(_SIDE - width - TILE), rng.randrange(_SIDE - height)
        views.append(View(x, y, x + width - 1, y + height - 1, level))
    with LoadProcess("wandering") as crowd:
        crowd.connect(views=views, in_flight=10, dialect=TILECAST_DIALECT, port=server.port)
        idle = _look(server, crowd)
        time.sleep(_WARM_UP_S)
        idle_cpu = (_look(server, crowd)["cpu_s"] - idle["cpu_s"]) / _WARM_UP_S
        crowd.ask("wander", rate=_MOVES_A_SECOND, pixels=pixels, canvas=(_SIDE, _SIDE), seed=_SEED)
        time.sleep(_WARM_UP_S)
        first = _look(server, crowd)
        time.sleep(_WINDOW_S)
        last = _look(server, crowd)
    asked = last["asked"] - first["asked"]
    seconds = last["at"] - first["at"]
    cpu_us: float = (last["cpu_s"] - first["cpu_s"] - idle_cpu * seconds) / asked * 1e6
    took_ms = [took * 1e3 for took in last["took_s"]]
    line: dict[str, Value] = {
        "movement": how,
        "clients": wanderers,
        "VIEWPORTs/s": asked / seconds,
        "answered share": len(took_ms) / max(1, last["asked"] - wanderers),
        "CPU µs per VIEWPORT": cpu_us,
        "TILEs per VIEWPORT": (last["tiles"] - first["tiles"]) / asked,
        "B per VIEWPORT": (last["bytes"] - first["bytes"]) / asked,
        "whole after, p50 ms": percentile(took_ms, 0.5),
        "p99 ms": percentile(took_ms, 0.99),
        "CPU": (last["cpu_s"] - first["cpu_s"]) / seconds,
        "B/s per client": (last["bytes"] - first["bytes"]) / seconds / wanderers,
    }
    result.lines.append(line)
    return cpu_us


def _zoomed_out(run: Run, result: RowResult) -> None:
    """Viewers of a whole canvas that is painted all over."""
    run.say(f"{NAME}: {_FAR_VIEWERS:,} zoomed-out viewers, {_FAR_RATE:,} px/s below")
    everything = View(0, 0, _FAR_SIDE - 1, _FAR_SIDE - 1, _FAR_CANVAS_LEVEL)
    flags = ("--width", str(_FAR_SIDE), "--height", str(_FAR_SIDE))
    with ExitStack() as stack:
        server = stack.enter_context(TilecastServer(run.new_folder(), *flags))
        crowd = stack.enter_context(LoadProcess("wandering", nice=10))
        painters = stack.enter_context(LoadProcess("crowd"))
        where = {"dialect": TILECAST_DIALECT, "port": server.port}
        crowd.connect(views=[everything] * _FAR_VIEWERS, in_flight=50, **where)
        painters.connect(views=[None] * 10, in_flight=10, **where)
        box = everything[:4]
        painters.ask("paint", rate=_FAR_RATE, box=box, seed=_SEED)
        time.sleep(3 * _WARM_UP_S)
        first, painted = _look(server, crowd), painters.ask("counts")["painted"]
        time.sleep(_FAR_WINDOW_S)
        last = _look(server, crowd)
        painted = painters.ask("counts")["painted"] - painted
    seconds = last["at"] - first["at"]
    size = last["bytes"] - first["bytes"]
    result.lines.append(
        {
            "movement": f"none: level {_FAR_CANVAS_LEVEL}, {painted / seconds:,.0f} px/s below",
            "clients": _FAR_VIEWERS,
            "CPU": (last["cpu_s"] - first["cpu_s"]) / seconds,
            "B/s per client": size / seconds / _FAR_VIEWERS,
            "TILEs/s per client": (last["tiles"] - first["tiles"]) / seconds / _FAR_VIEWERS,
        }
    )
    closed = last["closed"]
    if closed:
        result.notes.append(f"{closed} of the zoomed-out viewers were disconnected.")


def _look(server: TilecastServer, crowd: LoadProcess) -> dict[str, Any]:
    counts = crowd.ask("counts")
    wandered = crowd.ask("wandered")
    kinds = dict(wandered.pop("kinds"))
    return {
        "at": time.monotonic(),
        "cpu_s": server.cpu_seconds(),
        "bytes": counts["bytes"],
        "closed": counts["closed"],
        "tiles": kinds.get(_TILE, 0),
        **wandered,
    }
