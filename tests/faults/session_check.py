"""Conversations with a canvas in virtual time: each frame is answered as the oracle says.

Two bystanders paint and watch in between, and the server's sets are counted afresh.
"""

import logging
from collections.abc import Iterable
from functools import cache

from protocol.codec import encode
from protocol.messages import (
    NEW_SESSION,
    VERSION,
    Ack,
    Clock,
    Hello,
    Notice,
    Pixel,
    Reject,
    Viewport,
    Welcome,
)
from server.session import Session
from tests.faults.grammar import GREETING
from tests.memory_log import MemoryLog, MemoryStore
from tests.oracle.conversation import Conversation, Ground
from tests.simulation.recount import left_nothing, sample
from tests.simulation.settings import SETTINGS
from tests.simulation.table import Notepad, Table
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import VirtualTime
from tiles.log.base import CanvasInfo

GROUND = Ground(200, 150, max_message_pixels=4_000, max_message_tiles=6, max_viewport_tiles=8)
_SETTINGS = SETTINGS.model_copy(
    update={
        "max_message_pixels": GROUND.max_message_pixels,
        "max_message_tiles": GROUND.max_message_tiles,
        "max_viewport_tiles": GROUND.max_viewport_tiles,
        "budget_pixels": 0,
        "memory_budget_bytes": 1 << 30,
    }
)
_SESSIONS_KEPT = 8
_WORKED_OFF_S = 20.0
"""Virtual time for one frame: threads, the log and turns of the loop are waited for."""
_ANSWERED_S = 0.15
_CONVERSATIONS_A_STAGE = 2_000


