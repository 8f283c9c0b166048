"""The claims that this node waits for: asked together, answered from the stream, given up in time.

A claim that isn't answered may count all the same, later: then nobody here is told, and who asks
for the session after that has it.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count

from protocol.messages import SESSION_BYTES
from tiles.log.base import LogError, SessionCount
from tiles.shared.decisions import Decision
from tiles.shared.entry import CLAIMS_MAX, ClaimOffer

Done = Callable[[SessionCount | LogError], None]


@dataclass(slots=True, eq=False)
class Claim:
    """Somebody waits for a session until ``deadline``; see :meth:`tiles.log.base.Log.claim`."""

    session: bytes
    done: Done
    seen: int | None
    deadline: float
    entry: int = 0
    """The number of the entry that it was offered with."""


class Claims:
    """On the loop's thread alone. ``place`` is how far the node has come in the stream."""

    def __init__(self, place: Callable[[], int], random: Callable[[int], bytes]) -> None:
        self._place = place
        self._random = random
        self._requests = count(1)
        self._asking: deque[Claim] = deque()
        """To be offered with the next entry."""
        self._offered: dict[int, Claim] = {}
        """By request."""

    def __bool__(self) -> bool:
        """Whether any is to be offered."""
        return bool(self._asking)

    def ask(self, claim: Claim) -> None:
        """Have a claim offered."""
        self._asking.append(claim)

    def take(self, entry: int) -> list[ClaimOffer]:
        """Claims that are offered with the entry of that number, and with no other."""
        place = self._place()
        offers: list[ClaimOffer] = []
        while self._asking and len(offers) < CLAIMS_MAX:
            claim = self._asking.popleft()
            claim.entry = entry
            request = next(self._requests)
            self._offered[request] = claim
            seen = place if claim.seen is None else claim.seen
            offers.append(ClaimOffer(request, claim.session, self._random(SESSION_BYTES), seen))
        return offers

    def answer(self, decision: Decision) -> None:
        """Hand on what an entry of this node's came to."""
        for request, found in decision.granted:
            claim = self._offered.pop(request, None)
            if claim is not None:
                claim.done(found)
        for request in decision.refused:
            claim = self._offered.pop(request, None)
            if claim is not None and claim.seen is None:
                self.ask(claim)
            elif claim is not None:
                claim.done(LogError("it was claimed meanwhile"))

    def again(self, entries: Iterable[int]) -> None:
        """Ask anew for what was offered with these entries, which may be lost."""
        lost = set(entries)
        for request, claim in list(self._offered.items()):
            if claim.entry in lost:
                self.ask(self._offered.pop(request))

    def give_up(self, error: LogError, now: float | None = None) -> None:
        """Answer with an error: all claims, or those whose time is over ``now``."""
        over = [
            claim
            for claim in (*self._asking, *self._offered.values())
            if now is None or claim.deadline < now
        ]
        if over:
            gone = set(over)
            self._asking = deque(claim for claim in self._asking if claim not in gone)
            self._offered = {
                request: claim for request, claim in self._offered.items() if claim not in gone
            }
            for claim in over:
                claim.done(error)
