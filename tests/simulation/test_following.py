"""Nodes that apply what the stream brings: too slowly, not at all, or no more; in virtual time."""

from collections.abc import Callable
from itertools import count, product
from types import MethodType
from unittest.mock import patch

import pytest

from protocol.codec import encode
from protocol.errors import CloseCode
from protocol.messages import (
    NEW_SESSION,
    VERSION,
    Hello,
    Message,
    Pixel,
    Rect,
    Reject,
    Stroke,
    Viewport,
)
from protocol.session import State
from server.applying import Applying
from server.following import Following
from server.session import Session
from tests.memory_stream import MemoryStreamStore
from tests.simulation.ground import compare_start
from tests.simulation.pair import Pair
from tests.simulation.shared_ground import SharedGround
from tests.simulation.table import Notepad
from tiles.canvas import Canvas
from tiles.geometry import tile_range
from tiles.raster import Paint
from tiles.shared.entry import VERSION as ENTRY_VERSION
from tiles.shared.entry import ClaimOffer, Entry, encode_entry

APPLYING_S = 0.01
"""What painting takes where it is slow; each of two nodes paints everything."""
ACROSS = Stroke(3, 9, 8, 7, ((10, 10), (300, 200), (10, 150)))
"""Over many tiles."""


def painter(pair: Pair, node: int) -> tuple[Session, Notepad]:
    """Somebody who is welcome there."""
    session, notepad = pair.join(node)
    pair.say(session, Hello(VERSION, NEW_SESSION, ""))
    return session, notepad


def stream(pair: Pair) -> MemoryStreamStore:
    """The one that they share."""
    assert isinstance(pair.world.ground, SharedGround)
    return pair.world.ground.stream


def in_step(pair: Pair, *nodes: int) -> None:
    """What these nodes show is what the stream's entries come to, at every level."""
    everything = (0, 0, pair.world.info.width - 1, pair.world.info.height - 1)
    for node in nodes:
        assert pair.hub(node).seq == pair.world.truth.seq
        for level in range(pair.world.levels):
            pair.hub(node).paging.fetch(tile_range(level, everything).keys(), lambda: None)
        pair.pass_time()
        compare_start(pair.world.verdict, pair.world.truth, pair.hub(node).pyramid)
    pair.world.verdict.settle()


def test_nodes_that_draw_more_than_they_apply_keep_in_step() -> None:
    """CLU-67: sixteen times as much, on both: it waits where it comes from, and none is refused."""
    pair = Pair()
    time = pair.world.time
    people = [painter(pair, node) for node in (0, 1) for _ in range(4)]
    message = Applying.message

    def slowly(
        self: Applying, seq: int, data: bytes, paints: list[Paint], *, again: bool = False
    ) -> None:
        time.now += APPLYING_S
        message(self, seq, data, paints, again=again)

    sent = most = 0
    ready = True
    serial = count()
    never = patch("server.ordering._TRICKLE_S", 1e9)  # who waits goes on when it is over
    with never, patch.object(Applying, "message", slowly):
        until = time.now + 20
        while time.now < until:
            for session, _ in people:
                if session.idle:  # else the socket isn't read
                    places = [(next(serial) % 900, next(serial) % 700) for _ in range(5)]
                    rects = [Rect(0, x, y, x, y, 1, 2, 3) for x, y in places]
                    session.receive(b"".join(map(encode, rects)))
                    sent += len(rects)
            pair.pass_time(0.05)
            most = max(most, pair.world.truth.seq - min(pair.hub(0).seq, pair.hub(1).seq))
            ready = ready and max(pair.hub(0).behind, pair.hub(1).behind) < 100
        assert 500 < sent < 1500  # 8,000 or more were to be drawn, and 1,000 could be
        assert most < 200
        assert ready
        pair.pass_time(5)
    assert pair.world.truth.seq == sent
    in_step(pair, 0, 1)
    assert not any(isinstance(one, Reject) for _, notepad in people for one in notepad.messages)


def test_who_is_at_a_node_that_is_always_behind_draws_all_the_same() -> None:
    """CLU-67: less, but not nothing."""
    pair = Pair()
    session, _ = painter(pair, 0)
    with patch.object(Following, "behind", property(lambda _: True)):
        for x in range(5):
            session.receive(encode(Rect(0, x, 0, x, 0, 1, 2, 3)))
        pair.pass_time(0.02)
        waited = not session.idle
        pair.pass_time(1)
    assert waited
    assert session.idle
    assert pair.world.truth.seq == 5
    in_step(pair, 0, 1)


