"""A quarter of the readers stop reading; the others don't notice, and they are gone soon.

Runs with and without that alternate. Everybody looks at one of eight screens; single pixels and
squares of noise are painted on all of them, so that a line that isn't read fills up. What others
feel is told by a probe's own pixels on one of the screens.
"""

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmarks.cores import bound_to, server_cores
from benchmarks.load.dialect import View
from benchmarks.subjects import TILECAST_DIALECT
from benchmarks.workers import LoadProcess
from tests.faults.recounted import RecountedServer
from tests.faults.row import Figures, Row, Trial, percentile, run_short

_SCREENS = 8
_SCREEN_WIDTH, _SCREEN_HEIGHT = 1920, 1088
_CANVAS = (0, 0, _SCREENS * _SCREEN_WIDTH - 1, _SCREEN_HEIGHT - 1)
_PROBED = View(0, 0, _SCREEN_WIDTH - 1, _SCREEN_HEIGHT - 1)
_RECEIVE_BYTES = 4096
_STOP_AFTER_S = 1.0
_POLL_S = 0.1
_GONE_WITHIN_S = 15.0
_P99_MAX = 1.10
_SLOW_READER_BYTES = 131_072
_MIB = 1024 * 1024
_SLACK_BYTES = 32 * _MIB
_IN_FLIGHT = 50


class _Size(NamedTuple):
    """How large a run is."""

    others: int
    stopping: int
    pixels_per_s: float
    noise_per_s: float
    probes_per_s: float
    seconds: float
    flags: tuple[str, ...] = ()


_SHORT = _Size(45, 15, 50, 40, 25, 3.0, ("--slow-reader-timeout-s", "1"))
_LONG = _Size(1500, 500, 100, 16, 50, 60.0)


class _Watch(NamedTuple):
    """What was seen from one moment to another."""

    gone_s: float | None
    """From stopping to read until the server had let all of them go; None if nobody stopped."""
    memory: list[int]
    """The server's, in bytes, again and again."""


def _views(count: int) -> list[View]:
    return [
        View(
            screen * _SCREEN_WIDTH, 0, (screen + 1) * _SCREEN_WIDTH - 1, _SCREEN_HEIGHT - 1
        )
        for screen in (index % _SCREENS for index in range(count))
    ]  # fmt: skip


def _run(folder: Path, size: _Size, *, stop: bool, seed: int, pin: bool) -> Figures:
    """One run; its figures."""
    width, height = _CANVAS[2] + 1, _CANVAS[3] + 1
    flags = ("--width", str(width), "--height", str(height), "--budget-pixels", "0", *size.flags)
    with ExitStack() as stack:
        server = RecountedServer(folder, *flags)
        if pin:
            with bound_to(server_cores()):
                server.start()
        else:
            server.start()
        stack.callback(server.end)
        where = {"dialect": TILECAST_DIALECT, "port": server.port, "in_flight": _IN_FLIGHT}
        others = stack.enter_context(LoadProcess("crowd", nice=10))
        stopping = stack.enter_context(LoadProcess("crowd", nice=10))
        painters = stack.enter_context(LoadProcess("crowd"))
        noise = stack.enter_context(LoadProcess("pouring"))
        probe = stack.enter_context(LoadProcess("probe"))
        stopping.ask("sockets", host="127.0.0.1", receive_buffer_bytes=_RECEIVE_BYTES)
        stopping.connect(views=_views(size.stopping), **where)
        others.connect(views=_views(size.others), **where)
        painters.connect(views=[None] * 4, **where)
        noise.connect(views=[None] * 4, **where)
        probe.connect(view=_PROBED, dialect=TILECAST_DIALECT, port=server.port)
        everybody = server.recount()["sessions"]
        noise.ask("pour", kind="noise", box=_CANVAS, rate=size.noise_per_s, seed=seed, unacked=0)
        painters.ask("paint", rate=size.pixels_per_s, box=_CANVAS, seed=seed)
        time.sleep(_STOP_AFTER_S)  # the painting is under way before anything is measured
        before = server.memory_bytes
        cpu_s, began = server.cpu_seconds, time.monotonic()
        probing = probe.begin(
            "measure", rate=size.probes_per_s, seconds=size.seconds, box=_PROBED[:4], seed=seed
        )
        watch = _watch(server, stopping, size, everybody, stop=stop)
        probed = probe.finish(probing)
        cpu = (server.cpu_seconds - cpu_s) / (time.monotonic() - began)
        after = server.memory_bytes
        left = server.recount()["sessions"]
        counts = others.ask("counts")
        painters.ask("hush")
        noise.ask("drain", within_s=20)
        server.stop_well()
    assert probed["lost"] == 0, "pixels were lost"
    assert counts["closed"] == 0, "others were closed too"
    assert left == everybody - (size.stopping if stop else 0)
    took_ms = sorted(took / 1e6 for took in probed["took_ns"])
    return {
        "p50 ms": percentile(took_ms, 0.5),
        "p99 ms": percentile(took_ms, 0.99),
        "gone s": watch.gone_s,
        "memory before MiB": before / _MIB,
        "memory most MiB": max(watch.memory) / _MIB,
        "memory after MiB": after / _MIB,
        "server's share of a core": cpu,
    }


