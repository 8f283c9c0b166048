"""Compares a canvas's checkpoints with the replay of its log, and writes those that are wrong anew.

A checkpoint of level 0 holds every message up to its own seq, and the checkpoints together all up
to ``checkpoint_seq``: past that, a tile may have been saved at any later moment. So the replay is
stopped at each of these moments. It goes over the log as often as its tiles take to fit in memory.
An overview is the mean of the four below, but for what the log's tail has painted since.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import apsw
import numpy as np
import numpy.typing as npt

from tiles.deflate import InflateError
from tiles.fold import Swath
from tiles.geometry import CANVAS_TILES_MAX, TILE, children, key, tiles_across, unkey
from tiles.log.base import Author, Batch, SavedTile
from tiles.log.findings import Findings, Part, Say
from tiles.log.stored_rows import check_kinds, log_rows
from tiles.log.survey import Survey, Ticker
from tiles.payload import decode_payload, encode_payload
from tiles.pyramid import halve
from tiles.raster import Bytes
from tiles.recovery import Replay

ROOM_TILES = 32_768
"""Tiles of level 0 replayed at once: 400 MiB."""

_SIDE = 1 << 10
_HALF = TILE >> 1
_PIECE_TILES = 256
_NOBODY = Author(bytes(16))
_TILES = "SELECT key, seq, data FROM tiles WHERE key >= ? AND key < ? ORDER BY key LIMIT ?"
_ONE = "SELECT key, seq, data FROM tiles WHERE key = ?"

Flags = npt.NDArray[np.bool_]


class Mender(Protocol):
    """Told what is wrong with checkpoints, and what they should be."""

    def wrong(self, tile: int, text: str, right: SavedTile | None) -> None:
        """A checkpoint is wrong, or missing; ``right`` is what it should be: None, gone."""


class Reporter:
    """Adds what is wrong to the findings, each tile once."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._told: set[int] = set()

    def wrong(self, tile: int, text: str, right: SavedTile | None) -> None:
        """See :class:`Mender`."""
        del right
        if tile not in self._told:
            self._told.add(tile)
            self._findings.add(Part.CHECKPOINTS, f"{tile_name(tile)}: {text}")


def tile_name(tile: int) -> str:
    """A tile as people are told of it."""
    level, tx, ty = unkey(tile)
    return f"tile {tx}, {ty} of level {level}"