def test_more_than_can_be_applied_is_left_in_the_stream() -> None:
    """CLU-16: neither entries nor their bytes pile up in a node, and its own aren't in trouble."""
    pair = Pair()
    session, _ = painter(pair, 0)
    other, notepad = painter(pair, 1)
    hub = pair.hub(1)
    following, opened = hub.following, pair.world.servers[1].opened
    assert following is not None
    assert opened is not None
    store = opened.disk.store
    most = 0
    with patch("server.following.WAITING_MAX", 8):
        hub._memory.budget_bytes = 0
        hub._memory.owe(1)  # from here on it is tight
        other.receive(encode(Rect(0, 5, 5, 5, 5, 4, 5, 6)))
        for x in range(200):
            session.receive(encode(Rect(0, x, 0, x, 0, 1, 2, 3)))
            pair.pass_time(0.05)
            most = max(most, following.waiting)
        assert hub.seq == 0
        assert not hub.read_only
        assert 8 <= most < 16
        assert len(store.batches) < 20  # nor does the node's fold run ahead of what is applied
        assert hub.behind > 8
        hub._memory.budget_bytes = 1 << 30
        hub._memory.owe(-1)
        pair.pass_time(5)
    assert pair.world.truth.seq == 201
    in_step(pair, 0, 1)
    assert [type(one).__name__ for one in notepad.messages].count("Notice") == 0


def failing_once(work: Callable[..., object]) -> Callable[..., object]:
    """The same, but that the first call does all of it and fails then."""
    calls = count()

    def call(*args: object, **more: object) -> object:
        result = work(*args, **more)
        if next(calls) == 0:
            raise MemoryError
        return result

    return call


@pytest.mark.parametrize(
    ("part", "run"),
    [
        *product(
            ("canvas.paint", "pyramid.mark", "overviews.touch", "checkpointer.drawn"),
            (False, True),
        ),
        ("fanout.add", False),
        ("fanout.add_pixels", True),
        ("activity.drawn", False),
        ("activity.drawn_pixels", True),
    ],
)
def test_an_entry_that_failed_half_applied_is_applied_again(part: str, run: bool) -> None:
    """CLU-66: wherever it failed: who looks is sent it, and no tile nor overview lacks it."""
    pair = Pair()
    session, _ = painter(pair, 0)
    looker, notepad = painter(pair, 1)
    pair.say(looker, Viewport(0, 0, 0, 899, 699))
    pair.say(session, Rect(0, 0, 0, 200, 200, 5, 5, 5))
    in_step(pair, 1)  # its overviews are there
    notepad.messages.clear()
    name, method = part.split(".")
    owner = getattr(pair.hub(1), name)
    drawn: list[Message] = [Pixel(x, x, x, 1, 1) for x in range(9, 99, 30)] if run else [ACROSS]
    with patch.object(owner, method, failing_once(getattr(owner, method))):
        session.receive(b"".join(map(encode, drawn)))
        pair.pass_time(0.04)
        assert pair.hub(1).seq == 1  # nothing that is saved now says that it holds the entry
        pair.pass_time(2)
    came = [one for one in notepad.messages if isinstance(one, Pixel | Stroke)]
    assert set(map(encode, came)) == set(map(encode, drawn))
    in_step(pair, 0, 1)