def _watch(
    server: RecountedServer, stopping: LoadProcess, size: _Size, everybody: int, *, stop: bool
) -> _Watch:
    """Let some stop reading a little later, and watch sessions and memory to the end."""
    memory = [server.memory_bytes]
    ends = time.monotonic() + size.seconds
    stop_at = time.monotonic() + _STOP_AFTER_S
    stopped_at: float | None = None
    gone_s: float | None = None
    while time.monotonic() < ends or (stop and gone_s is None):
        time.sleep(_POLL_S)
        memory.append(server.memory_bytes)
        now = time.monotonic()
        if not stop or now < stop_at:
            continue
        if stopped_at is None:
            stopped_at = now
            stopping.ask("stop_reading", count=size.stopping)
        elif gone_s is None:
            if server.stats()["sessions"] <= everybody - size.stopping:
                gone_s = time.monotonic() - stopped_at
            assert now - stopped_at < 2 * _GONE_WITHIN_S, f"still there: {server.stats()}"
    return _Watch(gone_s, memory)


def _trial(trial: Trial) -> Figures:
    size = _LONG if trial.long else _SHORT
    runs: dict[str, list[Figures]] = {"without": [], "with": []}
    for number in range(trial.units):
        order = ("without", "with") if number % 2 == 0 else ("with", "without")
        for which in order:
            found = _run(
                trial.folder / f"{number}-{which}",
                size,
                stop=which == "with",
                seed=trial.seed + number,
                pin=trial.long,
            )
            trial.say(f"{number + 1} {which}: {found}")
            runs[which].append(found)
    allowed = size.stopping * _SLOW_READER_BYTES + _SLACK_BYTES
    for found, usual in zip(runs["with"], runs["without"], strict=True):
        assert found["gone s"] <= _GONE_WITHIN_S, f"gone only after {found['gone s']:.1f} s"
        # What was freed may stay with the allocator: afterwards the same bound holds.
        for until in ("most", "after"):
            more = _grown(found, until) - _grown(usual, until)
            assert more <= allowed, f"memory grew by {more / _MIB:.0f} MiB more than without"
    if trial.long:
        assert _p99(runs["with"]) <= _P99_MAX * _p99(runs["without"]), "others' p99 is higher"
    return {"without": runs["without"], "with": runs["with"]}


def _grown(run: Figures, until: str) -> float:
    """Bytes by which memory grew, what was painted included."""
    grown: float = run[f"memory {until} MiB"] - run["memory before MiB"]
    return grown * _MIB


def _p99(runs: Sequence[Figures]) -> float:
    median: float = statistics.median(run["p99 ms"] for run in runs)
    return median


def _summarise(figures: Sequence[Figures]) -> Figures:
    runs = {which: [run for one in figures for run in one[which]] for which in ("without", "with")}
    gone = sorted(run["gone s"] for run in runs["with"])
    stopped = runs["with"]
    usual = runs["without"]
    return {
        "runs of each": len(stopped),
        "others' median p99 without, ms": _p99(usual),
        "others' median p99 with, ms": _p99(stopped),
        "all gone after, worst, s": gone[-1],
        "memory at most higher than without, MiB": max(
            (_grown(one, "most") - _grown(other, "most")) / _MIB
            for one, other in zip(stopped, usual, strict=True)
        ),
        "memory afterwards higher than without, MiB": max(
            (_grown(one, "after") - _grown(other, "after")) / _MIB
            for one, other in zip(stopped, usual, strict=True)
        ),
        "server's share of a core": max(run["server's share of a core"] for run in stopped),
    }


ROW = Row(
    name="readers",
    title="500 of 2,000 readers stop reading",
    must_hold="others' median p99 at most +10 %, each gone in 15 s, memory flat",
    unit="pairs of runs of 60 s",
    short=1,
    long=5,
    trial_units=5,
    trial=_trial,
    summarise=_summarise,
)


@pytest.mark.long
def test_readers_that_stop_reading(tmp_path: Path) -> None:
    """FAN-8, SES-8: who doesn't read is let go, and costs neither memory nor others' time."""
    run_short(ROW, tmp_path)
