"""Everybody looks at a place of their own, and paints there."""

from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.comparison import Windows, add_line, measure_peers
from benchmarks.crowd import ScreenCrowd
from benchmarks.results import RowResult, Target, Value
from benchmarks.run import Run
from benchmarks.subjects import Subject, tilecast
from benchmarks.views import scattered_views

NAME = "spread"
TITLE = "Spread: 1,000 clients at random places of a 16,384² canvas, each painting in its view"

_SIDE = 16_384
_CLIENTS = 1000
_CHECKED_RATE = 1000
_RATES = (1000, 10_000)
_WINDOW_S = 8.0
_CHECKED_S = 4.0
_PEER_WINDOW_S = 6.0
_WARM_UP_S = 2.0
_OVERHEAD_S = 6.0
_SEED = 2


def planned_s(run: Run) -> float:
    """About how long the row takes."""
    ours = _CHECKED_S + len(_RATES) * (_WINDOW_S + _WARM_UP_S)
    return ours + _OVERHEAD_S + len(run.peers) * (_PEER_WINDOW_S + _WARM_UP_S + _OVERHEAD_S)


def run_row(run: Run) -> RowResult:
    """Run the row."""
    result = RowResult(NAME, TITLE)
    _, strays = _measure(run, tilecast((_SIDE, _SIDE)), _RATES, _WINDOW_S, result)
    measure_peers(
        run,
        result,
        lambda subject: _measure(run, subject, _RATES[:1], _PEER_WINDOW_S, result)[0],
    )
    result.targets.append(
        Target("messages to somebody whose view they don't touch", strays, "≤", 0)
    )
    return result


def _measure(
    run: Run, subject: Subject, rates: Sequence[int], seconds: float, result: RowResult
) -> tuple[Windows, int]:
    """The windows by (clients, rate), and the strays among all that was sent in a checked one."""
    screen, *views = scattered_views(_CLIENTS + 1, _SIDE, _SEED)
    windows: Windows = {}
    strays = 0
    with ExitStack() as stack:
        running = stack.enter_context(subject.start(run.new_folder()))
        crowd = stack.enter_context(ScreenCrowd(subject, running, screen, _SEED, in_own_views=True))
        run.say(f"{NAME}: {subject.name}, connecting {_CLIENTS:,} clients")
        crowd.add_viewers(views)
        for rate in rates:
            run.say(f"{NAME}: {subject.name}, {rate:,} px/s")
            window = windows[_CLIENTS, rate] = crowd.measure(rate, seconds, _WARM_UP_S)
            head: dict[str, Value] = {"server": subject.name, "clients": _CLIENTS, "px/s": rate}
            add_line(result, head, window)
        if subject.checks:
            run.say(f"{NAME}: {subject.name}, every message checked")
            crowd.check_every(1)
            checked = crowd.measure(_CHECKED_RATE, _CHECKED_S, 0.0)
            strays = checked.strays
            result.notes.append(
                f"{subject.name}: {checked.frames:,} frames with {checked.delivered:,} pixels "
                f"decoded in full, {strays} messages among them about what their receiver doesn't "
                "look at."
            )
    return windows, strays
