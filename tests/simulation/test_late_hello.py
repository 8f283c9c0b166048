"""Two connections of one session whose HELLOs overtake each other."""

import random
from collections.abc import Sequence

from protocol.codec import decode, encode
from protocol.errors import CloseCode
from protocol.messages import NEW_SESSION, VERSION, Hello, Welcome
from protocol.session import State
from protocol.types import Sender
from server.hub import Hub
from tests.memory_log import MemoryLog, MemoryStore
from tests.simulation.settings import SETTINGS
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import Process, VirtualTime
from tiles.log.base import CanvasInfo
from tiles.recovery import recover


class Notepad:
    """A line that writes down what is sent."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.closed: CloseCode | None = None

    def write(self, messages: Sequence[bytes]) -> None:
        """See :meth:`server.line.Line.write`."""
        self.frames += messages

    def unsent_bytes(self) -> int:
        """See :meth:`server.line.Line.unsent_bytes`."""
        return 0

    def close(self, code: CloseCode, reason: str) -> None:
        """See :meth:`server.line.Line.close`."""
        self.closed = code

    def abort(self) -> None:
        """See :meth:`server.line.Line.abort`."""


def test_the_connection_that_was_made_last_keeps_the_session() -> None:
    """The older one is fenced even if its HELLO comes after the newer one's (ONCE-2).

    Its client has given it up and dialled again: closing the newer one with 4409 would end the
    client for good, as after 4409 it doesn't come back.
    """
    time = VirtualTime(Verdict())
    process = Process(time, random.Random(1), tick_s=1e-6)
    log = MemoryLog(MemoryStore(CanvasInfo(100, 100)), schedule=time.do_after, delay_s=0.001)
    recovered = log.open()
    canvas, unsaved = recover(log, recovered)
    hub = Hub(
        "main", log, recovered, canvas, unsaved, SETTINGS, process, process.offload, lambda: 0
    )
    hub.start()
    first = Notepad()
    hub.join(first, b"").receive(encode(Hello(VERSION, NEW_SESSION, "")))
    (welcome,) = decode(first.frames[0], Sender.SERVER)
    assert isinstance(welcome, Welcome)
    again = encode(Hello(VERSION, welcome.session, ""))

    late, newest = Notepad(), Notepad()
    older, newer = hub.join(late, b""), hub.join(newest, b"")
    newer.receive(again)
    older.receive(again)
    time.run(time.now + 1)

    assert newer.state is State.OPEN
    assert newest.closed is None
    assert (first.closed, late.closed) == (CloseCode.TAKEN_OVER, CloseCode.TAKEN_OVER)
    assert hub.sessions == {newer}
