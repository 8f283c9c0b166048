"""The log of a canvas that several nodes share: a stream, and this node's own fold of it.

The stream gives the order, and what it holds is durable. The fold is a log of one writer: it holds
the batches and counts that the stream's entries came to, with their seqs, the checkpoints, and how
far in the stream that is. A start goes on from there; a fold that is lost can be had again.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence

from tiles.log.base import (
    CanvasInfo,
    Commit,
    Listener,
    Log,
    LogError,
    LostError,
    Ordered,
    Recovered,
    SavedTile,
    SessionCount,
)
from tiles.log.order import Order
from tiles.log.schema import encode_info
from tiles.loop import Offload, Scheduler
from tiles.shared.catch_up import bounds_of, catch_up, compare
from tiles.shared.claims import Claim, Claims
from tiles.shared.deciding import Deciding
from tiles.shared.decisions import SESSION_KEPT_MS
from tiles.shared.fold import Applied, Fold
from tiles.shared.health import Health
from tiles.shared.intake import Intake
from tiles.shared.offers import Offers
from tiles.shared.reading import FoldReading
from tiles.shared.stream import Delivered, Stream, StreamError
from tiles.shared.updates import Updates

logger = logging.getLogger(__name__)

_WATCH_S = 0.25
_AGAIN_S = 0.25
"""Time until what got no answer is published again."""
_LET_GO_S = 5.0
"""The fold of a log that could not be opened is closed within that time."""
_CLOCKS_APART_MS = 24 * 3600 * 1000
"""The stream's times may go back by as much, when another server leads it."""


