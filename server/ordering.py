"""From a drawing message to everybody: ordered, applied, logged and given to the fan-out.

There is no ``await`` between, so nobody sees a canvas between two messages.
"""

import logging
from typing import TYPE_CHECKING

from protocol.codec import encode
from protocol.errors import RejectCode
from protocol.messages import PIXEL_BYTES, Drawing, PixelRun, Reject
from protocol.session import State
from server.admission import Admission, OverBudget
from server.checkpointer import Checkpointer
from server.fanout import Fanout
from server.journal import Journal
from server.line import Offload
from server.memory import Memory
from server.session import Session
from tiles.geometry import Rectangle
from tiles.pixel_run import Pixels
from tiles.raster import DrawError, Paint, bounds, rasterise

if TYPE_CHECKING:
    from server.hub import Hub

logger = logging.getLogger(__name__)

_OFFLOAD_PIXELS = 65_536


class Ordering:
    """Orders the drawing of one hub."""

    def __init__(
        self,
        hub: "Hub",
        admission: Admission,
        journal: Journal,
        checkpointer: Checkpointer,
        fanout: Fanout,
        memory: Memory,
        offload: Offload,
    ) -> None:
        self._hub = hub
        self._admission = admission
        self._journal = journal
        self._checkpointer = checkpointer
        self._fanout = fanout
        self._memory = memory
        self._offload = offload
        self._held: dict[Session, None] = {}
        """Sessions that drew while memory was tight: they go on when it no longer is."""

    def leave(self, session: Session) -> None:
        """The session ended."""
        self._held.pop(session, None)

    def holds(self, session: Session) -> bool:
        """Whether a session is still waited for: for recounts."""
        return session in self._held

    def draw(self, session: Session, message: Drawing) -> None:
        """Order and apply one drawing message, or reject it; dear ones are prepared in a thread."""
        identity = session.identity
        assert identity is not None, "only an open session draws"
        now = self._hub.scheduler.time()
        try:
            pixels = self._admission.admit(
                message, session.role, self._hub.read_only, identity.bucket, now
            )
            if pixels <= _OFFLOAD_PIXELS:
                self._order(session, message, pixels, self._rasterise(message))
                return
        except DrawError as error:
            self._reject(session, error)
            return

        def done(paints: list[Paint]) -> None:
            if session.state is State.OPEN:
                if self._hub.read_only:
                    self._reject(session, DrawError(RejectCode.READ_ONLY))
                else:
                    self._order(session, message, pixels, paints)
                if session not in self._held:
                    session.resume()

        def failed(error: Exception) -> None:
            if session.state is State.OPEN:
                if not isinstance(error, DrawError):
                    logger.error("a message could not be rasterised", exc_info=error)
                    error = DrawError(RejectCode.BAD_VALUE)
                self._reject(session, error)
                session.resume()

        session.hold()
        self._offload(lambda: self._rasterise(message), done, failed)

    def _rasterise(self, message: Drawing) -> list[Paint]:
        paints = rasterise(
            message,
            self._hub.info.width,
            self._hub.info.height,
            self._hub.settings.max_message_tiles,
        )
        self._admission.admit_paints(message, paints)
        return paints

    def _order(self, session: Session, message: Drawing, pixels: int, paints: list[Paint]) -> None:
        identity = session.identity
        assert identity is not None, "only an open session draws"
        identity.bucket.take(pixels, self._hub.scheduler.time())
        self._hub.seq += 1
        tiles = self._hub.canvas.paint(paints, self._hub.seq)
        self._hub.pyramid.mark(tiles)
        data = encode(message)
        self._fanout.add(tiles, data)
        box = bounds(message, self._hub.info.width, self._hub.info.height)
        self._ordered(session, 1, self._hub.seq, data, box, tiles)

    def draw_run(self, session: Session, run: PixelRun) -> bool:
        """Order and apply a run of pixels; False, with nothing done, if one can't be drawn."""
        identity = session.identity
        assert identity is not None, "only an open session draws"
        now = self._hub.scheduler.time()
        pixels = Pixels(run)
        if not self._admission.admits_all(
            pixels, session.role, self._hub.read_only, identity.bucket, now
        ):
            return False
        identity.bucket.take(len(run), now)
        first_seq = self._hub.seq + 1
        self._hub.seq += len(run)
        by_tile = pixels.by_tile()
        tiles = self._hub.canvas.paint([part.paint for part in by_tile], self._hub.seq)
        self._hub.pyramid.mark(tiles)
        for part in by_tile:
            self._fanout.add((part.paint.tile,), part.data)
        self._ordered(session, len(run), first_seq, run.data, pixels.bounds, tiles)
        return True

    def _ordered(
        self,
        session: Session,
        messages: int,
        first_seq: int,
        data: bytes,
        box: Rectangle,
        tiles: list[int],
    ) -> None:
        """Messages up to the canvas's seq were applied: count, keep and tell."""
        identity = session.identity
        assert identity is not None, "only an open session draws"
        identity.handled += messages
        identity.handled_seq = self._hub.seq
        self._journal.draw(identity, session.author, first_seq, self._hub.seq, data, box)
        self._hub.overviews.touch(tiles)
        self._checkpointer.drawn(messages, pixels=len(data) == PIXEL_BYTES * messages)
        if self._memory.tight and not self._hub.read_only:
            session.hold()
            self._held[session] = None
        if not identity.bucket.unlimited:
            session.outbox.budget_due = True
        self._fanout.due(session)

    def go_on(self) -> None:
        """Sessions that were held because memory was tight handle their next messages."""
        if self._held and (self._hub.read_only or not self._memory.tight):
            session = next(iter(self._held))
            del self._held[session]
            self._hub.scheduler.call_soon(self.go_on)  # for the next one
            session.resume()

    def _reject(self, session: Session, error: DrawError) -> None:
        identity = session.identity
        assert identity is not None, "only an open session draws"
        identity.handled += 1
        identity.handled_seq = self._hub.seq
        identity.reject(error.code)
        retry_ms = 0
        if isinstance(error, OverBudget):
            retry_ms = error.retry_ms
            session.outbox.budget_due = True
        session.outbox.rejects.append(Reject(identity.handled, error.code, retry_ms))
        self._journal.count(identity)
        self._fanout.due(session)
