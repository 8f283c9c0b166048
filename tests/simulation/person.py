"""Somebody in front of the canvas: the real client core, a line to the server, moods by seed."""

import random
from typing import TYPE_CHECKING, NamedTuple

from client.core import Core, Phase
from client.errors import OutboxFull
from client.events import Clocked, Rejected, SessionLost, Welcomed
from client.view import View
from protocol.codec import encode
from protocol.errors import ProtocolError, RejectCode
from protocol.messages import Drawing, Patch
from protocol.session import State
from tests.oracle.drawing import refusal
from tests.simulation.link import Link, Profile
from tests.simulation.truth import Truth

if TYPE_CHECKING:
    from tests.simulation.world import World

_WATCHDOG_S = 3.0
_DEAD_LINE_S = 11.0
"""Two CLOCKs that didn't come."""


class Shown(NamedTuple):
    """How far a client was shown the canvas."""

    epoch: int
    seq: int


class Person:
    """One client over all its connections. It draws, looks around, loses its line, comes back."""

    def __init__(
        self, world: "World", rng: random.Random, profile: Profile, paints: bool, zooms: bool
    ) -> None:
        self.core = Core(view=View(idle_tiles_max=40, rasterise=world.rasterise))
        self.link: Link | None = None
        self.truth: Truth | None = None
        """The epoch that it was welcomed to last."""
        self.drawn: list[bytes] = []
        """Encoded messages by serial - 1."""
        self.rejected: set[int] = set()
        self.lost: set[int] = set()
        self.sessions: list[bytes] = []
        self.clients: dict[int, bytes] = {}
        """The numbers that it was given, and by which session."""
        self.clocked = (0, 0)
        self.shown = Shown(0, 0)
        self.acts = 0
        self.profile = profile
        self._world = world
        self._rng = rng
        self._paints = paints
        self._zooms = zooms
        self._attempts = 0
        self._heard_at = 0.0
        self._away = False
        self._x, self._y = world.painter.near(*rng.choice(world.hotspots), 150)
        self._level = 0

    # -- the line ------------------------------------------------------------------------------

    def connect(self) -> None:
        """Dial; it takes a round trip, and nobody may answer."""
        self._away = False
        link = self.link = Link(self._world.time, self._rng, self.profile, self)
        self._world.time.after(2 * self.profile.latency_s, self._dialled, link)

    def _dialled(self, link: Link) -> None:
        if self.link is not link:
            return
        if not self._world.accept(link):
            self.link = None
            self._come_back()
            return
        self.truth = self._world.truth
        self._heard_at = self._world.time.now
        for frame in self.core.connected():
            link.send(frame)
        self._world.time.after(_WATCHDOG_S, self._watch, link)

    def received(self, link: Link, frame: bytes) -> None:
        """See :class:`tests.simulation.link.ClientEnd`."""
        self._heard_at = self._world.time.now
        try:
            events = self.core.receive(frame)
        except ProtocolError as error:
            self._world.verdict.fail("WIRE-1", f"the client can't follow the server: {error}")
            return
        for event in events:
            match event:
                case Welcomed():
                    self._welcomed()
                case Clocked():
                    self._check_view(link, event)
                case Rejected():
                    self._check_rejection(event)
                case SessionLost():
                    self._redraw(event)
                case _:
                    pass
        self.flush()

    def ended(self, link: Link, code: int) -> None:
        """See :class:`tests.simulation.link.ClientEnd`."""
        if self.link is not link:
            return
        self.link = None
        if self.core.phase is Phase.OFFLINE:
            self._come_back()  # it ended while it was dialled
        elif self.core.disconnected(code):
            self._come_back()
        elif code != 1000:
            self._world.verdict.fail("SES-8", f"an honest client was closed with {code}")

    def flush(self) -> None:
        """Send what there is to send."""
        if self.link is not None:
            while frames := self.core.frames_to_send():
                for frame in frames:
                    self.link.send(frame)

    def _come_back(self) -> None:
        if not self._away:
            delay = self._rng.uniform(0, 0.1) * 2**self._attempts
            self._attempts = min(self._attempts + 1, 4)
            self._world.time.after(delay, self._return)

    def _return(self) -> None:
        if self.link is None and not self._world.over:
            self.connect()

    def _watch(self, link: Link) -> None:
        if self.link is link:
            if self._world.time.now - self._heard_at > _DEAD_LINE_S:
                link.reset()
            else:
                self._world.time.after(_WATCHDOG_S, self._watch, link)

    # -- what it is told -----------------------------------------------------------------------

    def _welcomed(self) -> None:
        self._attempts = 0
        self.clocked = (0, 0)
        if self.core.session not in self.sessions:
            self.sessions.append(self.core.session)
        welcome = self.core.welcome
        assert welcome is not None
        self.clients[welcome.client] = self.core.session
        behind = welcome.epoch == self.shown.epoch and welcome.seq < self.shown.seq
        self._world.verdict.check(not behind, "CLU-71", f"welcomed at {welcome.seq} {self.shown}")
        self.shown = Shown(welcome.epoch, welcome.seq)

    def _check_view(self, link: Link, event: Clocked) -> None:
        """At a CLOCK that moved on, what is held of its viewport equals the oracle's canvas."""
        self.shown = Shown(self.shown.epoch, max(event.seq, self.shown.seq))
        if (event.view, event.seq) <= self.clocked:
            return
        self.clocked = (event.view, event.seq)
        viewed = link.tap.viewports[event.view - 1] if event.view else None
        if viewed is None or viewed.level > 0:
            return
        assert self.truth is not None
        oracle, view = self.truth.oracle, self.core.view
        for tx, ty in viewed.spots:
            held = view.tile(0, tx, ty)
            if held is None:
                self._world.verdict.fail("FAN-1", f"{event}: tile ({tx}, {ty}) isn't held")
            elif held.tobytes() != oracle.tile(0, tx, ty, event.seq):
                self._world.verdict.fail("FAN-1", f"{event}: tile ({tx}, {ty}) differs")

    def _check_rejection(self, event: Rejected) -> None:
        self.rejected.add(event.serial)
        info = self._world.info
        code = refusal(event.message, info.width, info.height)
        if code is None:
            held = event.code in self._world.may_reject
        else:
            # A PATCH's stream is looked at last: after storage in trouble, and after the budget.
            before = {RejectCode.READ_ONLY, RejectCode.RATE}
            held = event.code == code or (isinstance(event.message, Patch) and event.code in before)
        self._world.verdict.check(held, "RAS-3", f"{event} where {code} is due")

    def _redraw(self, event: SessionLost) -> None:
        """The session is unknown: what was under way was lost with it, so it is drawn again."""
        for serial, message in event.work:
            self.lost.add(serial)
            self._draw(message)

    # -- what it does --------------------------------------------------------------------------

    @property
    def online(self) -> bool:
        """Whether it is connected and welcomed."""
        return self.link is not None and self.core.phase is Phase.OPEN

    def live(self) -> None:
        """Do something, and again after a while, until the world calls for quiet."""
        if self._world.quiet:
            return
        if self.online:
            self.acts += 1
            self._act()
            self.flush()
        elif self.link is not None and self.core.phase is Phase.GREETING:
            self._lose_patience(self.link)
        self._world.time.after(self._rng.expovariate(1 / self._world.plan.pause_s), self.live)

    def _act(self) -> None:
        rng = self._rng
        mood = rng.random()
        if mood < 0.45:
            if self._paints:
                self.paint(1 if rng.random() < 0.9 else rng.randrange(2, 20))
        elif mood < 0.65:
            self.pan()
        elif mood < 0.75:
            x, y = self._world.painter.near(self._x, self._y, 150)
            for _ in range(rng.choice((1, 1, 40))):
                self.core.set_cursor(x, y, rng.randrange(2))
                self.flush()
        elif mood < 0.79:
            name = rng.choice(("", "Ada", "Žofie", "名前", "x" * 64))
            self.core.set_presence(rng.randrange(256), 0, 99, name)
        elif mood < 0.82:
            self.core.follow(rng.randrange(self._world.plan.people))
        elif not self.profile.healthy:
            self._suffer()

    def paint(self, messages: int) -> None:
        """Draw near where one looks; once in a while anywhere."""
        painter, rng = self._world.painter, self._rng
        x, y = self._x, self._y
        if rng.random() < 0.1:
            x, y = painter.near(*rng.choice(self._world.hotspots), 300)
        draw = painter.any if messages == 1 else rng.choice((painter.pixel, painter.any))
        for _ in range(messages):
            self._draw(draw(x, y))

    def _draw(self, message: Drawing) -> None:
        try:
            serial = self.core.draw(message)
        except OutboxFull:
            return
        self.drawn.append(encode(message))
        assert serial == len(self.drawn)

    def pan(self) -> None:
        """Look elsewhere: a step, a leap to where others are, another level, or nearly all."""
        rng, world = self._rng, self._world
        step = rng.random()
        if step < 0.75:
            self._x, self._y = world.painter.near(self._x, self._y, 140)
        else:
            self._x, self._y = world.painter.near(*rng.choice(world.hotspots), 250)
        if self._zooms and rng.random() < 0.4:
            self._level = rng.choice((0, 1, 2, world.levels - 1))
        width, height = rng.randint(60, 260) << self._level, rng.randint(60, 200) << self._level
        if rng.random() < 0.01:
            width, height = 3000, 3000
        x0, y0 = max(0, self._x - width // 2), max(0, self._y - height // 2)
        # Beyond the canvas's edge at times: the server clips.
        self.core.set_viewport(self._level, x0, y0, x0 + width, y0 + height)

    def _suffer(self) -> None:
        """The line lags, drops or half drops, or the person goes away for a while."""
        rng, link = self._rng, self.link
        assert link is not None
        match rng.randrange(6):
            case 0:
                link.stall(rng.choice((0.3, 2.0, 6.0, 15.0)))
            case 1:
                link.reset()
            case 2 | 3:
                self.paint(rng.randrange(4))
                self.flush()
                link.vanish(rng.choice((0.0, 0.5, 3.0)))
            case 4:
                link.go_deaf()
            case _:
                self.leave()
                self._world.time.after(rng.uniform(0.1, 6.0), self._return)

    def _lose_patience(self, link: Link) -> None:
        """WELCOME waits for the disk; the line may be gone before it comes."""
        if not self.profile.healthy and self._rng.random() < 0.2:
            link.vanish(0.5)

    def leave(self) -> None:
        """Close the connection properly."""
        link, self.link, self._away = self.link, None, True
        if link is not None:
            link.close_from_client()
            if self.core.phase is not Phase.OFFLINE:
                self.core.disconnected(1000)

    @property
    def settled(self) -> bool:
        """Whether all that it asked for and drew is there."""
        return (
            self.link is not None
            and self.online
            and self.link.tap.session.state is State.OPEN
            and len(self.core.outbox) == 0
            and self.core.view.loaded
            and self.truth is not None
            and self.core.view.clock == self.truth.seq
        )
