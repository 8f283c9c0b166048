"""From a drawing message to its place in the order: admitted or rejected, numbered, logged.

In a log of one writer that is its place, and it is applied at once. There is no ``await`` between,
so nobody sees a canvas between two messages. In a shared log the stream gives it a place, and
:mod:`server.following` applies it.
"""

import logging
from typing import TYPE_CHECKING

from protocol.codec import encode
from protocol.errors import RejectCode
from protocol.messages import Drawing, PixelRun, Reject
from protocol.session import State
from server.admission import Admission
from server.allowance import OverBudget
from server.applying import OFFLOAD_PIXELS, Applying
from server.fanout import Fanout
from server.identity import Identity
from server.journal import Journal
from server.memory import Memory
from server.rasterising import Job, Rasterising
from server.session import Session
from tiles.geometry import Rectangle
from tiles.loop import Offload
from tiles.pixel_run import Pixels
from tiles.raster import DrawError, Paint, bounds, rasterise

if TYPE_CHECKING:
    from server.hub import Hub

logger = logging.getLogger(__name__)

_TRICKLE_S = 0.05
"""While a node is behind with applying, one of its sessions draws on in so long: less, not none."""


class Ordering:
    """Orders the drawing of one hub; where the log is ``shared``, it offers it."""

    def __init__(
        self,
        hub: "Hub",
        admission: Admission,
        journal: Journal,
        applying: Applying,
        fanout: Fanout,
        memory: Memory,
        offload: Offload,
        *,
        shared: bool,
    ) -> None:
        self._hub = hub
        self._admission = admission
        self._journal = journal
        self._applying = applying
        self._shared = shared
        self._fanout = fanout
        self._memory = memory
        self._rasterising = Rasterising(hub.scheduler, offload)
        self._held: dict[Session, None] = {}
        """Sessions that drew while drawing had to wait: they go on when it no longer has to."""
        self._trickling = False

    @property
    def rasterising(self) -> int:
        """Dear messages that wait for being rasterised, or are in work."""
        return len(self._rasterising)

    def leave(self, session: Session) -> None:
        """The session ended."""
        self._held.pop(session, None)
        self._rasterising.leave(session)

    def holds(self, session: Session) -> bool:
        """Whether a session is still waited for: for recounts."""
        return session in self._held or self._rasterising.holds(session)

    def draw(self, session: Session, message: Drawing) -> None:
        """Order and apply one drawing message, or reject it; dear ones are prepared in a thread."""
        identity = session.identity
        assert identity is not None, "only an open session draws"
        now = self._hub.scheduler.time()
        try:
            pixels = self._admission.admit(
                message, session.role, self._hub.read_only, identity.allowance, now
            )
            if pixels <= OFFLOAD_PIXELS:
                self._order(session, message, pixels, self._rasterise(message))
                return
        except DrawError as error:
            self._reject(session, error)
            return

        def order(paints: list[Paint]) -> None:
            self._rasterising.painted(session)
            if self._hub.read_only:
                self._reject(session, DrawError(RejectCode.READ_ONLY))
            else:
                self._order(session, message, pixels, paints)

        def prepare(paints: list[Paint], begin: int) -> None:
            if self._shared:
                order(paints)
                return
            end = self._applying.prepare(paints, begin)
            if end < len(paints):
                session.resume(lambda: prepare(paints, end))
            else:
                order(paints)

        def done(paints: list[Paint]) -> None:
            if session.state is State.OPEN:
                session.resume(lambda: prepare(paints, 0))

        def failed(error: Exception) -> None:
            self._rasterising.painted(session)
            if session.state is State.OPEN:
                if not isinstance(error, DrawError):
                    logger.error(
                        "a message could not be rasterised", exc_info=error, extra=session.about
                    )
                    error = DrawError(RejectCode.BAD_VALUE)
                refusal = error
                session.resume(lambda: self._reject(session, refusal))

        session.hold()
        self._rasterising.add(Job(session, lambda: self._rasterise(message), done, failed))

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
        data = encode(message)
        box = bounds(message, self._hub.info.width, self._hub.info.height)
        self._log(session, 1, pixels, data, box)
        if not self._shared:
            self._hub.seq += 1
            self._applying.message(self._hub.seq, data, paints)
        self._drawn(session)

    def draw_run(self, session: Session, run: PixelRun) -> bool:
        """Order and apply a run of pixels; False, with nothing done, if one can't be drawn."""
        identity = session.identity
        assert identity is not None, "only an open session draws"
        now = self._hub.scheduler.time()
        pixels = Pixels(run)
        if not self._admission.admits_all(
            pixels, session.role, self._hub.read_only, identity.allowance, now
        ):
            return False
        self._log(session, len(run), len(run), run.data, pixels.bounds)
        if not self._shared:
            self._hub.seq += len(run)
            self._applying.pixels(self._hub.seq, pixels)
        self._drawn(session)
        return True

    def _log(
        self, session: Session, messages: int, pixels: int, data: bytes, box: Rectangle
    ) -> None:
        """Number messages and have them logged, first of all: whatever fails after that, the log
        has no gap.
        """
        identity = session.identity
        assert identity is not None, "only an open session draws"
        identity.allowance.take(pixels, self._hub.scheduler.time())
        identity.numbered += messages
        self._journal.draw(identity, session.author, messages, data, box)

    def _drawn(self, session: Session) -> None:
        """A session's messages are on their way into the log and, unless it is shared, applied."""
        identity = session.identity
        assert identity is not None, "only an open session draws"
        self._handled(identity)
        if self._draws_wait:
            session.hold()
            self._held[session] = None
            self._trickle_soon()
        if not identity.allowance.unlimited:
            session.outbox.budget_due = True
        self._fanout.due(session)

    def _handled(self, identity: Identity) -> None:
        """What came is in its place in the order; in a shared log the stream has to say so."""
        if not self._shared:
            identity.handled = identity.numbered
            identity.handled_seq = self._hub.seq

    @property
    def _draws_wait(self) -> bool:
        """Whether more is drawn than tiles can be saved, or than this node can apply."""
        if self._hub.read_only:
            return False
        following = self._hub.following
        return self._memory.tight or (following is not None and following.behind)

    def go_on(self) -> None:
        """Sessions that were held handle their next messages, if drawing needn't wait."""
        if self._held and not self._draws_wait:
            self._hub.scheduler.call_soon(self.go_on)  # for the next one
            self._let_go()

    def _let_go(self) -> None:
        session = next(iter(self._held))
        del self._held[session]
        session.resume()

    def _trickle_soon(self) -> None:
        if self._shared and not self._trickling:
            self._trickling = True
            self._hub.scheduler.call_later(_TRICKLE_S, self._trickle)

    def _trickle(self) -> None:
        """A node that is always behind, others being faster, has its sessions draw all the same."""
        self._trickling = False
        if self._held:
            self._trickle_soon()
            if not self._memory.tight:
                self._let_go()

    def _reject(self, session: Session, error: DrawError) -> None:
        identity = session.identity
        assert identity is not None, "only an open session draws"
        identity.numbered += 1
        identity.reject(error.code)
        self._handled(identity)
        self._hub.counts.rejects[error.code] += 1
        over = error if isinstance(error, OverBudget) else None
        retry_ms = over.retry_ms if over is not None else 0
        session.outbox.rejects.append(Reject(identity.numbered, error.code, retry_ms))
        self._journal.count(identity)
        self._fanout.due(session)
        if over is not None:
            session.outbox.budget_due = True
            now = self._hub.scheduler.time()
            identity.paces.flood.rejected(identity.numbered, over, now)
