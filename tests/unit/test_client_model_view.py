"""The view against a model of the server, by seed: late, skipped and overtaken VIEWPORTs, slow
lines, cut lines, new epochs.

The model does all that the design page allows a server to do, in an order that the seed chooses;
frames in both directions are delivered late.
"""

import random
from collections import deque
from dataclasses import dataclass, field

import pytest

from client.core import Core
from client.view import View
from protocol.codec import decode, encode
from protocol.messages import (
    SERVER_FRAME_MAX_BYTES,
    Clock,
    Drawing,
    Message,
    Pixel,
    Rect,
    Reset,
    Stroke,
    Tile,
    Viewport,
    Welcome,
)
from protocol.types import Sender
from tests.oracle.canvas import Canvas
from tiles.deflate import deflate
from tiles.geometry import TileId, TileRange, clip, key, tile_range, tiles_across, unkey

WIDTH, HEIGHT, LEVELS = 300, 200, 4


@dataclass
class ModelServer:
    """One canvas and one session's connection, driven step by step."""

    chance: random.Random
    canvas: Canvas = field(default_factory=lambda: Canvas(WIDTH, HEIGHT))
    epoch: int = 1
    first_seq: int = 0
    view: tuple[int, TileRange] | None = None
    stale: set[int] = field(default_factory=set)
    viewports: int = 0
    wanted: tuple[int, Viewport] | None = None
    clock: Clock = field(default_factory=lambda: Clock(0, 0))
    feed: list[tuple[int, Drawing, frozenset[int]]] = field(default_factory=list)

    def hello(self) -> bytes:
        """A connection begins: forget the last one's view."""
        self.view, self.wanted, self.viewports = None, None, 0
        self.stale.clear()
        self.feed.clear()
        self.clock = Clock(0, self.canvas.seq)
        size, white = (WIDTH, HEIGHT), (255, 255, 255)
        session, tail = bytes([1] * 16), b"{}"
        seq = self.canvas.seq
        return encode(Welcome(1, session, 1, self.epoch, seq, 0, *size, *white, LEVELS, 1, tail))

    def receive(self, frame: bytes) -> None:
        """A VIEWPORT waits, and may be overtaken."""
        for message in decode(frame, Sender.CLIENT):
            if isinstance(message, Viewport):
                self.viewports += 1
                self.wanted = (self.viewports, message)

    def draw(self, message: Drawing) -> None:
        """Somebody draws."""
        done = self.canvas.apply(self.canvas.seq + 1, message)
        tiles = frozenset(key(0, tx, ty) for tx, ty in done.tiles)
        self.feed.append((done.seq, message, tiles))

    def look(self) -> None:
        """Apply the last VIEWPORT."""
        if self.wanted is None:
            return
        number, wanted = self.wanted
        self.wanted = None
        box = clip((wanted.x0, wanted.y0, wanted.x1, wanted.y1), WIDTH, HEIGHT)
        assert box is not None
        tiles = tile_range(wanted.level, box)
        old = set(self.view[1].keys()) if self.view else set()
        known = {key(wanted.level, tx, ty): seq for tx, ty, seq in wanted.known}
        self.stale &= set(tiles.keys())
        for tile in set(tiles.keys()) - old:
            last = max(self.first_seq, self.canvas.last_touch(*unkey(tile)))
            if tile not in known or not last <= known[tile] <= self.canvas.seq:
                self.stale.add(tile)
        self.view = number, tiles

    def fall_behind(self) -> None:
        """Some live tiles become stale."""
        if self.view is not None:
            self.stale |= {tile for tile in self.view[1].keys() if self.chance.random() < 0.5}

    def reset(self) -> bytes:
        """Another canvas takes this one's place. That is a seq of its own.

        So a VIEWPORT that was sent before RESET came tells itself apart: what it reports as known
        lies before that seq, and what is of the new epoch doesn't.
        """
        self.epoch += 1
        self.first_seq = self.canvas.seq + 1
        self.canvas = Canvas(WIDTH, HEIGHT, (200, 200, 200))
        self.canvas.seq = self.first_seq
        self.feed.clear()
        if self.view is not None:
            self.stale = set(self.view[1].keys())
        self.clock = Clock(self.clock.view, self.canvas.seq)
        return encode(Reset(self.epoch, self.canvas.seq))

    def flush(self) -> tuple[bytes, bool]:
        """Drawing, some snapshots, CLOCK; and whether the CLOCK says more than the last one."""
        parts: list[Message] = []
        if self.view is None:
            self.feed.clear()
            return encode(self.clock), False
        number, tiles = self.view
        live = {tile for tile in tiles.keys() if tile not in self.stale}
        parts += [message for _, message, touched in self.feed if touched & live]
        if tiles.level:
            self.stale |= {
                tile
                for tile in tiles.keys()
                for seq, _, _ in self.feed
                if self.canvas.last_touch(*unkey(tile)) >= seq
            }
        self.feed.clear()
        owed = self.chance.sample(sorted(self.stale), self.chance.randint(0, len(self.stale)))
        for tile in owed:
            parts.append(self.snapshot(unkey(tile)))
            self.stale.remove(tile)
        told = not self.stale or tiles.level > 0
        if told:
            self.clock = Clock(number, self.canvas.seq)
        frame = b"".join(map(encode, [*parts, self.clock]))
        assert len(frame) <= SERVER_FRAME_MAX_BYTES
        return frame, told

    def snapshot(self, tile: TileId) -> Tile:
        """A TILE in either encoding."""
        content = self.canvas.tile(*tile)
        if content == content[:3] * (64 * 64):
            return Tile(*tile, self.canvas.seq, 0, content[:3])
        return Tile(*tile, self.canvas.seq, 1, deflate(content))


