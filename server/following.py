"""What a shared log's stream brings, applied in its order: drawing, counts, claims, settings.

It is everybody's drawing, this node's sessions' too, so there is no other way to be painted.
Nothing is left out of it: where something can't be applied the canvas is opened anew.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from protocol.codec import decode_steps, encode
from protocol.errors import ProtocolError
from protocol.messages import PIXEL_BYTES, Drawing, PixelRun
from protocol.types import Sender
from server.applying import OFFLOAD_PIXELS, Applying
from server.memory import Memory
from server.supervisor import Service, fail
from tiles.geometry import CANVAS_TILES_MAX
from tiles.log.base import Author, Batch, Log, Ordered
from tiles.loop import Offload
from tiles.pixel_run import Pixels
from tiles.raster import DrawError, Paint, cost, rasterise

if TYPE_CHECKING:
    from server.hub import Hub

logger = logging.getLogger(__name__)

WAITING_MAX = 512
WAITING_MAX_BYTES = 8 * 1024 * 1024
"""With more than that in entries that wait, the stream is held until half of it is applied."""
_BEHIND_S = 0.1
"""A node whose next entry has waited for longer is behind, and draws less itself."""
_SLICE_S = 0.004
_RUN_BYTES = 256 * PIXEL_BYTES
"""Consecutive pixels, whoever's, that are painted at once: 6 ms if each begins another tile."""
_FAILURES_MAX = 3
_ENDED = 4
"""Claims that are looked at in one go: each may end a connection, which takes 0.3 ms."""
_COUNTED = 256

Step = Callable[[], None]


class _Heard(NamedTuple):
    """An entry, or what is to be done in its place; ``at``: when it came."""

    what: Ordered | Step
    at: float
    size: int
    """Bytes of drawing."""