class SharedLog(FoldReading):
    """A :class:`tiles.log.base.Log` over a stream.

    ``fold`` is a log of one writer that keeps its epoch; it is opened and closed with this one.
    ``loop`` is the stream's, ``offload`` reads from the fold. ``answer_s`` is how long an entry may
    be under way before that is trouble, ``claim_s`` how long a claim may.
    """

    shared = True

    def __init__(
        self,
        fold: Log,
        stream: Stream,
        loop: Scheduler,
        offload: Offload,
        *,
        answer_s: float = 3.0,
        claim_s: float = 4.0,
        update_s: float = 5.0,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        super().__init__(fold)
        self._stream = stream
        self._loop = loop
        self._offload = offload
        self._answer_s = answer_s
        self._claim_s = claim_s
        self._update_s = update_s
        self._node = int.from_bytes(random(7))
        self._order: Order | None = None
        self._fold: Fold | None = None
        self._claims = Claims(lambda: self.place, random)
        self._offers = Offers(0, self._node, stream.publish, self._claims)
        self._updates = Updates()
        self._listener: Listener | None = None
        self._ordered: Callable[[Ordered], None] = lambda _nobody_listens: None
        self._deciding = Deciding()
        self._intake: Intake | None = None
        self._unanswered: set[int] = set()
        """Entries that the stream gave no answer to; looked at again soon."""
        self._sending = self._warned = self._closed = False
        self._thread: int | None = None
        """The loop's."""
        self._health = Health()
        self._time_ms = 0
        """When the stream took the last entry that was delivered."""
        self._stream_behind = 0

    @property
    def place(self) -> int:
        """How far in the stream this log has come."""
        return self._opened().decisions.mark.place

    @property
    def behind(self) -> int:
        """Entries that the stream holds and this log has not written, as far as is known."""
        return self._stream_behind + (self._intake.waiting if self._intake else 0)

    @property
    def settled(self) -> bool:
        """Whether all that was appended is durable, and the listener knows."""
        return self._order is None or self._deciding.told_ticket == self._order.ticket

    # -- life ----------------------------------------------------------------------------------

    def open(self) -> Recovered:
        """Open the fold and bring it to where the stream ends now.

        Raises :class:`LostError` where the fold is none of this stream's any more, which is a
        :class:`tiles.log.base.CutError` where the stream lost entries.
        """
        if self._fold is not None or self._closed:
            raise LogError("the log was opened before")
        bounds = bounds_of(self._stream)
        recovered = self._log.open()
        try:
            compare(self._stream, bounds, recovered.epoch, recovered.mark)
            fold = Fold(self._log, recovered)
            self._log.start(fold)
            recovered.info = catch_up(fold, self._stream, bounds.last) or recovered.info
        except BaseException:
            self._closed = True
            self._log.close(_LET_GO_S)
            raise
        self._fold = fold
        self._offers = Offers(bounds.epoch, self._node, self._stream.publish, self._claims)
        self._order = Order(fold.decisions.seq)
        recovered.epoch = bounds.canvas_epoch
        recovered.seq, recovered.mark = fold.decisions.seq, fold.mark
        recovered.clean = True  # what was lost with the process came back from the stream
        return recovered

    def start(self, listener: Listener, ordered: Callable[[Ordered], None] | None = None) -> None:
        """Begin to follow the stream."""
        if ordered is None:
            raise ValueError("a shared log has to tell what is ordered")
        if self._order is None or self._listener is not None or self._closed:
            raise LogError("the log can't be started now")
        self._listener = listener
        self._ordered = ordered
        self._opened().on_change = self._fold_changed
        self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        if not self._closed:
            self._thread = threading.get_ident()
            self._intake = Intake(
                self._opened(), self._stream, self._loop, self._offload, self._applied, self._finish
            )
            self._stream.follow(self.place, self)
            self._watch()

    def close(self, timeout_s: float) -> bool:
        """Wait until what was appended is decided and written, then close the fold.

        It waits for nothing from the loop's own thread, nor for what a lost stream can't decide.
        """
        if self._closed:
            return True
        deadline = time.monotonic() + timeout_s
        if self._order is not None and self._thread != threading.get_ident():
            self._deciding.wait(self._order.ticket, timeout_s)
        self._closed = True
        left = not self.settled
        self._updates.close(LogError("the log is closed"))
        self._loop.call_soon_threadsafe(self._end)
        if self._fold is None:
            return not left
        return self._log.close(max(0.0, deadline - time.monotonic())) and not left

    def _end(self) -> None:
        self._stream.close()
        if self._intake is not None:
            self._intake.close()
        self._claims.give_up(LogError("the log is closed"))

    # -- what the node offers ------------------------------------------------------------------

    def append(self, commit: Commit) -> None:
        """Offer a commit; ``ValueError`` where it isn't the next, or holds drawing of nobody."""
        order = self._started()
        counted = {count.session for count in commit.counts}
        if not all(batch.author.session in counted for batch in commit.batches):
            raise ValueError("a session drew, and its count isn't there")
        order.admit(commit)
        self._loop.call_soon_threadsafe(self._append, commit)

    def _append(self, commit: Commit) -> None:
        given_up = self._offers.add(commit)
        if given_up:
            self._ordered(Ordered((), (), (), given_up, None, self.place))
        self._send()

    def _send(self) -> None:
        """Publish what waits, now or when it is time, if there is a stream to take it."""
        if self._closed or not self._health.follows:
            return
        wait_s = self._offers.send(self._loop.time())
        if wait_s and not self._sending:
            self._sending = True
            self._loop.call_later(wait_s, self._send_on_time)

    def _send_on_time(self) -> None:
        self._sending = False
        self._send()

    def claim(
        self,
        session: bytes,
        done: Callable[[SessionCount | LogError], None],
        seen: int | None = None,
    ) -> None:
        """Ask for a session; see :meth:`tiles.log.base.Log.claim`."""
        self._started()
        claim = Claim(session, done, seen, self._loop.time() + self._claim_s)
        self._loop.call_soon_threadsafe(self._claim, claim)

    def _claim(self, claim: Claim) -> None:
        if self._closed:
            claim.done(LogError("the log is closed"))
        elif not self._health.follows:
            claim.done(self._unreached())
        else:
            self._claims.ask(claim)
            self._send()

    def hold(self, *, held: bool) -> None:
        """Have the stream wait, or go on; see :meth:`tiles.log.base.Log.hold`."""
        if self._intake is not None:
            self._loop.call_soon_threadsafe(self._intake.hold, held)

    def update(self, info: CanvasInfo) -> None:
        """Offer settings, and wait until they are in force and stored."""
        self._started()
        if self._health.told is not None:
            raise LogError(f"storage is in trouble: {self._health.told}")
        text = encode_info(info)
        update = self._updates.add(text)
        self._loop.call_soon_threadsafe(self._offers.send_info, text)
        try:
            update.wait(self._update_s)
        finally:
            self._updates.drop(update)

    def checkpoint(
        self,
        tiles: Sequence[SavedTile],
        through: int | None,
        written: Callable[[], None] | None = None,
    ) -> None:
        """Queue tiles to be saved in the fold."""
        self._started()
        self._log.checkpoint(tiles, through, written)

    def forget_sessions(self, before_ms: int) -> None:
        """Queue the removal of old counts from the fold: none that may decide anything yet."""
        self._started()
        over_ms = self._time_ms - SESSION_KEPT_MS - _CLOCKS_APART_MS
        self._log.forget_sessions(min(before_ms, over_ms))

    # -- what the stream says ------------------------------------------------------------------

    def delivered(self, entries: Sequence[Delivered], behind: int) -> None:
        """See :meth:`tiles.shared.stream.Follower.delivered`."""
        if self._closed or self._health.ended is not None or self._intake is None:
            return
        self._time_ms = entries[-1].time_ms
        self._stream_behind = behind
        self._intake.add(entries)

    def answered(self, number: int, error: StreamError | None) -> None:
        """See :meth:`tiles.shared.stream.Follower.answered`."""
        if error is None or self._closed:
            return
        if not self._warned:
            self._warned = True
            logger.warning("the stream gave no answer to an entry: %s", error)
        if not self._unanswered:
            self._loop.call_later(_AGAIN_S, self._again)
        self._unanswered.add(number)

    def linked(self, error: StreamError | None) -> None:
        """See :meth:`tiles.shared.stream.Follower.linked`."""
        self._health.link = error
        if error is None:
            self._again()
        else:
            self._claims.give_up(self._unreached())
        self._tell()

    def lost(self, error: StreamError) -> None:
        """See :meth:`tiles.shared.stream.Follower.lost`."""
        self._finish(LostError(str(error)))

    def _finish(self, error: LogError) -> None:
        """Nothing of the stream is applied any more, and nothing is offered to it."""
        if self._closed:
            return
        logger.error("the stream isn't followed any more: %s", error)
        self._health.ended = error
        self._deciding.end()
        self._claims.give_up(error)
        self._tell()

    def _unreached(self) -> LogError:
        return self._health.ended or LogError(f"the stream can't be reached: {self._health.link}")

    def _again(self) -> None:
        """Offer again what may be lost."""
        unanswered, self._unanswered = self._unanswered, set()
        if self._health.follows and not self._closed:
            self._offers.again(self._loop.time(), at_once=True)
            self._claims.again(unanswered)
            self._send()

    def _applied(self, applied: Applied) -> None:
        decision, mine = applied.decision, applied.entry.node == self._node
        self._ordered(
            Ordered(
                decision.batches,
                decision.counts,
                [granted.session for granted in decision.granted],
                decision.void if mine else (),
                applied.info,
                self.place,
            )
        )
        if mine:
            self._warned = False
            self._claims.answer(decision)
        fold, now = self._opened(), self._loop.time()
        self._offers.seen(applied.entry.node, now)
        ticket = self._offers.settle(fold.decisions, decision.void if mine else (), now)
        self._deciding.add(applied.ticket, ticket, applied.entry.info)
        self._send()

    # -- what the listener is told -------------------------------------------------------------

    def _fold_changed(self) -> None:
        self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        """The fold has come on, or fails, or is well again."""
        if self._closed or self._listener is None or self._intake is None:
            return
        durable = self._deciding.told_ticket
        for ticket, info in self._deciding.written(self._opened().durable_ticket):
            durable = max(durable, ticket)
            self._updates.stored(info)
        if durable > self._deciding.told_ticket:
            self._listener.durable(durable)
            self._deciding.told(durable)
        self._tell()
        self._intake.throttle()

    def _watch(self) -> None:
        """Look, now and then, at what should have come."""
        if self._closed:
            return
        now = self._loop.time()
        if self._intake is not None and self._intake.listener_behind:
            self._offers.excuse(now)
        elif self._health.follows:
            self._offers.again(now)
        self._claims.give_up(LogError("the stream doesn't answer"), now)
        self._tell()
        self._loop.call_later(_WATCH_S, self._watch)

    def _tell(self) -> None:
        """Say that trouble began or ended, unless that was said."""
        if self._listener is not None and not self._closed:
            stall = self._offers.stall(self._loop.time(), self._answer_s)
            fold_error = self._opened().error
            self._health.tell(self._listener, fold_error, stall, caught_up=self.settled)

    def _started(self) -> Order:
        if self._order is None or self._listener is None or self._closed:
            raise LogError("the log is not open for writing")
        return self._order

    def _opened(self) -> Fold:
        if self._fold is None:
            raise LogError("the log is not open")
        return self._fold
