"""Brings absent tiles from the store, in batches, in a thread; nobody on the loop waits for it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from server.line import Offload, Scheduler
from server.problems import Unavailable
from tiles.log.base import Log, SavedTile
from tiles.pyramid import Pyramid
from tiles.raster import Bytes
from tiles.residency import decoded

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
    """Somebody who waits until so many tiles came."""

    __slots__ = ("left", "then")

    def __init__(self, then: Callable[[], None]) -> None:
        self.left = 0
        self.then = then


class Paging:
    """The tiles of one canvas, fetched where they are absent. Lives on the event loop's thread.

    Reads fail where storage does: then they are tried again, ever more slowly, for as long as
    somebody waits.
    """

    def __init__(self, pyramid: Pyramid, log: Log, scheduler: Scheduler, offload: Offload) -> None:
        self.pyramid = pyramid
        self._residents = pyramid.residents
        self._log = log
        self._scheduler = scheduler
        self._offload = offload
        self._wanted: dict[int, None] = {}
        self._waits: dict[int, list[_Wait]] = {}
        self._arrived: deque[Arrived] = deque()
        self._answers: set[asyncio.Future[None]] = set()
        self._busy = False
        self._kicked = False
        self._stopped = False
        self._retry_s = _RETRY_INITIAL_S
        self._residents.on_overlay = self.kick

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
            self._scheduler.call_soon(self._next)

    def fetch(self, tiles: Iterable[int], then: Callable[[], None]) -> None:
        """Call ``then``, on a later turn of the loop, when all these tiles came.

        They come into memory, and may leave it again before anybody looks.
        """
        wait = _Wait(then)
        for tile in tiles:
            if not self._residents.is_whole(tile):
                self._waits.setdefault(tile, []).append(wait)
                if tile not in self._residents.fetching:
                    self._wanted[tile] = None
                wait.left += 1
        if wait.left:
            self.kick()
        else:
            self._scheduler.call_soon(then)

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
            self._came,
            lambda error: self._failed(error, batch),
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
            batch[tile] = None
        return list(batch)

    def _came(self, arrived: list[Arrived]) -> None:
        if self._stopped:
            return
        self._retry_s = _RETRY_INITIAL_S
        self._arrived.extend(arrived)
        self._install()

    def _install(self) -> None:
        """Take what arrived, for a millisecond a turn."""
        if self._stopped:
            return
        end = self._scheduler.time() + _SLICE_S
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
            self._residents.fetching.discard(tile)
            for wait in self._waits.pop(tile, ()):
                wait.left -= 1
                if wait.left == 0:
                    self._scheduler.call_soon(wait.then)
            if self._arrived and self._scheduler.time() > end:
                self._scheduler.call_soon(self._install)
                return
        self._busy = False
        self.kick()

    def _failed(self, error: Exception, batch: Sequence[int]) -> None:
        if self._stopped:
            return
        if self._retry_s == _RETRY_INITIAL_S:
            logger.warning("tiles can't be read, and are asked for again: %s", error)
        self._residents.fetching.difference_update(batch)
        self._wanted.update((tile, None) for tile in batch if tile in self._waits)
        self._scheduler.call_later(self._retry_s, self._retry)
        self._retry_s = min(2 * self._retry_s, _RETRY_MAX_S)

    def _retry(self) -> None:
        self._busy = False
        self.kick()


def _read(log: Log, batch: Sequence[int], overlays: set[int]) -> list[Arrived]:
    rows = {row.key: row for row in log.saved(batch)}
    arrived: list[Arrived] = []
    for tile in batch:
        row = rows.get(tile)
        pixels = decoded(tile, row.data) if row is not None and tile in overlays else None
        arrived.append((tile, row, pixels))
    return arrived
