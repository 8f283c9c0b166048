"""What this node offered and wasn't seen in the stream yet: published, and published again.

A publish may get no answer and its entry come all the same, or never, or twice. So what was offered
stays here until the stream delivers what decides about it, and is offered again after a while.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from tiles.log.base import Commit, LogError
from tiles.shared.claims import Claims
from tiles.shared.decisions import Decisions
from tiles.shared.entry import (
    JOINED_MAX_BYTES,
    PIECE_MAX_BYTES,
    VERSION,
    Draft,
    Entry,
    Offer,
    Piece,
    encode_entry,
    pieces,
)
from tiles.shared.pace import Pace

logger = logging.getLogger(__name__)

IN_FLIGHT_MAX = 4
"""Entries that are on their way; what is offered meanwhile is joined to the next."""
_AGAIN_INITIAL_S = 1.0
_AGAIN_MAX_S = 8.0


class _Published(NamedTuple):
    last_ticket: int
    offers: list[Offer]
    data: bytes
    """Without the claims, which are offered once."""
    number: int


class Offers:
    """The way from commits to entries. ``publish`` takes an entry's number and bytes."""

    def __init__(
        self, epoch: int, node: int, publish: Callable[[int, bytes], None], claims: Claims
    ) -> None:
        self._epoch = epoch
        self._claims = claims
        self._node = node
        self._publish = publish
        self._waiting: deque[Piece] = deque()
        self._published: deque[_Published] = deque()
        self._void: set[tuple[bytes, int]] = set()
        """Claims, by session, that the stream refused an offer for: it counts none of theirs."""
        self._number = 0
        self._pace = Pace()
        self._next_at = 0.0
        self._again_at = 0.0
        self._again_s = _AGAIN_INITIAL_S
        self.stalled_since: float | None = None
        """When the oldest of what is under way was published first."""

    def add(self, commit: Commit) -> list[tuple[bytes, int]]:
        """Have a commit offered.

        What one session drew at once, and no entry can hold, isn't: that claim, with its session,
        is returned. What is offered for it from here on goes on from what nobody has, so the stream
        makes it void; what was offered before still counts.
        """
        given_up: list[tuple[bytes, int]] = []
        for piece in pieces(commit):
            if piece.size > PIECE_MAX_BYTES:
                logger.error("a session drew too much at once for an entry; it has to come again")
                given_up += [(count.session, count.claim) for count in piece.commit.counts]
                self._waiting.append(Piece(Commit(piece.commit.ticket, [], []), 0))
            else:
                self._waiting.append(piece)
        return given_up

    def send(self, now: float) -> float:
        """Publish what waits, as far as there isn't too much under way.

        In how many seconds more may be published; 0 where nothing waits for the time alone.
        """
        while (self._waiting or self._claims) and len(self._published) < IN_FLIGHT_MAX:
            if now < self._next_at:
                return self._next_at - now
            self._next_at = now + self._pace.interval_s
            draft, size = Draft(), 0
            while self._waiting and (not size or size + self._waiting[0].size <= JOINED_MAX_BYTES):
                piece = self._waiting.popleft()
                draft.add(piece.commit)
                size += piece.size
            number = self._next_number()
            entry = Entry(VERSION, self._epoch, self._node, number, draft.offers, draft.drawn)
            data = encode_entry(entry)
            # The first parts of the first commit have no ticket, and have to come all the same.
            if draft.last_ticket or draft.offers:
                if not self._published:
                    self._begin(now)
                self._published.append(_Published(draft.last_ticket, draft.offers, data, number))
            claims = self._claims.take(number)
            if claims:
                data = encode_entry(msgspec.structs.replace(entry, claims=claims))
            self._publish(number, data)
        return 0.0

    def send_info(self, info: str) -> None:
        """Publish settings, once: who asked for them sees whether they come."""
        number = self._next_number()
        entry = Entry(VERSION, self._epoch, self._node, number, info=info)
        self._publish(number, encode_entry(entry))

    def seen(self, node: int, now: float) -> None:
        """Keep pace with an entry of any node's that the stream delivered."""
        self._pace.seen(node, now)

    def settle(self, decisions: Decisions, void: Iterable[tuple[bytes, int]], now: float) -> int:
        """Let go of what is decided; the last ticket of it, or 0.

        ``void`` are claims, by session, for which an entry of this node was refused.
        """
        if self._published:
            self._void.update(void)
        ticket = 0
        while self._published and all(
            self._decided(offer, decisions) for offer in self._published[0].offers
        ):
            ticket = self._published.popleft().last_ticket
            self._begin(now)
        if not self._published:
            self._void.clear()
            self.stalled_since = None
        return ticket

    def _decided(self, offer: Offer, decisions: Decisions) -> bool:
        """Whether nothing more can come of an offer, all before which are decided.

        ==============================  ==========================================================
        the session, up to here         the offer
        ==============================  ==========================================================
        claim refused (``_void``)       decided: it is void, wherever it comes
        not in memory                   hasn't come, or the session would be: it may be lost
        another claim's                 decided: it came before that, or is void
        this claim's, at ``since``      hasn't come, unless it moves nothing: it may be lost
        this claim's, elsewhere         decided: it came, or goes on from what was given up
        ==============================  ==========================================================

        A claim that was given up isn't in ``_void``: what it offered before counts and may be lost.
        """
        if (offer.session, offer.claim) in self._void:
            return True
        record = decisions.record(offer.session)
        if record is None:
            return False
        if record.claim != offer.claim:
            return True
        return record.handled != offer.since or offer.handled == offer.since

    def stall(self, now: float, answer_s: float) -> LogError | None:
        """An error where what is under way wasn't decided for so long."""
        since = self.stalled_since
        if since is None or now - since < answer_s:
            return None
        return LogError("the stream doesn't answer")

    def excuse(self, now: float) -> None:
        """Nothing could be decided up to now: the time of what is under way begins anew."""
        if self._published:
            self._begin(now)

    def again(self, now: float, *, at_once: bool = False) -> None:
        """Publish all that is under way again, if it is time: the first of it may be lost."""
        if self._published and (at_once or now >= self._again_at):
            self._again_s = _AGAIN_INITIAL_S if at_once else min(2 * self._again_s, _AGAIN_MAX_S)
            self._again_at = now + self._again_s
            for published in self._published:
                self._publish(published.number, published.data)

    def _begin(self, now: float) -> None:
        """Something is the first that is under way from here on."""
        self.stalled_since = now
        self._again_s = _AGAIN_INITIAL_S
        self._again_at = now + self._again_s

    def _next_number(self) -> int:
        self._number += 1
        return self._number
