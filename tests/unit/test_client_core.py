"""The session core: frames in, events out; order of turns, frames' sizes, reconnects."""

import json
from typing import Any

import pytest

from client.core import NAME_MAX_BYTES, TAKE_MAX_BYTES, Core, Phase
from client.events import (
    Acked,
    BudgetChanged,
    Clocked,
    CursorMoved,
    Drawn,
    Noticed,
    PresenceChanged,
    Rejected,
    ResetCame,
    SeenChanged,
    SessionLost,
    TileCame,
    ViewportRefused,
    Welcomed,
)
from protocol.codec import decode, encode
from protocol.errors import CloseCode, ProtocolError
from protocol.messages import (
    CLIENT_FRAME_MAX_BYTES,
    NO_LIMIT,
    Ack,
    Budget,
    Clock,
    Cursor,
    CursorMove,
    Drawing,
    Follow,
    Hello,
    Message,
    Notice,
    Patch,
    Pixel,
    Presence,
    PresenceSet,
    Reject,
    Reset,
    Seen,
    Tile,
    Viewport,
    Welcome,
)
from protocol.types import Sender

ONE, TWO = bytes(15) + b"\1", bytes(15) + b"\2"
DOT = Pixel(1, 2, 3, 4, 5)


def welcome(
    session: bytes = ONE,
    handled: int = 0,
    seq: int = 0,
    epoch: int = 1,
    size: tuple[int, int] = (1000, 500),
    **info: Any,
) -> Welcome:
    """A WELCOME to a white canvas with five levels."""
    tail = json.dumps(info).encode()
    return Welcome(1, session, 7, epoch, seq, handled, *size, 255, 255, 255, 5, 1, tail)


def open_core(message: Welcome | None = None, core: Core | None = None) -> Core:
    """A core that was just welcomed."""
    core = core or Core()
    core.connected()
    core.receive(encode(message or welcome()))
    return core


def sent(core: Core) -> list[Message]:
    """What the core sends now."""
    messages: list[Message] = []
    while frames := core.frames_to_send():
        assert all(len(frame) <= CLIENT_FRAME_MAX_BYTES for frame in frames)
        messages += [message for frame in frames for message in decode(frame, Sender.CLIENT)]
    return messages


def test_hello_comes_first_and_alone() -> None:
    """Nothing is sent before WELCOME, whatever there is."""
    core = Core(token="t", session=ONE)
    core.draw(DOT)
    core.set_viewport(0, 0, 0, 9, 9)
    assert core.frames_to_send() == []
    assert decode(b"".join(core.connected()), Sender.CLIENT) == [Hello(1, ONE, "t")]
    assert core.frames_to_send() == []
    assert core.phase is Phase.GREETING
    with pytest.raises(RuntimeError):
        core.connected()
    message = welcome(title="Ours", palette=[[1, 2, 3]], limits={"max_unacked": 5}, other=1)
    (welcomed, acked) = core.receive(encode(message))
    assert isinstance(welcomed, Welcomed)
    assert welcomed.resumed
    assert welcomed.info.title == "Ours"
    assert welcomed.info.palette == ((1, 2, 3),)
    assert core.outbox.max_unacked == 5
    assert acked == Acked(0, 0, 0)
    assert sent(core) == [Viewport(0, 0, 0, 9, 9), DOT]


def test_every_message_has_its_event() -> None:
    """In the frame's order."""
    core = open_core()
    core.draw(DOT)
    core.set_viewport(0, 0, 0, 9, 9)
    sent(core)
    messages: list[Message] = [
        DOT,
        Tile(0, 0, 0, 4, 0, b"abc"),
        Clock(1, 5),
        Reject(1, 3, 20),
        Ack(1, 1, 5),
        Budget(10, 20),
        Budget(NO_LIMIT, 0),
        Cursor(3, 1, 2, 1),
        Presence(3, 0, 1, 2, 3, "Ann"),
        Presence(3, 1, 1, 2, 3, "Ann"),
        Notice(1, "mind"),
        Seen(3, 1, 0, 0, 5, 5),
        Reset(9, 2),
    ]
    frame = b"".join(map(encode, messages))
    assert core.receive(frame + b"\x50\1\0\0\0x") == [
        Drawn(DOT),
        TileCame(0, 0, 0, 4),
        Clocked(1, 5),
        Rejected(1, DOT, 3, 20),
        Acked(1, 1, 5),
        BudgetChanged(10, 20),
        BudgetChanged(None, 0),
        CursorMoved(3, 1, 2, 1),
        PresenceChanged(3, True, 1, 2, 3, "Ann"),
        PresenceChanged(3, False, 1, 2, 3, "Ann"),
        Noticed(1, "mind"),
        SeenChanged(3, 1, 0, 0, 5, 5),
        ResetCame(9, 2),
    ]
    assert core.acked_seq == 5
    assert core.budget == BudgetChanged(None, 0)


