"""What clients say besides drawing: where they look and point, who they are, whom they follow."""

from dataclasses import replace
from typing import TYPE_CHECKING

from protocol.errors import ProtocolError
from protocol.messages import CursorMove, Follow, PresenceSet, Viewport
from server.awareness import Awareness
from server.entering import Entering
from server.identity import Identities
from server.names import NAME_MAX_BYTES, clean_name
from server.session import Session, Wanted
from tiles.geometry import clip, tile_range
from tiles.log.base import Author

if TYPE_CHECKING:
    from server.hub import Hub


class Hearing:
    """Takes these messages for one hub. All raise :class:`ProtocolError` (4429) at a flood."""

    def __init__(
        self, hub: "Hub", entering: Entering, awareness: Awareness, identities: Identities
    ) -> None:
        self._hub = hub
        self._entering = entering
        self._awareness = awareness
        self._identities = identities

    def look(self, session: Session, viewport: Viewport, number: int) -> None:
        """Take a VIEWPORT; one that a later one overtakes before it is applied is skipped."""
        self._heard(session)
        if viewport.level >= self._hub.pyramid.levels:
            raise ProtocolError(f"there is no level {viewport.level}")
        info, most = self._hub.info, self._hub.settings.max_viewport_tiles
        corners = viewport.x0, viewport.y0, viewport.x1, viewport.y1
        box = clip(corners, info.width, info.height)
        if box is None:
            raise ProtocolError("the VIEWPORT is empty: none of it lies on the canvas")
        total = tile_range(viewport.level, box).total
        if total > most:
            session.notify(
                1,
                f"The viewport has {total:,} tiles, at most {most:,} are allowed: nothing changed.",
            )
            return
        self._entering.look(session, Wanted(number, viewport.level, box, viewport.known))

    def point(self, session: Session, cursor: CursorMove) -> None:
        """Take a CURSOR; off the canvas it is ignored."""
        self._heard(session)
        if cursor.x < self._hub.info.width and cursor.y < self._hub.info.height:
            self._awareness.move(session, cursor)

    def introduce(self, session: Session, presence: PresenceSet) -> None:
        """Take a PRESENCE."""
        self._heard(session)
        if len(presence.name.encode()) > NAME_MAX_BYTES:
            session.notify(1, f"A name has at most {NAME_MAX_BYTES} bytes: yours is not changed.")
            return
        name = clean_name(presence.name)
        self._awareness.introduce(session, replace(presence, name=name))
        if name != session.author.name:
            session.author = Author(session.author.session, name, session.address)

    def follow(self, session: Session, follow: Follow) -> None:
        """Take a FOLLOW."""
        self._heard(session)
        target = self._identities.by_client(follow.client)
        self._awareness.followers.follow(
            session, target.connection if target else None, follow.client
        )

    def _heard(self, session: Session) -> None:
        """Count what isn't drawing. Raises :class:`ProtocolError` (4429) at a flood."""
        assert session.identity is not None, "only an open session is heard"
        session.identity.paces.flood.said(self._hub.scheduler.time)
