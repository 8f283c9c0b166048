"""The people of other nodes, as far as this one has been told of them.

Nobody says for sure that a node died, or that its last words were lost: who isn't told of again for
a while is gone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from protocol.messages import CursorMove, PresenceSet
from protocol.session import State
from server.awareness import Awareness
from server.cluster.people_wire import Extent, check_spot, unpack_person
from server.cluster.regions import EVERYWHERE, regions_of
from server.person import ANONYMOUS
from server.session import Session
from tiles.geometry import Rectangle, overlap

GHOST_LIFE_S = 5.0
"""Whoever isn't told of for so long is gone."""
GHOSTS_MAX = 16_384
"""Others are overlooked until some of these are gone. A session hears of 64 at once."""
_RENEWED_S = 0.5
"""The time when somebody was last told of is noted so exactly."""


@dataclass(frozen=True, slots=True)
class Glance:
    """What a ghost looks at. A :class:`server.person.Sight`."""

    level: int = 0
    box: Rectangle | None = None


NOWHERE = Glance()


class Ghost:
    """A client of another node. A :class:`server.person.Person`."""

    __slots__ = (
        "client",
        "cursor",
        "heard_by",
        "node",
        "presence",
        "record",
        "regions",
        "state",
        "told_at",
        "view",
    )

    def __init__(self, client: int, node: bytes) -> None:
        self.client = client
        self.node = node
        """The one that told of it last."""
        self.told_at = 0.0
        self.record = b""
        """What it told."""
        self.regions: tuple[int, ...] = ()
        self.state = State.OPEN
        self.view = NOWHERE
        self.cursor: CursorMove | None = None
        self.presence: PresenceSet = ANONYMOUS
        self.heard_by: set[Session] = set()

    def __hash__(self) -> int:
        return self.client


class Ghosts:
    """All that are known, by client and by region; tells ``awareness`` what changes."""

    def __init__(self, awareness: Awareness, extent: Extent, most: int = GHOSTS_MAX) -> None:
        self.overlooked = 0
        """Records of people for whom there was no room."""
        self._awareness = awareness
        self._extent = extent
        self._most = most
        self._ghosts: dict[int, Ghost] = {}
        """Those who were told of longest ago first."""
        self._inside: dict[int, dict[Ghost, None]] = {}
        """By region, or :data:`EVERYWHERE`, who looks there."""

    def __len__(self) -> int:
        return len(self._ghosts)

    def get(self, client: int) -> Ghost | None:
        """The ghost with that number."""
        return self._ghosts.get(client)

    def near(self, box: Rectangle) -> Iterator[Ghost]:
        """Those whose viewport overlaps ``box``; some may come twice."""
        regions = regions_of(box)
        wide = EVERYWHERE in regions
        for region in list(self._inside) if wide else (*regions, EVERYWHERE):
            for ghost in self._inside.get(region, ()):
                if ghost.view.box is not None and overlap(ghost.view.box, box):
                    yield ghost

    def told(self, node: bytes, client: int, record: bytes, now: float) -> None:
        """Another node told of a client. Raises :class:`MalformedError`."""
        ghost = self._ghosts.get(client)
        if ghost is not None and ghost.record == record and ghost.node == node:
            self._renew(ghost, now)
            return
        here, level, box, cursor, presence = unpack_person(record, self._extent)
        if not here:
            if ghost is not None and ghost.node == node:
                self._lose(ghost)
            return
        if ghost is None:
            if len(self._ghosts) >= self._most:
                self.overlooked += 1
                return
            ghost = self._ghosts[client] = Ghost(client, node)
        ghost.node = node
        self._renew(ghost, now)
        view = Glance(level, box)
        if view != ghost.view:
            ghost.view = view
            self._place(ghost, regions_of(box))
            self._awareness.reframe(ghost)
        if presence != ghost.presence:
            self._awareness.rename(ghost, presence)
        if cursor is not None and cursor != ghost.cursor:
            self._awareness.move(ghost, cursor)
        # At last: if something failed before, the same record isn't passed over.
        ghost.record = record

    def moved(self, node: bytes, client: int, x: int, y: int, buttons: int) -> None:
        """Another node told where a client's cursor is; who it is may not be known yet.

        Raises :class:`MalformedError`.
        """
        check_spot(x, y, self._extent)
        ghost = self._ghosts.get(client)
        if ghost is not None and ghost.node == node:
            self._awareness.move(ghost, CursorMove(x, y, buttons))

    def expire(self, now: float) -> Iterator[None]:
        """Lose those who weren't told of for too long, in steps."""
        expired = []
        for ghost in self._ghosts.values():
            if now - ghost.told_at <= GHOST_LIFE_S:
                break
            expired.append(ghost)
        for ghost in expired:
            if now - ghost.told_at > GHOST_LIFE_S:
                self._lose(ghost)
                yield

    def drop(self, client: int) -> None:
        """A client is connected here: it is no ghost."""
        ghost = self._ghosts.get(client)
        if ghost is not None:
            self._lose(ghost)

    def _renew(self, ghost: Ghost, now: float) -> None:
        if now - ghost.told_at > _RENEWED_S:
            ghost.told_at = now
            self._ghosts.pop(ghost.client, None)
            self._ghosts[ghost.client] = ghost

    def _lose(self, ghost: Ghost) -> None:
        ghost.state = State.CLOSED
        ghost.view = NOWHERE
        self._awareness.lose(ghost)
        self._place(ghost, ())
        self._ghosts.pop(ghost.client, None)

    def _place(self, ghost: Ghost, regions: tuple[int, ...]) -> None:
        """Note where a ghost looks."""
        for region in ghost.regions:
            inside = self._inside[region]
            inside.pop(ghost, None)
            if not inside:
                del self._inside[region]
        ghost.regions = regions
        for region in regions:
            self._inside.setdefault(region, {})[ghost] = None
