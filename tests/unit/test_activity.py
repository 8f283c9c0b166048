"""Recent activity: what is counted where, and for how long."""

import json
from pathlib import Path

import pytest

from protocol.codec import encode
from protocol.messages import PIXEL_BYTES, Pixel, PixelRun, Rect
from server.activity import CELLS_MAX, MINUTES_MAX, Activity, Cell
from tests.http_rig import serving, settings_in
from tiles.geometry import key
from tiles.pixel_run import Pixels, TilePixels


class Watch:
    """A clock that is set by hand, in seconds."""

    def __init__(self, now: float = 90.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """What it shows."""
        return self.now


@pytest.mark.parametrize(
    ("size", "level", "span"),
    [
        ((1, 1), 0, 64),
        ((4096, 4096), 0, 64),
        ((4097, 4096), 1, 128),
        ((65_536, 64), 0, 64),
        ((65_536, 65_536), 4, 1024),
    ],
)
def test_the_level(size: tuple[int, int], level: int, span: int) -> None:
    """HTTP-13: the lowest that has at most 4,096 tiles."""
    activity = Activity(*size, Watch())
    assert (activity.level, activity.span) == (level, span)


def test_where_it_is_counted() -> None:
    """HTTP-13: in the tile of that level which holds the tile that was drawn on."""
    activity = Activity(65_536, 65_536, Watch())
    activity.drawn([key(0, 0, 0), key(0, 15, 15), key(0, 16, 15)])
    run = PixelRun(b"".join(encode(Pixel(x, 65_535, 0, 0, 0)) for x in (*range(65_529, 65_536), 0)))
    activity.drawn_pixels(Pixels(run).by_tile())
    assert activity.recent(1) == [
        *(Cell(0, 0, 2), Cell(1, 0, 1)),
        *(Cell(0, 63, 1), Cell(63, 63, 7)),
    ]
    flat = Activity(65_536, 128, Watch())
    flat.drawn([key(0, 1023, 1), key(0, 1023, 1), key(0, 2, 0)])
    assert flat.recent(1) == [Cell(2, 0, 1), Cell(1023, 1, 2)]
    assert flat.level == 0


def test_how_long_it_is_counted() -> None:
    """HTTP-13: so many whole minutes and the one that runs, up to an hour."""
    watch = Watch()
    activity = Activity(512, 512, watch)
    activity.drawn([key(0, 1, 2)])
    watch.now = 119.9
    activity.drawn([key(0, 1, 2)])
    watch.now = 120.0
    activity.drawn([key(0, 3, 3)])
    assert activity.recent(1) == [Cell(1, 2, 2), Cell(3, 3, 1)]
    watch.now = 180.0
    assert activity.recent(1) == [Cell(3, 3, 1)]
    assert activity.recent(2) == [Cell(1, 2, 2), Cell(3, 3, 1)]
    watch.now = (1 + MINUTES_MAX) * 60 + 59.9
    assert activity.recent(MINUTES_MAX) == [Cell(1, 2, 2), Cell(3, 3, 1)]
    watch.now += 0.1
    assert activity.recent(MINUTES_MAX) == [Cell(3, 3, 1)]
    watch.now += 1e6
    assert activity.recent(MINUTES_MAX) == []


def test_what_is_kept_is_bounded() -> None:
    """HTTP-13: an hour of minutes, however long it runs."""
    watch = Watch()
    activity = Activity(65_536, 65_536, watch)
    for minute in range(200):
        watch.now = 60.0 * minute + 90
        activity.drawn([key(0, minute, minute)])
    assert len(activity._past) == MINUTES_MAX
    assert sum(cell.drawings for cell in activity.recent(MINUTES_MAX)) == MINUTES_MAX + 1


async def test_what_is_drawn_is_counted(tmp_path: Path) -> None:
    """HTTP-13: each message in each tile that it touches, in a run of pixels too."""
    async with serving(settings_in(tmp_path)) as site:
        assert (await site.get("/c/main/activity")).json() == {
            "minutes": 10,
            "level": 0,
            "span": 64,
            "cells": [],
        }
        await site.paint(Rect(0, 60, 0, 70, 9, 1, 2, 3))
        hub, session = site.hub(), site.painter()
        session.receive(b"".join(encode(Pixel(x, 100, 1, 2, 3)) for x in (1, 2, 3, 64, 65)))
        session.receive(encode(Pixel(1, 100, 1, 2, 3)))
        while hub.seq < 7:
            await site.get("/healthz")
        session.lost()
        body = (await site.get("/c/main/activity?minutes=60")).json()
        assert body["cells"] == [[0, 0, 1], [1, 0, 1], [0, 1, 4], [1, 1, 2]]


async def test_the_answer(tmp_path: Path) -> None:
    """HTTP-13, HTTP-6: open to any origin, kept for five seconds, bounded."""
    async with serving(settings_in(tmp_path, width=65_536, height=65_536)) as site:
        places = [key(0, 16 * tx, 16 * ty) for ty in range(64) for tx in range(64)]
        million = b"\0" * PIXEL_BYTES * 10**6
        paint = Pixels(PixelRun(million[:PIXEL_BYTES])).by_tile()[0].paint
        parts = [TilePixels(paint._replace(tile=tile), million, 0) for tile in places]
        for _ in range(100):
            site.hub().activity.drawn_pixels(parts)
        answer = await site.get("/c/main/activity?minutes=1", origin="https://elsewhere.test")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == "public, max-age=5"
        assert answer.headers["content-type"] == "application/json"
        body = json.loads(answer.content)
        assert len(body["cells"]) == CELLS_MAX
        assert (body["level"], body["span"]) == (4, 1024)
        assert len(answer.content) < 100_000
        for minutes in ("0", "61", "x", ""):
            await site.problem(f"/c/main/activity?minutes={minutes}", 422)
        await site.problem("/c/other/activity", 404)
