"""Saves changed tiles beside the log, so that a start replays only the log's tail.

A pass brings into the store every tile that changed before it began, and its ancestors: when the
last of them is written, the checkpoints hold everything up to the seq at which it began. It goes on
in steps of a few tiles, behind the commits that these depend on, and no faster than they are
written.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from server.journal import Journal
from server.paging import Paging
from server.supervisor import Service, fail
from tiles.geometry import post_order
from tiles.log.base import Log, SavedTile
from tiles.loop import Offload
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
    """Makes passes for one canvas, one every ``interval_s`` at least; ``seq`` tells its seq of now.

    A pass that fails is dropped: every tile that it didn't save is still unsaved, and what its
    checkpoints hold is told to the store with the last of them alone.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        log: Log,
        journal: Journal,
        paging: Paging,
        service: Service,
        offload: Offload,
        seq: Callable[[], int],
        step_tiles: int,
        interval_s: float,
    ) -> None:
        self._pyramid = pyramid
        self._residents = pyramid.residents
        self._log = log
        self._journal = journal
        self._paging = paging
        self._service = service
        self._offload = offload
        self._seq = seq
        self._step_tiles = step_tiles
        self._interval_s = interval_s
        self.passes = 0
        """How many came to their end."""
        self._through = 0
        self._tail_us = 0.0
        self._left: list[int] = []
        """What the pass has still to look at, the next tile last."""
        self._asked_left = 0
        """How many were left when tiles were last fetched ahead."""
        self._unwritten = 0
        self._asked = False
        self._running = False
        self._waiting = False
        """The pass is being laid out, a step compressed, or tiles for it are being fetched."""
        self._stopped = False
        service.on_restart(self._start_over)

    def start(self) -> None:
        """Begin a pass whenever it is time."""
        self._service.call_later(self._interval_s, self._on_time)

    def drawn(self, messages: int, *, pixels: bool) -> None:
        """So many messages of one session were ordered, all of them single pixels or not."""
        self._tail_us += _BATCH_US + messages * (_PIXEL_US if pixels else _MESSAGE_US)
        if self._tail_us + _TILE_US * len(self._residents.unsaved) > TAIL_MAX_US:
            self.run()

    def run(self) -> None:
        """Begin a pass soon, unless one is under way, nothing changed, or storage fails."""
        if not (self._asked or self._running):
            self._asked = True
            self._service.call_soon(self._run)

    def _run(self) -> None:
        self._asked = False
        if self._running or self._stopped or self._journal.read_only:
            return
        changed = {*self._residents.unsaved, *self._pyramid.dirty_tiles()}
        if not changed:
            return
        self._running = self._waiting = True
        self._tail_us = 0.0
        self._through = self._seq()
        own = self._service.own
        self._offload(lambda: post_order(list(changed))[::-1], own(self._begin), own(fail))

    def stop(self) -> None:
        """The log is about to be closed: save nothing more. The next start replays what is left."""
        self._stopped = True

    def _on_time(self) -> None:
        self.run()
        self._service.call_later(self._interval_s, self._on_time)

    def _start_over(self) -> None:
        """It failed, wherever: the pass under way is dropped, the next one takes what is unsaved.

        Of tiles that are still in the log's queue it won't hear when they are written.
        """
        self._left = []
        self._asked = self._running = self._waiting = False
        self._unwritten = 0
        self.start()

    def _begin(self, left: list[int]) -> None:
        self._waiting = False
        self._left = left
        self._asked_left = len(left) + _AHEAD
        self._step()

    def _step(self) -> None:
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
            own = self._service.own
            self._offload(
                lambda: _compress(copies),
                own(lambda rows: self._save(rows, versions)),
                own(fail),
            )
        elif missing:
            self._waiting = True
            self._paging.fetch(missing, self._service.own(self._go_on))
        else:
            self._service.call_soon(self._step)

    def _take(self, missing: set[int]) -> list[_Copy]:
        """Copies of the next tiles, as many as are whole, for a millisecond."""
        copies: list[_Copy] = []
        left, residents = self._left, self._residents
        end = self._service.time() + _SLICE_S
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
            if self._service.time() > end:
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
        written = self._service.own(lambda: self._written(rows, versions))
        self._log.checkpoint(
            rows,
            None if self._left else self._through,
            lambda: _call(self._service, written),
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
            self.passes += 1
            if self._tail_us > TAIL_MAX_US:
                self.run()


def _nothing() -> None:
    """Nobody waits."""


def _call(service: Service, callback: Callable[..., None]) -> None:
    service.call_soon_threadsafe(callback)


def _compress(copies: Sequence[_Copy]) -> list[SavedTile]:
    return [
        SavedTile(
            copy.tile,
            copy.seq,
            copy.content if isinstance(copy.content, bytes) else encode_payload(copy.content),
        )
        for copy in copies
    ]
