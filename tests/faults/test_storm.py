"""All are cut off at the same moment and come back at once: as who they were, with what they hold.

Once since the server restarts, once since all lines drop. Meanwhile a few tiles are painted: these
are all that anybody is sent. And more than may come in are turned away for now, not for good.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.artwork import paint_rectangles
from benchmarks.cores import bound_to, server_cores
from benchmarks.load.dialect import TILE, View
from benchmarks.views import HOT_CANVAS, SCREEN_HEIGHT, SCREEN_WIDTH
from benchmarks.workers import LoadProcess
from protocol.errors import CloseCode
from protocol.messages import Pixel
from tests.faults.recounted import RecountedServer
from tests.faults.row import Figures, Row, Trial, joined, percentile, run_short, worst
from tests.peer import Peer

_VIEWS = 100
_RECTANGLES = 200
_PIXELS = 20
_BATCH = 1000
_IN_FLIGHT = 100
_IN_STEP_WITHIN_S = 30.0
_WAIT_S = 120.0
_POLL_S = 0.2
_OVER = 3
"""So many times as many as may come in are at the door at once."""

Spots = set[tuple[int, int]]


def _trial(trial: Trial) -> Figures:
    figures: Figures = {}
    with ExitStack() as stack:
        width, height = HOT_CANVAS
        size = ("--width", str(width), "--height", str(height))
        room = ("--max-connections", str(trial.units + 10))
        server = RecountedServer(trial.folder / "storm", *size, *room)
        stack.callback(server.end)
        _start(trial, server)
        paint_rectangles(server.port, _RECTANGLES, min(width, height), trial.seed)
        clients = stack.enter_context(LoadProcess("returning"))
        views = _views(trial.seed, trial.units)
        looks = Counter(views)
        for some in range(0, trial.units, _BATCH):
            clients.connect(
                views=views[some : some + _BATCH],
                in_flight=_IN_FLIGHT,
                dialect="__main__:ReturningDialect",
                port=server.port,
            )
        assert clients.ask("draw", within_s=_WAIT_S)["durable"], "not all could draw"
        epoch = server.recount()["epoch"]

        def restart() -> None:
            code, took_s = server.stop()
            assert code == 0, f"it ended with {code}:\n{server.log[-2000:]}"
            server.assert_log_clean()
            figures["stopping, s"] = took_s
            _start(trial, server)
            assert server.stats()["epoch"] == epoch, "a clean stop changed the epoch"

        figures["restart"] = _storm(trial, server, clients, looks, restart)
        figures["lines cut"] = _storm(trial, server, clients, looks, lambda: clients.ask("cut"))
        server.stop_well()
    figures["full"] = _full(trial)
    return figures


def _start(trial: Trial, server: RecountedServer) -> None:
    """On a core of its own in a long run: the clients would take its time, not somebody's."""
    if trial.long:
        with bound_to(server_cores()):
            server.start()
    else:
        server.start()


