"""Something to look at: paints a canvas over a socket, in this process."""

import random
from collections.abc import Callable, Iterable

from benchmarks.load.connection import Connection, Totals
from benchmarks.load.dialect import OPCODE_BINARY, Payload
from benchmarks.load.pouring import picture
from benchmarks.load.reactor import Reactor
from benchmarks.load.tilecast import TilecastDialect
from protocol.codec import encode
from protocol.messages import CLIENT_FRAME_MAX_BYTES, Drawing, Patch, Rect

_WITHIN_S = 300.0
_UNACKED_MAX = 4096
_RECTANGLE_MAX = 200
_PATCH_SIDE = 256
_PATCHES_A_SESSION = 200
_PICTURES = 16


class ArtworkError(Exception):
    """The server didn't take the drawing."""


def paint(port: int, messages: Iterable[Drawing]) -> int:
    """Send drawing over one connection and wait until all of it is durable; how many messages."""
    reactor = Reactor()
    dialect = TilecastDialect()
    painter = Connection(reactor, port, dialect, None, Totals())
    if not reactor.run_until(lambda: painter.ready, _WITHIN_S):
        raise ArtworkError("the server didn't welcome the painter")
    sent = 0
    frame = b""

    def flush() -> None:
        nonlocal frame
        if frame and not painter.say([Payload(OPCODE_BINARY, frame)]):
            raise ArtworkError("the server doesn't read")
        frame = b""

    for message in messages:
        data = encode(message)
        if len(frame) + len(data) > CLIENT_FRAME_MAX_BYTES:
            flush()
            _wait(reactor, painter, dialect, sent - _UNACKED_MAX)
        frame += data
        sent += 1
    flush()
    _wait(reactor, painter, dialect, sent)
    painter.close()
    return sent


def _wait(reactor: Reactor, painter: Connection, dialect: TilecastDialect, durable: int) -> None:
    """Until so many messages are durable, and the socket takes more."""
    done = reactor.run_until(
        lambda: (
            (dialect.durable >= durable and painter.writable()) or painter.close_code is not None
        ),
        _WITHIN_S,
    )
    if not done or painter.close_code is not None:
        raise ArtworkError(f"the server took no more drawing (close code {painter.close_code})")


def paint_rectangles(port: int, count: int, side: int, seed: int) -> None:
    """Filled rectangles of random colours at random places of a ``side`` × ``side`` canvas."""
    rng = random.Random(seed)

    def rectangles() -> Iterable[Rect]:
        for _ in range(count):
            x, y = rng.randrange(side), rng.randrange(side)
            x1 = min(side - 1, x + rng.randrange(_RECTANGLE_MAX))
            y1 = min(side - 1, y + rng.randrange(_RECTANGLE_MAX))
            yield Rect(0, x, y, x1, y1, *rng.randbytes(3))

    paint(port, rectangles())


def paint_everything(port: int, side: int, seed: int, between: Callable[[], None]) -> None:
    """Every pixel of a ``side`` × ``side`` canvas, by PATCHes of a small picture's blocks.

    A session's budget lasts for some 200 of them, so many sessions paint in turn; ``between`` is
    called after each.
    """
    rng = random.Random(seed)
    across = side // _PATCH_SIDE
    pictures = [picture(rng, _PATCH_SIDE) for _ in range(_PICTURES)]
    places = [(x * _PATCH_SIDE, y * _PATCH_SIDE) for y in range(across) for x in range(across)]
    last = _PATCH_SIDE - 1
    for start in range(0, len(places), _PATCHES_A_SESSION):
        some = places[start : start + _PATCHES_A_SESSION]
        paint(port, (Patch(x, y, x + last, y + last, rng.choice(pictures)) for x, y in some))
        between()
