"""What a log holds of everybody's drawing, held to what they were promised."""

from collections import Counter

from protocol.messages import Drawing
from tests.faults.artist import Promise
from tests.faults.signature import Signature
from tests.oracle.canvas import Canvas as Oracle


class Ledger:
    """Messages in the order of their seqs, as they are taken in. AssertionError if one is amiss."""

    def __init__(self, side: int, signature: Signature) -> None:
        self.oracle = Oracle(side, side)
        self.found: Counter[tuple[int, int]] = Counter()
        """How often each message, by its author's number and serial, is in the log."""
        self.lost = self.twice = 0
        """Messages that were durable and aren't there, or are there more than once."""
        self._signature = signature
        self._judged: Counter[int] = Counter()
        """The serial up to which each author's messages were found as promised."""
        self._last: dict[int, int] = {}
        self._sessions: dict[int, bytes] = {}

    def take(self, seq: int, message: Drawing, session: bytes) -> None:
        """The next message."""
        number, serial = self._signature.whose(message)
        assert self._sessions.setdefault(number, session) == session, "it has another author"
        self.found[number, serial] += 1
        self.twice += self.found[number, serial] > 1
        assert self.twice == 0, f"{number}'s {serial} was drawn twice"
        assert serial > self._last.get(number, 0), "one session's messages changed places"
        self._last[number] = serial
        self.oracle.apply(seq, message)

    def judge(self, promise: Promise) -> None:
        """All that was said to be durable is there, once, and nothing that may not be."""
        number = promise.number
        for serial in promise.undrawn:
            assert self.found[number, serial] == 0, f"{number}'s {serial} was drawn"
        due = set(range(self._judged[number] + 1, promise.durable + 1)) - promise.undrawn
        lost = [serial for serial in sorted(due) if not self.found[number, serial]]
        self.lost += len(lost)
        assert not lost, f"{number}'s {lost} were durable, and are lost"
        self._judged[number] = max(self._judged[number], promise.durable)
