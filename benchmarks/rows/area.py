"""Who is to get a message that touches many tiles: asked of the tiles' sets, or of the R-tree.

Both are the server's own classes, in this process: no sockets, nothing else under load.
"""

import random
from collections.abc import Callable
from itertools import chain
from time import perf_counter

from benchmarks.results import RowResult
from benchmarks.run import Run
from tiles.geometry import Rectangle, TileRange, overlap, tile_range
from tiles.subscriptions import Areas, TileSubscribers

NAME = "area"
TITLE = "Area: finding the audience of a rectangle, by tile sets and by R-tree"

_CANVAS = 65_536
_SIDES = (1, 4, 16, 64)
"""Tiles along the side of the rectangle; 64 × 64 is as many as a message may touch."""
_CROWDS = (("spread", 20), ("spread", 1000), ("on one screen", 100), ("on one screen", 1000))
_REPEATS = 15
_SEED = 1


def planned_s(run: Run) -> float:
    """About how long the row takes."""
    return 12.0


def run_row(run: Run) -> RowResult:
    """Run the row."""
    result = RowResult(NAME, TITLE)
    for place, viewers in _CROWDS:
        run.say(f"{NAME}: {viewers:,} viewers {place}")
        crowd = _Crowd(_views(place == "spread", viewers))
        for side in _SIDES:
            start, end = _CANVAS // 2, _CANVAS // 2 + 64 * side - 1
            box = (start, start, end, end)
            by_sets, by_tree = crowd.by_sets(box), crowd.by_tree(box)
            assert by_sets == by_tree, "both find the same"
            result.lines.append(
                {
                    "viewers": viewers,
                    "where": place,
                    "tiles touched": side * side,
                    "found": len(by_sets),
                    "tile sets µs": _fastest_us(crowd.by_sets, box),
                    "R-tree µs": _fastest_us(crowd.by_tree, box),
                }
            )
    result.notes.append(
        "A message that touches 4,096 tiles takes 10 ms and more to paint, whoever looks."
    )
    return result


def _views(spread: bool, viewers: int) -> list[Rectangle]:
    rng = random.Random(_SEED)
    half = _CANVAS // 2
    views = []
    for _ in range(viewers):
        x = rng.randrange(_CANVAS - 1920) if spread else half + rng.randrange(-960, 960)
        y = rng.randrange(_CANVAS - 1080) if spread else half + rng.randrange(-540, 540)
        views.append((x, y, x + 1919, y + 1079))
    return views


class _Crowd:
    """Viewers that are live on all of their tiles."""

    def __init__(self, views: list[Rectangle]) -> None:
        self._live = TileSubscribers()
        self._areas: Areas[int] = Areas()
        self._tiles: list[TileRange] = []
        for number, view in enumerate(views):
            tiles = tile_range(0, view)
            self._tiles.append(tiles)
            self._areas.put(number, number, view)
            self._live.add(tiles.keys(), number)

    def by_sets(self, box: Rectangle) -> set[int]:
        """Whoever is live on one of the tiles."""
        found = map(self._live.of, tile_range(0, box).keys())
        return {int(number) for number in chain.from_iterable(found)}

    def by_tree(self, box: Rectangle) -> set[int]:
        """Whoever's viewport has one of the tiles; the R-tree knows pixels, tiles reach further."""
        touched = tile_range(0, box)
        x0, y0, x1, y1 = box
        near = self._areas.overlapping((x0 - 63, y0 - 63, x1 + 63, y1 + 63))
        return {number for number in near if overlap(self._tiles[number][1:], touched[1:])}


def _fastest_us(ask: Callable[[Rectangle], object], box: Rectangle) -> float:
    took = []
    for _ in range(_REPEATS):
        started = perf_counter()
        ask(box)
        took.append(perf_counter() - started)
    return min(took) * 1e6
