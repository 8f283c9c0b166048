"""Hours of people who do all that people do, and come and go; nothing is left of anybody.

Every so often the server's sets, indexes and counts are recounted from its sessions' own viewports,
on its event loop, while all goes on. At the end all go, and then there is nobody anywhere in it.
"""

import math
import random
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from benchmarks.load.dialect import View
from benchmarks.subjects import TILECAST_DIALECT
from benchmarks.workers import LoadProcess
from tests.faults.recounted import RecountedServer
from tests.faults.row import Figures, Row, Trial, run_short, worst
from tests.process import COMMAND

_SIDE = 4096
_STEADY_FROM_S = 3600.0
"""From then on as many sessions are forgotten as begin."""
_VIEW_WIDTH, _VIEW_HEIGHT = 800, 600
_CHURN = 0.2
_IN_FLIGHT = 50
_GONE_WITHIN_S = 60.0
_POLL_S = 0.1
_MIB = 1024 * 1024
_SLOPE_MAX_MIB_H = 1.0


class _Size(NamedTuple):
    clients: int
    acts_per_s: float
    churn: float
    """Share of the clients that go in a minute."""
    recount_every_s: float
    flags: tuple[str, ...] = ()
    full: bool = False
    """Whether all of the canvas is noise from the first: what is painted takes memory, and time."""


_SHORT = _Size(
    *(60, 400.0, 6.0, 1.0),
    ("--ping-interval-s", "1", "--ping-timeout-s", "1", "--slow-reader-timeout-s", "1"),
)
"""A churn at which everything happens within seconds."""
_LONG = _Size(2000, 300.0, _CHURN, 120.0, full=True)
_SAMPLE_EVERY_S = 1.0


def _trial(trial: Trial) -> Figures:
    size = _LONG if trial.long else _SHORT
    memory: list[tuple[float, int]] = []
    with ExitStack() as stack:
        flags = ("--width", str(_SIDE), "--height", str(_SIDE), *size.flags)
        server = RecountedServer(trial.folder / "server", *flags)
        if size.full:
            _paint_all(server.folder, trial.seed)
        server.start()
        stack.callback(server.end)
        people = stack.enter_context(LoadProcess("soaking"))
        people.connect(
            views=_views(trial.seed, size.clients),
            in_flight=_IN_FLIGHT,
            dialect=TILECAST_DIALECT,
            port=server.port,
        )
        people.ask(
            "soak",
            rate=size.acts_per_s,
            churn=size.churn,
            canvas=(_SIDE, _SIDE),
            port=server.port,
            seed=trial.seed,
        )
        began = time.monotonic()
        recounts, recount_at = 0, began + size.recount_every_s
        while (now := time.monotonic()) < began + trial.units:
            memory.append((now - began, server.memory_bytes))
            if now >= recount_at:
                people.check()
                stats = server.recount()
                recounts, recount_at = recounts + 1, now + size.recount_every_s
                trial.say(f"{now - began:,.0f} s: {memory[-1][1] / _MIB:.0f} MiB, {stats}")
            time.sleep(min(_SAMPLE_EVERY_S, size.recount_every_s / 2))
        soaked = people.ask("soaked")
        people.ask("quiet")
        _until_settled(server)
        people.ask("over")
        _until_gone(server)
        server.assert_no_trace()
        server.stop_well()
    slope = _slope_mib_h([sample for sample in memory if sample[0] >= _STEADY_FROM_S])
    if trial.long:  # one that ends before it is steady proves nothing: NaN isn't less
        assert slope < _SLOPE_MAX_MIB_H, f"memory grows by {slope:.2f} MiB/h"
    return {
        "recounts": recounts + 1,
        "slope MiB/h": slope,
        "memory MiB": memory[-1][1] / _MIB,
        "done": soaked["done"],
        "closed": {str(code): count for code, count in soaked["closed"]},
    }


def _paint_all(folder: Path, seed: int) -> None:
    """Make the canvas, of noise."""
    image = folder / "noise.png"
    noise = np.random.default_rng(seed).integers(0, 256, (_SIDE, _SIDE, 3), np.uint8)
    Image.fromarray(noise).save(image, compress_level=1)
    create = (*("canvas", "create", "main"), *("--from", image), *("--data", folder / "data"))
    subprocess.run((COMMAND, *create), check=True, capture_output=True)
    image.unlink()


def _views(seed: int, count: int) -> list[View]:
    rng = random.Random(seed)
    corners = [
        (rng.randrange(_SIDE - _VIEW_WIDTH), rng.randrange(_SIDE - _VIEW_HEIGHT))
        for _ in range(count)
    ]
    return [View(x, y, x + _VIEW_WIDTH - 1, y + _VIEW_HEIGHT - 1) for x, y in corners]


def _until_settled(server: RecountedServer) -> None:
    """Nobody does anything: nothing stays owed."""
    ends = time.monotonic() + _GONE_WITHIN_S
    while (stats := server.recount())["stale"]:
        assert time.monotonic() < ends, f"tiles stay owed: {stats}"
        time.sleep(_POLL_S)


def _until_gone(server: RecountedServer) -> None:
    """No session is there, and then no socket."""
    ends = time.monotonic() + _GONE_WITHIN_S
    while server.stats()["sessions"]:
        assert time.monotonic() < ends, f"they left, and are still there: {server.stats()}"
        time.sleep(_POLL_S)
    while left := server.sockets:
        assert time.monotonic() < ends, f"{left} sockets are left open"
        time.sleep(_POLL_S)


def _slope_mib_h(samples: Sequence[tuple[float, int]]) -> float:
    """The slope of the straight line that fits (seconds, bytes) best; NaN of fewer than two."""
    if len(samples) < 2:
        return math.nan
    mean_s = sum(at for at, _ in samples) / len(samples)
    mean = sum(size for _, size in samples) / len(samples)
    across = sum((at - mean_s) * (size - mean) for at, size in samples)
    return across / sum((at - mean_s) ** 2 for at, _ in samples) * 3600 / _MIB


def _summarise(figures: Sequence[Figures]) -> Figures:
    done: dict[str, int] = {}
    for one in figures:
        for name, count in one["done"].items():
            done[name] = done.get(name, 0) + count
    return {
        "recounts, all equal": sum(one["recounts"] for one in figures),
        "memory slope after the first hour, MiB/h": worst(figures, "slope MiB/h"),
        "memory at the end, MiB": worst(figures, "memory MiB"),
        "done": ", ".join(f"{name} {count:,}" for name, count in sorted(done.items())),
        "closed by the server, by code": figures[-1]["closed"],
    }


ROW = Row(
    name="soak",
    title="2,000 clients with 20 % churn a minute",
    must_hold="sets equal a recount, memory slope < 1 MiB/h",
    unit="seconds",
    short=6,
    long=7200,
    trial_units=7200,
    trial=_trial,
    summarise=_summarise,
)


@pytest.mark.long
def test_people_come_and_go(tmp_path: Path) -> None:
    """SES-5, FAN-6: while people come and go the sets equal a recount, and nobody is left."""
    run_short(ROW, tmp_path)
