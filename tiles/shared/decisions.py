"""What an entry of the stream comes to: decided while applying it, alike on every node.

A decision follows from the entries up to here and nothing else: no clock but the stream's, no
setting, no node. So all nodes hold the same sessions, the same drawing and the same seqs.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from tiles.log.base import REJECTIONS_KEPT, Batch, Mark, SessionCount
from tiles.shared.entry import CLAIM_INDEX_BITS, ClaimOffer, Entry, Offer, batch_of

SESSION_KEPT_MS = 30 * 24 * 3600 * 1000
"""A session that nothing was heard of for so long is unknown, by the stream's time."""


class Record:
    """A session as of here. ``ticket`` is the fold's commit that holds its last change."""

    __slots__ = ("claim", "client", "handled", "rejected", "seen_ms", "session", "ticket")

    def __init__(self, count: SessionCount) -> None:
        self.session = count.session
        self.handled = count.handled
        self.rejected = count.rejected
        self.seen_ms = count.seen_ms
        self.claim = count.claim
        self.client = count.client
        self.ticket = 0

    def count(self) -> SessionCount:
        """As the log keeps it."""
        return SessionCount(
            self.session, self.handled, self.rejected, self.seen_ms, self.claim, self.client
        )


class Granted(NamedTuple):
    """A claim that counts: whose ``request`` it was, and the session's count there."""

    request: int
    session: SessionCount


class Decision(NamedTuple):
    """What an entry came to. ``refused`` are claims that came too late, by request.

    ``void`` are the offers, as (session, claim), of who isn't the one to draw any more.
    """

    batches: list[Batch]
    counts: list[SessionCount]
    granted: list[Granted]
    refused: list[int]
    void: list[tuple[bytes, int]]


class Decisions:
    """The state that decides: seqs, places, and the sessions as far as they are in memory.

    ``seq`` and ``mark`` are where the node's fold has come. Sessions that aren't in memory are
    looked up by the caller: all of :meth:`absent` are to be given to :meth:`learn` first.
    """

    def __init__(self, seq: int, mark: Mark) -> None:
        self.seq = seq
        self.mark = mark
        self._records: OrderedDict[bytes, Record] = OrderedDict()
        """Those that changed last are last."""

    def __len__(self) -> int:
        return len(self._records)

    def record(self, session: bytes) -> Record | None:
        """A session that is in memory."""
        return self._records.get(session)

    def absent(self, entry: Entry) -> set[bytes]:
        """Sessions that the entry names and that aren't in memory; some don't exist."""
        named = {offer.session for offer in entry.offers}
        named.update(claim.session for claim in entry.claims)
        return {session for session in named if session not in self._records and any(session)}

    def learn(self, counts: Iterable[SessionCount]) -> None:
        """Take sessions into memory, as the fold holds them."""
        for count in counts:
            self._records.setdefault(count.session, Record(count))

    def forget(self, most: int, durable_ticket: int) -> None:
        """Keep ``most`` sessions in memory, and those that the fold doesn't hold yet."""
        while len(self._records) > most:
            session, record = next(iter(self._records.items()))
            if record.ticket > durable_ticket:
                break
            del self._records[session]

    def decide(self, place: int, time_ms: int, entry: Entry, ticket: int) -> Decision:
        """Apply the entry at ``place``, which follows the last; ``ticket`` is the fold's commit."""
        counts: dict[bytes, Record] = {}
        void: list[tuple[bytes, int]] = []
        counts_by_offer = [self._accept(offer, time_ms, void) for offer in entry.offers]
        batches: list[Batch] = []
        for drawn in entry.drawn:
            record = counts_by_offer[drawn.offer]
            if record is not None:
                batches.append(batch_of(drawn, record.session, self.seq + 1))
                self.seq += drawn.messages
        for record in counts_by_offer:
            if record is not None:
                counts[record.session] = record
        self.mark = Mark(place, self.mark.clients)
        granted: list[Granted] = []
        refused: list[int] = []
        for index, claim in enumerate(entry.claims):
            record = self._grant(claim, place, index, time_ms)
            if record is None:
                refused.append(claim.request)
            else:
                counts[record.session] = record
                granted.append(Granted(claim.request, record.count()))
        for record in counts.values():
            record.ticket = ticket
            self._records.pop(record.session, None)
            self._records[record.session] = record
        return Decision(
            batches, [record.count() for record in counts.values()], granted, refused, void
        )

    def _known(self, session: bytes, time_ms: int) -> Record | None:
        record = self._records.get(session) if any(session) else None
        if record is None or time_ms - record.seen_ms > SESSION_KEPT_MS:
            return None
        return record

    def _accept(self, offer: Offer, time_ms: int, void: list[tuple[bytes, int]]) -> Record | None:
        record = self._known(offer.session, time_ms)
        if record is None or record.claim != offer.claim:
            void.append((offer.session, offer.claim))
            return None
        if record.handled != offer.since or offer.handled < offer.since:
            return None  # it was published twice, or what comes before it got lost on the way
        record.handled = offer.handled
        record.rejected = (record.rejected + offer.rejected)[-REJECTIONS_KEPT:]
        record.seen_ms = time_ms
        return record

    def _grant(self, offer: ClaimOffer, place: int, index: int, time_ms: int) -> Record | None:
        record = self._known(offer.session, time_ms)
        if record is None:
            record = Record(SessionCount(offer.fresh, 0, (), time_ms))
        elif claim_place(record.claim) > offer.seen:
            return None
        if not record.client:  # it is new, or older than the stream
            self.mark = Mark(place, self.mark.clients + 1)
            record.client = self.mark.clients
        record.claim = (place << CLAIM_INDEX_BITS) + index
        record.seen_ms = time_ms
        return record


def claim_place(claim: int) -> int:
    """The place of the entry that made a claim."""
    return claim >> CLAIM_INDEX_BITS
