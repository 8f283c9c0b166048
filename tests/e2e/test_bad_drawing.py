"""Drawing that parses and can't be drawn is refused by its number, and the session goes on."""

import zlib

import pytest

from protocol.codec import encode
from protocol.errors import RejectCode
from protocol.messages import (
    Ack,
    Budget,
    Clock,
    Drawing,
    Notice,
    Patch,
    Pixel,
    Rect,
    Reject,
    Stroke,
    Tile,
    Viewport,
)
from tests.bystander import Bystander
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess
from tiles.log.base import CanvasInfo

RED = (255, 0, 0)
GREY = (119, 119, 119)
SIDE = 256
WHOLE = 65_535
MIB = 1024 * 1024
CANVASES = {
    "huge": CanvasInfo(WHOLE + 1, WHOLE + 1),
    "frozen": CanvasInfo(SIDE, SIDE, frozen=True),
    "palette": CanvasInfo(SIDE, SIDE, palette=((0, 0, 0), RED)),
}

pytestmark = pytest.mark.usefixtures("bystander")


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """A server with a small canvas, the largest, a frozen one, and one with a palette."""
    return launch("--width", str(SIDE), "--height", str(SIDE), canvases=CANVASES)


@pytest.fixture(scope="module")
def frugal(launch: Launch) -> ServerProcess:
    """A server that lets each session paint little."""
    return launch("--budget-pixels", "2000", "--budget-refill", "1000")


@pytest.fixture(scope="module")
def generous(launch: Launch) -> ServerProcess:
    """A server that lets each session paint what it likes."""
    return launch("--budget-pixels", "0")


def patch(rgba: bytes, width: int = 2, height: int = 2) -> Patch:
    """A PATCH at (100, 100) of these RGBA rows."""
    return Patch(100, 100, 99 + width, 99 + height, zlib.compress(rgba))


async def answer(server: ServerProcess, message: Drawing, canvas: str = "main") -> Reject | None:
    """What a session is told of the one message it draws; it goes on drawing after it."""
    async with Peer(server.ws(canvas)) as peer:
        number = await peer.draw(message)
        await peer.draw(Rect(5, 9, 9, 8, 8, *RED))  # inverted: refused on every canvas
        await peer.handled()
        rejects = peer.all(Reject)
        assert rejects.pop() == Reject(number + 1, RejectCode.BAD_VALUE, 0)
        await peer.durable()
        assert len(rejects) <= 1
        for reject in rejects:
            assert reject.n == number
            covering = next(
                index
                for index, each in enumerate(peer.messages)
                if isinstance(each, Ack) and each.handled >= number
            )
            assert peer.messages.index(reject) < covering
        return rejects[0] if rejects else None


async def code(server: ServerProcess, message: Drawing, canvas: str = "main") -> int | None:
    """The REJECT code that a message gets, ``None`` if it is drawn."""
    reject = await answer(server, message, canvas)
    if reject is not None:
        assert reject.retry_ms == 0
    return None if reject is None else reject.code


@pytest.mark.parametrize("beyond", [SIDE, WHOLE])
async def test_off_the_canvas(server: ServerProcess, beyond: int) -> None:
    """RAS-3: one pixel past the edge, and as far as it goes, is REJECT 1, of every type."""
    edge = SIDE - 1
    four = zlib.compress(bytes(4 * 4))
    for x, y in ((beyond, edge), (edge, beyond)):
        for message in (
            Pixel(x, y, *RED),
            Stroke(1, *RED, ((0, 0), (x, y))),
            Stroke(64, *RED, ((x, y), (0, 0))),
            Rect(0, edge, edge, x, y, *RED),
            Rect(1, x, y, x, y, *RED),
            Patch(x - 1, y - 1, x, y, four),
        ):
            assert await code(server, message) == RejectCode.OUT_OF_BOUNDS


