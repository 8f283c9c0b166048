"""Keeps the tiles above level 0 fresh for whoever looks at them, a few times a second each."""

from collections.abc import Iterable

from server.line import Scheduler
from server.viewing import Viewing
from tiles.geometry import parent


class Overviews:
    """Makes level tiles stale for their subscribers once something below them changed."""

    def __init__(
        self, viewing: Viewing, scheduler: Scheduler, levels: int, interval_s: float
    ) -> None:
        self._viewing = viewing
        self._scheduler = scheduler
        self._levels = levels
        self._interval_s = interval_s
        self._touched: set[int] = set()
        self._last_round = -interval_s
        self._scheduled = False

    def touch(self, tiles: Iterable[int]) -> None:
        """Level-0 tiles changed."""
        self._touched.update(tiles)
        if not self._scheduled:
            self._scheduled = True
            wait = self._last_round + self._interval_s - self._scheduler.time()
            self._scheduler.call_later(max(0.0, wait), self._round)

    def _round(self) -> None:
        self._scheduled = False
        self._last_round = self._scheduler.time()
        level, self._touched = self._touched, set()
        for _ in range(1, self._levels):
            level = {parent(tile)[0] for tile in level}
            for tile in level:
                for session in list(self._viewing.live.of(tile)):
                    self._viewing.owe(session, tile)
                    session.wake()
