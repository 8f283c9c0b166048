"""Reads along one connection, at the server's end, and holds what is sent to the promises."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from protocol.codec import decode, encode
from protocol.errors import ProtocolError
from protocol.messages import (
    PRESENCE_HERE,
    Ack,
    Budget,
    Clock,
    Cursor,
    Drawing,
    Notice,
    Patch,
    Pixel,
    Presence,
    Rect,
    Reject,
    Seen,
    Stroke,
    Tile,
    Viewport,
    Welcome,
)
from protocol.types import Sender
from server.session import Session
from server.settings import Settings
from tests.oracle.drawing import TILE_SIDE
from tests.simulation.truth import Spot, Truth
from tests.simulation.viewed import Viewed, distance_of, inside, pixels_of

_DRAWING = 0
_RANK: dict[type[Any], int] = {
    **dict.fromkeys((Welcome, Pixel, Stroke, Rect, Patch), _DRAWING),
    Tile: 1,
    Clock: 2,
    Reject: 3,
    Ack: 4,
    Budget: 5,
    # After these the order is the server's own; PRESENCE before CURSOR is checked by client.
    **dict.fromkeys((Presence, Cursor, Seen, Notice), 6),
}
_CURSORS_A_SECOND = 32
"""At most 30, and one or two that a flush delayed."""
_SLACK_S = 0.1
"""What a flush under load may come late."""


class Counts:
    """Over all healthy lines: how a change of a tile that was in step already got there."""

    def __init__(self) -> None:
        self.as_drawing = 0
        self.as_snapshot = 0
        self.clocks = 0
        self.writes = 0


class Tap:
    """One connection's traffic. ``hampered`` is set while the line can't take what it is sent.

    ``seq`` tells how far the server may have come by now.
    """

    def __init__(
        self,
        session: Session,
        truth: Truth,
        seq: Callable[[], int],
        settings: Settings,
        counts: Counts,
        healthy: bool,
    ) -> None:
        self.session = session
        self.truth = truth
        self.viewports: list[Viewed | None] = []
        """What VIEWPORT number i + 1 asked for; ``None`` if it was too large."""
        self.hampered = False
        self.here: set[int] = set()
        """The clients that it was told are here."""
        self.seen: Seen | None = None
        self._seq = seq
        self._settings = settings
        self._counts = counts
        self._healthy = healthy
        self._welcome: Welcome | None = None
        self._numbered: list[bytes] = []
        self._rejects: dict[int, int] = {}
        self._clock = Clock(0, 0)
        self._ack = Ack(0, 0, 0)
        self._clocked_at = truth.verdict.now
        self._view_number = 0
        self._viewed_spots: frozenset[Spot] = frozenset()
        self._in_step: set[Spot] = set()
        """Level-0 tiles of the viewport that are complete at the client since they entered it."""
        self._last: dict[Spot, int] = {}
        """The last seq sent of a tile in this stay in the viewport, by drawing or by TILE."""
        self._refreshed_at: dict[Spot, float | None] = {}
        """Of a higher level: when it last came as it had changed; ``None`` if it only entered."""
        self._known: dict[Spot, int] = {}
        """Level-0 tiles that entered with the viewport, and what the client knew of them."""
        self._cursors_at: dict[int, deque[float]] = {}
        self._sent: set[bytes] = set()
        self._distance = -1
        """Of the last TILE in this write from the viewport's centre."""

    # -- from the client -----------------------------------------------------------------------

    def heard(self, frame: bytes) -> None:
        """The server is about to read a frame."""
        try:
            messages = decode(frame, Sender.CLIENT)
        except ProtocolError:
            return
        for message in messages:
            if isinstance(message, Viewport):
                self.viewports.append(self._viewed(message))
            elif isinstance(message, Drawing):
                self._numbered.append(encode(message))

    def _viewed(self, message: Viewport) -> Viewed | None:
        oracle = self.truth.oracle
        x1, y1 = min(message.x1, oracle.width - 1), min(message.y1, oracle.height - 1)
        side = TILE_SIDE * 2**message.level
        spots = frozenset(
            (tx, ty)
            for ty in range(message.y0 // side, y1 // side + 1)
            for tx in range(message.x0 // side, x1 // side + 1)
        )
        if len(spots) > self._settings.max_viewport_tiles:
            return None
        known = {(tx, ty): seq for tx, ty, seq in message.known}
        return Viewed(message.level, (message.x0, message.y0, x1, y1), spots, known)

    def _message(self, number: int) -> bytes:
        """The connection's drawing message of that number."""
        assert self._welcome is not None
        index = number - self._welcome.handled - 1
        if index >= len(self._numbered):
            self._fail("ACK-1", f"message {number} was never sent on this connection")
            return b""
        return self._numbered[index]

    # -- from the server -----------------------------------------------------------------------

    @property
    def view(self) -> Viewed | None:
        """The viewport that the server applied last."""
        number = self.session.view.number
        return self.viewports[number - 1] if number else None

    def sent(self, frames: Sequence[bytes], *, behind: bool) -> None:
        """The server made one write of these; ``behind`` if the line hadn't drained yet."""
        self._counts.writes += 1
        self._check(not behind, "FAN-8", "it is written to while it doesn't read")
        self._applied()
        rank = clocks = drew = 0
        self._distance = -1
        for message in decode(b"".join(frames), Sender.SERVER):
            kind = type(message)
            if _RANK[kind] < rank:
                self._fail("FAN-5", f"{kind.__name__} comes late in a flush")
            rank = _RANK[kind]
            clocks += kind is Clock
            _CHECKS[kind](self, message)
            drew += isinstance(message, Drawing)
        self._check(clocks <= 1, "FAN-5", f"{clocks} CLOCKs in one flush")
        others = len(self.here)
        self._check(others <= self._settings.max_cursors, "AWR-3", f"{others} others")
        self._check(bool(clocks) or not drew, "CLK-1", "no CLOCK ends a flush that carried drawing")

    def _fail(self, rule: str, text: str) -> None:
        self.truth.verdict.fail(rule, f"client {self.session.client}: {text}")

    def _check(self, held: bool, rule: str, text: str) -> None:
        if not held:
            self._fail(rule, text)

    def _applied(self) -> None:
        """Take note of a viewport that the server applied since the last write."""
        number = self.session.view.number
        if number == self._view_number:
            return
        self._check(
            self._view_number < number <= len(self.viewports) and self.view is not None,
            "VIEW-1",
            f"viewport {number} applied after {self._view_number} of {len(self.viewports)}",
        )
        old = self._viewed_spots
        # These may have been applied in between: what isn't in one of them left, what is came.
        between = self.viewports[self._view_number : number - 1]
        passed = [_level_0(view) for view in between if view is not None]
        self._view_number = number
        view = self.view
        spots = self._viewed_spots = _level_0(view)
        self._in_step = self._in_step.intersection(spots, *passed)
        self._last = {spot: seq for spot, seq in self._last.items() if spot in spots}
        self._known = {spot: seq for spot, seq in self._known.items() if spot in spots}
        if view is not None and view.level == 0:
            entered = view.known.keys() & spots.difference(old, *passed)
            self._known.update((spot, view.known[spot]) for spot in entered)
        self._refreshed_at.clear()

    def _on_welcome(self, message: Welcome) -> None:
        self._check(self._welcome is None, "SES-1", "a second WELCOME")
        self._welcome = message
        self._ack = Ack(message.handled, message.handled, message.seq)
        self._clock = Clock(0, message.seq)
        self._clocked_at = self.truth.verdict.now
        # What it says is handled the client forgets: it has to be durable.
        drawn = self.truth.drawn_by.get(message.session, [])
        self._check(
            all(map(self.truth.is_durable, drawn)),
            "ONCE-3",
            "WELCOME counts what is not durable",
        )
        # What is ordered since the last flush is counted, though the log doesn't have it yet.
        self._check(message.seq >= self._seq(), "CLK-1", "WELCOME.seq is behind the canvas's")
        claimed = self.truth.claimed(self.session)
        self._check(
            claimed in {None, message.handled}, "CLU-71", f"{message}, but {claimed} were counted"
        )

    def _on_drawing(self, message: Drawing) -> None:
        data = encode(message)
        seq = self.truth.seq_of.get(data)
        if seq is None:
            self._fail("LOG-1", "drawing was sent that the log was never given")
            return
        view = self.view
        spots = self.truth.touched[data] & view.spots if view and view.level == 0 else frozenset()
        if not spots:
            self._fail("FAN-2", f"seq {seq} touches no tile of the viewport {view}")
        if data in self._sent:
            self._fail("FAN-5", f"seq {seq} was sent twice")
        self._sent.add(data)
        for spot in spots:
            if self._last.get(spot, 0) >= seq:
                self._fail("FAN-3", f"seq {seq} after {self._last[spot]} on tile {spot}")
            self._last[spot] = seq
        if self._healthy:
            self._counts.as_drawing += len(spots & self._in_step)

    def _on_tile(self, message: Tile) -> None:
        spot = message.tx, message.ty
        view = self.view
        if view is None or view.level != message.level or spot not in view.spots:
            self._fail("FAN-2", f"TILE {message.level}/{spot} outside {view}")
            return
        self._check(message.seq == self._seq(), "FAN-1", "TILE.seq isn't the canvas's")
        if message.level:
            self._check_pace(message)
            return
        distance = distance_of(spot, view)
        if distance < self._distance:
            self._fail("VIEW-4", f"TILE {spot} comes after one that is farther out")
        self._distance = distance
        known = self._known.pop(spot, None)
        if known is not None and not self.truth.touches(spot, known, message.seq):
            self._fail("VIEW-1", f"TILE {spot} is unchanged since seq {known}")
        pixels = pixels_of(message)
        truth = self.truth.oracle.tile(0, *spot, message.seq)
        self._check(pixels == truth, "FAN-1", f"TILE {spot} differs from seq {message.seq}")
        if self._healthy and spot in self._in_step:
            after = max(self._last.get(spot, 0), self._clock.seq)
            self._counts.as_snapshot += self.truth.touches(spot, after, message.seq)
        self._last[spot] = message.seq

    def _check_pace(self, message: Tile) -> None:
        spot = message.tx, message.ty
        if spot not in self._refreshed_at:
            self._refreshed_at[spot] = None
            return
        now, last = self.truth.verdict.now, self._refreshed_at[spot]
        self._refreshed_at[spot] = now
        least_s = self._settings.overview_interval_ms / 1000 - _SLACK_S
        self._check(
            not self._healthy or last is None or now - last >= least_s,
            "LVL-3",
            f"TILE {message.level}/{spot} comes {now - (last or 0):.3f} s after the last one",
        )

    def _on_clock(self, message: Clock) -> None:
        now = self.truth.verdict.now
        if (message.view, message.seq) < (self._clock.view, self._clock.seq):
            self._fail("CLK-1", f"{message} after {self._clock}")
        self._check(message.view <= self._view_number, "CLK-1", "it isn't of an applied viewport")
        gap = now - self._clocked_at
        limit = self._settings.clock_interval_s + _SLACK_S
        if gap > limit and not self.hampered:
            self._fail("CLK-1", f"no CLOCK for {gap:.2f} s")
        self.hampered = self.session.outbox.behind
        if message != self._clock:
            owed = self.session.view.stale
            self._check(
                not owed or self.session.view.level > 0, "CLK-2", f"{len(owed)} tiles are owed"
            )
            view = self.viewports[message.view - 1] if message.view else None
            if view is not None and view.level == 0:
                self._in_step = set(view.spots)
        self._counts.clocks += 1
        self._clock, self._clocked_at = message, now

    def _on_reject(self, message: Reject) -> None:
        self._check(message.n > self._ack.handled, "ACK-1", f"{message} after {self._ack}")
        self._check(message.n not in self._rejects, "ACK-1", f"{message} comes twice")
        # By its session's next connection it may be: who is told on this one has gone.
        drawn = self._message(message.n) in self.truth.seq_of and self.truth.current(self.session)
        self._check(not drawn, "ACK-1", f"{message} was drawn")
        self._rejects[message.n] = message.code

    def _on_ack(self, message: Ack) -> None:
        last = self._ack
        rises = last.durable <= message.durable <= message.handled >= last.handled
        if not rises or not last.seq <= message.seq <= self._seq():
            self._fail("ACK-1", f"{message} after {last}")
        for number in range(last.handled + 1, message.handled + 1):
            if number not in self._rejects:
                seq = self.truth.seq_of.get(self._message(number))
                self._check(
                    seq is not None and seq <= message.seq,
                    "ACK-1",
                    f"{message} covers {number}, which was neither drawn nor rejected",
                )
        for number in range(last.durable + 1, message.durable + 1):
            self._check(
                number in self._rejects or self.truth.is_durable(self._message(number)),
                "ACK-2",
                f"{message} calls {number} durable, which isn't",
            )
        self._ack = message

    def _on_budget(self, message: Budget) -> None:
        self._check(
            message.pixels <= self._settings.budget_pixels, "RAS-6", f"{message} is too much"
        )

    def _on_presence(self, message: Presence) -> None:
        self._check(message.client != self.session.client, "AWR-3", "it hears of itself")
        if message.event == PRESENCE_HERE:
            self.here.add(message.client)
        else:
            self.here.discard(message.client)

    def _on_cursor(self, message: Cursor) -> None:
        view = self.view
        if message.client not in self.here:
            self._fail("AWR-2", f"{message} before PRESENCE")
        if view is None or not inside(message, view.box):
            self._fail("AWR-1", f"{message} lies outside {view}")
        times = self._cursors_at.setdefault(message.client, deque(maxlen=_CURSORS_A_SECOND))
        now = self.truth.verdict.now
        if len(times) == _CURSORS_A_SECOND and now - times[0] < 1:
            self._fail("AWR-1", f"{len(times)} of {message} in {now - times[0]:.3f} s")
        times.append(now)

    def _on_seen(self, message: Seen) -> None:
        following = self.session.following
        if message.client != following:
            self._fail("AWR-4", f"it is shown {message.client} and follows {following}")
        self.seen = message

    def _on_notice(self, message: Notice) -> None:
        pass


def _level_0(view: Viewed | None) -> frozenset[Spot]:
    return view.spots if view is not None and view.level == 0 else frozenset()


_CHECKS: dict[type[Any], Callable[[Tap, Any], None]] = {
    Welcome: Tap._on_welcome,
    Pixel: Tap._on_drawing,
    Stroke: Tap._on_drawing,
    Rect: Tap._on_drawing,
    Patch: Tap._on_drawing,
    Tile: Tap._on_tile,
    Clock: Tap._on_clock,
    Reject: Tap._on_reject,
    Ack: Tap._on_ack,
    Budget: Tap._on_budget,
    Presence: Tap._on_presence,
    Cursor: Tap._on_cursor,
    Seen: Tap._on_seen,
    Notice: Tap._on_notice,
}
