"""Where clients look, and what that makes them be sent."""

import random
from collections import Counter
from collections.abc import Iterable

from benchmarks.load.dialect import View

SCREEN_WIDTH, SCREEN_HEIGHT = 1920, 1080
HOT_CANVAS = (6144, 4096)
HOT_SCREEN = View(2000, 1500, 2000 + SCREEN_WIDTH - 1, 1500 + SCREEN_HEIGHT - 1)
"""The one screen that everybody paints on; shifted by a screen it is still on the canvas."""


def shifted(view: View, dx: int, dy: int) -> View:
    """The same rectangle elsewhere."""
    return View(view.x0 + dx, view.y0 + dy, view.x1 + dx, view.y1 + dy, view.level)


def hot_views(count: int, seed: int) -> list[View]:
    """Every other one exactly the hot screen, the rest shifted at random by up to a screen."""
    rng = random.Random(seed)
    return [
        shifted(
            HOT_SCREEN,
            rng.randint(-SCREEN_WIDTH, SCREEN_WIDTH),
            rng.randint(-SCREEN_HEIGHT, SCREEN_HEIGHT),
        )
        if index % 2
        else HOT_SCREEN
        for index in range(count)
    ]


def scattered_views(count: int, side: int, seed: int) -> list[View]:
    """Screens at random places of a canvas of ``side`` × ``side`` pixels."""
    rng = random.Random(seed)
    origin = View(0, 0, SCREEN_WIDTH - 1, SCREEN_HEIGHT - 1)
    return [
        shifted(origin, rng.randrange(side - SCREEN_WIDTH), rng.randrange(side - SCREEN_HEIGHT))
        for _ in range(count)
    ]


def expected_deliveries(painted: Iterable[tuple[int, int, int]], views: Iterable[View]) -> int:
    """How often the pixels of ``painted`` (tile column, row, count) have to be delivered."""
    tiles: Counter[tuple[int, int]] = Counter()
    for view in views:
        tx0, ty0, tx1, ty1 = view.tiles()
        tiles.update((tx, ty) for ty in range(ty0, ty1 + 1) for tx in range(tx0, tx1 + 1))
    return sum(count * tiles[tx, ty] for tx, ty, count in painted)
