"""From HELLO to WELCOME: whose session it is, who had it before, and what of it is durable."""

import logging
from typing import TYPE_CHECKING

from protocol.codec import encode
from protocol.errors import CloseCode, ProtocolError
from protocol.messages import NEW_SESSION, VERSION, Clock, Hello, Welcome
from protocol.session import State
from server.allowance import AddressBuckets, Allowance
from server.bucket import Bucket, Rate
from server.following import Following
from server.identity import Identities, Identity
from server.journal import Journal
from server.paces import Paces
from server.session import Session
from server.welcome import welcome_info
from tiles.log.base import Author, Log, LogError, Ordered, SessionCount
from tiles.loop import Offload, Scheduler

if TYPE_CHECKING:
    from server.hub import Hub

logger = logging.getLogger(__name__)

IN_TROUBLE = (
    "Storage is in trouble: the canvas is read-only for now, and goes on by itself once it is well."
)
_IDENTITY_KEEP_S = 600.0
_TAKEN_OVER = "a newer connection has taken over"
_LOOKED_UP = "the session can't be looked up now"
_OUTDATED = "this server can't go on until it is upgraded"
_SLICE_S = 0.002


class Reception:
    """Ties connections to the identities of one canvas."""

    def __init__(
        self,
        hub: "Hub",
        log: Log,
        journal: Journal,
        following: Following | None,
        rate: Rate,
        scheduler: Scheduler,
        offload: Offload,
    ) -> None:
        self.identities = Identities(_IDENTITY_KEEP_S)
        sessions = hub.settings.budget_sessions_per_address
        # Whoever draws what BUDGET tells may find it taken by others of the address, time and
        # again: that is still no more than the address may paint.
        self._tried = Rate(max(1, sessions) * rate.burst, max(1, sessions) * rate.refill)
        self.addresses = AddressBuckets(Rate(sessions * rate.burst, sessions * rate.refill))
        self._hub = hub
        self._log = log
        self._journal = journal
        self._following = following
        self._rate = rate
        self._scheduler = scheduler
        self._offload = offload

    def hello(self, session: Session, hello: Hello) -> None:
        """Find or make the session's identity, fence who had it, send WELCOME when it is safe."""
        if hello.version != VERSION:
            raise ProtocolError(
                f"protocol version {hello.version} is not spoken", CloseCode.BAD_VERSION
            )
        if hello.token:
            raise ProtocolError("the token is not valid here", CloseCode.BAD_TOKEN)
        if self._following is not None:
            self._claim(session, hello.session)
            return
        identity = self.identities.get(hello.session)
        if identity is not None or hello.session == NEW_SESSION:
            self._attach(session, identity or self._create(None))
            return

        def found(count: SessionCount | None) -> None:
            if session.state is not State.RESUMING:
                return
            try:
                # Another connection may have asked for the same session meanwhile.
                known = self.identities.get(hello.session)
                self._attach(session, known or self._create(count))
            except Exception as error:
                failed(error)

        def failed(error: Exception) -> None:
            logger.error(
                "a session could not be taken up again", exc_info=error, extra=session.about
            )
            session.end(CloseCode.TRY_LATER, _LOOKED_UP)

        self._offload(lambda: self._log.session(hello.session), found, failed)

    def _claim(self, session: Session, id: bytes) -> None:
        """Ask all nodes for the session; who had it on any of them is fenced then."""

        following = self._following
        assert following is not None, "a shared log is followed"

        def claimed(answer: SessionCount | LogError) -> None:
            following.hear(lambda: taken(answer))

        def taken(answer: SessionCount | LogError) -> None:
            if session.state is not State.RESUMING:
                return
            if isinstance(answer, LogError):
                logger.debug("a session could not be claimed: %s", answer)
                session.end(CloseCode.TRY_LATER, _LOOKED_UP)
            else:
                self._attach(session, self._create(answer))

        try:
            # Whoever claims it past there has dialled later, so this connection is given up: its
            # HELLO was under way for long. Or it comes back, and has it then.
            self._log.claim(id, claimed, session.opened_place)
        except LogError as error:
            claimed(error)

    def counted(self, ordered: Ordered) -> None:
        """A shared log's entry is applied: sessions' counts moved, and some changed hands."""
        for count in ordered.counts:
            identity = self.identities.get(count.session)
            if identity is not None and identity.claim == count.claim:
                identity.handled = count.handled
                identity.handled_seq = self._hub.seq
                if identity.connection is not None:
                    self._hub.due(identity.connection)
        for count in ordered.claimed:
            identity = self.identities.get(count.session)
            if identity is not None and identity.claim != count.claim:
                identity.claim = 0  # it is another connection's, perhaps of another node
                _end(identity, CloseCode.TAKEN_OVER, _TAKEN_OVER)
        for id, claim in ordered.void:
            identity = self.identities.get(id)
            if identity is not None and identity.claim == claim:
                _end(identity, CloseCode.TRY_LATER, "the session is not known any more")

    def leave(self, session: Session) -> None:
        """The connection ended; its identity waits for the next."""
        identity = session.identity
        if identity is None:
            return
        if identity.connection is session:
            identity.connection = None
        if identity.waiting is session:
            identity.waiting = None
        now = self._scheduler.time()
        self.addresses.leave(session.address, now)
        self.identities.went(identity, now)

    def durable(self, identity: Identity) -> None:
        """More of an identity's messages are durable."""
        self._welcome_if_durable(identity)

    def turn_away(self, session: Session) -> None:
        """Storage is in trouble: whoever waits for it comes back later."""
        if session.state is State.RESUMING:
            session.end(CloseCode.TRY_LATER, "storage is in trouble: can't resume now")

    def send_away(self) -> None:
        """This server can't go on: everybody is to connect to another one. A few in each turn."""
        left = list(self._hub.sessions)

        def some() -> None:
            until = self._scheduler.time() + _SLICE_S
            while left and self._scheduler.time() <= until:
                left.pop().end(CloseCode.RESTARTING, _OUTDATED)
            if left:
                self._scheduler.call_soon(some)

        some()

    def sweep(self, now: float) -> None:
        """Forget what is of no use any more."""
        self.identities.sweep(now)
        self.addresses.sweep(now)

    def _create(self, count: SessionCount | None) -> Identity:
        now = self._scheduler.time()
        before = self.identities.get(count.session) if count is not None else None
        if before is not None:  # who had it is fenced; its budget isn't new
            self._journal.submit()  # what it drew for the older claim, apart from what comes
            return self.identities.create(before.allowance, before.paces, count)
        allowance = Allowance(Bucket(self._rate, now), Bucket(self._tried, now))
        return self.identities.create(allowance, Paces(self._hub.settings, now), count)

    def _attach(self, session: Session, identity: Identity) -> None:
        for other in (identity.connection, identity.waiting):
            if other is not None and other.opened_at > session.opened_at:
                # This HELLO was under way for so long that its client had dialled again.
                session.end(CloseCode.TAKEN_OVER, _TAKEN_OVER)
                return
            if other is not None:
                other.end(CloseCode.TAKEN_OVER, _TAKEN_OVER)
        session.identity = identity
        session.author = Author(identity.id, session.presence.name, session.address)
        identity.waiting = session
        identity.allowance.shared = self.addresses.enter(session.address, self._scheduler.time())
        self.identities.came(identity)
        self._welcome_if_durable(identity)

    def _welcome_if_durable(self, identity: Identity) -> None:
        """WELCOME.handled lets the client forget: it may only name what would survive."""
        session = identity.waiting
        if session is None:
            return
        if identity.durable >= identity.handled:
            identity.waiting, identity.connection = None, session
            identity.handled_seq = self._hub.seq
            identity.paces.flood.welcomed(identity.handled)
            session.line.write(session.line.frame(encode(self._welcome(session, identity))))
            session.outbox.welcomed(Clock(0, self._hub.seq), identity.ack())
            session.outbox.budget_due = True
            session.welcomed()
            session.wake()
            if self._journal.trouble is not None:
                session.notify(2, IN_TROUBLE)
        elif self._journal.trouble is not None:
            self.turn_away(session)
        else:
            self._journal.submit()

    def _welcome(self, session: Session, identity: Identity) -> Welcome:
        hub = self._hub
        return Welcome(
            VERSION,
            identity.id,
            identity.client,
            hub.epoch,
            hub.seq,
            identity.handled,
            hub.info.width,
            hub.info.height,
            *hub.info.background,
            hub.pyramid.levels,
            session.role,
            welcome_info(hub.info, hub.settings, identity.rejected),
        )


def _end(identity: Identity, code: CloseCode, reason: str) -> None:
    """End who is connected as an identity that isn't this node's any more."""
    for session in (identity.connection, identity.waiting):
        if session is not None:
            session.end(code, reason)
