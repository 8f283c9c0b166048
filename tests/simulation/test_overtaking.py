"""What overtakes what is under way: rare in the simulation, so played here move by move."""

import random
from collections.abc import Sequence

from protocol.codec import decode, encode
from protocol.errors import CloseCode
from protocol.messages import (
    NEW_SESSION,
    VERSION,
    Follow,
    Hello,
    Message,
    PresenceSet,
    Seen,
    Viewport,
    Welcome,
)
from protocol.session import State
from protocol.types import Sender
from server.hub import Hub
from server.session import Session
from tests.memory_log import MemoryLog, MemoryStore
from tests.simulation.settings import SETTINGS
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import Process, VirtualTime
from tiles.log.base import CanvasInfo
from tiles.recovery import recover


class Notepad:
    """A line that writes down what is sent; ``unsent`` is how full it says to be."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.closed: CloseCode | None = None
        self.unsent = 0

    def write(self, messages: Sequence[bytes]) -> None:
        """See :meth:`server.line.Line.write`."""
        self.messages += decode(b"".join(messages), Sender.SERVER)

    def unsent_bytes(self) -> int:
        """See :meth:`server.line.Line.unsent_bytes`."""
        return self.unsent

    def close(self, code: CloseCode, reason: str) -> None:
        """See :meth:`server.line.Line.close`."""
        self.closed = code

    def abort(self) -> None:
        """See :meth:`server.line.Line.abort`."""

    @property
    def welcome(self) -> Welcome:
        """The first message."""
        welcome = self.messages[0]
        assert isinstance(welcome, Welcome)
        return welcome


class Table:
    """A hub in virtual time."""

    def __init__(self) -> None:
        self.time = VirtualTime(Verdict())
        process = Process(self.time, random.Random(1), tick_s=1e-6)
        store = MemoryStore(CanvasInfo(100, 100))
        log = MemoryLog(store, schedule=self.time.do_after, delay_s=0.001)
        recovered = log.open()
        self.hub = Hub(
            "main",
            log,
            recovered,
            *recover(log, recovered),
            SETTINGS,
            process,
            process.offload,
            lambda: 0,
        )
        self.hub.start()

    def join(self) -> tuple[Session, Notepad]:
        """A new connection."""
        notepad = Notepad()
        return self.hub.join(notepad, b""), notepad

    def say(self, session: Session, *messages: Message) -> None:
        """The client's frame comes, and time to deal with it."""
        session.receive(b"".join(map(encode, messages)))
        self.time.run(self.time.now + 0.2)


def test_the_connection_that_was_made_last_keeps_the_session() -> None:
    """The older one is fenced even if its HELLO comes after the newer one's (ONCE-2).

    Its client has given it up and dialled again: closing the newer one with 4409 would end the
    client for good, as after 4409 it doesn't come back.
    """
    table = Table()
    session, first = table.join()
    table.say(session, Hello(VERSION, NEW_SESSION, ""))
    older, late = table.join()
    newer, newest = table.join()
    table.say(newer, Hello(VERSION, first.welcome.session, ""))
    table.say(older, Hello(VERSION, first.welcome.session, ""))
    assert newer.state is State.OPEN
    assert newest.closed is None
    assert (first.closed, late.closed) == (CloseCode.TAKEN_OVER, CloseCode.TAKEN_OVER)
    assert table.hub.sessions == {newer}


def test_who_forbids_it_is_not_shown_any_more() -> None:
    """A SEEN that waits for a slow line is dropped when its subject becomes anonymous (AWR-4)."""
    table = Table()
    ada, notepad = table.join()
    table.say(ada, Hello(VERSION, NEW_SESSION, ""), PresenceSet(1, 2, 3, "Ada"))
    follower, followers_notepad = table.join()
    table.say(follower, Hello(VERSION, NEW_SESSION, ""))
    followers_notepad.unsent = 2 * SETTINGS.slow_reader_bytes
    table.say(follower, Viewport(0, 0, 0, 9, 9), Follow(notepad.welcome.client))
    assert follower.outbox.behind
    table.say(ada, Viewport(0, 50, 50, 59, 59))
    table.say(ada, PresenceSet(1, 2, 3, ""))
    followers_notepad.unsent = 0
    follower.drained()
    table.time.run(table.time.now + 0.2)
    assert not [sent for sent in followers_notepad.messages if isinstance(sent, Seen)]
