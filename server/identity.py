"""Sessions as they outlive connections: how many messages they drew, and what was refused."""

import secrets
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from protocol.errors import RejectCode
from protocol.messages import SESSION_BYTES, Ack
from tiles.log.base import REJECTIONS_KEPT, SessionCount

if TYPE_CHECKING:
    from server.allowance import Allowance
    from server.paces import Paces
    from server.session import Session

_AWAY_MAX = 20_000
"""Identities of nobody who is connected; the ones that left first are left to the log."""
_SWEPT_AT_ONCE = 4096
CLIENT_MAX = 2**31 - 1
"""Clients' numbers on one server are 1 to that; in a cluster the stream gives them."""


class Identity:
    """One session: ``handled`` of its messages are ordered or rejected, ``durable`` durable.

    ``numbered`` have come: in a shared log the last of them wait to be ordered. ``handled_seq`` is
    the canvas's seq when the last one was handled. ``connection`` is the one that may draw in its
    name; whoever was that before is fenced.
    """

    def __init__(
        self,
        id: bytes,
        client: int,
        allowance: "Allowance",
        paces: "Paces",
        count: SessionCount | None,
    ) -> None:
        self.id = id
        self.client = client
        self.allowance = allowance
        self.paces = paces
        self.claim = count.claim if count else 0
        self.numbered = self.handled = self.durable = count.handled if count else 0
        self.handled_seq = 0
        self.logged = self.numbered
        """What the log was told last."""
        self.rejected = deque(count.rejected if count else (), maxlen=REJECTIONS_KEPT)
        self.connection: Session | None = None
        self.waiting: Session | None = None
        """Said HELLO and waits until all that was handled is durable."""
        self.detached_at = 0.0

    def reject(self, code: RejectCode) -> None:
        """Note that the last message was refused."""
        self.rejected.append((self.numbered, code))

    def ack(self) -> Ack:
        """How far its messages have come."""
        return Ack(self.handled, min(self.durable, self.handled), self.handled_seq)

    def count(self, now_ms: int) -> SessionCount:
        """What the log keeps of it. A shared one has given it its number for others already."""
        return SessionCount(
            self.id,
            self.numbered,
            tuple(self.rejected),
            now_ms,
            self.claim,
            self.client,
            self.logged,
        )


class Identities:
    """The identities in memory; those that are away for long are left to the log.

    However many sessions come and go, at most ``away_max`` are kept of those that went.
    """

    def __init__(self, keep_s: float, away_max: int = _AWAY_MAX) -> None:
        self._keep_s = keep_s
        self._away_max = away_max
        self._by_id: dict[bytes, Identity] = {}
        self._by_client: dict[int, Identity] = {}
        self._away: dict[Identity, None] = {}
        """Those that nobody is connected as, who left first first."""
        self._next_client = 1 + secrets.randbelow(CLIENT_MAX)
        """Anywhere, so that a number from before a restart is hardly ever somebody else's now."""

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Identity]:
        return iter(self._by_id.values())

    def get(self, id: bytes) -> Identity | None:
        """The identity in memory with that secret id."""
        return self._by_id.get(id)

    def by_client(self, client: int) -> Identity | None:
        """The identity that others know by that number."""
        return self._by_client.get(client)

    def create(
        self, allowance: "Allowance", paces: "Paces", count: SessionCount | None = None
    ) -> Identity:
        """A new identity, or the one that the log remembers as ``count``."""
        id = count.session if count else secrets.token_bytes(SESSION_BYTES)
        before = self._by_id.get(id)
        client = self._number(count.client if count else 0, before)
        identity = Identity(id, client, allowance, paces, count)
        if before is not None:
            self._away.pop(before, None)
        self._by_id[id] = identity
        self._by_client[client] = identity
        return identity

    def _number(self, known: int, before: Identity | None) -> int:
        """What others are to know a session by: as they did, unless another is called so."""
        if known and self._by_client.get(known, before) is before:
            return known
        while self._next_client in self._by_client:
            self._next_client = self._next_client % CLIENT_MAX + 1
        number, self._next_client = self._next_client, self._next_client % CLIENT_MAX + 1
        return number

    def came(self, identity: Identity) -> None:
        """Somebody is connected as it, or about to be."""
        self._away.pop(identity, None)

    def went(self, identity: Identity, now: float) -> None:
        """A connection as it ended."""
        if identity.connection is None and identity.waiting is None:
            identity.detached_at = now
            self._away.pop(identity, None)
            self._away[identity] = None

    def sweep(self, now: float) -> None:
        """Drop those that have been away for ``keep_s``, or are too many.

        What has something on its way to the log stays until that has come there.
        """
        for identity in list(islice(self._away, _SWEPT_AT_ONCE)):
            too_many = len(self._away) > self._away_max
            if not too_many and now - identity.detached_at <= self._keep_s:
                break
            del self._away[identity]
            if identity.durable >= identity.handled:  # more, where the last that it drew is void
                del self._by_id[identity.id]
                del self._by_client[identity.client]
            else:
                self._away[identity] = None
