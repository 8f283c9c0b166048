"""From a log to the canvas that it stands for: the log's tail alone is read.

Checkpointed tiles stay in the store until somebody asks for them. What the tail paints stands over
them: a tile's checkpoint holds every message up to some seq of the tail, and each pixel that the
tail sets has the colour of the last message to set it, so it doesn't matter what the checkpoint
holds of them already.
"""

from collections.abc import Iterable
from typing import Protocol

from protocol.codec import decode_runs
from protocol.errors import ProtocolError
from protocol.messages import PIXEL_BYTES, Drawing, PixelRun
from protocol.types import Sender
from tiles.canvas import Canvas
from tiles.geometry import CANVAS_TILES_MAX, unkey
from tiles.log.base import Batch, DamagedError, Log, Recovered
from tiles.pixel_run import Pixels
from tiles.pyramid import Pyramid
from tiles.raster import DrawError, Paint, rasterise

_RUN_BYTES = 524_288 * PIXEL_BYTES
"""Painted at once: the more, the fewer pieces for each tile; takes 50 MB for a moment."""


_SEQ_MAX = 2**63 - 1


def recover(log: Log, recovered: Recovered) -> Pyramid:
    """The canvas at ``recovered.seq`` with its levels, as far as it isn't in the store.

    Raises :class:`tiles.log.base.DamagedError` for a log that can't be replayed.
    """
    info = recovered.info
    stored = recovered.checkpoint_seq > 0  # without a whole pass the tail is everything
    pyramid = Pyramid(Canvas(info.width, info.height, info.background, stored=stored))
    if not recovered.overviews:
        _mark_everything(log, pyramid)
    replay = Replay(_Marked(pyramid), recovered.checkpoint_seq)
    for batch in log.read(recovered.checkpoint_seq):
        try:
            replay.add(batch)
        except (ProtocolError, DrawError) as error:
            raise DamagedError(f"the log at seq {batch.first_seq} is damaged: {error}") from error
    replay.finish()
    return pyramid


def _mark_everything(log: Log, pyramid: Pyramid) -> None:
    """A store of level 0 alone: once, every tile is read to know which overviews are due."""
    for saved in log.tiles():
        if unkey(saved.key).level == 0:
            pyramid.mark([saved.key])


class Surface(Protocol):
    """What a replay paints on; ``width`` and ``height`` are the canvas's, in pixels."""

    @property
    def width(self) -> int:
        """Pixels across."""

    @property
    def height(self) -> int:
        """Pixels down."""

    def paint(self, paints: Iterable[Paint], seq: int) -> object:
        """Apply the paints of one message, or of several of which ``seq`` is the last."""


class _Marked:
    """A canvas whose overviews are marked as they go out of date."""

    def __init__(self, pyramid: Pyramid) -> None:
        self._pyramid = pyramid
        self.width = pyramid.canvas.width
        self.height = pyramid.canvas.height

    def paint(self, paints: Iterable[Paint], seq: int) -> None:
        """See :class:`Surface`."""
        self._pyramid.mark(self._pyramid.canvas.paint(paints, seq))


class Replay:
    """Paints the messages past seq ``after``, single pixels of many batches at once."""

    def __init__(self, surface: Surface, after: int) -> None:
        self.after = after
        self._surface = surface
        self._pixels = bytearray()
        self._last_seq = 0

    def add(self, batch: Batch, until: int = _SEQ_MAX) -> None:
        """The next batch, up to seq ``until``; it may be painted later.

        Raises :class:`protocol.errors.ProtocolError` or :class:`tiles.raster.DrawError` for one
        that holds something else than drawing.
        """
        if len(batch.messages) == PIXEL_BYTES * (batch.last_seq - batch.first_seq + 1):
            # No drawing message is shorter than a PIXEL, so these are nothing else.
            self._collect(batch.messages, batch.last_seq, until)
            return
        seq = batch.first_seq - 1
        for message in decode_runs(batch.messages, Sender.CLIENT):
            if isinstance(message, PixelRun):
                seq += len(message)
                self._collect(message.data, seq, until)
            elif not isinstance(message, Drawing):
                raise ProtocolError(f"{type(message).__name__} is no drawing")
            else:
                seq += 1
                if self.after < seq <= until:
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
                self._surface.paint([paint], first_seq + last)

    def _collect(self, data: bytes, last_seq: int, until: int) -> None:
        before = last_seq - len(data) // PIXEL_BYTES
        start, last = max(self.after, before), min(last_seq, until)
        if start >= last:
            return
        if start != self._last_seq:
            self.finish()  # batches in between were left out: seqs are counted within a run
        self._pixels += data[(start - before) * PIXEL_BYTES : (last - before) * PIXEL_BYTES]
        self._last_seq = last
        if len(self._pixels) >= _RUN_BYTES:
            self.finish()

    def _draw(self, message: Drawing, seq: int) -> None:
        surface = self._surface
        # What is in the log was within the limits of its day.
        paints = rasterise(message, surface.width, surface.height, max_tiles=CANVAS_TILES_MAX)
        surface.paint(paints, seq)
