"""A canvas's file as a server leaves it: several sessions' drawing, counts, and saved tiles."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from protocol.codec import encode
from protocol.messages import Drawing, Pixel, Rect, Stroke
from tests.log_rigs import Recorder
from tiles.canvas import Canvas
from tiles.geometry import Rectangle, tile_range, union
from tiles.log.base import Author, Batch, CanvasInfo, Commit, SavedTile, SessionCount
from tiles.log.sqlite import SqliteLog, create
from tiles.payload import encode_payload
from tiles.pyramid import Pyramid
from tiles.raster import bounds, rasterise

SIDE = 320
INFO = CanvasInfo(SIDE, SIDE, (9, 9, 9), "A canvas")
TIME_MS = 1_700_000_000_000
REJECT_EVERY = 7
"""Each session's message number so and so many is refused."""
_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Drawn:
    """One message, and the number of the session that drew it."""

    session: int
    message: Drawing


def session_id(number: int) -> bytes:
    """A session's secret."""
    return bytes((number + 1,)) * 16


def drawings(rng: np.random.Generator, total: int, side: int = SIDE) -> list[Drawn]:
    """Runs of a few messages of three sessions: pixels, and now and then something larger."""
    made: list[Drawn] = []
    while len(made) < total:
        session = int(rng.integers(0, 3))
        for _ in range(int(rng.integers(1, 12))):
            x, y = rng.integers(0, side - 90, 2).tolist()
            r, g, b = rng.integers(0, 256, 3).tolist()
            kind = rng.random()
            message: Drawing = Pixel(x, y, r, g, b)
            if kind < 0.05:
                message = Rect(0, x, y, x + 80, y + 40, r, g, b)
            elif kind < 0.1:
                message = Stroke(5, r, g, b, ((x, y), (x + 60, y + 20)))
            made.append(Drawn(session, message))
    return made[:total]


class CanvasFile:
    """Writes drawings to a canvas's file through the log itself."""

    def __init__(self, path: Path, info: CanvasInfo = INFO) -> None:
        self.path = path
        self.info = info
        self.drawn: list[Drawn] = []
        self.handled = [0, 0, 0]
        self.rejected: list[list[tuple[int, int]]] = [[], [], []]
        create(path, info)

    def write(self, drawn: Sequence[Drawn], *, save: str = "", clean: bool = True) -> None:
        """Add messages, a commit for every few runs; then save tiles: ``all``, ``some`` or none.

        Without ``clean`` the files are left as a killed process leaves them.
        """
        log = SqliteLog(self.path)
        seq = log.open().seq
        assert seq == len(self.drawn)
        log.start(recorder := Recorder())
        runs = groupby(drawn, lambda one: one.session)
        for ticket, (session, group) in enumerate(runs, 1):
            messages = [one.message for one in group]
            log.append(
                Commit(ticket, [self._batch(seq, session, messages)], [self._count(session)])
            )
            recorder.wait_durable(ticket)  # a transaction each
            seq += len(messages)
        self.drawn += drawn
        if save:
            written = threading.Event()
            through = seq if save == "all" else None
            log.checkpoint(self._tiles(save), through, written.set)
            assert written.wait(_WAIT_S)
        if clean:
            assert log.close(_WAIT_S)
        else:
            self._crash(log)

    def _crash(self, log: SqliteLog) -> None:
        """Keep the files as they are while the log has them open."""
        kept = {}
        for suffix in ("", "-wal"):
            file = self.path.with_name(self.path.name + suffix)
            kept[file] = file.read_bytes()
        log.close(_WAIT_S)
        for file, content in kept.items():
            file.write_bytes(content)

    def _batch(self, seq: int, session: int, messages: Sequence[Drawing]) -> Batch:
        boxes: list[Rectangle] = [
            bounds(message, self.info.width, self.info.height) for message in messages
        ]
        box = boxes[0]
        for other in boxes[1:]:
            box = union(box, other)
        for _ in messages:
            self.handled[session] += 1
            if self.handled[session] % REJECT_EVERY == 0:
                self.rejected[session].append((self.handled[session], 1))
                self.handled[session] += 1
        author = Author(session_id(session), f"painter {session}", bytes(8), "")
        data = b"".join(map(encode, messages))
        return Batch(seq + 1, seq + len(messages), author, TIME_MS + seq, box, data)

    def _count(self, session: int) -> SessionCount:
        refused = tuple(self.rejected[session][-256:])
        return SessionCount(session_id(session), self.handled[session], refused, TIME_MS)

    def _tiles(self, which: str) -> list[SavedTile]:
        pyramid = painted(self.drawn, self.info)
        saved = []
        for level in range(pyramid.levels):
            box = (0, 0, self.info.width - 1, self.info.height - 1)
            for index, tile in enumerate(tile_range(level, box).keys()):
                seq = pyramid.seq(tile)
                if seq and (which == "all" or index % 3 == 0):
                    saved.append(SavedTile(tile, seq, encode_payload(pyramid.tile(tile))))
        return saved


def painted(drawn: Sequence[Drawn], info: CanvasInfo = INFO) -> Pyramid:
    """The canvas after these messages, one by one."""
    pyramid = Pyramid(Canvas(info.width, info.height, info.background))
    for seq, one in enumerate(drawn, 1):
        paints = rasterise(one.message, info.width, info.height)
        pyramid.mark(pyramid.canvas.paint(paints, seq))
    return pyramid
