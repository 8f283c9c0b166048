"""A hub in virtual time and connections to it, for what is played move by move."""

import random
from collections.abc import Callable

from protocol.codec import decode, encode
from protocol.errors import CloseCode
from protocol.messages import Message, Welcome
from protocol.types import Sender
from server.cluster.bus import Bus
from server.hub import Hub
from server.memory import Memory
from server.session import Session
from server.settings import Settings
from server.supervisor import Supervisor
from server.turns import Turns
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
        self.largest = 0
        """Bytes of the largest frame."""
        self.on_probe: Callable[[], object] = lambda: None
        """Called to answer it, see :func:`connect`."""

    def frame(self, payload: bytes) -> bytes:
        """See :meth:`server.line.Line.frame`."""
        self.largest = max(self.largest, len(payload))
        return payload

    def write(self, framed: bytes) -> None:
        """See :meth:`server.line.Line.write`."""
        self.messages += decode(framed, Sender.SERVER)

    def probe(self) -> bytes:
        """See :meth:`server.line.Line.probe`."""
        self.on_probe()
        return b""

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


def connect(hub: Hub, notepad: Notepad, address: bytes = b"") -> Session:
    """A new connection on which all that is sent is there at once."""
    session = hub.join(notepad, address)
    notepad.on_probe = lambda: hub.scheduler.call_soon(session.reached)
    return session


class Table:
    """A hub in virtual time over ``log``, or over a small canvas of its own.

    Each look at its clock takes ``tick_s``. With a ``bus`` it is one node of several.
    """

    def __init__(
        self,
        log: MemoryLog | None = None,
        time: VirtualTime | None = None,
        settings: Settings = SETTINGS,
        tick_s: float = 1e-6,
        bus: Bus | None = None,
    ) -> None:
        self.time = time or VirtualTime(Verdict())
        self.process = process = Process(self.time, random.Random(1), tick_s)
        if log is None:
            store = MemoryStore(CanvasInfo(100, 100))
            log = MemoryLog(store, schedule=self.time.do_after, delay_s=0.001)
        recovered = log.open()
        self.supervisor = Supervisor(process)
        self.memory = Memory(settings.memory_budget_bytes, self.supervisor)
        self.hub = Hub(
            "main",
            log,
            recovered,
            recover(log, recovered),
            self.memory,
            Turns(process),
            settings,
            self.supervisor,
            process.offload,
            lambda: 0,
            bus=bus,
        )
        self.hub.start()

    def join(self) -> tuple[Session, Notepad]:
        """A new connection."""
        notepad = Notepad()
        return connect(self.hub, notepad), notepad

    def say(self, session: Session, *messages: Message) -> None:
        """The client's frame comes, and time to deal with it."""
        session.receive(b"".join(map(encode, messages)))
        self.time.run(self.time.now + 0.2)