def half_painted(canvas: Canvas, paints: list[Paint], seq: int) -> list[int]:
    """Paint some, and fail."""
    Canvas.paint(canvas, paints[: len(paints) // 2], seq)
    raise MemoryError


def test_a_node_that_can_not_apply_an_entry_opens_the_canvas_anew() -> None:
    """CLU-66: nothing is left out for good: not in its tiles, nor in what it saved of them."""
    pair = Pair()
    session, _ = painter(pair, 0)
    hub, server = pair.hub(1), pair.world.servers[1]
    lost: list[int] = []
    hub.on_lost = lambda: lost.append(hub.seq)
    pair.say(session, Rect(0, 0, 0, 200, 200, 5, 5, 5))
    hub.canvas.paint = MethodType(half_painted, hub.canvas)  # type: ignore[method-assign]
    pair.say(session, ACROSS, Rect(0, 50, 50, 60, 60, 1, 1, 1))
    pair.pass_time(2)
    assert lost == [1]
    hub.checkpointer.run()
    pair.pass_time(2)
    assert server.opened is not None
    assert 0 < server.opened.disk.store.checkpoint_seq <= 1
    server.stop()  # as server.canvases does; it starts again by itself
    pair.pass_time(5)
    assert pair.hub(1) is not hub
    in_step(pair, 0, 1)


class TimedNotepad(Notepad):
    """Knows when it was closed."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self.closed_at = 0.0

    def close(self, code: CloseCode, reason: str) -> None:
        """See :meth:`server.line.Line.close`."""
        super().close(code, reason)
        self.closed_at = self._now()


def crowd(pair: Pair, node: int, size: int) -> list[tuple[Session, TimedNotepad]]:
    """So many who are welcome there; from now on ending one of them takes a millisecond."""
    hub, time = pair.hub(node), pair.world.time
    people = []
    for _ in range(size):
        notepad = TimedNotepad(lambda: time.now)
        session = hub.join(notepad, b"")
        session.receive(encode(Hello(VERSION, NEW_SESSION, "")))
        people.append((session, notepad))
    pair.pass_time(1)
    assert all(session.state is State.OPEN for session, _ in people)
    leave = hub.leave

    def slowly(session: Session) -> None:
        time.now += 0.001
        leave(session)

    hub.leave = slowly  # type: ignore[method-assign]
    return people


def longest_turn_s(pair: Pair, node: int, until: Callable[[], bool]) -> float:
    """How long the node's loop stood still at most, until then."""
    process, time = pair.world.servers[node].process, pair.world.time
    assert process is not None
    longest = 0.0
    enter = process.enter

    def timed(callback: Callable[[], object]) -> None:
        nonlocal longest
        began = time.now
        enter(callback)
        longest = max(longest, time.now - began)

    process.enter = timed  # type: ignore[method-assign]
    pair.pass_time(2)
    assert until()
    return longest


def test_many_sessions_that_one_entry_claims_are_fenced_over_several_turns() -> None:
    """CLU-72, SES-9: each costs what ending a connection does; the loop goes on between them."""
    pair = Pair()
    people = crowd(pair, 0, 60)
    claims = []
    for request, (session, _) in enumerate(people):
        assert session.identity is not None
        fresh = (1 << 64) + request
        claims.append(ClaimOffer(request, session.identity.id, fresh.to_bytes(16, "big"), 1 << 40))
    stream(pair).take(encode_entry(Entry(ENTRY_VERSION, stream(pair).epoch, 5, 1, [], [], claims)))
    closed = [notepad for _, notepad in people]
    longest_s = longest_turn_s(pair, 0, lambda: all(one.closed for one in closed))
    assert {one.closed for one in closed} == {CloseCode.TAKEN_OVER}
    assert longest_s < 0.012
    in_step(pair, 0, 1)


@pytest.mark.parametrize("troubled", [False, True])
def test_people_go_elsewhere_when_a_node_meets_a_newer_release(troubled: bool) -> None:
    """CLU-17: it shows them a standing picture otherwise. Nobody is let in, and it isn't ready."""
    pair = Pair()
    people = crowd(pair, 0, 60)
    session, _ = people[0]
    if troubled:
        opened = pair.world.servers[0].opened
        assert opened is not None
        opened.disk.fail(OSError("the disk is full"))
    pair.say(session, Rect(0, 1, 1, 2, 2, 1, 1, 1))
    store = stream(pair)
    newer = encode_entry(Entry(ENTRY_VERSION + 1, store.epoch, 5, 1))
    MemoryStreamStore.take(store, newer)  # nobody of this release knows what is true of it
    closed = [notepad for _, notepad in people]
    longest_s = longest_turn_s(pair, 0, lambda: all(one.closed for one in closed))
    assert {one.closed for one in closed} == {CloseCode.RESTARTING}
    assert longest_s < 0.012
    hub = pair.hub(0)
    assert hub.seq == 1  # all before it is applied
    assert hub.read_only
    for id in (NEW_SESSION, people[1][1].welcome.session):
        late, notepad = pair.join(0)
        pair.say(late, Hello(VERSION, id, ""))
        assert notepad.closed == CloseCode.TRY_LATER
    assert not hub.sessions
