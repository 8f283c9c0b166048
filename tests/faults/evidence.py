"""What a killed server left in its file, and whether that is what it had promised."""

import shutil
from collections import Counter
from pathlib import Path

import apsw

from protocol.codec import decode
from protocol.messages import Drawing
from protocol.types import Sender
from tests.faults.artist import Artist, whose
from tests.oracle.canvas import Canvas as Oracle
from tests.whole_canvas import whole_canvas
from tiles.geometry import tile_range, unkey
from tiles.log.sqlite import SqliteLog

_ROWS = """
SELECT first_seq, last_seq, authors.session, messages FROM log
JOIN authors ON authors.id = log.author ORDER BY first_seq
"""


class Evidence:
    """The log as it stands, over all lives of the server: it may grow, and never change."""

    def __init__(self, side: int) -> None:
        self.oracle = Oracle(side, side)
        self.found: Counter[tuple[int, int]] = Counter()
        """How often each message, by artist and serial, is in the log."""
        self.epochs: list[int] = []
        """The epoch at each examination."""
        self._last: dict[int, int] = {}
        self._sessions: dict[int, bytes] = {}
        self._raw: list[tuple[int, int, bytes, bytes]] = []
        self._side = side

    def examine(self, file: Path, artists: list[Artist]) -> bool:
        """Hold the file to what the artists were promised. Returns whether the server died while
        it saved tiles.

        The file is copied with its write-ahead log, as a crash left them.
        """
        copy = file.parent.parent / "copy" / file.name
        shutil.rmtree(copy.parent, ignore_errors=True)
        copy.parent.mkdir()
        for suffix in ("", "-wal"):
            source = file.with_name(file.name + suffix)
            if source.exists():
                shutil.copy(source, copy.with_name(copy.name + suffix))
        saving = self._read(copy)
        for artist in artists:
            self._judge(artist)
        self._compare_recovered(copy)
        return saving

    def _read(self, copy: Path) -> bool:
        connection = apsw.Connection(str(copy))
        try:
            assert connection.pragma("integrity_check") == "ok"
            raw = list(connection.execute(_ROWS))
            ((through,),) = connection.execute(
                "SELECT value FROM meta WHERE key = 'checkpoint_seq'"
            )
            ((epoch,),) = connection.execute("SELECT value FROM meta WHERE key = 'epoch'")
            self.epochs.append(epoch)
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
                self._take(seq, message, session)
        self._raw = raw
        assert max(self.found.values(), default=0) <= 1, "a message was drawn twice"
        return bool(newest > through)

    def _take(self, seq: int, message: Drawing, session: bytes) -> None:
        number, serial = whose(message)
        assert self._sessions.setdefault(number, session) == session, "it has another author"
        assert serial > self._last.get(number, 0), "one session's messages changed places"
        self._last[number] = serial
        self.found[number, serial] += 1
        self.oracle.apply(seq, message)

    def _judge(self, artist: Artist) -> None:
        """All that was said to be durable is there, once, and nothing that may not be."""
        for serial in range(1, len(artist.drawn) + 1):
            count = self.found[artist.number, serial]
            if serial in artist.refusals_due:
                assert count == 0, f"{artist.drawn[serial - 1]} was drawn"
            elif serial <= artist.durable:
                assert count == 1, f"{artist.drawn[serial - 1]} is there {count} times"

    def _compare_recovered(self, copy: Path) -> None:
        """A start from this file gives the fold of its log."""
        log = SqliteLog(copy)
        recovered = log.open()
        try:
            assert not recovered.clean
            assert recovered.seq == self.oracle.seq
            pyramid = whole_canvas(log, recovered)
            for level in range(pyramid.levels):
                for tile in tile_range(level, (0, 0, self._side - 1, self._side - 1)).keys():
                    pixels = pyramid.tile(tile).tobytes()
                    assert pixels == self.oracle.tile(*unkey(tile)), f"{unkey(tile)} differs"
        finally:
            log.close(0)