async def test_the_last_pixel_of_the_canvas(server: ServerProcess) -> None:
    """RAS-3: the last row and column are on the canvas, and a disc may reach past them."""
    edge = SIDE - 1
    for message in (
        Pixel(edge, edge, *RED),
        Stroke(64, *RED, ((edge, edge),)),
        Rect(0, edge, edge, edge, edge, *RED),
        Patch(edge - 1, edge - 1, edge, edge, zlib.compress(bytes(4 * 4))),
    ):
        assert await code(server, message) is None


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(Stroke(0, *RED, ((1, 1),)), id="stroke-of-no-width"),
        pytest.param(Stroke(65, *RED, ((1, 1),)), id="stroke-too-wide"),
        pytest.param(Stroke(1, *RED, ()), id="stroke-without-points"),
        pytest.param(Stroke(1, *RED, ((1, 1),) * 4097), id="stroke-of-too-many-points"),
        pytest.param(Stroke(0, *RED, ((SIDE, 1),)), id="bad-value-goes-before-out-of-bounds"),
        pytest.param(Rect(0, 10, 1, 9, 1, *RED), id="rect-inverted-in-x"),
        pytest.param(Rect(0, 1, 10, 1, 9, *RED), id="rect-inverted-in-y"),
        pytest.param(Patch(10, 1, 9, 1, b""), id="patch-inverted"),
    ],
)
async def test_a_value_out_of_range(server: ServerProcess, message: Drawing) -> None:
    """RAS-3: a value out of its range is REJECT 2."""
    assert await code(server, message) == RejectCode.BAD_VALUE