class Verification:
    """One run over a canvas's checkpoints; ``room_tiles`` bounds its memory."""

    def __init__(
        self,
        connection: apsw.Connection,
        survey: Survey,
        levels: int,
        mender: Mender,
        say: Say,
        room_tiles: int = ROOM_TILES,
    ) -> None:
        assert survey.info is not None
        self._connection = connection
        self._info = survey.info
        self._through = min(survey.checkpoint_seq, survey.whole_seq)
        self._overviews = survey.overviews
        self._begin = survey.base_seq
        self._end = survey.whole_seq
        self._levels = levels
        self._mender = mender
        self._say = say
        self._tick = Ticker(say)
        self._room = room_tiles
        self._before: Flags = np.zeros(CANVAS_TILES_MAX, np.bool_)
        """Tiles of level 0 that something touched up to what the checkpoints hold."""
        self._tail: Flags = np.zeros(CANVAS_TILES_MAX, np.bool_)
        """Those touched since."""
        self.tiles = 0

    def run(self) -> None:
        """Look at every checkpoint. Raises :data:`tiles.log.survey.Unreadable`."""
        self._look_at_keys()
        if self._begin == 0:
            first = 0
            while first < CANVAS_TILES_MAX:
                first = self._pass(first)
        else:
            self._without_replay()
        if self._overviews:
            self._look_at_overviews()

    # -- level 0 -------------------------------------------------------------------------------

    def _look_at_keys(self) -> None:
        """Every checkpoint is of a tile that the canvas has."""
        across = [tiles_across(self._info.width, level) for level in range(self._levels)]
        down = [tiles_across(self._info.height, level) for level in range(self._levels)]
        strays = []
        for row in self._connection.execute("SELECT key, seq FROM tiles ORDER BY key"):
            check_kinds(row, (int, int), f"tile {row[0]}")
            number, seq = row
            self.tiles += 1
            level, tx, ty = unkey(number)
            if number < 0 or level >= self._levels or tx >= across[level] or ty >= down[level]:
                strays.append((number, "there is no such tile"))
            elif seq < 0:
                strays.append((number, f"it is of seq {seq}"))
        for number, text in strays:
            self._mender.wrong(number, text, None)

    def _pass(self, first: int) -> int:
        """Compare the tiles from key ``first`` on, as many as there is room for.

        Returns the key where the next pass begins.
        """
        swath = Swath(self._info, first, self._room)
        replay = Replay(swath, 0)
        stops = self._stops(first)
        for batch in self._batches(0):
            if first and not _meets(batch, swath):
                replay.finish()
                replay.after = batch.last_seq
                continue
            while stops and stops[-1] < batch.last_seq:
                self._reach(replay, batch, swath, stops.pop())
            replay.add(batch)
            self._tick(f"the replay from tile {first} on, seq {batch.last_seq} of {self._end}")
        replay.finish()
        while stops:
            self._compare(swath, stops.pop())
        self._tail |= swath.touched if self._end > self._through else False
        return swath.end

    def _stops(self, first: int) -> list[int]:
        """The seqs at which tiles are compared, the next one last."""
        rows = self._connection.execute(
            "SELECT DISTINCT seq FROM tiles WHERE key >= ? AND key < ? AND seq > ? AND seq <= ?",
            (first, CANVAS_TILES_MAX, self._through, self._end),
        )
        return sorted({self._through, *(seq for (seq,) in rows)}, reverse=True)

    def _batches(self, after: int) -> Iterator[Batch]:
        for row in log_rows(self._connection, after):
            if row.first_seq > self._end:
                return
            yield Batch(row.first_seq, row.last_seq, _NOBODY, row.time_ms, row.box, row.messages)

    def _reach(self, replay: Replay, batch: Batch, swath: Swath, seq: int) -> None:
        """Replay up to ``seq``, which is before the end of the batch, and compare."""
        if batch.first_seq <= seq:
            replay.add(batch, seq)
        replay.finish()
        replay.after = max(replay.after, seq)
        self._compare(swath, seq)

    def _compare(self, swath: Swath, seq: int) -> None:
        """The replay is at ``seq``: compare the tiles that were saved then."""
        if seq != self._through:
            found = list(
                self._connection.execute(
                    "SELECT key, seq, data FROM tiles WHERE seq = ? AND key >= ? AND key < ?",
                    (seq, swath.first, swath.end),
                )
            )
            for row in found:
                self._compare_one(swath, _saved(row))
            return
        missing = set(swath.seqs)
        self._before[list(swath.seqs)] = True
        for row in self._rows(swath.first, swath.end):
            missing.discard(row.key)
            if row.seq <= seq:
                self._compare_one(swath, row)
        for tile in sorted(missing):
            right = SavedTile(tile, swath.seqs[tile], encode_payload(swath.tiles[tile]))
            self._mender.wrong(tile, "its checkpoint is missing", right)
        swath.touched[:] = False

    def _compare_one(self, swath: Swath, row: SavedTile) -> None:
        pixels = swath.tiles.get(row.key)
        if pixels is None:
            pixels = swath.blank
        seq = swath.seqs.get(row.key, 0)
        text = ""
        if seq > row.seq:
            text = f"it is of seq {row.seq}, but seq {seq} touches it"
        else:
            try:
                if not np.array_equal(decode_payload(row.data), pixels):
                    text = "it differs from the replay of the log"
            except InflateError as error:
                text = f"it can't be decoded: {error}"
        if text:
            self._mender.wrong(row.key, text, SavedTile(row.key, seq, encode_payload(pixels)))

    def _without_replay(self) -> None:
        """The log doesn't reach back to the beginning: what is there can be decoded, at least."""
        swath = Swath(self._info, 0, self._room)
        swath.first = swath.end  # nothing of it is kept but what was touched
        replay = Replay(swath, self._through)
        for batch in self._batches(0):
            if batch.last_seq > self._through:
                replay.add(batch)
        replay.finish()
        self._tail = swath.touched
        for row in self._rows(0, CANVAS_TILES_MAX):
            self._before[row.key] = True
            try:
                decode_payload(row.data)
            except InflateError as error:
                self._mender.wrong(row.key, f"it can't be decoded: {error}", row)

    def _rows(self, first: int, end: int) -> Iterator[SavedTile]:
        """Checkpoints by key, read in pieces, so that they may be changed meanwhile."""
        while rows := list(self._connection.execute(_TILES, (first, end, _PIECE_TILES))):
            for row in rows:
                yield _saved(row)
            first = rows[-1][0] + 1

    # -- overviews -----------------------------------------------------------------------------

    def _look_at_overviews(self) -> None:
        before: Flags = self._before.reshape(_SIDE, _SIDE)
        tail: Flags = self._tail.reshape(_SIDE, _SIDE)
        for level in range(1, self._levels):
            self._say(f"the overviews of level {level}")
            before = _halved(before)
            self._look_at_level(level, before, tail)
            tail = _halved(tail)

    def _look_at_level(self, level: int, before: Flags, below: Flags) -> None:
        """``before`` are the tiles of this level that must be there, ``below`` those of the level
        below that the tail has touched."""
        missing = {key(level, int(tx), int(ty)) for ty, tx in np.argwhere(before)}
        for row in self._rows(key(level, 0, 0), key(level + 1, 0, 0)):
            missing.discard(row.key)
            text = self._overview_wrong(row, below)
            if text:
                self._mender.wrong(row.key, text, self._overview(row.key))
            self._tick(f"the overviews of level {level}")
        for tile in sorted(missing):
            self._mender.wrong(tile, "its checkpoint is missing", self._overview(tile))

    def _overview_wrong(self, row: SavedTile, below: Flags) -> str:
        try:
            pixels = decode_payload(row.data)
        except InflateError as error:
            return f"it can't be decoded: {error}"
        for quadrant, child in enumerate(children(row.key)):
            _, tx, ty = unkey(child)
            if below[ty, tx]:
                continue
            content = self._content(child)
            y, x = _HALF * (quadrant >> 1), _HALF * (quadrant & 1)
            part = pixels[y : y + _HALF, x : x + _HALF]
            if content is not None and not np.array_equal(part, halve(content)):
                return "it isn't the mean of those below"
        return ""

    def _content(self, tile: int) -> Bytes | None:
        """What the store holds of a tile, or ``None`` if that can't be decoded."""
        row = self._connection.execute(_ONE, (tile,)).fetchone()
        if row is None:
            return self._blank
        try:
            return decode_payload(_saved(row).data)
        except InflateError:
            return None

    @property
    def _blank(self) -> Bytes:
        return np.tile(np.array(self._info.background, np.uint8), (TILE, TILE, 1))

    def _overview(self, tile: int) -> SavedTile | None:
        """What an overview should be, if those below can be decoded."""
        pixels = np.empty((2 * TILE, 2 * TILE, 3), np.uint8)
        seq = 0
        for quadrant, child in enumerate(children(tile)):
            content = self._content(child)
            if content is None:
                return None
            row = self._connection.execute(_ONE, (child,)).fetchone()
            seq = max(seq, row[1] if row else 0)
            y, x = TILE * (quadrant >> 1), TILE * (quadrant & 1)
            pixels[y : y + TILE, x : x + TILE] = content
        return SavedTile(tile, seq, encode_payload(halve(pixels)))


def _saved(row: tuple[Any, ...]) -> SavedTile:
    check_kinds(row, (int, int, bytes), f"tile {row[0]}")
    return SavedTile(*row)


def _halved(flags: Flags) -> Flags:
    """Which tiles of the level above have one below that is flagged."""
    rows = flags[0::2] | flags[1::2]
    halved: Flags = rows[:, 0::2] | rows[:, 1::2]
    return halved


def _meets(batch: Batch, swath: Swath) -> bool:
    """Whether a batch paints in the rows of tiles that a swath is of."""
    _, y0, _, y1 = batch.box
    return y1 // TILE >= unkey(swath.first).ty and y0 // TILE <= unkey(swath.end - 1).ty
