"""Saves changed tiles beside the log, so that a start replays only the log's tail.

A pass brings into the store every tile that changed before it began, and its ancestors: when the
last of them is written, the checkpoints hold everything up to the seq at which it began. It goes on
in steps of a few tiles, behind the commits that these depend on, and no faster than they are
written.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from server.journal import Journal
from server.line import Offload, Scheduler
from server.paging import Paging
from tiles.geometry import post_order
from tiles.log.base import Log, SavedTile
from tiles.payload import encode_payload
from tiles.pyramid import Pyramid
from tiles.raster import Bytes

TAIL_MAX_US = 800_000
"""A pass begins when replaying what was drawn since the last one would take about so long."""

_BATCH_US = 5
_PIXEL_US = 0.15
_MESSAGE_US = 150
_TILE_US = 15
_AHEAD = 512
_SLICE_S = 0.001
_UNWRITTEN_MAX = 8


class _Copy(NamedTuple):
    """A tile as it is to be saved, compressed already or not."""

    tile: int
    seq: int
    version: int
    content: bytes | Bytes


class Checkpointer:
    """Makes passes for one canvas; ``seq`` tells the canvas's present one."""

    def __init__(
        self,
        pyramid: Pyramid,
        log: Log,
        journal: Journal,
        paging: Paging,
        scheduler: Scheduler,
        offload: Offload,
        seq: Callable[[], int],
        step_tiles: int,
    ) -> None:
        self._pyramid = pyramid
        self._residents = pyramid.residents
        self._log = log
        self._journal = journal
        self._paging = paging
        self._scheduler = scheduler
        self._offload = offload
        self._seq = seq
        self._step_tiles = step_tiles
        self._through = 0
        self._tail_us = 0.0
        self._left: list[int] = []
        """What the pass has still to look at, the next tile last."""
        self._asked_left = 0
        """How many were left when tiles were last fetched ahead."""
        self._unwritten = 0
        self._running = False
        self._waiting = False
        """The pass is being laid out, a step compressed, or tiles for it are being fetched."""
        self._stopped = False

    def drawn(self, messages: int, *, pixels: bool) -> None:
        """So many messages of one session were ordered, all of them single pixels or not."""
        self._tail_us += _BATCH_US + messages * (_PIXEL_US if pixels else _MESSAGE_US)
        if self._tail_us + _TILE_US * len(self._residents.unsaved) > TAIL_MAX_US:
            self.run()

    def run(self) -> None:
        """Begin a pass, unless one is under way, nothing changed, or storage fails."""
        if self._running or self._stopped or self._journal.read_only:
            return
        changed = {*self._residents.unsaved, *self._pyramid.dirty_tiles()}
        if not changed:
            return
        self._running = self._waiting = True
        self._tail_us = 0.0
        self._through = self._seq()
        self._offload(lambda: post_order(list(changed))[::-1], self._begin, self._fail)

    def stop(self) -> None:
        """The log is about to be closed: save nothing more. The next start replays what is left."""
        self._stopped = True

    def _begin(self, left: list[int]) -> None:
        self._waiting = False
        self._left = left
        self._asked_left = len(left) + _AHEAD
        self._step()

    def _step(self) -> None:
        try:
            self._advance()
        except Exception as error:  # else the pass would never end, and no other begin
            self._fail(error)

    def _advance(self) -> None:
        if self._stopped or self._waiting or self._unwritten >= _UNWRITTEN_MAX or not self._left:
            return
        missing: set[int] = set()
        copies = self._take(missing)
        self._look_ahead()
        if copies or not self._left:
            self._waiting = True
            # What the copies hold must stand in the log's queue before they do.
            self._journal.submit()
            versions = [copy.version for copy in copies]
            self._offload(
                lambda: _compress(copies), lambda rows: self._save(rows, versions), self._fail
            )
        elif missing:
            self._waiting = True
            self._paging.fetch(missing, self._go_on)
        else:
            self._scheduler.call_soon(self._step)

    def _take(self, missing: set[int]) -> list[_Copy]:
        """Copies of the next tiles, as many as are whole, for a millisecond."""
        copies: list[_Copy] = []
        left, residents = self._left, self._residents
        end = self._scheduler.time() + _SLICE_S
        while left and len(copies) < self._step_tiles:
            tile = left[-1]
            record = residents.records.get(tile)
            if record is not None and record.mask is not None:
                missing.add(tile)
                break
            if not self._pyramid.follow(tile, missing):
                break
            left.pop()
            record = residents.records.get(tile)
            if record is not None and record.unsaved:
                content = record.payload or residents.pixels(tile).copy()
                copies.append(_Copy(tile, record.seq, record.version, content))
            if self._scheduler.time() > end:
                break
        return copies

    def _look_ahead(self) -> None:
        """Have the tiles fetched that are absent and soon needed, so that the pass goes on."""
        if len(self._left) > self._asked_left - _AHEAD // 2:
            return
        self._asked_left = len(self._left)
        coming = self._left[-1 : -_AHEAD - 1 : -1]
        self._paging.fetch(coming, _nothing)

    def _go_on(self) -> None:
        self._waiting = False
        self._step()

    def _save(self, rows: list[SavedTile], versions: Sequence[int]) -> None:
        self._waiting = False
        if self._stopped:
            return
        self._unwritten += 1
        self._log.checkpoint(
            rows,
            None if self._left else self._through,
            lambda: _call(self._scheduler, lambda: self._written(rows, versions)),
        )
        self._step()

    def _written(self, rows: Sequence[SavedTile], versions: Sequence[int]) -> None:
        self._unwritten -= 1
        for row, version in zip(rows, versions, strict=True):
            self._residents.saved(row, version)
        if self._left or self._waiting:
            self._step()
        elif self._unwritten == 0:
            self._running = False
            if self._tail_us > TAIL_MAX_US:
                self.run()

    def _fail(self, error: Exception) -> None:
        """Every tile that isn't written is still unsaved: the next pass takes it."""
        self._left = []
        self._running = self._waiting = False
        raise error


def _nothing() -> None:
    """Nobody waits."""


def _call(scheduler: Scheduler, callback: Callable[[], None]) -> None:
    scheduler.call_soon_threadsafe(callback)


def _compress(copies: Sequence[_Copy]) -> list[SavedTile]:
    return [
        SavedTile(
            copy.tile,
            copy.seq,
            copy.content if isinstance(copy.content, bytes) else encode_payload(copy.content),
        )
        for copy in copies
    ]
