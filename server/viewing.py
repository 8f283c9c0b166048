"""Which tiles each session looks at, and which of them are live and which stale.

    absent --enters the viewport--> stale --snapshot sent--> live
    absent --enters, known and unchanged--> live
    live --fell behind, or a level tile changed--> stale
    live, stale --leaves the viewport--> absent

A tile's subscribers are exactly the sessions that are live on it.
"""

from typing import TYPE_CHECKING

from tiles.geometry import Rectangle, TileRange, centre_first, key, tile_range
from tiles.subscriptions import Areas, TileSubscribers

if TYPE_CHECKING:
    from server.session import Session, Wanted
    from tiles.pyramid import Pyramid


class View:
    """What one session looks at. Tiles of ``tiles`` that aren't in ``stale`` are live."""

    __slots__ = ("_order", "box", "number", "stale", "tiles")

    def __init__(self) -> None:
        self.number = 0
        """How many VIEWPORTs of the connection this one is, or 0 before the first."""
        self.tiles: TileRange | None = None
        self.box: Rectangle | None = None
        self.stale: set[int] = set()
        self._order: list[int] | None = None

    @property
    def level(self) -> int:
        """The level looked at; 0 before the first VIEWPORT."""
        return self.tiles.level if self.tiles else 0

    @property
    def in_step(self) -> bool:
        """Whether no level-0 tile of it is owed, so that CLOCK may advance."""
        return not self.stale or self.level > 0

    def next_owed(self) -> int | None:
        """The stale tile nearest the centre."""
        if self._order is None:
            assert self.tiles is not None or not self.stale
            self._order = centre_first(self.tiles, list(self.stale))[::-1] if self.tiles else []
        while self._order:
            if self._order[-1] in self.stale:
                return self._order[-1]
            self._order.pop()
        return None

    def reorder(self) -> None:
        """Tiles became stale: find the order afresh when it is next asked for."""
        self._order = None


class Viewing:
    """The views of all sessions of a canvas; the only place where subscriptions change."""

    def __init__(self, pyramid: "Pyramid") -> None:
        self._pyramid = pyramid
        self.live: TileSubscribers[Session] = TileSubscribers()
        self.areas: Areas[Session] = Areas()
        self.stale_pairs = 0

    def change(self, session: "Session", wanted: "Wanted", seq: int) -> None:
        """Replace a session's viewport; ``seq`` is the canvas's."""
        view = session.view
        tiles = tile_range(wanted.level, wanted.box)
        old = set(view.tiles.keys()) if view.tiles else set()
        new = set(tiles.keys())
        for tile in old - new:
            self._drop(session, tile)
        through = {key(wanted.level, tx, ty): known for tx, ty, known in wanted.known}
        for tile in new - old:
            held = through.get(tile)
            if held is not None and self._unchanged(tile, held, seq):
                self.live.add(tile, session)
            else:
                view.stale.add(tile)
                self.stale_pairs += 1
        view.number, view.tiles, view.box = wanted.number, tiles, wanted.box
        view.reorder()
        self.areas.put(session.client, session, wanted.box)

    def owe(self, session: "Session", tile: int) -> None:
        """A live tile becomes stale; a tile that isn't live stays as it is."""
        if session not in self.live.of(tile):
            return
        self.live.remove(tile, session)
        session.view.stale.add(tile)
        session.view.reorder()
        self.stale_pairs += 1

    def owe_all(self, session: "Session") -> None:
        """Every tile of the session's viewport becomes stale."""
        if session.view.tiles is not None:
            for tile in session.view.tiles.keys():
                self.owe(session, tile)

    def settle(self, session: "Session", tile: int) -> None:
        """The snapshot of a stale tile is on its way: the tile is live."""
        session.view.stale.remove(tile)
        self.stale_pairs -= 1
        self.live.add(tile, session)

    def leave(self, session: "Session") -> None:
        """The session ended: it leaves every set and index."""
        if session.view.tiles is not None:
            for tile in session.view.tiles.keys():
                self._drop(session, tile)
        session.view = View()
        self.areas.drop(session.client)

    def _drop(self, session: "Session", tile: int) -> None:
        if tile in session.view.stale:
            session.view.stale.remove(tile)
            self.stale_pairs -= 1
        else:
            self.live.remove(tile, session)

    def _unchanged(self, tile: int, held: int, seq: int) -> bool:
        if held > seq or self._pyramid.is_dirty(tile):
            return False
        return self._pyramid.seq(tile) <= held