class _Complaints(logging.Handler):
    """What the server logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


class Stage:
    """A canvas, its two bystanders, and one conversation after the other."""

    def __init__(self) -> None:
        time = VirtualTime(Verdict())
        store = MemoryStore(CanvasInfo(GROUND.width, GROUND.height))
        log = MemoryLog(store, schedule=time.do_after, delay_s=0.001)
        self.table = Table(log, time, _SETTINGS)
        self.sessions: list[bytes] = []
        """Ids that it may come back under."""
        self.frames = self.closed = self.rejected = self.drawn = 0
        self._counts: dict[bytes, int] = {}
        self._verdict = Verdict()
        self._painted = 0
        self._complaints = _Complaints()
        logging.getLogger("server").addHandler(self._complaints)
        self._painter, _ = self.table.join()
        self.table.say(self._painter, Hello(VERSION, NEW_SESSION, ""))
        watcher, self._seen = self.table.join()
        self.table.say(watcher, Hello(VERSION, NEW_SESSION, ""), Viewport(0, 0, 0, 63, 63))

    def end(self) -> None:
        """Listen to the server's log no more."""
        logging.getLogger("server").removeHandler(self._complaints)

    def hold(self, frames: Iterable[bytes]) -> None:
        """One conversation, held to the oracle. Raises AssertionError."""
        due = Conversation(GROUND, self._counts)
        session, notepad = self.table.join()
        said, seq, before = [], self.table.hub.seq, 0
        for frame in frames:
            before = len(due.rejects)
            said.append(frame)
            due.hear(frame)
            if due.close is not None:
                self._pass(_ANSWERED_S)  # what came before is answered first
            session.receive(frame)
            self._work_off(session)
            if due.close is not None or notepad.closed is not None:
                break
        self._pass(_ANSWERED_S)
        try:
            self._judge(due, session, notepad, before)
            drawn = self.table.hub.seq - seq
            assert drawn == due.drawn, f"{drawn} of {due.drawn} are drawn"
            self._leave(session, due, notepad)
            self._paint_on()
            assert not self._complaints.texts, self._complaints.texts
            self._verdict.settle()
        except AssertionError as error:
            shown = " ".join(frame.hex() for frame in said)
            raise AssertionError(f"{error}\nafter {shown}\nof {due}") from error
        self.frames += len(said)
        self.closed += due.close is not None
        self.rejected += len(due.rejects)
        self.drawn += due.drawn

    def _pass(self, seconds: float) -> None:
        self.table.time.run(self.table.time.now + seconds)

    def _work_off(self, session: Session) -> None:
        """As the socket's owner does: what comes next is read when all before is handled."""
        ends = self.table.time.now + _WORKED_OFF_S
        while not session.idle and self.table.time.now < ends:
            self._pass(0.01)
        assert session.idle, "a frame is never done with"

    def _judge(self, due: Conversation, session: Session, notepad: Notepad, before: int) -> None:
        heard = notepad.messages
        assert notepad.closed == due.close, f"closed with {notepad.closed}, not {due.close}"
        welcomes = [message for message in heard if isinstance(message, Welcome)]
        # One that is closed by what came with its HELLO may be so before WELCOME.
        assert len(welcomes) <= due.greeted, "WELCOME"
        rejects = [(each.n, each.code) for each in heard if isinstance(each, Reject)]
        notices = [each.text for each in heard if isinstance(each, Notice) and each.level > 0]
        if due.close is not None:
            assert before <= len(rejects), "what was refused before isn't told"
            assert rejects == due.rejects[: len(rejects)]
            return
        assert rejects == due.rejects, f"{rejects}"
        # The same one again, before the first is sent, is none.
        assert due.told <= len(notices) <= due.too_large, f"{notices}"
        if not due.greeted:
            return
        assert welcomes[0].handled == due.welcomed_with, f"{welcomes[0]}"
        acks = [message for message in heard if isinstance(message, Ack)]
        if due.handled > due.welcomed_with:
            assert (acks[-1].handled, acks[-1].durable) == (due.handled, due.handled), f"{acks[-1]}"
        clocks = [message.view for message in heard if isinstance(message, Clock)]
        view = session.view
        assert (view.number, max(clocks, default=0)) == (due.view, due.view), f"{clocks}"
        assert view.tiles is None or view.tiles.total == due.view_tiles, f"{view.tiles}"
        assert not view.stale, "a tile is owed"

    def _leave(self, session: Session, due: Conversation, notepad: Notepad) -> None:
        identity = session.identity
        session.lost()
        if identity is not None:
            self._counts[identity.id] = identity.handled
            if due.close is None:
                assert identity.handled == due.handled, f"{identity.handled} handled"
            self.sessions = [*self.sessions[1 - _SESSIONS_KEPT :], identity.id]
        assert len(self.table.hub.sessions) == 2, "it is counted still"
        left_nothing(self._verdict, self.table.hub, session)
        sample(self._verdict, self.table.hub)

    def _paint_on(self) -> None:
        """A pixel more by one bystander, for the other."""
        self._painted += 1
        number = self._painted
        pixel = Pixel(number % 64, number // 64 % 64, 7, number % 256, number // 256 % 256)
        self._seen.messages.clear()
        self._painter.receive(encode(pixel))
        self._pass(0.03)
        assert pixel in self._seen.messages, "a bystander's pixel isn't seen"


class Stages:
    """Stages one after the other: their logs and counts don't grow without end."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.past: dict[str, int] = dict.fromkeys(("frames", "closed", "rejected", "drawn"), 0)
        self._held = 0

    def hold(self, frames: Iterable[bytes]) -> None:
        """See :meth:`Stage.hold`."""
        self.stage.hold(frames)
        self._held += 1
        if self._held % _CONVERSATIONS_A_STAGE == 0:
            self.renew()

    def renew(self) -> None:
        """Count what the stage has seen, and take another."""
        for name in self.past:
            self.past[name] += getattr(self.stage, name)
        self.stage.end()
        self.stage = Stage()


@cache
def _stages() -> Stages:
    return Stages()


def check_bytes(data: bytes) -> None:
    """A conversation as bytes, for who knows nothing of frames: each is a length and its bytes.

    The greeting comes before, unless the first length is 255.
    """
    frames = [] if data[:1] == b"\xff" else [GREETING]
    at = 0
    while at < len(data):
        frames.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    _stages().hold(frames)
