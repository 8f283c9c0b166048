"""What a server's end left in its file, and whether that is what it had promised."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import apsw

from protocol.codec import decode
from protocol.messages import Drawing
from protocol.types import Sender
from tests.faults.artist import SIGNATURE, Promise
from tests.faults.ledger import Ledger
from tests.faults.row import Figures
from tests.whole_canvas import whole_canvas
from tiles.geometry import tile_range, unkey
from tiles.log.check import check
from tiles.log.sqlite import SqliteLog

_ROWS = """
SELECT first_seq, last_seq, authors.session, messages FROM log
JOIN authors ON authors.id = log.author ORDER BY first_seq
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a file said when it was examined."""

    epoch: int
    clean: bool
    saving: bool
    """The server ended while it saved tiles."""


class Evidence(Ledger):
    """The log as it stands, over all lives of the server: it may grow, and never change."""

    def __init__(self, side: int) -> None:
        super().__init__(side, SIGNATURE)
        self.examined = self.checked = self.unsound = 0
        """Files; those that went through all of ``tilecast check``; those that weren't whole, the
        first of which ends the run.
        """
        self._raw: list[tuple[int, int, bytes, bytes]] = []
        self._side = side

    def examine(self, file: Path, promises: Sequence[Promise], *, checks: bool = True) -> Finding:
        """Hold a file and its write-ahead log, which nobody has open, to what was promised.

        They are changed: a start from them is part of it. ``checks``: let ``tilecast check`` look
        at all of it too. AssertionError if anything is amiss.
        """
        if checks:
            findings, _ = check(file)
            self.checked += 1
            self.unsound += not findings.well
            assert findings.well, findings.problems
        finding = self._read(file)
        for promise in promises:
            self.judge(promise)
        self._compare_recovered(file, finding)
        return finding

    def figures(self) -> Figures:
        """What was counted."""
        return {
            "files examined": self.examined,
            "files checked": self.checked,
            "integrity errors": self.unsound,
            "durable lost": self.lost,
            "drawn twice": self.twice,
        }

    def _read(self, file: Path) -> Finding:
        connection = apsw.Connection(str(file))
        try:
            self.examined += 1
            self.unsound += connection.pragma("integrity_check") != "ok"
            assert self.unsound == 0, "the file's integrity is gone"
            raw = list(connection.execute(_ROWS))
            meta = dict(connection.execute("SELECT key, value FROM meta WHERE key <> 'info'"))
            ((newest,),) = connection.execute("SELECT coalesce(max(seq), 0) FROM tiles")
        finally:
            connection.close()
        assert raw[: len(self._raw)] == self._raw, "what was in the log has changed"
        for first, last, session, data in raw[len(self._raw) :]:
            messages = decode(data, Sender.CLIENT)
            assert first == self.oracle.seq + 1
            assert len(messages) == last - first + 1
            for seq, message in enumerate(messages, first):
                assert isinstance(message, Drawing)
                self.take(seq, message, session)
        self._raw = raw
        assert newest <= self.oracle.seq, "a checkpoint ran ahead of the log"
        return Finding(meta["epoch"], bool(meta["clean"]), newest > meta["checkpoint_seq"])

    def _compare_recovered(self, file: Path, finding: Finding) -> None:
        """A start from this file gives the fold of its log."""
        log = SqliteLog(file)
        recovered = log.open()
        try:
            assert recovered.clean == finding.clean
            assert recovered.seq == self.oracle.seq
            pyramid = whole_canvas(log, recovered)
            for level in range(pyramid.levels):
                for tile in tile_range(level, (0, 0, self._side - 1, self._side - 1)).keys():
                    pixels = pyramid.tile(tile).tobytes()
                    assert pixels == self.oracle.tile(*unkey(tile)), f"{unkey(tile)} differs"
        finally:
            log.close(0)


def collect(file: Path, folder: Path) -> Path:
    """Copy a canvas's file with its write-ahead log, as they are, into an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for suffix in ("", "-wal"):
        source = file.with_name(file.name + suffix)
        if source.exists():
            shutil.copy(source, folder / source.name)
    return folder / file.name
