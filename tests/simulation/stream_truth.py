"""What really happened on a canvas that nodes share: the stream's entries, read once more.

It is told of each entry as the stream takes it, and decides by rules of its own making what that
comes to: the nodes' decisions are compared with these.
"""

from dataclasses import dataclass

from server.session import Session
from tests.simulation.truth import Truth
from tests.simulation.verdict import Verdict
from tiles.log.base import Author, Batch, CanvasInfo
from tiles.shared.entry import ClaimOffer, Drawn, Offer, decode_entry
from tiles.shared.stream import Delivered


@dataclass(slots=True)
class Standing:
    """A session: its number for others, who claimed it last and where, what was counted."""

    client: int
    claim: int = 0
    claimed_at: int = 0
    handled: int = 0
    rejected: tuple[tuple[int, int], ...] = ()


class StreamTruth(Truth):
    """One stream's. What stands in it is durable."""

    def __init__(self, verdict: Verdict, info: CanvasInfo) -> None:
        super().__init__(verdict, info, lambda: self.seq)
        self.batches: list[Batch] = []
        self.sessions: dict[bytes, Standing] = {}
        self.void = 0
        """Offers that came too late, or twice."""
        self._claimed: dict[tuple[bytes, int], int] = {}

    def stored(self, delivered: Delivered) -> None:
        """The stream took an entry."""
        entry = decode_entry(delivered.data)
        counted = [self._counts(offer) for offer in entry.offers]
        for drawn in entry.drawn:
            if counted[drawn.offer]:
                self._draw(entry.offers[drawn.offer].session, drawn)
        for index, claim in enumerate(entry.claims):
            self._claim(claim, delivered.place, index)

    def _counts(self, offer: Offer) -> bool:
        standing = self.sessions.get(offer.session)
        if standing is None or (standing.claim, standing.handled) != (offer.claim, offer.since):
            self.void += 1
            return False
        standing.handled = offer.handled
        standing.rejected = (standing.rejected + offer.rejected)[-256:]
        return True

    def _draw(self, session: bytes, drawn: Drawn) -> None:
        author = Author(session, drawn.name, drawn.address, drawn.subject)
        first, last = self.seq + 1, self.seq + drawn.messages
        batch = Batch(first, last, author, drawn.time_ms, drawn.box, drawn.data)
        self.batches.append(batch)
        self.ordered(batch)

    def _claim(self, offer: ClaimOffer, place: int, index: int) -> None:
        session = offer.session
        if session not in self.sessions:
            session = offer.fresh
            self.sessions[session] = Standing(len(self.sessions) + 1)
        standing = self.sessions[session]
        if standing.claimed_at <= offer.seen:
            standing.claimed_at, standing.claim = place, (place << 16) + index
            self._claimed[session, standing.claim] = standing.handled

    def claimed(self, session: Session) -> int | None:
        """See :meth:`tests.simulation.truth.Truth.claimed`."""
        identity = session.identity
        assert identity is not None, "who is welcomed has one"
        return self._claimed.get((identity.id, identity.claim), -1)

    def current(self, session: Session) -> bool:
        """See :meth:`tests.simulation.truth.Truth.current`."""
        identity = session.identity
        return identity is not None and self.sessions[identity.id].claim == identity.claim
