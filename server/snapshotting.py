"""What a session is owed: stale tiles become live by one snapshot each."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from protocol.codec import encode
from server.session import Session
from tiles.geometry import centre_first
from tiles.residency import PIXELS_BYTES

if TYPE_CHECKING:
    from server.hub import Hub

_PYRAMID_STEPS = 32
"""Overview tiles that are computed at a time for one session: a millisecond."""
_AHEAD = 256
"""Tiles that are asked for along with one that isn't in memory."""
_AHEAD_SHARE = 8
"""They take at most one in so many bytes of the memory: else the first would leave again before
the session is written to."""
_AHEAD_S = 0.002
_ENCODED_MAX = 512
"""TILEs that are kept for the next session that is owed the same."""


class Snapshotting:
    """Takes the snapshots of one hub, at the pace that each line and each flush allows."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        room = hub.settings.memory_budget_bytes // (_AHEAD_SHARE * PIXELS_BYTES)
        self._ahead = min(_AHEAD, room)
        self._waiting: dict[Session, int] = {}
        """Sessions whose next snapshot can't be taken yet, and the number of their view."""
        self._encoded: dict[int, bytes] = {}
        self._encoded_seq = -1

    def waits(self, session: Session) -> bool:
        """Whether the session is woken when its next snapshot can be taken."""
        waits = self._waiting.get(session) == session.view.number
        return waits or session.outbox.window.room <= 0

    def leave(self, session: Session) -> None:
        """The session ended."""
        self._waiting.pop(session, None)

    def answered(self, session: Session) -> bool:
        """Whether every tile of the session's viewport was sent since it entered."""
        stale = session.view.stale
        return not stale or stale <= self._hub.overviews.refreshes(session).keys()

    def take(self, session: Session, deadline: float) -> list[bytes]:
        """Stale tiles become live: their TILEs, nearest the centre first, as many as there is room.

        At least one, if it can be had, so that every session gets on; more until ``deadline``. If
        none can be had yet, the line has enough to do, or the session has had so many bytes of them
        that it has to wait, it is woken when it can.
        """
        hub, view = self._hub, session.view
        tiles: list[bytes] = []
        if not view.stale or self.waits(session):
            return tiles
        assert session.identity is not None, "only an open session looks"
        bucket, now = session.identity.paces.snapshots, hub.scheduler.time()
        wait_s = bucket.wait_s(1, now)
        if wait_s > 0:
            self._wait_for(session, wait_s)
            return tiles
        line_room = session.outbox.window.room
        room = min(line_room, hub.settings.slow_reader_bytes, bucket.level(now))
        for tile in self._owed(session):
            missing: set[int] = set()
            if not hub.pyramid.advance(tile, _PYRAMID_STEPS, missing):
                if missing:
                    self._fetch(session, missing)
                break
            hub.viewing.settle(session, tile)
            if not (view.held and view.still_held(tile, hub.pyramid.seq(tile))):
                data = self._encode(tile)
                hub.overviews.sent(session, tile, len(data))
                tiles.append(data)
                room -= len(data)
            if room <= 0 or hub.scheduler.time() > deadline:
                break
        bucket.take(sum(map(len, tiles)), now)
        return tiles

    def _owed(self, session: Session) -> Iterator[int]:
        """The next tile to be sent, as long as it is settled before the one after it is asked for.

        What is owed anew comes after what the session has never seen, and may have to wait.
        """
        view, overviews = session.view, self._hub.overviews
        refreshes = overviews.refreshes(session)
        if not refreshes:
            while (tile := view.next_owed()) is not None:
                yield tile
            return
        if view.tiles is not None:
            yield from centre_first(view.tiles, list(view.stale - refreshes.keys()))
        for tile in list(refreshes):
            wait_s = overviews.wait_s(session)
            if wait_s > 0:
                self._wait_for(session, wait_s)
                return
            yield tile

    def _encode(self, tile: int) -> bytes:
        hub = self._hub
        if self._encoded_seq != hub.seq or len(self._encoded) >= _ENCODED_MAX:
            self._encoded = {}
            self._encoded_seq = hub.seq
        data = self._encoded.get(tile)
        if data is None:
            data = self._encoded[tile] = encode(hub.snapshots.tile(tile, hub.seq))
        return data

    def _fetch(self, session: Session, missing: set[int]) -> None:
        hub, number = self._hub, session.view.number
        end = hub.scheduler.time() + _AHEAD_S
        for tile in session.view.owed(self._ahead):
            if len(missing) >= self._ahead or hub.scheduler.time() > end:
                break  # looking for what is missing computes what isn't
            hub.pyramid.advance(tile, 1, missing)
        self._wait(session)
        hub.paging.fetch(missing, lambda: self._wake(session, number))

    def _wait(self, session: Session) -> None:
        self._waiting[session] = session.view.number

    def _wait_for(self, session: Session, seconds: float) -> None:
        self._wait(session)
        self._hub.scheduler.call_later(seconds, self._wake, session, session.view.number)

    def _wake(self, session: Session, number: int) -> None:
        if self._waiting.get(session) == number:
            session.wake()
            del self._waiting[session]
