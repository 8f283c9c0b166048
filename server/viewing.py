"""Which tiles each session looks at, and which of them are live and which stale.

    absent --enters the viewport--> stale --snapshot sent--> live
    absent --enters, known and unchanged--> live
    live --fell behind, or a level tile changed--> stale
    live, stale --leaves the viewport--> absent

A tile's subscribers are exactly the sessions that are live on it.
"""

from collections.abc import Collection, Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from tiles.geometry import Rectangle, TileRange, centre_first, key, overlap, tile_range
from tiles.subscriptions import Areas, TileSubscribers

if TYPE_CHECKING:
    from server.session import Session, Wanted
    from tiles.pyramid import Pyramid


class View:
    """What one session looks at. Tiles of ``tiles`` that aren't in ``stale`` are live."""

    __slots__ = ("_order", "box", "held", "number", "slot", "stale", "tiles")

    def __init__(self) -> None:
        self.slot = -1
        """The session's number among those that look, or -1 before the first VIEWPORT."""
        self.number = 0
        """How many VIEWPORTs of the connection this one is, or 0 before the first."""
        self.tiles: TileRange | None = None
        self.box: Rectangle | None = None
        self.stale: set[int] = set()
        self.held: dict[int, int] = {}
        """Stale tiles that the client holds, complete through a seq, changed or not: their seq
        wasn't known when they entered."""
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

    def owed(self, limit: int) -> list[int]:
        """The stale tiles nearest the centre, at most so many."""
        if self.next_owed() is None or self._order is None:
            return []
        return [tile for tile in self._order[: -limit - 1 : -1] if tile in self.stale]

    def still_held(self, tile: int, seq: int) -> bool:
        """Whether the client holds a tile that entered stale as it is, ``seq`` being the tile's."""
        held = self.held.pop(tile, None)
        return held is not None and seq <= held

    def reorder(self) -> None:
        """Tiles became stale: find the order afresh when it is next asked for."""
        self._order = None


class Viewing:
    """The views of all sessions of a canvas; the only place where subscriptions change."""

    def __init__(self, pyramid: "Pyramid") -> None:
        self._pyramid = pyramid
        self.live = TileSubscribers()
        """By the sessions' slots."""
        self.areas: Areas[Session] = Areas()
        self.stale_pairs = 0
        self.slots: list[Session | None] = []
        """Who looks, by slot; a slot that is left goes to the next who comes."""
        self._free: list[int] = []

    def change(self, session: "Session", wanted: "Wanted", seq: int) -> None:
        """Replace a session's viewport; ``seq`` is the canvas's."""
        view = session.view
        if view.slot < 0:
            view.slot = self._take_slot(session)
        tiles, old = tile_range(wanted.level, wanted.box), view.tiles
        if old is not None:
            self._drop(session, old.keys_outside(tiles))
        entered = tiles.keys_outside(old)
        if wanted.known:
            entered = self._enter_known(view, wanted, entered, seq)
        view.stale.update(entered)
        self.stale_pairs += len(entered)
        view.number, view.tiles, view.box = wanted.number, tiles, wanted.box
        view.reorder()
        self.areas.put(session.client, session, wanted.box)

    def watchers(self, tile: int) -> list["Session"]:
        """The sessions that are live on a tile."""
        found = (self.slots[slot] for slot in self.live.of(tile))
        return [session for session in found if session is not None]

    def neighbours(self, session: "Session") -> Iterator["Session"]:
        """The others whose viewport overlaps the session's; some may come twice.

        First who is live on the tile at its centre: in a crowd these are plenty, and the R-tree
        would take milliseconds to name everybody.
        """
        tiles, box = session.view.tiles, session.view.box
        if tiles is None or box is None:
            return
        centre = key(tiles.level, (tiles.tx0 + tiles.tx1) >> 1, (tiles.ty0 + tiles.ty1) >> 1)
        for slot in self.live.of(centre):
            other = self.slots[slot]
            if other is None or other is session or other.view.box is None:
                continue
            if overlap(box, other.view.box):
                yield other
        for other in self.areas.overlapping(box):
            if other is not session:
                yield other

    def owe(self, session: "Session", tile: int) -> None:
        """A live tile becomes stale; a tile that isn't live stays as it is."""
        view = session.view
        if not self.live.holds(tile, view.slot):
            return
        self.live.remove((tile,), view.slot)
        view.stale.add(tile)
        view.reorder()
        self.stale_pairs += 1

    def renew(self, session: "Session", wanted: "Wanted | None") -> None:
        """Every tile of the session's viewport becomes stale.

        Something may have failed, wherever: ``wanted`` is a viewport that it may have in part.
        """
        view = session.view
        if view.slot >= 0:
            within = [] if view.tiles is None else list(view.tiles.keys())
            if wanted is not None:
                within += tile_range(wanted.level, wanted.box).keys()
            for tile in within:
                if self.live.holds(tile, view.slot):
                    self.live.remove((tile,), view.slot)
        self._renew(session)

    def renew_all(self, sessions: Collection["Session"]) -> None:
        """The same for all there are, in whatever state the subscriptions are."""
        self.live = TileSubscribers()
        for session in sessions:
            self._renew(session)
        self.stale_pairs = sum(len(session.view.stale) for session in sessions)

    def _renew(self, session: "Session") -> None:
        view = session.view
        before = len(view.stale)
        view.held.clear()
        view.stale = set() if view.tiles is None else set(view.tiles.keys())
        view.reorder()
        self.stale_pairs += len(view.stale) - before
        if view.box is not None:
            self.areas.put(session.client, session, view.box)

    def settle(self, session: "Session", tile: int) -> None:
        """The snapshot of a stale tile is on its way: the tile is live."""
        view = session.view
        view.stale.remove(tile)
        if not view.stale:
            view.stale = set()  # a set that was large stays so, however little it holds
        self.stale_pairs -= 1
        self.live.add((tile,), view.slot)

    def leave(self, session: "Session") -> None:
        """The session ended: it leaves every set and index."""
        if session.view.tiles is not None:
            self._drop(session, list(session.view.tiles.keys()))
        if session.view.slot >= 0:
            self._leave_slot(session.view.slot)
        session.view = View()
        self.areas.drop(session.client)

    def _drop(self, session: "Session", tiles: list[int]) -> None:
        """These tiles leave the viewport."""
        view = session.view
        if view.stale:
            gone = view.stale.intersection(tiles)
            view.stale -= gone
            for tile in gone:
                view.held.pop(tile, None)
            self.stale_pairs -= len(gone)
            tiles = [tile for tile in tiles if tile not in gone]
        self.live.remove(tiles, view.slot)

    def _enter_known(self, view: View, wanted: "Wanted", entered: list[int], seq: int) -> list[int]:
        """What the client holds as it is becomes live; the tiles that it has to be sent."""
        level = wanted.level
        through = {key(level, tx, ty): known for tx, ty, known in wanted.known if known <= seq}
        held = {tile: through[tile] for tile in entered if tile in through}
        live = self._pyramid.unchanged(held)
        self.live.add(live, view.slot)
        for tile in held.keys() - live:
            if self._pyramid.is_dirty(tile):
                view.held[tile] = held[tile]
        return [tile for tile in entered if tile not in live]

    def _take_slot(self, session: "Session") -> int:
        if not self._free:
            self.slots.append(session)
            return len(self.slots) - 1
        slot = heappop(self._free)  # the lowest, so that masks stay short
        self.slots[slot] = session
        return slot

    def _leave_slot(self, slot: int) -> None:
        self.slots[slot] = None
        heappush(self._free, slot)