class Following:
    """Applies what ``log`` tells for one hub.

    ``drawn`` is told of each batch whose it is and what it costs, in pixels; ``counted`` of each
    entry once its drawing is applied, in several parts where it counts or claims many sessions.
    """

    def __init__(
        self,
        hub: "Hub",
        service: Service,
        applying: Applying,
        offload: Offload,
        log: Log,
        memory: Memory,
        counted: Callable[[Ordered], None],
        drawn: Callable[[Author, int], None],
    ) -> None:
        self._hub = hub
        self._service = service
        self._applying = applying
        self._offload = offload
        self._log = log
        self._memory = memory
        self._counted = counted
        self._drawn = drawn
        self._heard: deque[_Heard] = deque()
        self._came_bytes = self._applied_bytes = 0
        self._holds = False
        """Whether the stream is held."""
        self._was_behind = False
        self._coming: Iterator[Step] | None = None
        """What is left to do of the first of them, after ``_step``."""
        self._step: Step | None = None
        """What is being done; after a failure it is done again."""
        self._taken = 0
        """So many steps of the first of them are done."""
        self._scheduled = self._in_thread = self._over = False
        self._failures = 0
        """Of the present step, one after the other."""
        service.on_restart(self._start_over)

    @property
    def waiting(self) -> int:
        """Entries that are not applied yet."""
        return len(self._heard)

    @property
    def behind(self) -> bool:
        """Whether more comes than this node can apply."""
        return bool(self._heard) and self._service.time() - self._heard[0].at > _BEHIND_S

    def hear(self, heard: Ordered | Step) -> None:
        """The next entry, or what is to be done once those before it are applied. In any thread."""
        if self._over:
            return
        size = 0
        if isinstance(heard, Ordered):
            size = sum(len(batch.messages) for batch in heard.batches)
        self._came_bytes += size
        self._heard.append(_Heard(heard, self._service.time(), size))
        if not self._scheduled:
            self._scheduled = True
            self._service.call_soon_threadsafe(self._go_on)

    def go_on(self) -> None:
        """Memory is no longer tight."""
        if not (self._scheduled or self._over):
            self._scheduled = True
            self._service.call_soon(self._go_on)

    def stop(self) -> None:
        """Apply nothing more; the log may still need the stream."""
        self._over = True
        if self._holds:
            self._log.hold(held=False)

    def _start_over(self) -> None:
        """It failed at a step, which is done again, unless it fails every time."""
        self._in_thread = False
        self._coming = None
        self._failures += 1
        if self._failures >= _FAILURES_MAX:
            # Nothing behind it is painted, so nothing that lacks it was saved or shown.
            self._over = True
            logger.error(
                "canvas %s: an entry can't be applied, so the canvas is opened anew",
                self._hub.name,
                extra={"canvas": self._hub.name},
            )
            self._hub.on_lost()
            return
        self._scheduled = True
        self._service.call_soon(self._go_on)

    def _throttle(self) -> None:
        """Have the stream held while too much waits here, and sessions draw on once none does."""
        entries, size = len(self._heard), self._came_bytes - self._applied_bytes
        if not self._holds and (entries > WAITING_MAX or size > WAITING_MAX_BYTES):
            self._log.hold(held=True)
            self._holds = True
        elif self._holds and entries <= WAITING_MAX // 2 and size <= WAITING_MAX_BYTES // 2:
            self._log.hold(held=False)
            self._holds = False
        if self._was_behind and not self.behind:
            self._hub.scheduler.call_soon(self._hub.ordering.go_on)
            self._was_behind = False

    def _go_on(self) -> None:
        """Apply some more: what fits into a slice of the loop's time, and into memory."""
        self._scheduled = False
        self._throttle()
        deadline = self._service.time() + _SLICE_S
        while not (self._in_thread or self._over or self._memory.tight):
            if self._step is not None:
                self._step()
                if not self._in_thread:
                    self._step_over()
            elif self._heard:
                if self._coming is None:
                    self._coming = islice(self._steps_of(self._heard[0].what), self._taken, None)
                self._step = next(self._coming, None)
                if self._step is None:
                    self._applied()
            else:
                return
            if self._service.time() > deadline:
                self._scheduled = True
                self._service.call_soon(self._go_on)
                return

    def _applied(self) -> None:
        """All of the first entry is."""
        self._was_behind = self._was_behind or self.behind
        self._applied_bytes += self._heard.popleft().size
        self._coming, self._taken = None, 0
        self._throttle()

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
        for part in _parts(heard):
            yield partial(self._counted, part)

    def _pixels(self, seq: int, data: bytes) -> Step:
        return lambda: self._applying.pixels(seq, Pixels(PixelRun(data)), again=self._again)

    def _message(self, seq: int, message: Drawing) -> Step:
        if cost(message) <= OFFLOAD_PIXELS:
            return lambda: self._paint(seq, message, self._rasterise(message))
        return lambda: self._paint_later(seq, message)

    def _paint_later(self, seq: int, message: Drawing) -> None:
        """Rasterise it in a thread; what follows it in the stream waits."""
        self._in_thread = True
        own = self._service.own
        self._offload(
            lambda: self._rasterise(message),
            own(lambda paints: self._prepare(seq, message, paints, 0)),
            own(fail),
        )

    def _prepare(self, seq: int, message: Drawing, paints: list[Paint], begin: int) -> None:
        """Make the tiles ready to be painted, some in each turn of the loop; then paint."""
        end = self._applying.prepare(paints, begin)
        if end < len(paints):
            self._service.call_soon(self._prepare, seq, message, paints, end)
            return
        self._paint(seq, message, paints)
        self._in_thread = False
        self._step_over()
        self._go_on()

    def _rasterise(self, message: Drawing) -> list[Paint]:
        info = self._hub.info
        try:
            # What is in the log was within the limits of who offered it.
            return rasterise(message, info.width, info.height, CANVAS_TILES_MAX)
        except DrawError:
            logger.exception("a message of the log can't be drawn; it paints nothing")
            return []

    def _paint(self, seq: int, message: Drawing, paints: list[Paint]) -> None:
        self._applying.message(seq, encode(message), paints, again=self._again)

    @property
    def _again(self) -> bool:
        """Whether the present step may have been done in part."""
        return self._failures > 0


def _parts(heard: Ordered) -> Iterator[Ordered]:
    """What an entry says of settings, counts and claims, as much as is dealt with in one go."""
    counts, claimed, void = heard.counts, heard.claimed, heard.void
    if len(counts) <= _COUNTED and len(claimed) + len(void) <= _ENDED:
        yield heard
        return
    yield replace(heard, counts=counts[:_COUNTED], claimed=(), void=())
    part = replace(heard, counts=(), claimed=(), void=(), info=None)
    for begin in range(_COUNTED, len(counts), _COUNTED):
        yield replace(part, counts=counts[begin : begin + _COUNTED])
    for begin in range(0, len(claimed), _ENDED):
        yield replace(part, claimed=claimed[begin : begin + _ENDED])
    for begin in range(0, len(void), _ENDED):
        yield replace(part, void=void[begin : begin + _ENDED])


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