def some_drawing(chance: random.Random) -> Drawing:
    """Mostly small, sometimes across many tiles."""
    x, y = chance.randrange(WIDTH), chance.randrange(HEIGHT)
    colour = chance.randrange(256), chance.randrange(256), chance.randrange(256)
    match chance.randrange(4):
        case 0:
            x1, y1 = min(WIDTH - 1, x + 80), min(HEIGHT - 1, y + 3)
            return Rect(0, x, y, x1, y1, *colour)
        case 1:
            return Stroke(2, *colour, ((x, y), (chance.randrange(WIDTH), y)))
        case _:
            return Pixel(x, y, *colour)


@dataclass
class Line:
    """A client and the model server, with frames under way in both directions."""

    chance: random.Random
    server: ModelServer
    core: Core
    up: deque[bytes] = field(default_factory=deque)
    down: deque[tuple[bytes, Clock | None]] = field(default_factory=deque)
    views: dict[int, TileRange] = field(default_factory=dict)
    checks: int = 0

    def connect(self) -> None:
        """A new connection; what was under way is lost."""
        self.up.clear()
        self.down.clear()
        self.core.connected()
        self.core.receive(self.server.hello())
        self.up.extend(self.core.frames_to_send())

    def look(self) -> None:
        """Look elsewhere, mostly at level 0."""
        x, y = self.chance.randrange(WIDTH), self.chance.randrange(HEIGHT)
        level = self.chance.choice((0, 0, 0, 1, 2))
        x1, y1 = x + self.chance.randrange(200), y + self.chance.randrange(150)
        self.core.set_viewport(level, x, y, x1, y1)
        self.up.extend(self.core.frames_to_send())

    def draw(self) -> None:
        """Somebody draws."""
        self.server.draw(some_drawing(self.chance))

    def deliver_up(self) -> None:
        """The server gets a frame."""
        if self.up:
            self.server.receive(self.up.popleft())

    def apply(self) -> None:
        """The server applies the last VIEWPORT that it got."""
        self.server.look()

    def flush(self) -> None:
        """The server sends."""
        frame, told = self.server.flush()
        view = self.server.view
        if view is not None:
            self.views[view[0]] = view[1]
        self.down.append((frame, self.server.clock if told else None))

    def deliver_down(self) -> None:
        """The client gets a frame; where its CLOCK advanced, the view must be in step."""
        if not self.down:
            return
        frame, clock = self.down.popleft()
        self.core.receive(frame)
        if clock is not None and self.views[clock.view].level == 0:
            check(self.core, self.server, clock, self.views[clock.view])
            self.checks += 1

    def disturb(self) -> None:
        """Now and then: a cut, a new epoch, a line too slow."""
        rare = self.chance.random()
        if rare < 0.1:
            self.core.disconnected(1006)
            if self.chance.random() < 0.3:
                self.server.reset()
            self.connect()
        elif rare < 0.15:
            while self.down:
                self.deliver_down()
            self.core.receive(self.server.reset())
        elif rare < 0.4:
            self.server.fall_behind()

    def catch_up(self) -> None:
        """Look at all of the canvas, and let everything arrive."""
        self.core.set_viewport(0, 0, 0, WIDTH, HEIGHT)
        self.up.extend(self.core.frames_to_send())
        while self.up:
            self.deliver_up()
        self.apply()
        self.flush()
        while self.server.stale:
            self.flush()
        while self.down:
            self.deliver_down()
        assert self.core.view.loaded

    def judge_claims(self) -> None:
        """A tile said to be complete through its last change is what it should be."""
        canvas, view = self.server.canvas, self.core.view
        for ty in range(tiles_across(HEIGHT, 0)):
            for tx in range(tiles_across(WIDTH, 0)):
                content, complete = view.tile(0, tx, ty), view.tile_complete(0, tx, ty)
                if content is None or complete is None or canvas.last_touch(0, tx, ty) > complete:
                    continue
                assert content.tobytes() == canvas.tile(0, tx, ty)


def check(core: Core, server: ModelServer, clock: Clock, held: TileRange) -> None:
    """Each tile of that viewport is the canvas's at the clock, byte for byte."""
    for tile in held.keys():
        content = core.view.tile(*unkey(tile))
        assert content is not None
        assert content.tobytes() == server.canvas.tile(*unkey(tile), clock.seq)
        complete = core.view.tile_complete(*unkey(tile))
        assert complete is not None
        assert clock.seq <= complete <= server.canvas.seq


@pytest.mark.parametrize("seed", range(60))
def test_the_view_is_in_step_at_every_clock(seed: int) -> None:
    """Whatever the order of VIEWPORTs and answers, a CLOCK that advances tells the truth."""
    chance = random.Random(seed)
    core = Core(view=View(idle_tiles_max=chance.choice((0, 3, 100))))
    line = Line(chance, ModelServer(chance), core)
    line.connect()
    steps = (
        [line.look, line.deliver_up, line.apply, line.disturb]
        + [line.draw] * 3
        + [line.flush, line.deliver_down] * 2
    )
    for _ in range(250):
        chance.choice(steps)()
        if chance.random() < 0.1:
            line.judge_claims()
    line.catch_up()
    assert line.checks
