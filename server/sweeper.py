"""What is done by the clock: late CLOCKs, stuck lines, HELLOs that never come, old counts."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from protocol.errors import CloseCode
from protocol.session import State
from server.reception import Reception
from server.session import Session
from server.supervisor import Service
from tiles.log.base import Log

if TYPE_CHECKING:
    from server.hub import Hub

logger = logging.getLogger(__name__)

_DAY_MS = 24 * 60 * 60 * 1000
_FORGET_INTERVAL_S = 3600.0
_TURN_S = 0.002
_REST = 2
"""A turn is followed by a pause of so many times what it took: hundreds may have to go at once."""


class Sweeper:
    """Looks at every session of one hub some times within the time that a CLOCK may take."""

    def __init__(
        self,
        hub: "Hub",
        service: Service,
        reception: Reception,
        log: Log,
        now_ms: Callable[[], int],
    ) -> None:
        self._hub = hub
        self._service = service
        self._reception = reception
        self._log = log
        self._now_ms = now_ms
        self._began, self._began_ms = service.time(), now_ms()
        self._settings = hub.settings
        self._interval_s = hub.settings.clock_interval_s / 5
        self._unseen: list[Session] = []
        """Those that the sweep under way has still to look at."""
        self._failed: set[Session] = set()
        """Sessions that the sweep failed at: those that the next one fails at too end."""
        self._failed_before: set[Session] = set()
        service.on_restart(self._start_over)

    def start(self) -> None:
        """Sweep from now on, and forget old counts."""
        self._service.call_later(self._interval_s, self._sweep)
        self._forget()

    def _start_over(self) -> None:
        """It failed, and may be late."""
        self._service.call_soon(self._sweep)
        self._forget()

    def _sweep(self) -> None:
        self._failed_before, self._failed = self._failed, set()
        self._unseen = list(self._hub.sessions)
        self._go_on()

    def _go_on(self) -> None:
        """Look at some more: to let hundreds go at once would keep all others waiting."""
        now = self._service.time()
        while self._unseen:
            session = self._unseen.pop()
            if session.state is not State.CLOSED:
                self._look_at_safely(session, now)
            took_s = self._service.time() - now
            if took_s > _TURN_S:
                self._service.call_later(_REST * took_s, self._go_on)
                return
        self._reception.sweep(now)
        self._service.call_later(self._interval_s, self._sweep)

    def _look_at_safely(self, session: Session, now: float) -> None:
        try:
            self._look_at(session, now)
        except Exception:
            logger.exception("a session could not be looked after", extra=session.about)
            if session in self._failed_before:
                session.end(CloseCode.TRY_LATER, "the server failed at this session")
            else:
                self._failed.add(session)

    def _look_at(self, session: Session, now: float) -> None:
        settings = self._settings
        if session.outbox.stuck(now, settings.slow_reader_timeout_s):
            session.lost()
            session.line.abort()
        elif session.state is State.OPEN:
            if session.outbox.window.unanswered(now, session.line.unsent_bytes):
                session.wake()
            # At the next look it could be too late.
            if now - session.outbox.clock_at >= settings.clock_interval_s - 2 * self._interval_s:
                session.outbox.clock_due = True
                session.wake()
        elif (
            session.state is State.AWAITING_HELLO
            and now - session.opened_at > settings.hello_timeout_s
        ):
            session.end(CloseCode.TOO_SLOW, "no HELLO in time")

    def _forget(self) -> None:
        """Counts of sessions that haven't drawn for long go from the log.

        The wall clock may be set forward, and back again; no more time counts than has passed.
        """
        keep_ms = int(self._settings.session_keep_days * _DAY_MS)
        passed_ms = int(1000 * (self._service.time() - self._began))
        now_ms = min(self._now_ms(), self._began_ms + passed_ms)
        self._log.forget_sessions(now_ms - keep_ms)
        self._service.call_later(_FORGET_INTERVAL_S, self._forget)
