"""One canvas on one, two and three nodes, against one server by itself."""

from contextlib import ExitStack
from typing import NamedTuple

from benchmarks.cluster import TilecastCluster
from benchmarks.comparison import add_line
from benchmarks.crowd import ScreenCrowd, Window
from benchmarks.results import RowResult, Target, Value
from benchmarks.run import Run
from benchmarks.subjects import Subject, cluster, tilecast
from benchmarks.views import HOT_SCREEN, hot_views

NAME = "nodes"
TITLE = "Nodes: viewers on one 1080p screen, spread over the nodes of a cluster"

_NODES = (1, 2, 3)
_CROWDS = ((30, 300), (300, 300), (300, 1000))
"""Viewers in all, and pixels a second."""
_WINDOW_S = 10.0
_WARM_UP_S = 2.0
_OVERHEAD_S = 3.0
_START_S = 5.0
_SEED = 7


class _Measured(NamedTuple):
    window: Window
    nats_cpu_s: float

    @property
    def us_per_delivery(self) -> float:
        return self.window.cpu_s / self.window.delivered * 1e6

    @property
    def us_per_pixel(self) -> float:
        return self.window.cpu_s / self.window.painted * 1e6


_Figures = dict[tuple[int, int], _Measured]


def planned_s(_run: Run) -> float:
    """About how long the row takes."""
    each = len(_CROWDS) * (_WINDOW_S + _WARM_UP_S + _OVERHEAD_S) + _START_S
    return (1 + len(_NODES)) * each


def run_row(run: Run) -> RowResult:
    """Run the row."""
    result = RowResult(NAME, TITLE)
    alone = _measure(run, tilecast(), result)
    by_nodes = {nodes: _measure(run, cluster(nodes), result) for nodes in _NODES}
    result.targets += [
        Target(
            f"{viewers} viewers, {rate:,} px/s: CPU per delivery, {nodes} nodes and NATS against "
            "one server by itself",
            by_nodes[nodes][viewers, rate].us_per_delivery / alone[viewers, rate].us_per_delivery,
            "≤", 1.0 + nodes, "×",
        )
        for viewers, rate in _CROWDS[1:]
        for nodes in _NODES
    ]  # fmt: skip
    result.targets += [
        Target(
            f"{viewers} viewers, {rate:,} px/s, 3 nodes: placement to viewer, p99",
            by_nodes[3][viewers, rate].window.p99_ms, "<", 50, "ms",
        )
        for viewers, rate in _CROWDS
    ]  # fmt: skip
    result.notes.append(
        "All nodes and NATS (one server, every write synced) share one core here: CPU time is "
        "theirs together, and latencies are those of one machine that does the work of all. The "
        "probe and a share of the viewers are on the last node, the painters on all of them."
    )
    return result


def _measure(run: Run, subject: Subject, result: RowResult) -> _Figures:
    views = hot_views(max(viewers for viewers, _ in _CROWDS), _SEED)
    figures: _Figures = {}
    with ExitStack() as stack:
        running = stack.enter_context(subject.start(run.new_folder()))
        crowd = stack.enter_context(ScreenCrowd(subject, running, HOT_SCREEN, _SEED))
        there = 0
        for viewers, rate in _CROWDS:
            run.say(f"{NAME}: {subject.name}, {viewers} viewers, {rate:,} px/s")
            crowd.add_viewers(views[there:viewers])
            there = viewers
            before = _nats_cpu_s(running)
            window = crowd.measure(rate, _WINDOW_S, _WARM_UP_S)
            spent_s = (_nats_cpu_s(running) - before) * _WINDOW_S / (_WINDOW_S + _WARM_UP_S)
            measured = figures[viewers, rate] = _Measured(window, spent_s)
            head: dict[str, Value] = {"server": subject.name, "viewers": viewers, "px/s": rate}
            add_line(result, head, window)
            result.lines[-1] |= {
                "µs per pixel": measured.us_per_pixel,
                "NATS µs per pixel": spent_s / window.painted * 1e6,
            }
    return figures


def _nats_cpu_s(running: object) -> float:
    return running.nats_cpu_seconds() if isinstance(running, TilecastCluster) else 0.0
