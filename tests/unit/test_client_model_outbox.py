"""The outbox against a model of the server, by seed: cut lines, crashes that forget what wasn't
durable, sessions that are forgotten whole.
"""

import random
from collections import deque
from dataclasses import dataclass, field

import pytest

from client.core import Core
from client.events import Event, Rejected, SessionLost
from protocol.codec import decode, encode
from protocol.messages import Ack, Hello, Message, Pixel, Reject, Welcome
from protocol.types import Sender

PIXEL_BYTES = 8


@dataclass
class CountingServer:
    """What a server keeps of sessions: the count of one, what was drawn, what is durable."""

    chance: random.Random
    session: bytes = b""
    handled: int = 0
    durable: int = 0
    drawn: list[tuple[bytes, int, Pixel]] = field(default_factory=list)
    refused: dict[int, int] = field(default_factory=dict)
    sessions: int = 0

    def hello(self, frame: bytes) -> bytes:
        """Resume, or begin a new session; sometimes the old one is forgotten."""
        (hello,) = decode(frame, Sender.CLIENT)
        assert isinstance(hello, Hello)
        if hello.session != self.session or self.chance.random() < 0.05:
            self.sessions += 1
            self.session = bytes(15) + bytes([self.sessions])
            self.handled, self.refused = 0, {}
        self.durable = self.handled
        rejected = sorted(self.refused.items())[-256:]
        tail = f'{{"rejected": {[list(pair) for pair in rejected]}}}'.encode()
        seq = len(self.drawn)
        return encode(Welcome(1, self.session, 1, 1, seq, self.handled, 9, 9, 0, 0, 0, 1, 1, tail))

    def receive(self, frame: bytes) -> list[Message]:
        """Draw or refuse; returns the REJECTs."""
        answers: list[Message] = []
        for message in decode(frame, Sender.CLIENT):
            assert isinstance(message, Pixel)
            self.handled += 1
            if self.chance.random() < 0.2:
                self.refused[self.handled] = 4
                answers.append(Reject(self.handled, 4, 0))
            else:
                self.drawn.append((self.session, self.handled, message))
        return answers

    def ack(self) -> Ack:
        """How far it is."""
        return Ack(self.handled, self.durable, len(self.drawn))

    def crash(self) -> None:
        """What wasn't durable is forgotten, rejections too."""
        self.drawn = [
            (session, n, message)
            for session, n, message in self.drawn
            if session != self.session or n <= self.durable
        ]
        self.refused = {n: code for n, code in self.refused.items() if n <= self.durable}
        self.handled = self.durable


@dataclass
class Line:
    """A client and the model server, with frames under way in both directions."""

    chance: random.Random
    server: CountingServer
    core: Core = field(default_factory=Core)
    up: deque[bytes] = field(default_factory=deque)
    down: deque[bytes] = field(default_factory=deque)
    events: list[Event] = field(default_factory=list)

    def connect(self) -> None:
        """A new connection; what was under way is lost."""
        self.up.clear()
        self.down.clear()
        (hello,) = self.core.connected()
        self.events += self.core.receive(self.server.hello(hello))

    def draw(self) -> None:
        """One more message, which knows its own serial."""
        serial = self.core.outbox.last_serial + 1
        assert self.core.draw(Pixel(serial, 0, 0, 0, 0)) == serial

    def send(self) -> None:
        """Send one message a frame, so that a cut falls anywhere between two."""
        for frame in self.core.frames_to_send():
            starts = range(0, len(frame), PIXEL_BYTES)
            self.up.extend(frame[start : start + PIXEL_BYTES] for start in starts)

    def answer(self) -> None:
        """The server handles a message; some of what it handled becomes durable."""
        if not self.up:
            return
        rejects = self.server.receive(self.up.popleft())
        if self.chance.random() < 0.5:
            self.server.durable = self.chance.randint(self.server.durable, self.server.handled)
        self.down.append(b"".join(map(encode, [*rejects, self.server.ack()])))

    def deliver(self) -> None:
        """The client gets a frame."""
        if self.down:
            self.events += self.core.receive(self.down.popleft())

    def cut(self) -> None:
        """The line is cut, perhaps because the server crashed."""
        if self.chance.random() < 0.3:
            self.core.disconnected(1006)
            if self.chance.random() < 0.5:
                self.server.crash()
            self.connect()

    def settle(self) -> None:
        """Go on undisturbed until all is durable."""
        while len(self.core.outbox):
            self.send()
            while self.up:
                self.answer()
            self.server.durable = self.server.handled
            self.down.append(encode(self.server.ack()))
            while self.down:
                self.deliver()


@pytest.mark.parametrize("seed", range(100))
def test_everything_is_drawn_exactly_once_or_refused(seed: int) -> None:
    """In order, across cut lines, crashes and forgotten sessions."""
    chance = random.Random(seed)
    line = Line(chance, CountingServer(chance))
    line.connect()
    steps = [line.draw] * 3 + [line.send] * 2 + [line.answer] * 3 + [line.deliver, line.cut]
    for _ in range(200):
        chance.choice(steps)()
    line.settle()

    rejections = [event.serial for event in line.events if isinstance(event, Rejected)]
    refused = set(rejections)
    assert len(rejections) == len(refused)
    losses = [event for event in line.events if isinstance(event, SessionLost)]
    lost = {serial for loss in losses for serial, _ in loss.work}
    on_canvas = [message.x for _, _, message in line.server.drawn]
    assert on_canvas == sorted(set(on_canvas))
    everything = set(range(1, line.core.outbox.last_serial + 1))
    assert everything - refused - lost <= set(on_canvas) <= everything - refused
