"""What a shared log's stream brings, applied in its order: drawing, counts, claims, settings.

It is everybody's drawing, this node's sessions' too, so there is no other way to be painted.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from protocol.codec import decode_steps, encode
from protocol.errors import ProtocolError
from protocol.messages import PIXEL_BYTES, Drawing, PixelRun
from protocol.types import Sender
from server.applying import Applying
from server.line import Offload
from server.supervisor import Service
from tiles.geometry import CANVAS_TILES_MAX
from tiles.log.base import Author, Batch, Ordered
from tiles.pixel_run import Pixels
from tiles.raster import DrawError, Paint, cost, rasterise

if TYPE_CHECKING:
    from server.hub import Hub

logger = logging.getLogger(__name__)

_SLICE_S = 0.004
_RUN_BYTES = 1024 * PIXEL_BYTES
"""Consecutive pixels, whoever's, that are painted at once."""
_FAILURES_MAX = 3
_OFFLOAD_PIXELS = 4096
"""What costs more is rasterised in a thread, and what follows it in the stream waits."""

Step = Callable[[], None]


class Following:
    """Applies for one hub; ``counted`` is told of each entry once its drawing is applied.

    ``drawn`` is told of each batch whose it is and what it costs, in pixels.
    """

    def __init__(
        self,
        hub: "Hub",
        service: Service,
        applying: Applying,
        offload: Offload,
        counted: Callable[[Ordered], None],
        drawn: Callable[[Author, int], None],
    ) -> None:
        self._hub = hub
        self._service = service
        self._applying = applying
        self._offload = offload
        self._counted = counted
        self._drawn = drawn
        self._heard: deque[Ordered | Step] = deque()
        self._coming: Iterator[Step] | None = None
        """What is left to do of the first of them, after ``_step``."""
        self._step: Step | None = None
        """What is being done; after a failure it is done again."""
        self._taken = 0
        """So many steps of the first of them are done."""
        self._scheduled = self._in_thread = False
        self._failures = 0
        service.on_restart(self._start_over)

    @property
    def waiting(self) -> int:
        """Entries that are not applied yet."""
        return len(self._heard)

    def hear(self, ordered: Ordered | Step) -> None:
        """The next entry, or what is to be done once those before it are applied. In any thread."""
        self._heard.append(ordered)
        if not self._scheduled:
            self._scheduled = True
            self._service.call_soon_threadsafe(self._go_on)

    def _start_over(self) -> None:
        """It failed at a step, which is done again, unless it fails every time."""
        self._in_thread = False
        self._coming = None
        self._failures += 1
        if self._failures >= _FAILURES_MAX and self._step is not None:
            logger.error("canvas %s: part of the log can't be applied; left out", self._hub.name)
            self._step_over()
        self._scheduled = True
        self._service.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Apply some more: what fits into a slice of the loop's time."""
        self._scheduled = False
        deadline = self._service.time() + _SLICE_S
        while not self._in_thread:
            if self._step is not None:
                self._step()
                if not self._in_thread:
                    self._step_over()
            elif self._heard:
                if self._coming is None:
                    self._coming = islice(self._steps_of(self._heard[0]), self._taken, None)
                self._step = next(self._coming, None)
                if self._step is None:
                    self._coming, self._taken = None, 0
                    self._heard.popleft()
            else:
                return
            if self._service.time() > deadline:
                self._scheduled = True
                self._service.call_soon(self._go_on)
                return

    def _step_over(self) -> None:
        self._failures, self._step = 0, None
        self._taken += 1

    def _steps_of(self, heard: Ordered | Step) -> Iterator[Step]:
        """What is to be done for an entry; to decode a large one at once would take long."""
        if not isinstance(heard, Ordered):
            yield heard
            return
        run = bytearray()
        run_seq = 0
        for batch in heard.batches:
            pixels = 0
            for seq, message in _messages(batch):
                if isinstance(message, PixelRun):
                    pixels += len(message)
                    run += message.data
                    run_seq = seq
                    if len(run) < _RUN_BYTES:
                        continue
                if run:
                    yield self._pixels(run_seq, bytes(run))
                    run.clear()
                if not isinstance(message, PixelRun):
                    pixels += cost(message)
                    yield self._message(seq, message)
            yield partial(self._drawn, batch.author, pixels)
        if run:
            yield self._pixels(run_seq, bytes(run))
        yield partial(self._counted, heard)

    def _pixels(self, seq: int, data: bytes) -> Step:
        return lambda: self._applying.pixels(seq, Pixels(PixelRun(data)))

    def _message(self, seq: int, message: Drawing) -> Step:
        if cost(message) <= _OFFLOAD_PIXELS:
            return lambda: self._paint(seq, message, self._rasterise(message))
        return lambda: self._paint_later(seq, message)

    def _paint_later(self, seq: int, message: Drawing) -> None:
        self._in_thread = True

        def done(paints: list[Paint]) -> None:
            self._paint(seq, message, paints)
            self._in_thread = False
            self._step_over()
            self._go_on()

        def failed(error: Exception) -> None:
            raise error

        own = self._service.own
        self._offload(lambda: self._rasterise(message), own(done), own(failed))

    def _rasterise(self, message: Drawing) -> list[Paint]:
        info = self._hub.info
        try:
            # What is in the log was within the limits of who offered it.
            return rasterise(message, info.width, info.height, CANVAS_TILES_MAX)
        except DrawError:
            logger.exception("a message of the log can't be drawn; it paints nothing")
            return []

    def _paint(self, seq: int, message: Drawing, paints: list[Paint]) -> None:
        self._applying.message(seq, encode(message), paints)


def _messages(batch: Batch) -> Iterator[tuple[int, Drawing | PixelRun]]:
    """A batch's drawing, with the seq of each message or of the last of a run."""
    seq = batch.first_seq - 1
    try:
        for message in decode_steps(batch.messages, Sender.CLIENT):
            if isinstance(message, PixelRun):
                for start in range(0, len(message.data), _RUN_BYTES):
                    piece = PixelRun(message.data[start : start + _RUN_BYTES])
                    seq += len(piece)
                    yield seq, piece
            elif isinstance(message, Drawing):
                seq += 1
                yield seq, message
    except ProtocolError:
        logger.exception("the log past seq %d can't be read; it is left out", seq)
