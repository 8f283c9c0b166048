"""What the nodes of a cluster have in their logs, and whether that is what they had promised."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import apsw

from protocol.codec import decode
from protocol.messages import Drawing
from protocol.types import Sender
from tests.faults.artist import Promise
from tests.faults.cluster_crowd import SIGNATURE
from tests.faults.ledger import Ledger
from tests.faults.row import Figures
from tests.whole_canvas import whole_canvas
from tiles.geometry import tile_range, unkey
from tiles.log.check import check
from tiles.log.sqlite import SqliteLog

_ROWS = """
SELECT first_seq, last_seq, authors.session, time_ms, messages FROM log
JOIN authors ON authors.id = log.author WHERE first_seq > ? ORDER BY first_seq
"""
_COUNTS = """
SELECT session, handled, hex(rejected), seen_ms, claim, client FROM sessions ORDER BY session
"""


class _Fold(NamedTuple):
    """What a node's file holds, of the log the rows past some seq."""

    rows: list[tuple[int, int, bytes, int, bytes]]
    counts: list[tuple[bytes, int, str, int, int, int]]
    epoch: int


class ClusterEvidence(Ledger):
    """The one history of all nodes: it may grow, and never change."""

    def __init__(self, side: int, nodes: int) -> None:
        super().__init__(side, SIGNATURE)
        self.examined = 0
        """Logs that were read."""
        self._rows: dict[int, tuple[int, int, bytes, int, bytes]] = {}
        self._through = [0] * nodes
        self._side = side

    def forget(self, node: int) -> None:
        """A node lost its file: all that the next one holds is looked at."""
        self._through[node] = 0

    def examine(self, files: Sequence[Path], promises: Sequence[Promise]) -> None:
        """Hold all nodes' files, which they have open and don't write, to what was promised.

        AssertionError if anything is amiss.
        """
        folds = [_read(file, after) for file, after in zip(files, self._through, strict=True)]
        for node, fold in enumerate(folds):
            self._take_rows(node, fold.rows)
        self.examined += len(folds)
        assert set(self._through) == {self.oracle.seq}, f"the nodes are at {self._through}"
        assert len({fold.epoch for fold in folds}) == 1, "the nodes have several epochs"
        first, *others = [fold.counts for fold in folds]
        assert all(counts == first for counts in others), "the nodes count sessions differently"
        for promise in promises:
            self.judge(promise)

    def recover(self, file: Path) -> None:
        """Hold a file that nobody has open to ``tilecast check``, and a start to the log."""
        findings, _ = check(file)
        assert findings.well, findings.problems
        log = SqliteLog(file, keeps_epoch=True)
        recovered = log.open()
        try:
            assert recovered.seq == self.oracle.seq
            pyramid = whole_canvas(log, recovered)
            for level in range(pyramid.levels):
                for tile in tile_range(level, (0, 0, self._side - 1, self._side - 1)).keys():
                    pixels = pyramid.tile(tile).tobytes()
                    assert pixels == self.oracle.tile(*unkey(tile)), f"{unkey(tile)} differs"
        finally:
            log.close(0)

    def figures(self) -> Figures:
        """What was counted."""
        return {
            "logs examined": self.examined,
            "in the log": self.found.total(),
            "durable lost": self.lost,
            "drawn twice": self.twice,
        }

    def _take_rows(self, node: int, rows: Sequence[tuple[int, int, bytes, int, bytes]]) -> None:
        """A node's rows, past those that were taken: the same as the others', or the next."""
        if rows and not self._through[node]:
            self._through[node] = rows[0][0] - 1  # a new fold may begin with a snapshot
        for row in rows:
            first, last, session, _, data = row
            assert first == self._through[node] + 1, f"node {node}'s log has a gap before {first}"
            self._through[node] = last
            if last <= self.oracle.seq:
                assert self._rows.get(first) == row, f"node {node} has another history at {first}"
                continue
            self._rows[first] = row
            messages = decode(data, Sender.CLIENT)
            assert len(messages) == last - first + 1
            for seq, message in enumerate(messages, first):
                assert isinstance(message, Drawing)
                self.take(seq, message, session)


def written_through(file: Path) -> int:
    """The seq that a node's file reaches; -1 if there is none."""
    if not file.exists():
        return -1
    connection = _open(file)
    try:
        ((seq,),) = connection.execute("SELECT coalesce(max(last_seq), 0) FROM log")
    finally:
        connection.close()
    return int(seq)


def _read(file: Path, after: int) -> _Fold:
    connection = _open(file)
    try:
        with connection:  # all of it as of one moment
            rows = list(connection.execute(_ROWS, (after,)))
            counts = list(connection.execute(_COUNTS))
            ((epoch,),) = connection.execute("SELECT value FROM meta WHERE key = 'epoch'")
    finally:
        connection.close()
    return _Fold(rows, counts, int(epoch))


def _open(file: Path) -> apsw.Connection:
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(5000)
    return connection
