"""``make bench-quick``: small sizes, held to what can be counted; times are shown, never judged."""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.artwork import paint_rectangles
from benchmarks.load.dialect import View
from benchmarks.server import TilecastServer
from benchmarks.subjects import TILECAST_DIALECT
from benchmarks.views import HOT_CANVAS, HOT_SCREEN, expected_deliveries, hot_views, scattered_views
from benchmarks.workers import LoadProcess

_SEED = 11
_PAINT_S = 2.0
_ARRIVE_WITHIN_S = 20.0
_AFTERWARDS_S = 0.5
_POLL_S = 0.05
_QUIET_S = 1.0
_PIXEL_BYTES = 8
_FRAME_BYTES = 4 + 13
"""What a frame may hold besides drawing: WebSocket's head and the CLOCK."""
_PAINTER_BYTES = 17 + 9
"""What a painter's frame may hold besides that: ACK and BUDGET."""
_LIVING = 2
"""Frames that a client may get meanwhile to tell it that the line is alive."""


class Check(NamedTuple):
    """One promise: what was counted, and what it has to be."""

    what: str
    counted: float
    bound: str
    held: bool


def _equal(what: str, counted: float, wanted: float) -> Check:
    return Check(what, counted, f"= {wanted:,}", counted == wanted)


def _at_most(what: str, counted: float, bound: float) -> Check:
    return Check(what, counted, f"≤ {bound:,.3g}", counted <= bound)


def _at_least(what: str, counted: float, bound: float) -> Check:
    return Check(what, counted, f"≥ {bound:,.3g}", counted >= bound)


def _server(stack: ExitStack, folder: Path, canvas: tuple[int, int]) -> TilecastServer:
    width, height = canvas
    server = TilecastServer(folder, "--width", str(width), "--height", str(height))
    return stack.enter_context(server)


def hot_screen(folder: Path) -> list[Check]:
    """Thirty viewers around one screen, half of them beside it, at light and at heavier load."""
    views = hot_views(30, _SEED)
    with ExitStack() as stack:
        server = _server(stack, folder, HOT_CANVAS)
        viewers = stack.enter_context(LoadProcess("crowd"))
        painters = stack.enter_context(LoadProcess("crowd"))
        where = {"in_flight": 10, "dialect": TILECAST_DIALECT, "port": server.port}
        viewers.connect(views=views, **where)
        painters.connect(views=[None] * 5, **where)
        viewers.ask("check", every=1)
        checks = []
        for rate in (100, 3000):
            checks += _paint(f"hot screen, {rate:,} px/s", viewers, painters, views, rate)
        return checks


def spread(folder: Path) -> list[Check]:
    """Fifty people, each painting at a place of their own."""
    side = 8192
    views = scattered_views(50, side, _SEED)
    with ExitStack() as stack:
        server = _server(stack, folder, (side, side))
        people = stack.enter_context(LoadProcess("crowd"))
        people.connect(views=views, in_flight=10, dialect=TILECAST_DIALECT, port=server.port)
        people.ask("check", every=1)
        return _paint("spread, 1,000 px/s", people, people, views, 1000)


def _paint(
    what: str, viewers: LoadProcess, painters: LoadProcess, views: Sequence[View], rate: int
) -> list[Check]:
    """Paint for a while and wait; everybody must have got each pixel of theirs once, only those."""
    box = None if viewers is painters else HOT_SCREEN[:4]
    _until_quiet(viewers)
    before, each_before = viewers.ask("counts"), viewers.ask("each")["pixels"]
    painters.ask("paint", rate=rate, box=box, seed=_SEED)
    time.sleep(_PAINT_S)
    painters.ask("hush")
    painted = [tuple(tile) for tile in painters.ask("counts")["painted_tiles"]]
    wanted = [expected_deliveries(painted, [view]) for view in views]
    ends = time.monotonic() + _ARRIVE_WITHIN_S
    while True:
        each = [
            now - then for now, then in zip(viewers.ask("each")["pixels"], each_before, strict=True)
        ]
        if sum(each) >= sum(wanted) or time.monotonic() > ends:
            break
        time.sleep(_POLL_S)
    # Nothing may come twice.
    time.sleep(_AFTERWARDS_S)
    after = viewers.ask("counts")
    each = [
        now - then for now, then in zip(viewers.ask("each")["pixels"], each_before, strict=True)
    ]
    pixels, frames, size = (after[name] - before[name] for name in ("pixels", "frames", "bytes"))
    own = box is None
    beside = frames * (_FRAME_BYTES + own * _PAINTER_BYTES)
    frames_max = pixels + own * 2 * after["sent_frames"] + len(views) * _LIVING
    wrong = sum(got != due for got, due in zip(each, wanted, strict=True))
    return [
        _at_least(f"{what}: pixels delivered", pixels, 1),
        _equal(f"{what}: clients that didn't get each of their pixels once", wrong, 0),
        _equal(f"{what}: messages about what the receiver doesn't look at", after["strays"], 0),
        _equal(f"{what}: flushes that came as more than one write", after["split_flushes"], 0),
        _at_most(f"{what}: frames", frames, frames_max),
        _at_most(
            f"{what}: bytes per delivered pixel", size / pixels, _PIXEL_BYTES + beside / pixels
        ),
        _equal(f"{what}: connections that ended", after["closed"], 0),
    ]


