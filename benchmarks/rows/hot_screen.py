"""Everybody looks at one screen, and it is painted all over."""

from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.comparison import Windows, add_line, measure_peers
from benchmarks.crowd import ScreenCrowd, Window
from benchmarks.peers.start import Floor, PeerMissing
from benchmarks.probe_floor import probe_floor_ms
from benchmarks.results import RowResult, Target, Value
from benchmarks.run import Run
from benchmarks.subjects import BATCHING, EACH_CHANGE, Subject, floor, tilecast
from benchmarks.views import HOT_SCREEN, hot_views

NAME = "hot-screen"
TITLE = "Hot screen: viewers on one 1080p screen, single pixels at random places"

_VIEWERS = (100, 1000)
_RATES = (100, 1000, 10_000)
_LIGHT = (100, 100)
_HEAVY = (1000, 1000)
_COMPARED = (_LIGHT, _HEAVY)
_WINDOW_S = 10.0
_PEER_WINDOW_S = 8.0
_WARM_UP_S = 2.0
_PROBE_FLOOR_S = 5.0
_SEED = 1
_OVERHEAD_S = 2.0
_START_S = 4.0


def planned_s(run: Run) -> float:
    """About how long the row takes."""
    ours = len(_VIEWERS) * len(_RATES) * (_WINDOW_S + _WARM_UP_S + _OVERHEAD_S)
    others = (len(run.peers) + 1) * len(_COMPARED) * (_PEER_WINDOW_S + _WARM_UP_S + _OVERHEAD_S)
    return ours + others + _START_S * len(run.peers) + _PROBE_FLOOR_S


def run_row(run: Run) -> RowResult:
    """Run the row."""
    result = RowResult(NAME, TITLE)
    run.say(f"{NAME}: the probe's own latency")
    probe_p50, probe_p99 = probe_floor_ms(_PROBE_FLOOR_S, _SEED)
    result.notes.append(
        f"The probe against a server that only echoes: p50 {probe_p50:.3f} ms, p99 "
        f"{probe_p99:.3f} ms. The server's part is what is measured less the former."
    )
    settings = [(viewers, rate) for viewers in _VIEWERS for rate in _RATES]
    ours = _measure(run, tilecast(), settings, _WINDOW_S, result)
    floors = {setting: _measure_floor(run, setting, ours[setting], result) for setting in _COMPARED}
    peers = measure_peers(
        run,
        result,
        lambda subject: _measure(run, subject, list(_COMPARED), _PEER_WINDOW_S, result),
    )
    result.targets += _targets(ours, peers, floors, probe_p50)
    return result


def _measure(
    run: Run,
    subject: Subject,
    settings: Sequence[tuple[int, int]],
    seconds: float,
    result: RowResult,
) -> Windows:
    """One subject, started once, at each of the settings: (viewers, pixels per second)."""
    views = hot_views(max(viewers for viewers, _ in settings), _SEED)
    windows = {}
    with ExitStack() as stack:
        running = stack.enter_context(subject.start(run.new_folder()))
        crowd = stack.enter_context(ScreenCrowd(subject, running, HOT_SCREEN, _SEED))
        there = 0
        for viewers, rate in settings:
            run.say(f"{NAME}: {subject.name}, {viewers:,} viewers, {rate:,} px/s")
            crowd.add_viewers(views[there:viewers])
            there = viewers
            window = windows[viewers, rate] = crowd.measure(rate, seconds, _WARM_UP_S)
            head: dict[str, Value] = {"server": subject.name, "viewers": viewers, "px/s": rate}
            add_line(result, head, window)
    return windows


def _measure_floor(
    run: Run, setting: tuple[int, int], ours: Window, result: RowResult
) -> Window | None:
    """The C loop, told to write what Tilecast was measured to write."""
    viewers, rate = setting
    subject = floor(
        Floor(
            bytes_per_write=ours.bytes_per_frame,
            pixels_per_write=ours.delivered / ours.frames,
            writes_per_second=ours.frames_per_viewer_s,
        )
    )
    run.say(f"{NAME}: {subject.name}, {viewers:,} viewers, as for {rate:,} px/s")
    try:
        with ExitStack() as stack:
            running = stack.enter_context(subject.start(run.new_folder()))
            crowd = stack.enter_context(ScreenCrowd(subject, running, HOT_SCREEN, _SEED))
            crowd.add_viewers(hot_views(viewers, _SEED))
            window = crowd.watch(_PEER_WINDOW_S)
    except PeerMissing as missing:
        result.notes.append(f"{subject.name}: not run: {missing}")
        return None
    head: dict[str, Value] = {"server": subject.name, "viewers": viewers, "px/s": rate}
    add_line(result, head, window)
    return window


def _targets(
    ours: Windows,
    peers: dict[str, Windows],
    floors: dict[tuple[int, int], Window | None],
    probe_p50_ms: float,
) -> list[Target]:
    heavy, light = ours[_HEAVY], ours[_LIGHT]
    each = _best(peers, tuple(EACH_CHANGE), _HEAVY)
    batching = _best(peers, tuple(BATCHING), _HEAVY)
    any_light = _best(peers, (*EACH_CHANGE, *BATCHING), _LIGHT)
    heavy_floor, light_floor = floors[_HEAVY], floors[_LIGHT]
    at_heavy, at_light = "1,000 viewers, 1,000 px/s", "100 viewers, 100 px/s"

    def gain(other: Window | None) -> float | None:
        return heavy.per_cpu_s / other.per_cpu_s if other is not None else None

    def cost(other: Window | None) -> float | None:
        return other.per_cpu_s / light.per_cpu_s if other is not None else None

    server_p50, server_p99 = (
        max(0.0, measured - probe_p50_ms) for measured in (light.p50_ms, light.p99_ms)
    )
    per_cpu = "delivered per CPU-second"
    none, no_floor = "no such peer ran", "the floor did not run"
    return [
        Target(
            f"{at_heavy}: {per_cpu} against the best that sends each change",
            gain(each), "≥", 15, "×", none,
        ),
        Target(
            f"{at_heavy}: {per_cpu} against the best that batches",
            gain(batching), "≥", 2, "×", none,
        ),
        Target(
            f"{at_heavy}: {per_cpu} against the floor", gain(heavy_floor), "≥", 0.7, "×", no_floor
        ),
        Target(
            f"{at_light}: CPU per delivery against the best peer",
            cost(any_light), "≤", 0.8, "×", none,
        ),
        Target(
            f"{at_light}: CPU per delivery against the floor",
            cost(light_floor), "≤", 1.5, "×", no_floor,
        ),
        Target(f"{at_light}: placement to viewer, server part, p50", server_p50, "<", 1, "ms"),
        Target(f"{at_light}: placement to viewer, server part, p99", server_p99, "<", 3, "ms"),
        Target(f"{at_heavy}: placement to viewer, p99", heavy.p99_ms, "<", 30, "ms"),
    ]  # fmt: skip


def _best(
    peers: dict[str, Windows], kinds: Sequence[str], setting: tuple[int, int]
) -> Window | None:
    """The peer among these that delivers most per CPU-second."""
    windows = [peers[kind][setting] for kind in kinds if kind in peers]
    return max(windows, key=lambda window: window.per_cpu_s, default=None)
