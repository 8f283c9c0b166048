"""What a session is owed: stale tiles become live by one snapshot each."""

from typing import TYPE_CHECKING

from protocol.codec import encode
from server.session import Session

if TYPE_CHECKING:
    from server.hub import Hub

_PYRAMID_STEPS = 64
"""Overview tiles that one flush computes for one session."""


class Snapshotting:
    """Takes the snapshots of one hub, at the pace that each line and each flush allows."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub

    def take(self, session: Session, deadline: float) -> list[bytes]:
        """Stale tiles become live: their TILEs, nearest the centre first, as many as there is room.

        At least one, if it can be had, so that every session gets on; more until ``deadline``.
        """
        hub = self._hub
        tiles: list[bytes] = []
        room = hub.settings.slow_reader_bytes
        while room > 0:
            tile = session.view.next_owed()
            if tile is None or not hub.pyramid.advance(tile, _PYRAMID_STEPS):
                break
            data = encode(hub.snapshots.tile(tile, hub.seq))
            hub.viewing.settle(session, tile)
            tiles.append(data)
            room -= len(data)
            if hub.scheduler.time() > deadline:
                break
        return tiles
