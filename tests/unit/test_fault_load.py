"""The load clients of the fault rows ask for what they are said to ask for."""

import random

import pytest

from benchmarks.load.dearest import KINDS, Terms
from benchmarks.load.dialect import OPCODE_BINARY, View
from benchmarks.load.returning import ReturningDialect
from protocol.codec import decode, encode
from protocol.messages import (
    CLIENT_FRAME_MAX_BYTES,
    Clock,
    Drawing,
    Hello,
    Reject,
    ServerMessage,
    Tile,
    Viewport,
)
from protocol.types import Sender
from server.settings import Settings
from tiles.raster import DrawLimits, check

_SIDE = 8192
_THRESHOLD = 8192
_LIMITS = DrawLimits(1_048_576, 4096)
_VIEW = View(0, 0, 127, 63)


@pytest.mark.parametrize("kind", KINDS)
def test_the_dearest_is_legal(kind: str) -> None:
    """Each frame is one that a client may send; dear and cheap ones cost what they are said to."""
    terms = Terms((0, 1280, _SIDE - 1, _SIDE - 1), _THRESHOLD)
    ask = KINDS[kind](random.Random(1), terms)
    assert len(ask.data) <= CLIENT_FRAME_MAX_BYTES
    messages = decode(ask.data, Sender.CLIENT)
    drawing = [message for message in messages if isinstance(message, Drawing)]
    assert len(drawing) == ask.drawing
    assert len(messages) == ask.drawing + ask.other
    costs = [check(message, _SIDE, _SIDE, _LIMITS) for message in drawing]
    if kind.endswith("below"):
        assert 0.9 * _THRESHOLD < max(costs) <= _THRESHOLD
    elif kind in {"strokes", "thin strokes", "rects"}:
        assert costs[0] > 0.9 * _LIMITS.max_message_pixels
    for message in messages:
        if isinstance(message, Viewport):
            tiles = ((message.x1 - message.x0 + 1) // 64) * ((message.y1 - message.y0 + 1) // 64)
            assert tiles == Settings().max_viewport_tiles


def test_who_comes_back_says_so() -> None:
    """HELLO has the session, VIEWPORT what is held; TILEs are noted one by one."""
    dialect = ReturningDialect()
    dialect.session = bytes(range(16))
    dialect.known = ((0, 0, 7), (1, 0, 7))
    hello, viewport = dialect.opening(_VIEW)
    (said,) = decode(hello.data, Sender.CLIENT)
    (looked,) = decode(viewport.data, Sender.CLIENT)
    assert isinstance(said, Hello)
    assert said.session == dialect.asked_for == dialect.session
    assert looked == Viewport(0, *_VIEW[:4], dialect.known)
    came: tuple[ServerMessage, ...] = (
        Tile(0, 1, 0, 9, 0, b"\0\0\0"),
        Reject(1, 3, 5),
        Tile(2, 1, 0, 9, 0, b"\0\0\0"),
        Clock(1, 9),
    )
    dialect.received(OPCODE_BINARY, b"".join(map(encode, came)))
    assert dialect.tiles == {(0, 1, 0): 1, (2, 1, 0): 1}
    assert dialect.ready