def _until_quiet(viewers: LoadProcess) -> None:
    """Wait until nothing comes any more that belongs to their arrival: who else is here, a ping."""
    ends = time.monotonic() + _ARRIVE_WITHIN_S
    size = -1
    while (now := viewers.ask("counts")["bytes"]) != size and time.monotonic() < ends:
        size = now
        time.sleep(_QUIET_S)


def cursors(folder: Path) -> list[Check]:
    """People on two screens that lie apart: nobody hears of a cursor on the other."""
    people_each, moves, seconds = 15, 10, 2.0
    width, height = HOT_CANVAS
    far = View(0, 0, 1000, 700)
    with ExitStack() as stack:
        server = _server(stack, folder, (width, height))
        crowd = stack.enter_context(LoadProcess("pointing"))
        crowd.connect(
            views=[HOT_SCREEN] * people_each + [far] * people_each,
            in_flight=10,
            dialect=TILECAST_DIALECT,
            port=server.port,
        )
        crowd.ask("check", every=1)
        before = crowd.ask("counts")
        crowd.ask("point", rate=moves, seed=_SEED)
        time.sleep(seconds)
        crowd.ask("hush")
        time.sleep(_AFTERWARDS_S)
        after, heard = crowd.ask("counts"), crowd.ask("heard")["cursors"]
        sent = after["sent_frames"] - before["sent_frames"]
        return [
            _at_least("cursors: heard", heard, 1),
            _at_most("cursors: heard of each move", heard / sent, people_each - 1),
            _equal("cursors: about what the receiver doesn't look at", after["strays"], 0),
            _equal("cursors: connections that ended", after["closed"], 0),
        ]


def ingest(folder: Path) -> list[Check]:
    """Everything that is drawn gets durable, and a kill -9 right after loses nothing of it."""
    messages = 20_000
    checks = []
    with ExitStack() as stack:
        server = _server(stack, folder, (1024, 1024))
        with LoadProcess("pouring") as crowd:
            crowd.connect(views=[None] * 4, in_flight=4, dialect=TILECAST_DIALECT, port=server.port)
            poured = crowd.ask(
                "pour_all",
                kind="pixels",
                unacked=4096,
                messages=messages,
                box=(0, 0, 1023, 1023),
                seed=_SEED,
                within_s=_ARRIVE_WITHIN_S,
            )
            checks.append(_equal("ingest: REJECTs", crowd.ask("poured")["rejects"], 0))
        server.kill()
        server.start()
        checks += [
            _equal("ingest: all durable in time", poured["drained"], True),
            _equal("ingest: seq after a kill -9", server.stats()["seq"], poured["sent"]),
        ]
    return checks


def tiles(folder: Path) -> list[Check]:
    """An unchanged tile is answered without a body."""
    paths = [f"/c/main/tiles/2/{x}/{y}.png" for y in range(4) for x in range(4)]
    with ExitStack() as stack:
        server = _server(stack, folder, (1024, 1024))
        paint_rectangles(server.port, 100, 1024, _SEED)
        load = stack.enter_context(LoadProcess("fetching"))
        where = {"port": server.port, "paths": paths, "seconds": None, "connections": 2}
        fresh = load.ask("fetch", revalidate=False, **where)
        again = load.ask("fetch", revalidate=True, **where)
    return [
        _equal("tiles: answered with 200", dict(fresh["statuses"]).get(200, 0), len(paths)),
        _equal("tiles: unchanged, answered with 304", dict(again["statuses"]).get(304, 0), 16),
        _equal("tiles: bytes of the bodies of 304s", again["bytes"], 0),
    ]


PARTS: tuple[Callable[[Path], list[Check]], ...] = (hot_screen, spread, cursors, ingest, tiles)


def main() -> int:
    """Run all parts; 1 if a promise was broken."""
    checks = []
    with tempfile.TemporaryDirectory(prefix="tilecast-bench-") as folder:
        for part in PARTS:
            began = time.monotonic()
            checks += part(Path(folder) / part.__name__)
            print(f"{part.__name__}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
    width = max(len(check.what) for check in checks)
    for check in checks:
        verdict = "" if check.held else "  BROKEN"
        print(f"{check.what:<{width}}  {check.counted:>10,.4g}  {check.bound}{verdict}")
    return 0 if all(check.held for check in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
