"""What clients that do nothing take in memory, and what painted canvases do."""

import time
from contextlib import ExitStack

from benchmarks.artwork import paint_everything
from benchmarks.bare_process import bare_server
from benchmarks.first_view import first_view_s
from benchmarks.load.dialect import View
from benchmarks.results import RowResult, Target
from benchmarks.run import Run
from benchmarks.server import TilecastServer
from benchmarks.subjects import TILECAST_DIALECT
from benchmarks.usage import resident_bytes
from benchmarks.views import HOT_CANVAS, HOT_SCREEN, SCREEN_HEIGHT, SCREEN_WIDTH
from benchmarks.workers import LoadProcess

NAME = "idle"
TITLE = "Idle: memory of clients that do nothing, and of painted canvases"

_CLIENTS = 10_000
_BARE_DIALECT = "benchmarks.load.silent:SilentDialect"
_IN_FLIGHT = 100
_SETTLE_S = 2.0
_SIDES = (1024, 16_384)
_PAINTED_SETTLE_S = 15
_LOOK_WITHIN_S = 300
_KIB, _MIB = 1024, 1024 * 1024
_TILES = 20
_SEED = 8


def planned_s(_: Run) -> float:
    """About how long the row takes."""
    return 140


def run_row(run: Run) -> RowResult:
    """Run the row."""
    result = RowResult(NAME, TITLE)
    bare = _bare(run)
    plain, looking = _clients(run)
    for what, size in (
        ("bare FastAPI WebSocket endpoint", bare),
        ("Tilecast, no viewport", plain),
        ("Tilecast, one 1080p viewport shared by all", looking),
    ):
        result.lines.append({"what": f"{what}, {_CLIENTS:,} clients", "each KiB": size / _KIB})
    painted = {side: _painted(run, side, result) for side in _SIDES}
    result.targets += [
        Target("idle client, above the bare endpoint's", (plain - bare) / _KIB, "≤", 10, "KiB"),
        Target("idle client with a shared 1080p viewport", looking / _KIB, "≤", 64, "KiB"),
        Target(
            "fully painted 16,384² canvas, 512 MiB budget: greatest RSS",
            painted[_SIDES[-1]] / _MIB, "≤", 700, "MiB",
        ),
    ]  # fmt: skip
    return result


def _bare(run: Run) -> float:
    """Bytes that one idle client of the bare endpoint takes."""
    run.say(f"{NAME}: {_CLIENTS:,} clients of a bare FastAPI endpoint")
    with bare_server("socket") as server, LoadProcess("crowd") as crowd:
        where = {"dialect": _BARE_DIALECT, "port": server.port}
        crowd.connect(views=[None], in_flight=1, **where)
        before = resident_bytes(server.pid)
        crowd.connect(views=[None] * _CLIENTS, in_flight=_IN_FLIGHT, **where)
        time.sleep(_SETTLE_S)
        return (resident_bytes(server.pid) - before) / _CLIENTS


def _clients(run: Run) -> tuple[float, float]:
    """Bytes that one idle client of Tilecast takes, without and with a viewport."""
    width, height = HOT_CANVAS
    flags = ("--width", str(width), "--height", str(height))
    with ExitStack() as stack:
        server = stack.enter_context(TilecastServer(run.new_folder(), *flags))
        crowd = stack.enter_context(LoadProcess("wandering"))
        where = {"dialect": TILECAST_DIALECT, "port": server.port}
        crowd.connect(views=[None], in_flight=1, **where)
        before = server.resident_bytes()
        run.say(f"{NAME}: {_CLIENTS:,} clients without a viewport")
        # One is there already, and 10,000 is the default limit.
        crowd.connect(views=[None] * (_CLIENTS - 1), in_flight=_IN_FLIGHT, **where)
        time.sleep(_SETTLE_S)
        plain = (server.resident_bytes() - before) / (_CLIENTS - 1)
        run.say(f"{NAME}: {_CLIENTS:,} clients with a 1080p viewport")
        looked = crowd.ask("look", view=HOT_SCREEN, in_flight=_IN_FLIGHT, within_s=_LOOK_WITHIN_S)
        assert looked["whole"], "the viewports weren't all answered"
        time.sleep(_SETTLE_S)
        return plain, (server.resident_bytes() - before) / (_CLIENTS - 1)


def _painted(run: Run, side: int, result: RowResult) -> float:
    """The greatest resident memory of a server while its canvas was painted full, and after."""
    run.say(f"{NAME}: painting {side:,} × {side:,} pixels")
    seen: list[int] = []
    with TilecastServer(run.new_folder(), "--width", str(side), "--height", str(side)) as server:
        empty = server.resident_bytes()
        began = time.monotonic()
        paint_everything(server.port, side, _SEED, lambda: seen.append(server.resident_bytes()))
        took = time.monotonic() - began
        for _ in range(_PAINTED_SETTLE_S):
            time.sleep(1)
            seen.append(server.resident_bytes())
        middle = View(
            (side - min(side, SCREEN_WIDTH)) // 2, (side - min(side, SCREEN_HEIGHT)) // 2,
            (side + min(side, SCREEN_WIDTH)) // 2 - 1, (side + min(side, SCREEN_HEIGHT)) // 2 - 1,
        )  # fmt: skip
        view_s = first_view_s(server.port, middle)
        level = (side // 256).bit_length() - 1
        for index in range(_TILES):
            where = index * (side // 256) // _TILES
            server.get(f"/c/main/tiles/{level}/{where}/{where}.png")
        seen.append(server.resident_bytes())
        stats = server.stats()
    result.lines.append(
        {
            "what": f"canvas of {side:,}², fully painted",
            "RSS empty MiB": empty / _MIB,
            "RSS max MiB": max(seen) / _MIB,
            "RSS after MiB": seen[-1] / _MIB,
            "tiles in memory": stats["tiles"],
            "painted in s": took,
            "then a 1080p view in ms": view_s * 1000,
        }
    )
    return max(seen)
