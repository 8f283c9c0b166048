"""FOLLOW across nodes: whom somebody here follows is asked for, and answers with what it looks at.

Both sides forget what isn't said again: who follows asks anew every few seconds, and the node where
the one who is followed is connected, whichever that is by then, answers that and tells each change.
"""

from collections.abc import Callable, Iterator
from itertools import islice

from server.cluster.bus import Bus, Subscription
from server.cluster.people_wire import Glimpse, Told, pack_clients, pack_glimpse
from server.followers import CANNOT, Followers
from server.person import ANONYMOUS
from server.session import Session

_ASK_S = 2.0
"""Time between two questions about a client that is followed."""
_INTEREST_S = 5.0
"""Who was asked for is told of for so long."""
_PATIENCE_S = 2.0
"""After so long without an answer a client can't be followed."""
_CLIENTS_MAX = 1024
"""In one message."""


class Watch:
    """A client that somebody here follows."""

    __slots__ = ("last", "subscription", "unanswered_since")

    def __init__(self, subscription: Subscription, unanswered_since: float | None) -> None:
        self.subscription = subscription
        self.unanswered_since = unanswered_since
        """``None`` once there was an answer, or where none is needed."""
        self.last: Glimpse | None = None


class Watching:
    """What is asked and answered about who is followed.

    ``heard`` takes the answers, which are for :meth:`answered`; ``find`` gives a session of this
    node by its client.
    """

    def __init__(
        self,
        bus: Bus,
        prefix: str,
        head: bytes,
        heard: Callable[[str, bytes], None],
        followers: Followers,
        find: Callable[[int], Session | None],
    ) -> None:
        self._bus = bus
        self._prefix = prefix
        self._head = head
        self._heard = heard
        self._followers = followers
        self._find = find
        self._watches: dict[int, Watch] = {}
        self._to_ask: dict[int, None] = {}
        self._next_asking = 0.0
        self._wanted: dict[int, float] = {}
        """Clients of this node that are followed elsewhere, and until when that is so."""
        self._changed: dict[int, None] = {}
        """Those of them of whom there is something to be told."""

    def __len__(self) -> int:
        return len(self._watches) + len(self._wanted)

    @property
    def due(self) -> bool:
        """Whether something is to be asked or told now."""
        return bool(self._to_ask or self._changed)

    # -- who follows ---------------------------------------------------------------------------

    def watch(self, client: int, now: float, *, here: bool) -> None:
        """One more session of this node follows a client, who is connected ``here`` or not."""
        watch = self._watches.get(client)
        if watch is None:
            subscription = self._bus.subscribe(self._subject(client), self._heard)
            watch = self._watches[client] = Watch(subscription, None if here else now)
        watch.last = None
        self._to_ask[client] = None

    def unwatch(self, client: int) -> None:
        """Nobody here follows that client any more."""
        self._to_ask.pop(client, None)
        watch = self._watches.pop(client, None)
        if watch is not None:
            watch.subscription.cancel()

    def answered(self, glimpse: Glimpse) -> None:
        """Another node says something of a client."""
        watch = self._watches.get(glimpse.client)
        if watch is None or self._find(glimpse.client) is not None:
            return
        waiting, watch.unanswered_since = watch.unanswered_since is not None, None
        if waiting and glimpse.told in {Told.NAMELESS, Told.UNWILLING}:
            self._followers.refuse(glimpse.client, CANNOT)
        elif glimpse.told is Told.UNWILLING:
            # Nameless is no reason: on a new connection it may not have said its name yet.
            self._followers.refuse(glimpse.client)
        elif glimpse.seen is not None and glimpse != watch.last:
            watch.last = glimpse
            self._followers.shown(glimpse.seen)

    # -- who is followed -----------------------------------------------------------------------

    def asked(self, client: int, now: float) -> None:
        """Somebody elsewhere follows a client."""
        if self._find(client) is not None:
            self._wanted[client] = now + _INTEREST_S
            self._changed[client] = None

    def changed(self, session: Session) -> None:
        """A session of this node looks elsewhere, or has another name."""
        if session.client in self._wanted:
            self._changed[session.client] = None

    # -- both ----------------------------------------------------------------------------------

    def work(self, now: float) -> Iterator[None]:
        """Ask and tell what is due, in steps."""
        for client in list(self._changed):
            session = self._find(client)
            if session is not None:
                record = self._head + pack_glimpse(session, _what_to_tell(session))
                self._bus.publish(self._subject(client), record)
            del self._changed[client]
            yield
        if now >= self._next_asking:
            self._next_asking = now + _ASK_S
            self._to_ask |= dict.fromkeys(self._watches)
            self._wanted = {
                client: until
                for client, until in self._wanted.items()
                if until > now and self._find(client) is not None
            }
        while self._to_ask:
            clients = list(islice(self._to_ask, _CLIENTS_MAX))
            self._bus.publish(f"{self._prefix}.follow", self._head + pack_clients(clients))
            for client in clients:
                del self._to_ask[client]
            yield
        for client, watch in list(self._watches.items()):
            since = watch.unanswered_since
            if since is not None and now - since > _PATIENCE_S:
                self._followers.refuse(client, CANNOT)
                yield

    def close(self) -> None:
        """Ask, tell and hear nothing more."""
        for client in list(self._watches):
            self.unwatch(client)
        self._wanted.clear()
        self._changed.clear()

    def _subject(self, client: int) -> str:
        return f"{self._prefix}.seen.{client}"


def _what_to_tell(session: Session) -> Told:
    if session.presence is ANONYMOUS:
        return Told.NAMELESS
    if not session.presence.name:
        return Told.UNWILLING
    return Told.LOOKS if session.view.box is not None else Told.WAITS
