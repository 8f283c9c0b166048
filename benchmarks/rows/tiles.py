"""Tiles as PNG over HTTP, cold, warm and unchanged, beside a bare ASGI application."""

from typing import Any

from benchmarks.artwork import paint_rectangles
from benchmarks.bare_process import bare_server
from benchmarks.results import RowResult, Target, Value
from benchmarks.run import Run
from benchmarks.server import TilecastServer
from benchmarks.usage import cpu_seconds
from benchmarks.workers import LoadProcess

NAME = "tiles"
TITLE = "Tiles: 256-px PNGs over HTTP, against a bare uvicorn ASGI “hello”"

_SIDE = 8192
_LEVEL = 5
_WARM_TILES = 64
_CONNECTIONS = 4
_RECTANGLES = 8000
_WINDOW_S = 6.0
_SEED = 7


def planned_s(_: Run) -> float:
    """About how long the row takes."""
    return 3 * _WINDOW_S + 10


def run_row(run: Run) -> RowResult:
    """Run the row."""
    result = RowResult(NAME, TITLE)
    side = 1 << _LEVEL
    paths = [f"/c/main/tiles/{_LEVEL}/{x}/{y}.png" for y in range(side) for x in range(side)]
    server = TilecastServer(run.new_folder(), "--width", str(_SIDE), "--height", str(_SIDE))
    with server:
        run.say(f"{NAME}: painting something to look at")
        paint_rectangles(server.port, _RECTANGLES, _SIDE, _SEED)
    with LoadProcess("fetching") as load:
        with bare_server("hello") as bare:
            run.say(f"{NAME}: bare ASGI")
            where = (load, bare.pid, bare.port)
            _fetch(*where, ["/"], 0.5)
            hello = _line(result, "bare ASGI", _fetch(*where, ["/"], _WINDOW_S))
        # Started afresh, so that nothing is in memory yet.
        with server:
            run.say(f"{NAME}: cold, warm, unchanged")
            where = (load, server.pid, server.port)
            _line(result, "PNG, cold", _fetch(*where, paths, None))
            some = paths[:: len(paths) // _WARM_TILES]
            _fetch(*where, some, 0.5)
            warm = _line(result, "PNG, warm", _fetch(*where, some, _WINDOW_S))
            same = _line(result, "304", _fetch(*where, some, _WINDOW_S, revalidate=True))
    result.notes.append(
        "The load generator may be slower than a server, so the targets compare requests per "
        "CPU-second of the server."
    )
    result.targets += [
        Target("warm PNGs per CPU-second against bare ASGI", warm / hello, "≥", 0.6, "×"),
        Target("304s per CPU-second against bare ASGI", same / hello, "≥", 0.6, "×"),
    ]
    return result


def _fetch(
    load: LoadProcess,
    pid: int,
    port: int,
    paths: list[str],
    seconds: float | None,
    *,
    revalidate: bool = False,
) -> dict[str, Any]:
    """What fetching the paths in turn, once or for so long, shows; all the answers being good."""
    began = cpu_seconds(pid)
    answer = load.ask(
        "fetch", port=port, paths=paths, seconds=seconds, connections=_CONNECTIONS,
        revalidate=revalidate,
    )  # fmt: skip
    expected = 304 if revalidate else 200
    statuses = dict(answer["statuses"])
    if set(statuses) != {expected}:
        raise AssertionError(f"answered with {statuses}, not {expected} alone")
    return {
        "requests": statuses[expected],
        "seconds": answer["seconds"],
        "bytes": answer["bytes"],
        "cpu_s": cpu_seconds(pid) - began,
        "load_busy": answer["load_cpu_s"] / answer["seconds"],
    }


def _line(result: RowResult, what: str, found: dict[str, Any]) -> float:
    """Put a line into the table; requests per CPU-second of the server."""
    requests, seconds, cpu_s = found["requests"], found["seconds"], found["cpu_s"]
    per_cpu_s: float = requests / cpu_s
    line: dict[str, Value] = {
        "answers": what,
        "requests": requests,
        "requests/s": requests / seconds,
        "requests per CPU s": per_cpu_s,
        "CPU µs per request": 1e6 / per_cpu_s,
        "B per answer": found["bytes"] / requests,
        "CPU": cpu_s / seconds,
        "load busy": found["load_busy"],
    }
    result.lines.append(line)
    return per_cpu_s