@pytest.mark.parametrize(
    "message",
    [Clock(0, 1), Ack(0, 0, 0), DOT, Reset(1, 1)],
    ids=lambda message: type(message).__name__,
)
def test_only_welcome_and_notice_come_first(message: Message) -> None:
    """A NOTICE may say why a connection is about to end."""
    core = Core()
    core.connected()
    assert core.receive(encode(Notice(2, "full"))) == [Noticed(2, "full")]
    with pytest.raises(ProtocolError):
        core.receive(encode(message))


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (Welcome(2, ONE, 1, 1, 0, 0, 9, 9, 0, 0, 0, 1, 1, b"{}"), CloseCode.BAD_VERSION),
        (Welcome(1, bytes(16), 1, 1, 0, 0, 9, 9, 0, 0, 0, 1, 1, b"{}"), CloseCode.MALFORMED),
        (Welcome(1, ONE, 1, 1, 0, 0, 0, 9, 0, 0, 0, 1, 1, b"{}"), CloseCode.MALFORMED),
        (Welcome(1, ONE, 1, 1, 0, 0, 9, 9, 0, 0, 0, 1, 1, b"{"), CloseCode.MALFORMED),
        (Welcome(1, ONE, 1, 1, 0, 0, 9, 9, 0, 0, 0, 1, 1, b'{"rejected":[1]}'), 4400),
    ],
)
def test_a_welcome_that_makes_no_sense(message: Welcome, code: int) -> None:
    """It is the server's fault, with the code to close with."""
    core = Core()
    core.connected()
    with pytest.raises(ProtocolError) as caught:
        core.receive(encode(message))
    assert caught.value.close_code == code


def test_a_second_welcome_breaks_the_protocol() -> None:
    """One a connection."""
    with pytest.raises(ProtocolError):
        open_core().receive(encode(welcome()))


def test_states_are_sent_once_the_latest_alone_and_before_drawing() -> None:
    """Who I am, where I look, then the pointer, then drawing."""
    core = open_core()
    core.draw(DOT)
    for x in range(3):
        core.set_cursor(x, x)
        core.set_viewport(0, 0, 0, x, x)
    core.follow(4)
    core.set_presence(1, 2, 3, "Ann")
    assert sent(core) == [
        PresenceSet(1, 2, 3, "Ann"),
        Viewport(0, 0, 0, 2, 2),
        CursorMove(2, 2, 0),
        Follow(4),
        DOT,
    ]
    assert sent(core) == []
    assert core.viewport_sent


def test_a_reconnect_says_again_what_lasts() -> None:
    """PRESENCE, and VIEWPORT with what is known; pointer and FOLLOW ended with the connection."""
    core = open_core()
    core.set_presence(1, 2, 3, "Ann")
    core.set_viewport(0, 0, 0, 9, 9)
    sent(core)
    core.receive(encode(Tile(0, 0, 0, 4, 0, b"abc")) + encode(Clock(1, 6)))
    core.set_cursor(5, 5)
    core.follow(4)
    assert core.disconnected(1006)
    core.set_cursor(6, 6)
    assert not core.viewport_sent or not core.view.loaded
    open_core(welcome(), core)
    assert sent(core) == [PresenceSet(1, 2, 3, "Ann"), Viewport(0, 0, 0, 9, 9, ((0, 0, 6),))]


@pytest.mark.parametrize("code", [1000, 1003, 1009, 4400, 4401, 4403, 4406, 4409, 4429])
def test_after_these_codes_a_client_stays_away(code: int) -> None:
    """Unlike after 1006, 1012, 1013 and 4408."""
    assert not open_core().disconnected(code)
    assert all(open_core().disconnected(back) for back in (1006, 1012, 1013, 4408))


def test_drawing_is_joined_into_frames_of_64_kib() -> None:
    """And handed out a few frames at a time."""
    core = open_core()
    pixels = [Pixel(n & 1023, n >> 10, 0, 0, 0) for n in range(40_000)]
    for pixel in pixels:
        core.draw(pixel)
    frames = core.frames_to_send()
    assert all(len(frame) == CLIENT_FRAME_MAX_BYTES for frame in frames)
    assert len(frames) * CLIENT_FRAME_MAX_BYTES <= TAKE_MAX_BYTES
    assert len(core.frames_to_send()) == 1
    assert core.frames_to_send() == []


