"""How long a server takes to be ready after ``kill -9``, and a cold canvas to be seen."""

from benchmarks.cold_canvas import make_cold_canvas
from benchmarks.first_view import first_view_s
from benchmarks.load.dialect import View
from benchmarks.results import RowResult, Target
from benchmarks.run import Run
from benchmarks.server import TilecastServer
from benchmarks.subjects import TILECAST_DIALECT
from benchmarks.workers import LoadProcess

NAME = "recovery"
TITLE = "Recovery: ready after kill -9; first view of a cold 65,536² canvas"

_SIDE = 4096
_PAINTERS = 16
_MESSAGES = (100_000, 1_000_000, 10_000_000)
_UNACKED = 8192
_DRAIN_WITHIN_S = 600
_HUGE = 65_536
_PAINTED_TILES = 500_000
_TOP = View(0, 0, _HUGE - 1, _HUGE - 1, 10)
_SEED = 9


def planned_s(_: Run) -> float:
    """About how long the row takes."""
    return 45 + 60


def run_row(run: Run) -> RowResult:
    """Run the row."""
    result = RowResult(NAME, TITLE)
    ready_s = _crashes(run, result)
    view_s = _cold(run, result)
    result.notes += [
        "Time from the exec of the process to the line that says it is ready; Python's own start "
        "and its imports are in it. Files are in the system's page cache.",
    ]
    result.targets += [
        Target(f"ready after kill -9 with {_MESSAGES[-1]:,} messages", ready_s, "<", 2, "s"),
        Target(
            "first view of a cold 65,536² canvas at level 10, restart included", view_s, "<", 1, "s"
        ),
    ]
    return result


def _crashes(run: Run, result: RowResult) -> float:
    """Paint, kill, start, ever further; seconds to ready at the last."""
    server = TilecastServer(run.new_folder(), "--width", str(_SIDE), "--height", str(_SIDE))
    server.start()
    logged = 0
    took = 0.0
    try:
        for target in _MESSAGES:
            run.say(f"{NAME}: up to {target:,} logged messages")
            with LoadProcess("pouring") as crowd:
                crowd.connect(
                    views=[None] * _PAINTERS, in_flight=_PAINTERS, dialect=TILECAST_DIALECT,
                    port=server.port,
                )  # fmt: skip
                poured = crowd.ask(
                    "pour_all", kind="pixels", unacked=_UNACKED, messages=target - logged,
                    box=(0, 0, _SIDE - 1, _SIDE - 1), seed=_SEED, within_s=_DRAIN_WITHIN_S,
                )  # fmt: skip
                assert poured["drained"], "not all messages got durable"
                server.kill()
            logged += poured["sent"]
            took = server.start()
            result.lines.append(
                {
                    "what": f"kill -9 with {logged:,} logged messages",
                    "ready after s": took,
                    "seq": server.stats()["seq"],
                    "logged/s before": poured["sent"] / poured["seconds"],
                }
            )
    except BaseException:
        server.kill()
        raise
    server.stop()
    return took


def _cold(run: Run, result: RowResult) -> float:
    """Seconds from the start of the process to the whole view; the longer of two starts."""
    run.say(f"{NAME}: making a canvas with {_PAINTED_TILES:,} painted tiles")
    folder = run.new_folder()
    make_cold_canvas(folder / "data", _HUGE, _PAINTED_TILES, _SEED)
    server = TilecastServer(folder)
    longest = 0.0
    for start in ("first start", "after kill -9"):
        run.say(f"{NAME}: first view of it, {start}")
        ready_s = server.start()
        try:
            view_s = first_view_s(server.port, _TOP)
            memory = server.resident_bytes()
        finally:
            server.kill()
        result.lines.append(
            {
                "what": f"65,536² with {_PAINTED_TILES:,} painted tiles, {start}",
                "ready after s": ready_s,
                "level 10 seen after s": ready_s + view_s,
                "RSS MiB": memory / 2**20,
            }
        )
        longest = max(longest, ready_s + view_s)
    return longest
