"""Saves changed tiles beside the log, so that a start replays only the log's tail."""

from collections.abc import Sequence

from server.journal import Journal
from server.line import Offload
from tiles.canvas import Canvas, compress_tile
from tiles.log.base import Log, SavedTile
from tiles.raster import Bytes


class Checkpointer:
    """One pass saves every tile that changed since the last, a step of a few tiles at a time."""

    def __init__(
        self,
        canvas: Canvas,
        unsaved: set[int],
        log: Log,
        journal: Journal,
        offload: Offload,
        step_tiles: int,
    ) -> None:
        self._canvas = canvas
        self._unsaved = unsaved
        self._log = log
        self._journal = journal
        self._offload = offload
        self._step_tiles = step_tiles
        self._left: list[int] = []
        self._through = 0
        self._running = False
        self._stopped = False

    def touch(self, tiles: Sequence[int]) -> None:
        """Level-0 tiles changed."""
        self._unsaved.update(tiles)

    def run(self, seq: int) -> None:
        """Begin a pass at the canvas's ``seq``, unless one is under way or storage fails."""
        if self._running or not self._unsaved or self._journal.read_only:
            return
        self._running = True
        self._through = seq
        self._left = list(self._unsaved)
        self._unsaved.clear()
        self._step()

    def stop(self) -> None:
        """The log is about to be closed: save nothing more. The next start replays what is left."""
        self._stopped = True

    def _step(self) -> None:
        step, self._left = self._left[: self._step_tiles], self._left[self._step_tiles :]
        copies = [(tile, self._canvas.seq(tile), self._canvas.tile(tile).copy()) for tile in step]
        # What the copies hold must stand in the log's queue before they do.
        self._journal.submit()
        self._offload(
            lambda: _compress(copies),
            self._save,
            lambda error: self._fail(error, step),
        )

    def _save(self, saved: list[SavedTile]) -> None:
        if self._stopped:
            return
        self._log.checkpoint(saved, None if self._left else self._through)
        if self._left:
            self._step()
        else:
            self._running = False

    def _fail(self, error: Exception, step: list[int]) -> None:
        self._unsaved.update(step, self._left)
        self._running = False
        raise error


def _compress(copies: list[tuple[int, int, Bytes]]) -> list[SavedTile]:
    return [SavedTile(tile, seq, compress_tile(pixels)) for tile, seq, pixels in copies]
