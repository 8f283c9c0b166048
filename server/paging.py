"""Brings absent tiles from the store, in batches, in a thread; nobody on the loop waits for it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from server.mending import Damage, Mended, Mending
from server.problems import Unavailable
from server.supervisor import Service
from tiles.deflate import InflateError
from tiles.geometry import unkey
from tiles.log.base import DamagedError, Log, SavedTile
from tiles.loop import Offload
from tiles.payload import decode_payload
from tiles.pyramid import Pyramid
from tiles.raster import Bytes

logger = logging.getLogger(__name__)

BATCH_TILES = 256
_BATCH_OVERLAYS = 64
_SLICE_S = 0.001
_RETRY_INITIAL_S = 0.05
_RETRY_MAX_S = 2.0
_ANSWER_MAX_S = 10.0
_STOPPING = "The server is stopping."

Arrived = tuple[int, SavedTile | None, Bytes | None]
"""A tile, its row, and its pixels if something waits to be painted over them."""


class _Wait:
    """Somebody who waits until all these tiles came."""

    __slots__ = ("then", "tiles")

    def __init__(self, tiles: Iterable[int], then: Callable[[], None]) -> None:
        self.tiles = dict.fromkeys(tiles)
        self.then = then


class Paging:
    """The tiles of one canvas, fetched where they are absent. Lives on the event loop's thread.

    Reads fail where storage does: then they are tried again, ever more slowly, for as long as
    somebody waits.
    """

    def __init__(self, pyramid: Pyramid, log: Log, service: Service, offload: Offload) -> None:
        self.pyramid = pyramid
        self._residents = pyramid.residents
        self._log = log
        self._service = service
        self._offload = offload
        self._wanted: dict[int, None] = {}
        self._waiting: dict[_Wait, None] = {}
        self._waits: dict[int, list[_Wait]] = {}
        """By tile: those of ``_waiting`` that it keeps."""
        self._arrived: deque[Arrived] = deque()
        self._ready: deque[Callable[[], None]] = deque()
        """Whom to call: all that they waited for came."""
        self._called: Callable[[], None] | None = None
        """Who is being called; after a failure, who was."""
        self._called_again: Callable[[], None] | None = None
        self._answering = False
        self._answers: set[asyncio.Future[None]] = set()
        self._busy = False
        self._kicked = False
        self._stopped = False
        self._retry_s = _RETRY_INITIAL_S
        self._mending = Mending(pyramid.canvas, log, service, offload, self._mended)
        self._residents.on_overlay = self.kick
        service.on_restart(self._start_over)

    def stop(self) -> None:
        """The log is about to be closed: fetch nothing more; nobody is called any more."""
        self._stopped = True
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(Unavailable(_STOPPING))

    def kick(self) -> None:
        """There may be something to fetch."""
        if not (self._kicked or self._busy or self._stopped):
            self._kicked = True
            self._service.call_soon(self._next)

    def fetch(self, tiles: Iterable[int], then: Callable[[], None]) -> None:
        """Call ``then``, on a later turn of the loop, when all these tiles came.

        They come into memory, and may leave it again before anybody looks.
        """
        wait = _Wait((tile for tile in tiles if not self._residents.is_whole(tile)), then)
        self._waiting[wait] = None
        self._await(wait)
        if wait.tiles:
            self.kick()

    def _await(self, wait: _Wait) -> None:
        """Have its tiles fetched; it is ready if there are none."""
        if not wait.tiles:
            self._settle(wait)
        for tile in wait.tiles:
            self._waits.setdefault(tile, []).append(wait)
            if tile not in self._residents.fetching:
                self._wanted[tile] = None

    def _settle(self, wait: _Wait) -> None:
        """All that it waited for came."""
        self._ready.append(wait.then)
        del self._waiting[wait]
        self._answer_soon()

    def _answer_soon(self) -> None:
        if self._ready and not self._answering:
            self._answering = True
            self._service.call_soon(self._answer)

    def _answer(self) -> None:
        """Call those that are ready, for a millisecond a turn."""
        self._answering = False
        end = self._service.time() + _SLICE_S
        for _ in range(len(self._ready)):
            self._called = self._ready.popleft()
            self._called()
            self._called = None
            if self._service.time() > end:
                break
        self._answer_soon()

    async def bring(self, tiles: Iterable[int]) -> None:
        """Fetch tiles and return when they came. Raises :class:`server.problems.Unavailable`."""
        if self._stopped:
            raise Unavailable(_STOPPING)
        came: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers.add(came)
        self.fetch(tiles, lambda: None if came.done() else came.set_result(None))
        try:
            async with asyncio.timeout(_ANSWER_MAX_S):
                await came
        except TimeoutError:
            raise Unavailable("The storage doesn't answer.") from None
        finally:
            self._answers.discard(came)

    def _start_over(self) -> None:
        """It failed, wherever: what somebody waits for and isn't here is fetched afresh."""
        if self._stopped:
            return
        self._busy = self._kicked = self._answering = False
        self._arrived.clear()
        self._mending.forget()
        self._residents.fetching.clear()
        self._wanted.clear()
        self._waits.clear()
        for wait in list(self._waiting):
            wait.tiles = {tile: None for tile in wait.tiles if not self._residents.is_whole(tile)}
            self._await(wait)
        self._call_again()
        self._answer_soon()
        self.kick()

    def _call_again(self) -> None:
        """Who was being called may not have heard of it; who fails twice would for ever."""
        called, self._called = self._called, None
        if called is not None and called is not self._called_again:
            self._ready.append(called)
        self._called_again = called

    def _next(self) -> None:
        self._kicked = False
        if self._busy or self._stopped:
            return
        batch = self._take()
        if not batch:
            return
        self._busy = True
        residents = self._residents
        residents.fetching.update(batch)
        overlays = {tile for tile in batch if tile in residents.overlays}
        self._offload(
            lambda: _read(self._log, batch, overlays),
            self._service.own(self._came),
            self._service.own(lambda error: self._failed(error, batch)),
        )

    def _take(self) -> list[int]:
        """The next tiles to fetch: those that somebody waits for, then some painted ones."""
        batch: dict[int, None] = {}
        residents = self._residents
        while self._wanted and len(batch) < BATCH_TILES:
            tile = next(iter(self._wanted))
            del self._wanted[tile]
            batch[tile] = None
        for tile in residents.overlays:
            if len(batch) >= BATCH_TILES or len(batch) >= _BATCH_OVERLAYS:
                break
            if tile not in self._mending:
                batch[tile] = None
        return list(batch)

    def _came(self, found: tuple[list[Arrived], list[Damage]]) -> None:
        if self._stopped:
            return
        arrived, damaged = found
        self._retry_s = _RETRY_INITIAL_S
        for damage in damaged:
            self._mend(damage)
        self._arrived.extend(arrived)
        self._install()

    def _mend(self, damage: Damage) -> None:
        """What the store holds of a tile is damaged, but not lost: it follows from the rest."""
        if unkey(damage.tile).level == 0:
            self._mending.add(damage)
            return
        if self.pyramid.remake(damage.tile):
            where = unkey(damage.tile)
            logger.warning(
                "%s is damaged in the store, and computed anew: %s",
                where,
                damage.text,
                extra={"canvas": self._service.canvas},
            )
        self._settle_tile(damage.tile)

    def _mended(self, mended: list[Mended]) -> None:
        if self._stopped:
            return
        for row, to_save in mended:
            self._residents.install(row.key, row)
            if to_save:
                self._residents.save_again(row.key)
            self._settle_tile(row.key)

    def _settle_tile(self, tile: int) -> None:
        """A tile came, or can be had without the store."""
        self._residents.fetching.discard(tile)
        for wait in self._waits.pop(tile, ()):
            del wait.tiles[tile]
            if not wait.tiles:
                self._settle(wait)

    def _install(self) -> None:
        """Take what arrived, for a millisecond a turn."""
        if self._stopped:
            return
        end = self._service.time() + _SLICE_S
        while self._arrived:
            tile, row, pixels = self._arrived[0]
            try:
                self._residents.install(tile, row, pixels)
            except Exception as error:  # no memory, say: like a read that failed
                left = [tile for tile, _, _ in self._arrived]
                self._arrived.clear()
                self._failed(error, left)
                return
            self._arrived.popleft()
            self._settle_tile(tile)
            if self._arrived and self._service.time() > end:
                self._service.call_soon(self._install)
                return
        self._busy = False
        self.kick()

    def _failed(self, error: Exception, batch: Sequence[int]) -> None:
        if self._stopped:
            return
        if self._retry_s == _RETRY_INITIAL_S:
            logger.warning(
                "tiles can't be read, and are asked for again: %s",
                error,
                extra={"canvas": self._service.canvas},
            )
        self._residents.fetching.difference_update(batch)
        self._wanted.update((tile, None) for tile in batch if tile in self._waits)
        self._service.call_later(self._retry_s, self._retry)
        self._retry_s = min(2 * self._retry_s, _RETRY_MAX_S)

    def _retry(self) -> None:
        self._busy = False
        self.kick()


def _read(log: Log, batch: Sequence[int], overlays: set[int]) -> tuple[list[Arrived], list[Damage]]:
    """What the store holds of tiles, each looked at before anybody is sent it."""
    rows, damaged = _rows(log, batch)
    arrived: list[Arrived] = []
    lost = {damage.tile for damage in damaged}
    for tile in batch:
        if tile in lost:
            continue
        row = rows.get(tile)
        pixels = None
        if row is not None:
            try:
                pixels = decode_payload(row.data)
            except InflateError as error:
                damaged.append(Damage(tile, str(error), row.seq))
                continue
        arrived.append((tile, row, pixels if tile in overlays else None))
    return arrived, damaged


def _rows(log: Log, batch: Sequence[int]) -> tuple[dict[int, SavedTile], list[Damage]]:
    """The rows by tile, and the tiles whose rows can't be read."""
    try:
        return {row.key: row for row in log.saved(batch)}, []
    except DamagedError:
        pass  # of some of them at least: one by one it shows of which
    rows: dict[int, SavedTile] = {}
    damaged = []
    for tile in batch:
        try:
            rows.update((row.key, row) for row in log.saved([tile]))
        except DamagedError as error:
            damaged.append(Damage(tile, str(error), row_read=False))
    return rows, damaged
