"""From a log to the canvas that it stands for: the log's tail alone is read.

Checkpointed tiles stay in the store until somebody asks for them. What the tail paints stands over
them: a tile's checkpoint holds every message up to some seq of the tail, and each pixel that the
tail sets has the colour of the last message to set it, so it doesn't matter what the checkpoint
holds of them already.
"""

from protocol.codec import decode_runs
from protocol.messages import PIXEL_BYTES, Drawing, PixelRun
from protocol.types import Sender
from tiles.canvas import Canvas
from tiles.geometry import CANVAS_TILES_MAX, unkey
from tiles.log.base import Batch, Log, Recovered
from tiles.pixel_run import Pixels
from tiles.pyramid import Pyramid
from tiles.raster import rasterise

_RUN_BYTES = 524_288 * PIXEL_BYTES
"""Painted at once: the more, the fewer pieces for each tile; takes 50 MB for a moment."""


def recover(log: Log, recovered: Recovered) -> Pyramid:
    """The canvas at ``recovered.seq`` with its levels, as far as it isn't in the store."""
    info = recovered.info
    stored = recovered.checkpoint_seq > 0  # without a whole pass the tail is everything
    pyramid = Pyramid(Canvas(info.width, info.height, info.background, stored=stored))
    if not recovered.overviews:
        _mark_everything(log, pyramid)
    replay = Replay(pyramid, recovered.checkpoint_seq)
    for batch in log.read(recovered.checkpoint_seq):
        replay.add(batch)
    replay.finish()
    return pyramid


def _mark_everything(log: Log, pyramid: Pyramid) -> None:
    """A store of level 0 alone: once, every tile is read to know which overviews are due."""
    for saved in log.tiles():
        if unkey(saved.key).level == 0:
            pyramid.mark([saved.key])


class Replay:
    """Paints the messages past seq ``after``, single pixels of many batches at once."""

    def __init__(self, pyramid: Pyramid, after: int) -> None:
        self._pyramid = pyramid
        self._after = after
        self._pixels = bytearray()
        self._last_seq = 0

    def add(self, batch: Batch) -> None:
        """The next batch; it may be painted later."""
        if len(batch.messages) == PIXEL_BYTES * (batch.last_seq - batch.first_seq + 1):
            # No drawing message is shorter than a PIXEL, so these are nothing else.
            self._collect(batch.messages, batch.last_seq)
            return
        seq = batch.first_seq - 1
        for message in decode_runs(batch.messages, Sender.CLIENT):
            if isinstance(message, PixelRun):
                seq += len(message)
                self._collect(message.data, seq)
            else:
                assert isinstance(message, Drawing), "the log holds drawing only"
                seq += 1
                if seq > self._after:
                    self.finish()
                    self._draw(message, seq)

    def finish(self) -> None:
        """Paint what was collected."""
        if self._pixels:
            run = PixelRun(bytes(self._pixels))
            self._pixels.clear()
            first_seq = self._last_seq - len(run) + 1
            # A seq of its own for each tile, and none past the one that it was given when drawn.
            for paint, _, last in Pixels(run).by_tile():
                self._pyramid.mark(self._pyramid.canvas.paint([paint], first_seq + last))

    def _collect(self, data: bytes, last_seq: int) -> None:
        before = self._after - (last_seq - len(data) // PIXEL_BYTES)
        self._pixels += data if before <= 0 else data[before * PIXEL_BYTES :]
        self._last_seq = last_seq
        if len(self._pixels) >= _RUN_BYTES:
            self.finish()

    def _draw(self, message: Drawing, seq: int) -> None:
        canvas = self._pyramid.canvas
        # What is in the log was within the limits of its day.
        paints = rasterise(message, canvas.width, canvas.height, max_tiles=CANVAS_TILES_MAX)
        self._pyramid.mark(canvas.paint(paints, seq))