GOOD = bytes((*RED, 255)) * 4
DICTIONARY = zlib.compressobj(zdict=b"tilecast")
STREAMS = {
    "too-short": zlib.compress(GOOD[:-4]),
    "too-long": zlib.compress(GOOD + GOOD[:4]),
    "no-bytes": zlib.compress(b""),
    "no-stream": b"",
    "cut": zlib.compress(GOOD)[:-1],
    "trailing-byte": zlib.compress(GOOD) + b"\0",
    "two-streams": zlib.compress(GOOD[:8]) + zlib.compress(GOOD[8:]),
    "not-zlib": b"not zlib at all",
    "raw-deflate": zlib.compress(GOOD, wbits=-15),
    "gzip": zlib.compress(GOOD, wbits=31),
    "wrong-checksum": zlib.compress(GOOD)[:-1] + b"\xff",
    "dictionary": DICTIONARY.compress(GOOD) + DICTIONARY.flush(),
    "alpha-128": zlib.compress(GOOD[:-1] + b"\x80"),
    "alpha-1": zlib.compress(b"\0\0\0\1" + GOOD[4:]),
    "alpha-254": zlib.compress(b"\0\0\0\xfe" + GOOD[4:]),
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
async def test_a_patch_whose_stream_is_wrong(server: ServerProcess, stream: bytes) -> None:
    """RAS-4: what doesn't inflate to exactly the rectangle is REJECT 2."""
    assert await code(server, Patch(100, 100, 101, 101, stream)) == RejectCode.BAD_VALUE


async def test_a_patch_bomb(server: ServerProcess) -> None:
    """RAS-4: streams that would inflate to gigabytes are REJECT 2, and memory stays flat."""
    deflate = zlib.compressobj(9)
    bomb = deflate.compress(bytes(60 * MIB)) + deflate.flush()
    message = Patch(0, 64, 255, 255, bomb)
    assert len(encode(message)) <= 64 * 1024
    assert await code(server, message) == RejectCode.BAD_VALUE
    before = server.memory_bytes
    async with Peer(server.ws()) as peer:
        for _ in range(100):
            await peer.draw(message)
        await peer.handled()
        assert [reject.code for reject in peer.all(Reject)] == [RejectCode.BAD_VALUE] * 100
    assert server.memory_bytes - before < 32 * MIB


async def test_too_much(server: ServerProcess) -> None:
    """RAS-2, RAS-3: over the limits on pixels or tiles is REJECT 7; at the limit it is drawn."""
    across = tuple((x, row * 64) for row in range(15) for x in (0, WHOLE)[:: 1 - row % 2 * 2])
    for message in (
        Rect(0, 0, 0, 1023, 1024, *RED),
        Rect(5, 0, 0, WHOLE, WHOLE, *RED),
        Rect(0, 0, 0, WHOLE, WHOLE, *RED),
        Stroke(64, *RED, ((0, 0), (16_320, 0))),
        Stroke(1, *RED, across),
        Patch(0, 0, 256, 255, zlib.compress(bytes(4 * 257 * 256))),
    ):
        assert await code(server, message, "huge") == RejectCode.TOO_LARGE
    for message in (
        Rect(0, 0, 0, 1023, 1023, *RED),
        Rect(1, 0, 0, WHOLE, WHOLE, *RED),
        Stroke(64, *RED, ((0, 0), (16_319, 0))),
        Patch(0, 0, 255, 255, zlib.compress(bytes(4 * 256 * 256))),
    ):
        assert await code(server, message, "huge") is None


async def test_a_viewport_that_is_too_large(server: ServerProcess) -> None:
    """VIEW-3: 65,536² at level 0 gets a NOTICE and changes nothing; at level 4 it is shown."""
    async with Peer(server.ws("huge")) as peer, Peer(server.ws("huge")) as other:
        await peer.look(640, 640, 703, 703)
        before = peer.mark
        await peer.send(Viewport(0, 0, 0, WHOLE, WHOLE))
        peer.views += 1
        await peer.expect(Notice)
        await other.draw(Pixel(700, 700, *GREY), Pixel(9000, 9000, *GREY), Pixel(701, 700, *GREY))
        await peer.expect(Pixel, lambda pixel: pixel.x == 701)
        assert [pixel.x for pixel in peer.all(Pixel)] == [700, 701]
        assert not peer.all(Tile, before)
        assert {clock.view for clock in peer.all(Clock)} <= {0, 1}
        since = await peer.look(0, 0, WHOLE, WHOLE, level=4)
        assert len({(tile.tx, tile.ty) for tile in peer.all(Tile, since)}) == 4096


async def test_a_frozen_canvas(server: ServerProcess) -> None:
    """RAS-5: on a frozen canvas a painter's drawing is REJECT 5, whatever it is."""
    for message in (Pixel(1, 1, *RED), Rect(0, 1, 1, 2, 2, *RED), patch(GOOD)):
        assert await code(server, message, "frozen") == RejectCode.NOT_ALLOWED


async def test_a_colour_that_the_palette_lacks(server: ServerProcess) -> None:
    """RAS-5: off the palette is REJECT 8; of a PATCH what its alpha leaves out doesn't count."""
    clear_grey = bytes((*GREY, 0))
    for message in (
        Pixel(1, 1, *GREY),
        Stroke(3, *GREY, ((1, 1),)),
        Rect(0, 1, 1, 2, 2, *GREY),
        patch(GOOD[:12] + bytes((*GREY, 255))),
    ):
        assert await code(server, message, "palette") == RejectCode.NOT_IN_PALETTE
    for message in (Pixel(1, 1, *RED), Pixel(1, 1, 0, 0, 0), patch(GOOD[:12] + clear_grey)):
        assert await code(server, message, "palette") is None


async def test_over_the_budget(frugal: ServerProcess) -> None:
    """RAS-6: over the budget is REJECT 3 with the time to wait, and after that time it is drawn."""
    async with Bystander(frugal.ws()), Peer(frugal.ws()) as peer:
        assert (await peer.expect(Budget)).pixels == 2000
        await peer.draw(Rect(0, 100, 100, 199, 119, *RED))
        await peer.handled()
        low = await peer.expect(Budget, lambda budget: budget.pixels < 100)
        assert 1900 <= low.refill_ms <= 2000
        number = await peer.draw(Rect(0, 100, 100, 149, 109, *RED))
        reject = await peer.expect(Reject)
        assert (reject.n, reject.code) == (number, RejectCode.RATE)
        assert 300 <= reject.retry_ms <= 500
        number = await peer.draw(Rect(0, 100, 100, 149, 139, *RED))
        assert (await peer.expect(Reject, lambda each: each.n == number)).retry_ms > 1000
        number = await peer.draw(Rect(0, 0, 100, 1023, 101, *RED))
        assert (await peer.expect(Reject, lambda each: each.n == number)).retry_ms == 0
        accepted = False
        while not accepted:
            number = await peer.draw(Rect(0, 100, 100, 149, 109, *RED))
            await peer.handled()
            accepted = all(each.n != number for each in peer.all(Reject))


async def test_no_budget(generous: ServerProcess) -> None:
    """RAS-6: without a limit BUDGET says so."""
    async with Peer(generous.ws()) as peer:
        assert await peer.expect(Budget) == Budget(0xFFFF_FFFF, 0)