def test_big_messages_get_frames_of_their_own() -> None:
    """One that fills a frame, beside others that don't."""
    core = open_core()
    full = Patch(0, 0, 1, 1, bytes(CLIENT_FRAME_MAX_BYTES - 13))
    work: list[Drawing] = [DOT, full, DOT, full, full, full, full, DOT]
    for message in work:
        core.draw(message)
    core.set_viewport(0, 0, 0, 9, 9)
    assert sent(core) == [Viewport(0, 0, 0, 9, 9), *work]


def test_a_viewport_with_all_its_known_tiles_fits_a_frame() -> None:
    """Beside the longest name; the tiles nearest the centre are the ones named."""
    limits = {"max_viewport_tiles": 6000}
    core = open_core(welcome(size=(6400, 6400), limits=limits))
    core.set_viewport(0, 0, 0, 64 * 78 - 1, 64 * 76 - 1)
    sent(core)
    for ty in range(76):
        for tx in range(78):
            core.receive(encode(Tile(0, tx, ty, 4, 0, b"abc")))
    core.disconnected(1006)
    core.set_presence(1, 2, 3, "x" * NAME_MAX_BYTES)
    open_core(welcome(size=(6400, 6400), limits=limits), core)
    core.set_cursor(1, 1)
    core.follow(3)
    frames = core.frames_to_send()
    assert len(frames) == 1
    assert len(frames[0]) <= CLIENT_FRAME_MAX_BYTES
    viewport = decode(frames[0], Sender.CLIENT)[1]
    assert isinstance(viewport, Viewport)
    assert 5400 < len(viewport.known) < 78 * 76
    assert (0, 0, 4) not in viewport.known


@pytest.mark.parametrize(
    "look",
    [
        (0, 5, 0, 4, 0),
        (0, 1000, 0, 1001, 0),
        (5, 0, 0, 9, 9),
        (-1, 0, 0, 9, 9),
        (0, 0, 0, 999, 499),
    ],
)
def test_a_viewport_that_the_server_would_refuse(look: tuple[int, int, int, int, int]) -> None:
    """Inverted, off the canvas, of a level that isn't there, or of too many tiles."""
    core = open_core(welcome(limits={"max_viewport_tiles": 100}))
    with pytest.raises(ValueError):
        core.set_viewport(*look)
    assert sent(core) == []
    core.set_viewport(1, 990, 0, 2000, 20)
    assert sent(core) == [Viewport(1, 990, 0, 999, 20)]


def test_a_viewport_from_before_the_welcome_may_turn_out_not_to_fit() -> None:
    """Then it is told, and nothing is sent."""
    core = Core()
    core.set_viewport(0, 2000, 0, 2001, 1)
    core.connected()
    events = core.receive(encode(welcome()))
    assert isinstance(events[-1], ViewportRefused)
    assert core.viewport_refusal
    assert sent(core) == []
    core.set_viewport(0, 0, 0, 1, 1)
    assert core.viewport_refusal is None


def test_a_long_name_is_refused() -> None:
    """64 bytes of UTF-8."""
    with pytest.raises(ValueError, match="64 bytes"):
        open_core().set_presence(0, 0, 0, "ä" * 33)


def test_the_same_session_resumes() -> None:
    """What WELCOME covers is dropped, the missed rejection told, the rest sent again."""
    core = open_core()
    for x in range(4):
        core.draw(Pixel(x, 0, 0, 0, 0))
    sent(core)
    core.disconnected(1012)
    assert decode(core.connected()[0], Sender.CLIENT) == [Hello(1, ONE, "")]
    events = core.receive(encode(welcome(handled=2, seq=30, rejected=[[2, 4]])))
    assert events[1:] == [Rejected(2, Pixel(1, 0, 0, 0, 0), 4, 0), Acked(2, 2, 30)]
    assert core.acked_seq == 30
    assert sent(core) == [Pixel(2, 0, 0, 0, 0), Pixel(3, 0, 0, 0, 0)]


def test_another_session_is_a_lost_one() -> None:
    """What had been sent is handed back, what had not goes on."""
    core = open_core()
    core.draw(DOT)
    sent(core)
    core.disconnected(1006)
    core.draw(Pixel(9, 9, 9, 9, 9))
    core.connected()
    welcomed, lost = core.receive(encode(welcome(TWO, epoch=5)))
    assert isinstance(welcomed, Welcomed)
    assert not welcomed.resumed
    assert welcomed.new_epoch
    assert lost == SessionLost(((1, DOT),))
    assert core.session == TWO
    assert sent(core) == [Pixel(9, 9, 9, 9, 9)]
