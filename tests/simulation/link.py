"""A connection in virtual time: latency, bandwidth, lag, and every way in which it can end."""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from protocol.errors import CloseCode
from protocol.session import State
from server.session import Session
from tests.simulation.tap import Tap
from tests.simulation.virtual_time import VirtualTime

ABNORMAL = 1006
_PROBE = b""
_CHUNK_BYTES = 2048
_CLOSE_TIMEOUT_S = 5.0
HEARTBEAT_S = 20.0
"""After so long the server drops a line whose other end is silent."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What a line is like. ``pipe_bytes`` are what the operating systems' buffers hold of it."""

    latency_s: float
    bytes_per_s: float
    pipe_bytes: int
    healthy: bool


class ClientEnd(Protocol):
    """Who is told at the client's end."""

    def received(self, link: "Link", frame: bytes) -> None:
        """A frame came."""

    def ended(self, link: "Link", code: int) -> None:
        """The connection is over."""


class _Close:
    """A close frame among the others."""

    def __init__(self, code: int) -> None:
        self.code = code


class Link:
    """One connection between its two ends; the server's is a :class:`server.line.Line`."""

    def __init__(
        self, world: VirtualTime, rng: random.Random, profile: Profile, client: ClientEnd
    ) -> None:
        self.profile = profile
        self._world = world
        self._rng = rng
        self._client = client
        self._session: Session | None = None
        self._enter: Callable[[Callable[[], object]], object] = lambda call: call()
        self._tap: Tap | None = None
        self._high_bytes = 0
        self._down: deque[tuple[bytes | _Close, int]] = deque()
        """What isn't on its way yet, and how many bytes of it are left to go."""
        self._backlog_bytes = 0
        self._sending = False
        self._full = False
        self._stalled_until = 0.0
        self._received: deque[bytes] = deque()
        self._flying: deque[tuple[float, Callable[[], object]]] = deque()
        """What the client sent and hasn't arrived, with the times at which it should."""
        self._up_arrives = self._up_held_until = 0.0
        self._up_cut = self._down_cut = float("inf")
        self._server_closed = False
        self._client_closed = False

    def accept(
        self,
        session: Session,
        tap: Tap,
        high_bytes: int,
        enter: Callable[[Callable[[], object]], object],
    ) -> None:
        """The server let it in; ``enter`` has its process called, which may be frozen."""
        self._session, self._tap, self._high_bytes = session, tap, high_bytes
        self._enter = enter

        def read_on() -> None:
            self._world.after(0.0, self._feed)

        session.on_idle = read_on

    @property
    def tap(self) -> Tap:
        """What is known of the traffic."""
        assert self._tap is not None, "accepted"
        return self._tap

    # -- the server's end ----------------------------------------------------------------------

    def frame(self, payload: bytes) -> bytes:
        """See :meth:`server.line.Line.frame`: its length goes before it."""
        return len(payload).to_bytes(4, "little") + payload

    def write(self, framed: bytes) -> None:
        """See :meth:`server.line.Line.write`."""
        if self._server_closed:
            return
        frames = []
        while framed:
            end = 4 + int.from_bytes(framed[:4], "little")
            frames.append(framed[4:end])
            framed = framed[end:]
        self.tap.sent(list(filter(None, frames)), behind=self._full)
        for frame in frames:
            self._queue(frame, len(frame))
        if not self._full and self.unsent_bytes() > self._high_bytes:
            self._full = self.tap.hampered = True
            self.tap.session.filled()

    def probe(self) -> bytes:
        """See :meth:`server.line.Line.probe`: an empty frame."""
        return self.frame(_PROBE)

    def unsent_bytes(self) -> int:
        """See :meth:`server.line.Line.unsent_bytes`."""
        return max(0, self._backlog_bytes - self.profile.pipe_bytes)

    def close(self, code: CloseCode, reason: str) -> None:
        """See :meth:`server.line.Line.close`."""
        if not self._server_closed:
            self._server_closed = True
            self._queue(_Close(code), 4)
            self._world.after(_CLOSE_TIMEOUT_S, self.abort)

    def abort(self) -> None:
        """See :meth:`server.line.Line.abort`."""
        self._server_closed = True
        self._down.clear()
        self._world.after(self.profile.latency_s, self._client_ends, ABNORMAL)

    def _queue(self, frame: bytes | _Close, size: int) -> None:
        self._down.append((frame, size))
        self._backlog_bytes += size
        if not self._sending:
            self._sending = True
            self._send()

    def _send(self) -> None:
        """Put the next bytes on their way, if there are any."""
        while self._down:
            frame, left = self._down.popleft()
            size = left if self.profile.healthy else min(left, _CHUNK_BYTES)
            self._down.appendleft((frame, left - size))
            wait = size / self.profile.bytes_per_s + max(0, self._stalled_until - self._world.now)
            if wait > 0:
                self._world.after(wait, self._sent, size)
                return
            self._gone(size)
        self._sending = False

    def _sent(self, size: int) -> None:
        self._gone(size)
        self._send()

    def _gone(self, size: int) -> None:
        if not self._down:
            return  # aborted meanwhile
        frame, left = self._down[0]
        self._backlog_bytes -= size
        if left == 0:
            self._down.popleft()
            self._world.after(self.profile.latency_s, self._arrive, frame)
        if self._full and self.unsent_bytes() <= self._high_bytes // 4:
            self._full = False
            self._enter(self._drained)

    def _drained(self) -> None:
        if self._session is not None and not self._server_closed:
            self._session.drained()

    def _arrive(self, frame: bytes | _Close) -> None:
        if self._client_closed or self._world.now > self._down_cut:
            return
        if isinstance(frame, _Close):
            self._client_ends(frame.code)
        elif frame == _PROBE:
            self._up(self._enter, self._reached)
        else:
            self._client.received(self, frame)

    # -- the client's end ----------------------------------------------------------------------

    def send(self, frame: bytes) -> None:
        """The client sends a frame."""
        if not self._client_closed:
            self._up(self._take, frame)

    def close_from_client(self) -> None:
        """The client closes properly."""
        self._client_closed = True
        self._up(self._server_loses)

    def _up(self, arrive: Callable[..., object], *args: object) -> None:
        start = max(self._world.now, self._stalled_until)
        due = self._up_arrives = max(self._up_arrives, start + self.profile.latency_s)

        self._flying.append((due, lambda: arrive(*args)))
        self._world.after(due - self._world.now, self._land)

    def _land(self) -> None:
        """What was sent first arrives first, or not at all."""
        if self._world.now < self._up_held_until:
            self._world.after(self._up_held_until - self._world.now, self._land)
            return
        due, arrive = self._flying.popleft()
        if due <= self._up_cut:
            arrive()

    def _take(self, frame: bytes) -> None:
        self._received.append(frame)
        self._feed()

    def _reached(self) -> None:
        if self._session is not None:
            self._session.reached()

    def _feed(self) -> None:
        self._enter(self._read)

    def _read(self) -> None:
        """Read on, as the socket's owner does: only when all before is handled."""
        session = self._session
        while self._received and session is not None and session.idle:
            if session.state is State.CLOSED:
                return
            frame = self._received.popleft()
            self.tap.heard(frame)
            session.receive(frame)

    # -- trouble -------------------------------------------------------------------------------

    def stall(self, seconds: float) -> None:
        """Nothing moves for a while, either way; nothing is lost."""
        self._stalled_until = max(self._stalled_until, self._world.now + seconds)

    def reset(self) -> None:
        """Both ends learn at once that it is over; what was under way is lost."""
        self._cut(up_s=0, down_s=0)
        self._server_loses()
        self._client_ends(ABNORMAL)

    def vanish(self, late_s: float) -> None:
        """The client is gone, and the server doesn't know before the heartbeat's time.

        Some of what it had sent still arrives, up to ``late_s`` late.
        """
        self._up_held_until = self._world.now + self._rng.uniform(0, late_s)
        self._cut(up_s=self._rng.uniform(0, 2 * self.profile.latency_s), down_s=0)
        self._stalled_until = float("inf")
        self._world.after(HEARTBEAT_S, self._server_loses)
        self._client_ends(ABNORMAL)

    def go_deaf(self) -> None:
        """The server is gone, and the client doesn't know."""
        self._cut(up_s=0, down_s=self._rng.uniform(0, self.profile.latency_s))
        self._server_loses()

    def crash(self) -> None:
        """The server's process died; what it had handed to the system may still arrive."""
        self._server_closed = True
        self._session = None
        self._down.clear()
        self._cut(up_s=0, down_s=self._rng.uniform(0, 2 * self.profile.latency_s))
        self._world.after(2 * self.profile.latency_s, self._client_ends, ABNORMAL)

    def _cut(self, *, up_s: float, down_s: float) -> None:
        """What should arrive later than that is lost; a line that is cut doesn't heal."""
        self._up_cut = min(self._up_cut, self._world.now + up_s)
        self._down_cut = min(self._down_cut, self._world.now + down_s)

    def _server_loses(self) -> None:
        self._server_closed = True
        self._down.clear()
        self._enter(self._lose)

    def _lose(self) -> None:
        if self._session is not None:
            self._session.lost()

    def _client_ends(self, code: int) -> None:
        if not self._client_closed:
            self._client_closed = True
            self._client.ended(self, code)
