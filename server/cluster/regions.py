"""Regions: the squares of the canvas by which nodes tell each other of cursors and people.

A node listens to the regions that its sessions' viewports touch, and to no others. A viewport over
many regions counts as being everywhere.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from server.cluster.bus import Bus, Subscription
from tiles.geometry import Rectangle, key, tile_at, tile_range, unkey

if TYPE_CHECKING:
    from server.session import Session

REGION_LEVEL = 5
"""A region is a tile of this level, 2,048 pixels a side: a screen touches one to four, and a canvas
has at most 1,024 of them."""
REGIONS_MAX = 16
"""A rectangle that touches more regions, so one of over 8,000 pixels a side, is everywhere."""
EVERYWHERE = -1
"""What stands for the regions of such a rectangle."""
ALL = -2
"""What stands for all regions, and for everywhere."""

Heard = Callable[[str, bytes], None]
"""Takes a subject and data, as :meth:`server.cluster.bus.Bus.subscribe` has it."""


def regions_of(box: Rectangle | None) -> tuple[int, ...]:
    """The regions that a rectangle touches, or only :data:`EVERYWHERE` where these are too many."""
    if box is None:
        return ()
    tiles = tile_range(REGION_LEVEL, box)
    return (EVERYWHERE,) if tiles.total > REGIONS_MAX else tuple(tiles.keys())


def region_at(x: int, y: int) -> int:
    """The region that holds a pixel."""
    _, tx, ty = unkey(tile_at(x, y))
    return key(REGION_LEVEL, tx >> REGION_LEVEL, ty >> REGION_LEVEL)


def subject(prefix: str, kind: str, region: int) -> str:
    """The subject of a region; :data:`EVERYWHERE` is the one of those who are everywhere."""
    if region == EVERYWHERE:
        return f"{prefix}.{kind}.wide"
    _, tx, ty = unkey(region)
    return f"{prefix}.{kind}.{tx}.{ty}"


class Listening:
    """The regions that a node listens to, counted by the sessions that look there.

    Its subjects are ``{prefix}.cursors.{rx}.{ry}`` and ``{prefix}.people.{rx}.{ry}``, and
    ``{prefix}.people.wide`` as long as anybody looks anywhere.
    """

    def __init__(self, bus: Bus, prefix: str, cursors: Heard, people: Heard) -> None:
        self._bus = bus
        self._prefix = prefix
        self._heard = {"cursors": cursors, "people": people}
        self._looks: dict[Session, tuple[int, ...]] = {}
        self._lookers: dict[int, int] = {}
        """How many sessions look at each region; of :data:`EVERYWHERE`, how many are so."""
        self._subscriptions: dict[str, Subscription] = {}

    def __len__(self) -> int:
        return len(self._looks)

    def __contains__(self, session: "Session") -> bool:
        return session in self._looks

    @property
    def subjects(self) -> Iterable[str]:
        """What is subscribed to."""
        return self._subscriptions.keys()

    def look(self, session: "Session", box: Rectangle | None) -> None:
        """A session has that viewport; with ``None`` it looks nowhere."""
        before, after = self._looks.get(session, ()), regions_of(box)
        if before == after:
            return
        for region in after:
            self._lookers[region] = self._lookers.get(region, 0) + 1
        for region in before:
            self._lookers[region] -= 1
            if self._lookers[region] == 0:
                del self._lookers[region]
        if after:
            self._looks[session] = after
        else:
            del self._looks[session]

    def settle(self) -> list[int]:
        """Subscribe to what is looked at now; the regions whose people aren't known yet."""
        wanted = self._wanted()
        held = self._subscriptions
        fresh = [name for name in wanted if name not in held]
        informed = self._all("people") in held
        for name in fresh:
            held[name] = self._bus.subscribe(name, self._heard[wanted[name][0]])
        # Only now: what the old ones heard is heard all the time.
        for name in [name for name in held if name not in wanted]:
            held.pop(name).cancel()
        if informed:
            return []
        return [wanted[name][1] for name in fresh if wanted[name][0] == "people"]

    def close(self) -> None:
        """Hear nothing more."""
        self._looks.clear()
        self._lookers.clear()
        self.settle()

    def _wanted(self) -> dict[str, tuple[str, int]]:
        """The subjects, each with its kind and region."""
        if not self._lookers:
            return {}
        if EVERYWHERE in self._lookers:
            return {self._all(kind): (kind, ALL) for kind in self._heard}
        wanted = {
            subject(self._prefix, kind, region): (kind, region)
            for kind in self._heard
            for region in self._lookers
        }
        wanted[subject(self._prefix, "people", EVERYWHERE)] = ("people", EVERYWHERE)
        return wanted

    def _all(self, kind: str) -> str:
        return f"{self._prefix}.{kind}.>"
