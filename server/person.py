"""Who is heard of: a session of this node or a client of another, alike to who hears."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from protocol.messages import CursorMove, PresenceSet
from protocol.session import State
from tiles.geometry import Rectangle

if TYPE_CHECKING:
    from server.session import Session

ANONYMOUS = PresenceSet(128, 128, 128, "")
"""What is told of a client that has said nothing about itself."""


class Sight(Protocol):
    """What somebody looks at."""

    @property
    def box(self) -> Rectangle | None:
        """The viewport in canvas pixels; ``None`` before the first."""

    @property
    def level(self) -> int:
        """The level looked at."""


class Person(Protocol):
    """Somebody whom sessions of this node may hear of."""

    presence: PresenceSet
    cursor: CursorMove | None

    @property
    def client(self) -> int:
        """The number that others know this client by."""

    @property
    def state(self) -> State:
        """Where its connection stands, wherever that is."""

    @property
    def view(self) -> Sight:
        """What it looks at."""

    @property
    def heard_by(self) -> set["Session"]:
        """The sessions that hear of it."""


class Elsewhere(Protocol):
    """The other nodes: the people there, and what these nodes are told of the sessions here."""

    def near(self, box: Rectangle) -> Iterable[Person]:
        """The people there whose viewport overlaps ``box``; some may come twice."""

    def changed(self, session: "Session") -> None:
        """A session's viewport, name or colour is another one."""

    def moved(self, session: "Session") -> None:
        """A session's cursor moved: it is told with the others of this round."""

    def send(self) -> None:
        """The round has no more cursors that moved."""

    def left(self, session: "Session") -> None:
        """A session ended."""

    def watch(self, client: int, *, here: bool) -> bool:
        """One more session follows a client, who is connected ``here`` or else isn't.

        Whether that client may be found: if not, nothing is begun.
        """

    def unwatch(self, client: int) -> None:
        """Nobody follows that client any more."""

    def holds(self, session: "Session") -> bool:
        """Whether anything here still holds the session: for recounts."""

    def close(self) -> None:
        """Say and hear nothing more."""


class Nowhere:
    """There are no other nodes."""

    def near(self, box: Rectangle) -> Iterable[Person]:
        """See :meth:`Elsewhere.near`."""
        return ()

    def changed(self, session: "Session") -> None:
        """See :meth:`Elsewhere.changed`."""

    def moved(self, session: "Session") -> None:
        """See :meth:`Elsewhere.moved`."""

    def send(self) -> None:
        """See :meth:`Elsewhere.send`."""

    def left(self, session: "Session") -> None:
        """See :meth:`Elsewhere.left`."""

    def watch(self, client: int, *, here: bool) -> bool:
        """See :meth:`Elsewhere.watch`."""
        return here

    def unwatch(self, client: int) -> None:
        """See :meth:`Elsewhere.unwatch`."""

    def holds(self, session: "Session") -> bool:
        """See :meth:`Elsewhere.holds`."""
        return False

    def close(self) -> None:
        """See :meth:`Elsewhere.close`."""
