"""Holds a client's VIEWPORTs to a number of tiles a second that come into its view.

Who moves faster than that isn't refused: the latest VIEWPORT is applied a little later.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from protocol.session import State
from server.session import Session, Wanted
from tiles.geometry import TileRange
from tiles.loop import Scheduler

if TYPE_CHECKING:
    from server.bucket import Bucket


class Entering:
    """Hands VIEWPORTs to ``look``, which applies them with the next flush."""

    def __init__(self, scheduler: Scheduler, look: Callable[[Session, Wanted], None]) -> None:
        self._scheduler = scheduler
        self._look = look
        self._waiting: dict[Session, Wanted] = {}
        self._tiles: dict[Session, TileRange] = {}
        """What each session looks at."""

    def look(self, session: Session, wanted: Wanted) -> None:
        """Take a VIEWPORT: the only one of the session that still counts."""
        if session in self._waiting:
            self._waiting[session] = wanted
            return
        wait_s = _bucket(session).wait_s(1, self._scheduler.time())
        if wait_s > 0:
            self._waiting[session] = wanted
            self._scheduler.call_later(wait_s, self._waited, session)
        else:
            self._look(session, wanted)

    def changed(self, session: Session) -> None:
        """The session's VIEWPORT is applied: what came into its view is paid for."""
        old, new = self._tiles.get(session), session.view.tiles
        assert new is not None, "a VIEWPORT is applied"
        self._tiles[session] = new
        _bucket(session).take(new.total - _common(old, new), self._scheduler.time())

    def leave(self, session: Session) -> None:
        """The session ended."""
        self._waiting.pop(session, None)
        self._tiles.pop(session, None)

    def holds(self, session: Session) -> bool:
        """Whether anything here still holds the session: for recounts."""
        return session in self._waiting or session in self._tiles

    def _waited(self, session: Session) -> None:
        wanted = self._waiting.pop(session, None)
        if wanted is not None and session.state is State.OPEN:
            self.look(session, wanted)


def _bucket(session: Session) -> "Bucket":
    assert session.identity is not None, "only an open session looks"
    return session.identity.paces.entering


def _common(a: TileRange | None, b: TileRange) -> int:
    """How many tiles are in both."""
    if a is None or a.level != b.level:
        return 0
    columns = min(a.tx1, b.tx1) - max(a.tx0, b.tx0) + 1
    rows = min(a.ty1, b.ty1) - max(a.ty0, b.ty0) + 1
    return max(0, columns) * max(0, rows)
