"""What really happened: every message in the order the log was given it, drawn by the oracle.

The log is where the order is fixed, before anybody is shown anything; so this listens there.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable

from protocol.codec import decode, encode
from protocol.types import Sender
from server.session import Session
from tests.memory_log import MemoryLog
from tests.oracle.canvas import Canvas as Oracle
from tests.oracle.canvas import RefusedError
from tests.oracle.drawing import TILE_SIDE
from tests.simulation.verdict import Verdict
from tiles.log.base import Batch, CanvasInfo, Commit

Spot = tuple[int, int]
"""A level-0 tile as (tx, ty)."""


class Truth:
    """One epoch of a canvas: it begins with ``batches``, and is safe as far as ``durable_seq``."""

    def __init__(
        self,
        verdict: Verdict,
        info: CanvasInfo,
        durable_seq: Callable[[], int],
        batches: Iterable[Batch] = (),
    ) -> None:
        self.verdict = verdict
        self._durable_seq = durable_seq
        self.oracle = Oracle(info.width, info.height, info.background)
        self.seq_of: dict[bytes, int] = {}
        """By an encoded message; no two messages of a simulation have the same bytes."""
        self.touched: dict[bytes, frozenset[Spot]] = {}
        self.drawn_by: dict[bytes, list[bytes]] = defaultdict(list)
        """By session: its messages in the log's order."""
        self._by_tile: dict[Spot, list[int]] = defaultdict(list)
        for batch in batches:
            self.ordered(batch)

    @property
    def seq(self) -> int:
        """The seq of the last message ordered."""
        return self.oracle.seq

    def ordered(self, batch: Batch) -> None:
        """The server fixed the next messages and their order."""
        fail = self.verdict.fail
        if batch.first_seq != self.seq + 1:
            fail("LOG-1", f"batch from {batch.first_seq} follows {self.seq}")
            return
        messages = decode(batch.messages, Sender.CLIENT)
        if len(messages) != batch.last_seq - batch.first_seq + 1:
            fail("LOG-1", f"{len(messages)} messages in {batch.first_seq} to {batch.last_seq}")
            return
        for seq, message in enumerate(messages, batch.first_seq):
            data = encode(message)
            if data in self.seq_of:
                fail("ONCE-1", f"seq {seq} is seq {self.seq_of[data]} drawn a second time")
            try:
                drawn = self.oracle.apply(seq, message)
            except RefusedError as error:
                fail("RAS-3", f"seq {seq} should have been refused: {error}")
                return
            if drawn.box is not None and not _holds(batch.box, drawn.box):
                fail("LOG-1", f"seq {seq} paints {drawn.box}, its batch's box is {batch.box}")
            self.seq_of[data] = seq
            self.touched[data] = drawn.tiles
            self.drawn_by[batch.author.session].append(data)
            for spot in drawn.tiles:
                self._by_tile[spot].append(seq)

    def touches(self, spot: Spot, after: int, through: int) -> int:
        """How many messages with after < seq ≤ through touch a level-0 tile."""
        seqs = self._by_tile.get(spot, [])
        return max(0, bisect_right(seqs, through) - bisect_right(seqs, after))

    def is_durable(self, data: bytes) -> bool:
        """Whether a message would survive a power cut now."""
        durable_seq = self._durable_seq()
        return self.seq_of.get(data, durable_seq + 1) <= durable_seq

    def claimed(self, session: Session) -> int | None:
        """What WELCOME counts as handled, where a claim decided that."""
        return None

    def current(self, session: Session) -> bool:
        """Whether no connection to another server may have taken over yet."""
        return True

    def spots(self) -> list[Spot]:
        """Every level-0 tile of the canvas."""
        across = -(-self.oracle.width // TILE_SIDE)
        down = -(-self.oracle.height // TILE_SIDE)
        return [(tx, ty) for ty in range(down) for tx in range(across)]


class WatchedLog(MemoryLog):
    """The log in memory, with the truth listening."""

    truth: Truth

    def append(self, commit: Commit) -> None:
        """See :meth:`tiles.log.base.Log.append`."""
        for batch in commit.batches:
            self.truth.ordered(batch)
        super().append(commit)


def _holds(outer: tuple[int, int, int, int], inner: tuple[int, int, int, int]) -> bool:
    return (
        outer[0] <= inner[0]
        and outer[1] <= inner[1]
        and inner[2] <= outer[2]
        and inner[3] <= outer[3]
    )
