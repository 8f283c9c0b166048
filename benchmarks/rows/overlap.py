"""Twenty overlapping viewers are painted for, beside ever more others who look elsewhere."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.comparison import Windows, line, measure_peers
from benchmarks.crowd import ScreenCrowd
from benchmarks.load.dialect import View
from benchmarks.results import RowResult, Target, Value
from benchmarks.run import Run
from benchmarks.subjects import Subject, tilecast
from benchmarks.views import SCREEN_HEIGHT, SCREEN_WIDTH, scattered_views
from benchmarks.workers import LoadProcess

NAME = "overlap"
TITLE = "Overlap cost: 20 overlapping viewers, 1,000 px/s, beside others with viewports elsewhere"

_SIDE = 16_384
_SCREEN = View(0, 0, SCREEN_WIDTH - 1, SCREEN_HEIGHT - 1)
_VIEWERS = 20
_OTHERS = (100, 1000, 5000, 10_000)
_PEER_OTHERS = (100, 1000)
_RATE = 1000
_WINDOW_S = 10.0
_IDLE_S = 5.0
_PEER_IDLE_S = 2.0
_PEER_WINDOW_S = 6.0
_WARM_UP_S = 2.0
_CONNECT_S = 0.006
_OVERHEAD_S = 5.0
_MAX_CONNECTIONS = 10_100
_IN_FLIGHT = 100
_SEED = 3


def planned_s(run: Run) -> float:
    """About how long the row takes."""
    ours = len(_OTHERS) * (_IDLE_S + _WINDOW_S + _WARM_UP_S) + _OTHERS[-1] * _CONNECT_S
    peers = len(_PEER_OTHERS) * (_PEER_IDLE_S + _PEER_WINDOW_S + _WARM_UP_S) + _OVERHEAD_S
    return ours + _OVERHEAD_S + len(run.peers) * peers


def run_row(run: Run) -> RowResult:
    """Run the row."""
    result = RowResult(NAME, TITLE)
    subject = tilecast((_SIDE, _SIDE), "--max-connections", str(_MAX_CONNECTIONS))
    _, costs = _measure(run, subject, _OTHERS, (_IDLE_S, _WINDOW_S), result)
    measure_peers(
        run,
        result,
        lambda subject: _measure(
            run, subject, _PEER_OTHERS, (_PEER_IDLE_S, _PEER_WINDOW_S), result
        )[0],
    )
    result.notes.append(
        f"--max-connections is {_MAX_CONNECTIONS:,} here, since painters and probe come on top of "
        "the 10,000; all other limits are the defaults. What a change costs is the CPU time of the "
        "painted window less that of as long an idle one, so that pings and CLOCKs to the others "
        "don't count as the cost of a pixel; they are in the column of the idle CPU."
    )
    result.targets.append(
        Target(
            "CPU per change, 10,000 others against 100",
            costs[_OTHERS[-1]] / costs[_OTHERS[0]], "≤", 1.1, "×",
        )
    )  # fmt: skip
    return result


def _elsewhere(count: int) -> list[View]:
    """Screens that share no tile with the painted one."""
    room = scattered_views(2 * count + 100, _SIDE, _SEED)
    tx1, ty1 = _SCREEN.tiles()[2:]
    apart = [view for view in room if view.tiles()[0] > tx1 or view.tiles()[1] > ty1]
    return apart[:count]


def _measure(
    run: Run,
    subject: Subject,
    others: Sequence[int],
    seconds: tuple[float, float],
    result: RowResult,
) -> tuple[Windows, dict[int, float]]:
    """The windows by (others, rate), and CPU µs per change by number of others.

    ``seconds`` are those of the idle and of the painted window.
    """
    idle_s, painted_s = seconds
    views = _elsewhere(others[-1])
    windows: Windows = {}
    costs = {}
    with ExitStack() as stack:
        running = stack.enter_context(subject.start(run.new_folder()))
        crowd = stack.enter_context(ScreenCrowd(subject, running, _SCREEN, _SEED))
        beside = stack.enter_context(LoadProcess("crowd"))
        crowd.add_viewers([_SCREEN] * _VIEWERS)
        there = 0
        for count in others:
            run.say(f"{NAME}: {subject.name}, connecting {count:,} others")
            beside.connect(
                views=views[there:count],
                in_flight=_IN_FLIGHT,
                dialect=subject.dialect,
                port=running.ports[0],
            )
            there = count
            run.say(f"{NAME}: {subject.name}, {count:,} others")
            time.sleep(_WARM_UP_S)
            idle = crowd.watch(idle_s)
            window = windows[count, _RATE] = crowd.measure(_RATE, painted_s, _WARM_UP_S)
            idle_share = idle.cpu_s / idle.seconds
            costs[count] = (
                (window.cpu_s - idle_share * window.seconds) / max(window.painted, 1) * 1e6
            )
            head: dict[str, Value] = {"server": subject.name, "others": count}
            cost: dict[str, Value] = {
                "µs per change": costs[count],
                "the same, idle CPU included": window.cpu_us_per_pixel,
                "idle CPU": idle_share,
            }
            result.lines.append(head | cost | line(window))
            result.notes += [f"{subject.name}, {count:,} others: {x}." for x in window.doubts]
    return windows, costs
