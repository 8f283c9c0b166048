"""What a session is owed, and the one write that a flush makes of it.

The order is the design's: drawing, TILEs, CLOCK, REJECTs, ACK, BUDGET; then awareness, notices.
"""

from protocol.codec import encode
from protocol.messages import Ack, Budget, Clock, Reject
from server.line import Line, pack
from server.window import Window
from tiles.geometry import Rectangle


class Outbox:
    """One session's messages between two flushes, each kind bounded or coalesced."""

    __slots__ = (
        "_acked",
        "_drained",
        "_drained_at",
        "_line",
        "ack",
        "behind",
        "budget",
        "budget_due",
        "clock",
        "clock_at",
        "clock_due",
        "cursors",
        "drawing",
        "notices",
        "presence",
        "rejects",
        "seen",
        "window",
        "written",
    )

    def __init__(self, line: Line, now: float, seq: int) -> None:
        self._line = line
        self.behind = False
        """The client doesn't read as fast as it is sent to: nothing more is queued for it."""
        self.written = 0
        """Bytes given to the line in flushes."""
        self._drained = 0
        """How many of them the peer's system had taken when last looked at."""
        self._drained_at = now
        self.window = Window()
        """How much of snapshots may be on its way."""
        self.drawing: list[bytes] = []
        self.clock = Clock(0, seq)
        self.clock_at = now
        self.clock_due = False
        self.rejects: list[Reject] = []
        self.ack: Ack | None = None
        self._acked: Ack | None = None
        self.budget: Budget | None = None
        self.budget_due = False
        """The budget changed; what it is is found out when it is written."""
        self.presence: dict[int, bytes] = {}
        """By client: the last PRESENCE about it."""
        self.cursors: dict[int, tuple[int, int, bytes]] = {}
        """By client: x and y of its last CURSOR, and the CURSOR."""
        self.seen: bytes = b""
        self.notices: list[bytes] = []

    def welcomed(self, clock: Clock, ack: Ack) -> None:
        """What WELCOME told."""
        self.clock, self._acked = clock, ack

    def stuck(self, now: float, timeout_s: float) -> bool:
        """Whether something is unsent and not a byte was seen to drain for ``timeout_s``."""
        if self.written == self._drained:
            self._drained_at = now
            return False
        drained = self.written - self._line.unsent_bytes()
        if drained > self._drained:
            self._drained, self._drained_at = drained, now
        return now - self._drained_at > timeout_s

    def filled(self) -> None:
        """The line is full."""
        self.behind = True

    def drained(self) -> None:
        """The line takes bytes again."""
        self.behind = False

    def drop_cursors_outside(self, box: Rectangle) -> None:
        """The viewport is another one before these cursors were sent."""
        x0, y0, x1, y1 = box
        self.cursors = {
            client: cursor
            for client, cursor in self.cursors.items()
            if x0 <= cursor[0] <= x1 and y0 <= cursor[1] <= y1
        }

    def write(self, tiles: list[bytes], clock: Clock, now: float) -> int:
        """Send everything in one write, and return its bytes. The session isn't behind.

        If that fails everything is still there.
        """
        messages = [*self.drawing, *tiles]
        if self.clock_due:
            messages.append(encode(clock))
        messages += map(encode, self.rejects)
        if self.ack is not None and self.ack != self._acked:
            messages.append(encode(self.ack))
        if self.budget is not None:
            messages.append(encode(self.budget))
        messages += self.presence.values()
        messages += [cursor for _, _, cursor in self.cursors.values()]
        if self.seen:
            messages.append(self.seen)
        messages += self.notices
        if not messages:
            return 0
        framed = b"".join(map(self._line.frame, pack(messages, self.window.frame_bytes)))
        if tiles and self.window.give(sum(map(len, tiles)), now):
            framed += self._line.probe()
        self._line.write(framed)
        self.written += len(framed)
        self._written(clock, now)
        return len(framed)

    def _written(self, clock: Clock, now: float) -> None:
        self.drawing = []
        if self.clock_due:
            self.clock, self.clock_due, self.clock_at = clock, False, now
        if self.rejects:
            self.rejects = []
        self._acked = self.ack or self._acked
        self.budget = None
        self.presence.clear()
        self.cursors.clear()
        self.seen = b""
        if self.notices:
            self.notices = []
