"""Servers that are wrong in one place each: the simulation has to find every one of them."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple
from unittest.mock import patch

from protocol.messages import Ack
from server.fanout import Fanout
from server.feed import Feed
from server.identity import Identity
from server.outbox import Outbox
from server.reception import Reception
from server.session import Session
from server.viewing import Viewing
from tiles.geometry import Rectangle, TileRange, tile_range
from tiles.raster import Bytes
from tiles.residency import Resident, Residents


class LateViewing(Viewing):
    """Takes a tile for live before anybody is subscribed to it."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.late: dict[tuple[Session, int], None] = {}

    def settle(self, session: Session, tile: int) -> None:
        """The snapshot is fetched; the subscription comes later."""
        session.view.stale.remove(tile)
        self.stale_pairs -= 1
        self.late[session, tile] = None

    def subscribe(self) -> None:
        """Now it comes."""
        for session, tile in self.late:
            self.live.add((tile,), session.view.slot)
        self.late.clear()

    def _drop(self, session: Session, tiles: Iterable[int]) -> None:
        for tile in list(tiles):
            if (session, tile) in self.late:
                del self.late[session, tile]
            else:
                super()._drop(session, [tile])


class LateFanout(Fanout):
    """Subscribes after the snapshot: what is drawn between the two reaches nobody."""

    def _distribute(self, deadline: float) -> None:
        super()._distribute(deadline)
        viewing = self._hub.viewing
        assert isinstance(viewing, LateViewing)
        viewing.subscribe()


class UnorderedFeed(Feed):
    """Joins by tile right across a message that touches several: what came after goes before."""

    def add(self, tiles: Sequence[int], data: bytes) -> None:
        """See :meth:`server.feed.Feed.add`."""
        if len(tiles) != 1:
            super().add(tiles, data)
            return
        for part in self._parts:
            if isinstance(part, dict):
                part[tiles[0]] = bytes(part.get(tiles[0], b"")) + data
                return
        super().add(tiles, data)


def one_tile_too_many(level: int, box: Rectangle) -> TileRange:
    """Counts the right edge as one past the last tile, where that isn't the canvas's own edge."""
    tiles = tile_range(level, box)
    return tiles._replace(tx1=tiles.tx1 + (tiles.tx1 < 14 and level == 0))


def one_tile_too_few(level: int, box: Rectangle) -> TileRange:
    """Leaves the last column out, as ``range`` does."""
    tiles = tile_range(level, box)
    return tiles._replace(tx1=max(tiles.tx0, tiles.tx1 - 1))


class StickyViewing(Viewing):
    """Forgets to unsubscribe from a tile that leaves the viewport."""

    def _drop(self, session: Session, tiles: Iterable[int]) -> None:
        super()._drop(session, [tile for tile in tiles if tile in session.view.stale])


class HauntedViewing(Viewing):
    """Forgets to unsubscribe a session that ends."""

    def leave(self, session: Session) -> None:
        """See :meth:`server.viewing.Viewing.leave`."""
        self.stale_pairs -= len(session.view.stale)
        self.areas.drop(session.client)


class SnapshotFanout(Fanout):
    """Sends a changed tile afresh instead of what was drawn on it."""

    def _distribute(self, deadline: float) -> None:
        viewing = self._hub.viewing
        self._seq = self._hub.seq
        for tiles, _ in self._feed.take():
            for tile in tiles:
                for session in viewing.watchers(tile):
                    viewing.owe(session, tile)
                    self.due(session)


class EagerIdentity(Identity):
    """Calls durable what is merely ordered."""

    def ack(self) -> Ack:
        """See :meth:`server.identity.Identity.ack`."""
        return Ack(self.handled, self.handled, self.handled_seq)


class EagerReception(Reception):
    """Welcomes a session back before what it drew is durable."""

    def _welcome_if_durable(self, identity: Identity) -> None:
        identity.durable = identity.handled
        super()._welcome_if_durable(identity)


class UnfencedReception(Reception):
    """Goes on to take drawing from the connection that a session had before."""

    def _attach(self, session: Session, identity: Identity) -> None:
        identity.connection = None
        super()._attach(session, identity)


def keep_cursors(outbox: Outbox, box: Rectangle) -> None:
    """Leaves in the outbox a cursor that the viewport has moved away from."""


def put_over(record: Resident, base: Bytes) -> None:
    """Takes what was saved of a tile for newer than what was painted since."""
    assert record.pixels is not None
    record.pixels[:] = base


class ForgetfulResidents(Residents):
    """Lets tiles leave that aren't saved as they are."""

    def evict(self, looks: int, enough_bytes: int) -> None:
        """See :meth:`tiles.residency.Residents.evict`."""
        kept, self.unsaved = self.unsaved, set()
        for tile in kept:
            self.records[tile].unsaved = self.records[tile].mask is not None
        super().evict(looks, enough_bytes)


SHORT_OF_MEMORY = {"tests.simulation.world.BUDGETS_BYTES": (300_000,)}


class Mutant(NamedTuple):
    """What is replaced, by what, and the rules that it breaks: each alone must find it."""

    name: str
    replaced: dict[str, object]
    rules: tuple[str, ...]

    def patches(self) -> list[AbstractContextManager[object]]:
        """To be entered around a run."""
        return [patch(target, wrong) for target, wrong in self.replaced.items()]


MUTANTS = (
    Mutant(
        "subscribing after the snapshot",
        {"server.hub.Viewing": LateViewing, "server.hub.Fanout": LateFanout},
        ("FAN-1",),
    ),
    Mutant(
        "no order across a multi-tile message",
        {"server.fanout.Feed": UnorderedFeed},
        ("FAN-1", "FAN-3"),
    ),
    Mutant("a tile too many", {"server.viewing.tile_range": one_tile_too_many}, ("FAN-2",)),
    Mutant("a tile too few", {"server.viewing.tile_range": one_tile_too_few}, ("FAN-1",)),
    Mutant("a missed unsubscribe on pan", {"server.hub.Viewing": StickyViewing}, ("FAN-2",)),
    Mutant(
        "a missed unsubscribe at the end",
        {"server.hub.Viewing": HauntedViewing},
        ("FAN-6", "SES-5"),
    ),
    Mutant("snapshots for drawing", {"server.hub.Fanout": SnapshotFanout}, ("FAN-4",)),
    Mutant("an early ACK", {"server.identity.Identity": EagerIdentity}, ("ACK-2",)),
    Mutant("an early WELCOME", {"server.hub.Reception": EagerReception}, ("ONCE-3",)),
    Mutant(
        "a cursor that waited",
        {"server.outbox.Outbox.drop_cursors_outside": keep_cursors},
        ("AWR-1",),
    ),
    Mutant("no fence", {"server.hub.Reception": UnfencedReception}, ("ONCE-1",)),
    Mutant(
        "a base over what was painted",
        {"tiles.residency.put_under": put_over, **SHORT_OF_MEMORY},
        ("FAN-1",),
    ),
    Mutant(
        "unsaved tiles leave",
        {"tiles.canvas.Residents": ForgetfulResidents, **SHORT_OF_MEMORY},
        ("FAN-1",),
    ),
)