def _views(seed: int, count: int) -> list[View]:
    """Screens for so many, one after the other for those who share one."""
    rng = random.Random(seed)
    width, height = HOT_CANVAS
    corners = [
        (rng.randrange(width - SCREEN_WIDTH), rng.randrange(height - SCREEN_HEIGHT))
        for _ in range(_VIEWS)
    ]
    views = [View(x, y, x + SCREEN_WIDTH - 1, y + SCREEN_HEIGHT - 1) for x, y in corners]
    return [views[index * _VIEWS // count] for index in range(count)]


def _storm(
    trial: Trial,
    server: RecountedServer,
    clients: LoadProcess,
    looks: Counter[View],
    cut: Callable[[], object],
) -> Figures:
    """Cut all off, paint a little, let all come back at once; what that took."""
    cut()
    changed = asyncio.run(_paint(server, trial.seed))
    cpu_s = server.cpu_seconds
    began = time.monotonic()
    clients.ask("come_back")
    while clients.ask("waiting")["waiting"]:
        waited = time.monotonic() - began
        assert waited < _WAIT_S, f"{clients.ask('waiting')} after {waited:.0f} s"
        time.sleep(_POLL_S)
    cpu_s = server.cpu_seconds - cpu_s
    back = clients.ask("back")
    in_step_s = sorted(back["in_step_s"])
    assert back["resumed"] == trial.units, f"only {back['resumed']} got their session again"
    sent = {((tx, ty), View(*view)): count for _, tx, ty, view, count in back["tiles"]}
    due = {
        (spot, view): count
        for view, count in looks.items()
        for spot in changed
        if _holds(view, spot)
    }
    assert sent == due, "other snapshots were sent than of what changed"
    if trial.long:
        assert in_step_s[-1] <= _IN_STEP_WITHIN_S, f"in step after {in_step_s[-1]:.1f} s"
    stats = server.recount()
    assert stats["sessions"] == trial.units
    return {
        "in step s": [round(at, 3) for at in in_step_s],
        "snapshots": sum(sent.values()),
        "tiles held": sum(_tiles(view) * count for view, count in looks.items()),
        "server's CPU, s": cpu_s,
        "attempts that failed": sum(count for _, count in back["retries"]),
    }


async def _paint(server: RecountedServer, seed: int) -> Spots:
    """Paint a few pixels here and there; the tiles that they touch."""
    rng = random.Random(f"{seed} {server.stats()['seq']}")
    width, height = HOT_CANVAS
    places = [(rng.randrange(width), rng.randrange(height)) for _ in range(_PIXELS)]
    async with Peer(server.ws()) as painter:
        await painter.draw(*(Pixel(x, y, *rng.randbytes(3)) for x, y in places))
        await painter.durable()
    return {(x // TILE, y // TILE) for x, y in places}


def _holds(view: View, spot: tuple[int, int]) -> bool:
    tx0, ty0, tx1, ty1 = view.tiles()
    return tx0 <= spot[0] <= tx1 and ty0 <= spot[1] <= ty1


def _tiles(view: View) -> int:
    tx0, ty0, tx1, ty1 = view.tiles()
    return (tx1 - tx0 + 1) * (ty1 - ty0 + 1)


def _full(trial: Trial) -> Figures:
    """Some times as many as may come in are at the door at once, twice over."""
    most = trial.units // _OVER
    asked = most * _OVER
    with ExitStack() as stack:
        server = RecountedServer(trial.folder / "full", "--max-connections", str(most))
        server.start()
        stack.callback(server.end)
        clients = stack.enter_context(LoadProcess("crowd"))
        for _ in range(2):  # whoever was turned away was not counted
            answer = clients.ask(
                "connect",
                views=[None] * asked,
                in_flight=asked,
                dialect="benchmarks.load.tilecast:TilecastDialect",
                port=server.port,
            )
            turned_away = dict(map(tuple, answer["close_codes"]))
            assert answer["ready"] == most, f"{answer['ready']} came in, {most} may"
            assert turned_away == {CloseCode.TRY_LATER: asked - most}, turned_away
            assert server.recount()["sessions"] == most
            clients.ask("leave")
            ends = time.monotonic() + _WAIT_S
            while server.stats()["sessions"]:
                assert time.monotonic() < ends, "they left, and are still there"
                time.sleep(0.02)
        server.assert_no_trace()
        server.stop_well()
    return {"asked": asked, "came in": most, "turned away for now": asked - most}


def _summarise(figures: Sequence[Figures]) -> Figures:
    told: Figures = {}
    for what in ("restart", "lines cut"):
        found = [one[what] for one in figures]
        times = joined(found, "in step s")
        told[f"{what}: in step, p50, s"] = percentile(times, 0.5)
        told[f"{what}: in step, all, s"] = times[-1]
        told[f"{what}: server's CPU, s"] = worst(found, "server's CPU, s")
        told[f"{what}: snapshots, of tiles held"] = (
            f"{worst(found, 'snapshots'):,} of {worst(found, 'tiles held'):,}"
        )
        told[f"{what}: attempts that failed"] = worst(found, "attempts that failed")
    told["stopping with all connected, s"] = worst(figures, "stopping, s")
    full = figures[-1]["full"]
    told["full: asked, came in, turned away"] = ", ".join(f"{n:,}" for n in full.values())
    return told


ROW = Row(
    name="storm",
    title="All reconnect at once",
    must_hold="all in step in 30 s, no snapshot of a tile that didn't change",
    unit="connections",
    short=150,
    long=10_000,
    trial_units=10_000,
    trial=_trial,
    summarise=_summarise,
)


@pytest.mark.long
def test_everybody_comes_back_at_once(tmp_path: Path) -> None:
    """SES-7, VIEW-1, ONCE-3: resumed with what they hold, they are sent what changed alone."""
    run_short(ROW, tmp_path)
