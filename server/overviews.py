"""Keeps the tiles above level 0 fresh for whoever looks at them, a few times a second each.

Somebody who looks at a level sees all that happens below it, so what goes to them is bounded
twice: each tile comes afresh at most every ``interval_s``, and the TILEs that refresh a session's
view stay within a number of bytes a second. A tile that has to wait stays stale; it comes later, as
it is then, those that have waited longest first.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from server.bucket import Bucket, Rate
from server.supervisor import Service
from server.viewing import Viewing
from tiles.geometry import parent

if TYPE_CHECKING:
    from server.session import Session

_BURST_S = 2.0
_PUNCTUAL = 0.9
"""A tile is due again after this share of the interval: it goes out a little after a round."""


class _Refreshes:
    """What one zoomed-out session is owed anew, oldest first, and may be sent."""

    __slots__ = ("bucket", "level", "sent_at", "tiles")

    def __init__(self, level: int, bucket: Bucket) -> None:
        self.level = level
        self.tiles: dict[int, None] = {}
        self.sent_at: dict[int, float] = {}
        """When each tile of the view was sent last."""
        self.bucket = bucket
        """Of bytes."""


class Overviews:
    """Makes level tiles stale for their subscribers once something below them changed.

    ``bytes_per_second`` bounds what refreshes cost each session; 0: no limit.
    """

    def __init__(
        self,
        viewing: Viewing,
        service: Service,
        interval_s: float,
        bytes_per_second: float,
    ) -> None:
        self._viewing = viewing
        self._service = service
        self._interval_s = interval_s
        self._rate = Rate(_BURST_S * bytes_per_second, bytes_per_second)
        self._zoomed_out: dict[Session, _Refreshes] = {}
        self._touched: set[int] = set()
        self._early: set[int] = set()
        """Tiles above level 0 that changed and are looked at again in the next round."""
        self._last_round = -interval_s
        self._scheduled = False
        service.on_restart(self._start_over)

    def touch(self, tiles: Iterable[int]) -> None:
        """Level-0 tiles changed."""
        if not self._zoomed_out:
            return
        self._touched.update(tiles)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            wait = self._last_round + self._interval_s - self._service.time()
            self._service.call_later(max(0.0, wait), self._round)

    def _start_over(self) -> None:
        """It failed, wherever, and knows no longer what changed: every tile is owed anew."""
        self._scheduled = False
        for session, refreshes in self._zoomed_out.items():
            tiles = session.view.tiles
            assert tiles is not None, "it looks at a level above 0"
            for tile in tiles.keys():
                if tile not in session.view.stale:
                    self._viewing.owe(session, tile)
                    refreshes.tiles[tile] = None
            session.wake()
        self._schedule()

    def view_changed(self, session: "Session") -> None:
        """The session looks elsewhere."""
        level = session.view.level
        refreshes = self._zoomed_out.get(session)
        if level == 0:
            self._zoomed_out.pop(session, None)
        elif refreshes is None:
            bucket = Bucket(self._rate, self._service.time())
            self._zoomed_out[session] = _Refreshes(level, bucket)
        else:
            stale = session.view.stale
            refreshes.tiles = {tile: None for tile in refreshes.tiles if tile in stale}
            tiles = session.view.tiles
            assert tiles is not None, "it looks at a level above 0"
            if len(refreshes.sent_at) > 2 * tiles.total:
                refreshes.sent_at = {
                    tile: at for tile, at in refreshes.sent_at.items() if tiles.holds(tile)
                }
            refreshes.level = level

    def leave(self, session: "Session") -> None:
        """The session ended."""
        self._zoomed_out.pop(session, None)

    def refreshes(self, session: "Session") -> dict[int, None]:
        """The stale tiles that the session was sent before, those that wait longest first."""
        refreshes = self._zoomed_out.get(session)
        return refreshes.tiles if refreshes is not None else {}

    def wait_s(self, session: "Session") -> float:
        """So many seconds pass until the session may be sent a refresh; 0: it may now."""
        refreshes = self._zoomed_out.get(session)
        if refreshes is None:
            return 0.0
        return refreshes.bucket.wait_s(1, self._service.time())

    def sent(self, session: "Session", tile: int, size: int) -> None:
        """A TILE went to the session; only one that it was sent before is charged."""
        refreshes = self._zoomed_out.get(session)
        if refreshes is None:
            return
        now = self._service.time()
        refreshes.sent_at[tile] = now
        if tile in refreshes.tiles:
            del refreshes.tiles[tile]
            refreshes.bucket.take(size, now)

    def _round(self) -> None:
        self._scheduled = False
        self._last_round = self._service.time()
        level, self._touched = self._touched, set()
        changed, self._early = self._early, set()
        if not self._zoomed_out:
            return
        for _ in range(max(refreshes.level for refreshes in self._zoomed_out.values())):
            level = {parent(tile)[0] for tile in level}
            changed |= level
        # A tile that had to be fetched went out late: the next one isn't due yet.
        until = self._last_round - _PUNCTUAL * self._interval_s
        viewing = self._viewing
        woken: dict[Session, None] = {}
        for tile in changed:
            for session in viewing.watchers(tile):
                refreshes = self._zoomed_out.get(session)
                if refreshes is None:
                    continue  # its change of viewport failed, and is made again
                if refreshes.sent_at.get(tile, until) > until:
                    self._early.add(tile)
                else:
                    viewing.owe(session, tile)
                    refreshes.tiles[tile] = None
                    woken[session] = None
        for session in woken:
            session.wake()
        if self._early:
            self._schedule()
