"""Tiles whose checkpoint turns out to be damaged, rebuilt from the log in a thread.

That may take seconds: who waits for one of them waits for it, and nobody else does.
"""

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from server.supervisor import Service
from tiles.canvas import Canvas
from tiles.geometry import unkey
from tiles.log.base import DamagedError, Log, LogError, SavedTile
from tiles.loop import Offload
from tiles.mend import mend

logger = logging.getLogger(__name__)

_RETRY_S = 1.0
_BLACK = bytes(3)


class Damage(NamedTuple):
    """A tile that the store doesn't give; ``seq`` is its row's, if that could be read."""

    tile: int
    text: str
    seq: int = 0
    row_read: bool = True


class Mended(NamedTuple):
    """A tile as it should be. ``to_save``: writing it over what is damaged puts that right."""

    row: SavedTile
    to_save: bool


class Mending:
    """The damaged tiles of one canvas; ``came`` is given those that are rebuilt."""

    def __init__(
        self,
        canvas: Canvas,
        log: Log,
        service: Service,
        offload: Offload,
        came: Callable[[list[Mended]], None],
    ) -> None:
        self._canvas = canvas
        self._log = log
        self._service = service
        self._about = {"canvas": service.canvas}
        self._offload = offload
        self._came = came
        self._damaged: dict[int, Damage] = {}
        self._busy = False

    def __contains__(self, tile: int) -> bool:
        return tile in self._damaged

    def add(self, damage: Damage) -> None:
        """Rebuild a tile of level 0."""
        self._damaged[damage.tile] = damage
        self._next()

    def forget(self) -> None:
        """The service was restarted: who still wants a tile asks for it again."""
        self._damaged.clear()
        self._busy = False

    def _next(self) -> None:
        if self._busy or not self._damaged:
            return
        self._busy = True
        batch = list(self._damaged.values())
        self._offload(
            lambda: self._mend(batch),
            self._service.own(self._done),
            self._service.own(self._failed),
        )

    def _mend(self, batch: list[Damage]) -> list[Mended]:
        for damage in batch:
            logger.warning(
                "%s is damaged in the store, and is rebuilt from the log: %s",
                unkey(damage.tile),
                damage.text,
                extra=self._about,
            )
        began = time.monotonic()
        canvas = self._canvas
        tiles = [damage.tile for damage in batch]
        try:
            rows = mend(self._log, canvas.width, canvas.height, canvas.blank, tiles)
        except DamagedError as error:
            # There is no other copy to turn to, and everybody else's tiles are well.
            logger.error(
                "%d tiles are damaged, so they are black: %s", len(batch), error, extra=self._about
            )
            return [Mended(SavedTile(one.tile, one.seq, _BLACK), to_save=False) for one in batch]
        took_s = time.monotonic() - began
        logger.warning("%d tiles were rebuilt in %.2f s", len(batch), took_s, extra=self._about)
        return [Mended(rows[one.tile], to_save=one.row_read) for one in batch]

    def _done(self, mended: list[Mended]) -> None:
        self._busy = False
        for one in mended:
            self._damaged.pop(one.row.key, None)
        self._came(mended)
        self._next()

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, LogError):
            raise error
        logger.warning("damaged tiles can't be rebuilt now: %s", error, extra=self._about)
        self._service.call_later(_RETRY_S, self._retry)

    def _retry(self) -> None:
        self._busy = False
        self._next()
