"""What can't be parsed or comes out of turn closes the one connection, and nobody else's."""

import pytest

from protocol.codec import encode
from protocol.errors import CloseCode
from protocol.messages import (
    CLIENT_FRAME_MAX_BYTES,
    VERSION,
    Ack,
    ClientMessage,
    Clock,
    CursorMove,
    Follow,
    Hello,
    Message,
    Patch,
    Pixel,
    PresenceSet,
    Rect,
    Stroke,
    Tile,
    Viewport,
    Welcome,
)
from tests.bystander import Bystander
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess
from tests.raw_socket import CONT, RawSocket, frame

RED = (255, 0, 0)
CLIENT_MESSAGES: list[ClientMessage] = [
    Pixel(1, 2, *RED),
    Stroke(3, *RED, ((10, 10), (20, 15))),
    Rect(0, 1, 2, 3, 4, *RED),
    CursorMove(5, 6, 1),
    PresenceSet(*RED, "Zoë"),
    Patch(0, 0, 1, 0, bytes(11)),
    Hello(VERSION, bytes(16), "token"),
    Viewport(0, 0, 0, 63, 63, ((0, 0, 7),)),
    Follow(3),
]
SERVERS_OWN: list[Message] = [
    Welcome(1, bytes(16), 1, 1, 1, 0, 64, 64, 0, 0, 0, 1, 1, b"{}"),
    Tile(0, 0, 0, 1, 0, bytes(3)),
    Clock(1, 1),
    Ack(1, 1, 1),
]

pytestmark = pytest.mark.usefixtures("bystander")


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """The server of the module's tests."""
    return launch("--width", "256", "--height", "256")


@pytest.fixture(scope="module")
def patient(launch: Launch) -> ServerProcess:
    """A server that waits a second for HELLO."""
    return launch("--hello-timeout-s", "1")


async def close_code_after(server: ServerProcess, data: bytes) -> int:
    """The close code that a welcomed session gets for a frame."""
    async with Peer(server.ws()) as peer:
        await peer.send_bytes(data)
        return await peer.closed()


@pytest.mark.parametrize("message", CLIENT_MESSAGES, ids=lambda message: type(message).__name__)
async def test_half_a_message(server: ServerProcess, message: ClientMessage) -> None:
    """SES-3, WIRE-3: a message cut after its type, in its middle or before its end is 4400."""
    whole = encode(message)
    for cut in {1, len(whole) // 2, len(whole) - 1}:
        assert await close_code_after(server, whole[:cut]) == CloseCode.MALFORMED


async def test_nothing_of_a_broken_frame_counts(server: ServerProcess) -> None:
    """SES-3: where a frame ends in half a message, the whole messages before it are not drawn."""
    colour = (1, 2, 3)
    async with Peer(server.ws()) as watcher:
        await watcher.look(0, 0, 255, 255)
        async with Peer(server.ws()) as peer:
            await peer.send_bytes(encode(Pixel(100, 100, *colour)) + encode(Pixel(1, 1, *RED))[:-1])
            assert await peer.closed() == CloseCode.MALFORMED
        async with Peer(server.ws()) as other:
            await other.draw(Pixel(101, 100, 4, 5, 6))
        await watcher.expect(Pixel, lambda pixel: pixel.x == 101)
        assert not [pixel for pixel in watcher.all(Pixel) if pixel.x == 100]


async def test_an_empty_frame(server: ServerProcess) -> None:
    """SES-3: a frame without a message is 4400."""
    assert await close_code_after(server, b"") == CloseCode.MALFORMED


@pytest.mark.parametrize("kind", [6, 15, 28, 63])
async def test_an_unknown_type_that_cannot_be_skipped(server: ServerProcess, kind: int) -> None:
    """SES-3: an unknown type below 64 is 4400."""
    assert await close_code_after(server, bytes([kind]) + bytes(40)) == CloseCode.MALFORMED


async def test_an_unknown_type_that_can_be_skipped(server: ServerProcess) -> None:
    """WIRE-4: unknown types from 64 up are skipped by their length, and the rest is handled."""
    skipped = bytes([64]) + (5).to_bytes(4, "little") + b"later"
    empty = bytes([255]) + bytes(4)
    async with Peer(server.ws()) as peer:
        peer.numbered += 2
        pixels = [encode(Pixel(200, y, *RED)) for y in (0, 1)]
        await peer.send_bytes(skipped + pixels[0] + empty + pixels[1] + skipped)
        assert (await peer.durable()).handled == 2
        await peer.send_bytes(bytes([64]) + (6).to_bytes(4, "little") + b"later")
        assert await peer.closed() == CloseCode.MALFORMED


@pytest.mark.parametrize("message", SERVERS_OWN, ids=lambda message: type(message).__name__)
async def test_a_type_that_is_the_servers(server: ServerProcess, message: Message) -> None:
    """SES-3: a client that sends a server's type is out of turn: 4400."""
    assert await close_code_after(server, encode(message)) == CloseCode.MALFORMED


async def test_bad_utf_8(server: ServerProcess) -> None:
    """SES-3: a name and a token that aren't UTF-8 are 4400."""
    name = bytes([4, *RED, 2]) + b"\xc3\x28"
    assert await close_code_after(server, name) == CloseCode.MALFORMED
    async with Peer(server.ws(), hello=False) as peer:
        await peer.send_bytes(bytes([16, VERSION]) + bytes(16) + b"\x01\x00\xff")
        assert await peer.closed() == CloseCode.MALFORMED


@pytest.mark.parametrize(
    "viewport",
    [
        pytest.param(Viewport(0, 10, 0, 9, 63), id="inverted-x"),
        pytest.param(Viewport(0, 0, 10, 63, 9), id="inverted-y"),
        pytest.param(Viewport(0, 256, 0, 300, 63), id="beside-the-canvas"),
        pytest.param(Viewport(0, 0, 256, 63, 65_535), id="below-the-canvas"),
        pytest.param(Viewport(3, 0, 0, 255, 255), id="first-level-that-is-not-there"),
        pytest.param(Viewport(255, 0, 0, 255, 255), id="last-level"),
    ],
)
async def test_a_viewport_of_nothing(server: ServerProcess, viewport: Viewport) -> None:
    """VIEW-3: inverted, wholly off the canvas, or of a level that isn't there: 4400."""
    assert await close_code_after(server, encode(viewport)) == CloseCode.MALFORMED


async def test_a_text_frame(server: ServerProcess) -> None:
    """SES-3: text closes with 1003, before HELLO and after."""
    for hello in (False, True):
        async with Peer(server.ws(), hello=hello) as peer:
            await peer.send_text("hello")
            assert await peer.closed() == CloseCode.TEXT_FRAME


async def test_a_frame_too_big(server: ServerProcess) -> None:
    """SES-3: 65,537 bytes close with 1009; 65,536 are taken, and so is that much in fragments."""
    full = bytes([200]) + (CLIENT_FRAME_MAX_BYTES - 5).to_bytes(4, "little")
    full += bytes(CLIENT_FRAME_MAX_BYTES - 5)
    async with Peer(server.ws()) as peer:
        await peer.send_bytes(full)
        await peer.draw(Pixel(200, 9, *RED))
        await peer.durable()
    assert await close_code_after(server, full + b"\0") == CloseCode.TOO_BIG
    async with RawSocket(server.port) as raw:
        await raw.hello()
        await raw.send(frame(full[:40_000], final=False))
        await raw.send(frame(full[40_000:] + b"\0", CONT))
        assert await raw.read_close() == CloseCode.TOO_BIG


@pytest.mark.parametrize(
    "message",
    [message for message in CLIENT_MESSAGES if not isinstance(message, Hello)],
    ids=lambda message: type(message).__name__,
)
async def test_before_hello(server: ServerProcess, message: ClientMessage) -> None:
    """SES-1: whatever comes before HELLO, drawing or not, closes with 4400."""
    async with Peer(server.ws(), hello=False) as peer:
        await peer.send(message)
        assert await peer.closed() == CloseCode.MALFORMED
        assert peer.messages == []


async def test_a_second_hello(server: ServerProcess) -> None:
    """SES-1: a second HELLO closes with 4400, in another frame or in the same."""
    hello = Hello(VERSION, bytes(16), "")
    assert await close_code_after(server, encode(hello)) == CloseCode.MALFORMED
    async with Peer(server.ws(), hello=False) as peer:
        await peer.send(hello, hello)
        assert await peer.closed() == CloseCode.MALFORMED


@pytest.mark.parametrize("version", [0, VERSION + 1, 255])
async def test_another_version(server: ServerProcess, version: int) -> None:
    """SES-2: a version that isn't spoken closes with 4406."""
    async with Peer(server.ws(), hello=False) as peer:
        await peer.send(Hello(version, bytes(16), ""))
        assert await peer.closed() == CloseCode.BAD_VERSION


async def test_a_token_that_is_not_valid(server: ServerProcess) -> None:
    """SES-2: a token that nobody gave out closes with 4401."""
    async with Peer(server.ws(), hello=False) as peer:
        await peer.send(Hello(VERSION, bytes(16), "let me in"))
        assert await peer.closed() == CloseCode.BAD_TOKEN


async def test_no_hello(patient: ServerProcess) -> None:
    """SES-2: who says nothing gets 4408 when the time for HELLO is over, and not before."""
    async with Bystander(patient.ws()), Peer(patient.ws(), hello=False) as peer:
        with pytest.raises(AssertionError, match="no end within"):
            await peer.closed(within_s=0.9)
        assert await peer.closed() == CloseCode.TOO_SLOW
        assert peer.messages == []


async def test_no_hello_by_default(server: ServerProcess) -> None:
    """SES-2: without a setting that time is 5 s, give or take the sweep's second."""
    async with Peer(server.ws(), hello=False) as peer:
        with pytest.raises(AssertionError, match="no end within"):
            await peer.closed(within_s=4.9)
        assert await peer.closed(within_s=3) == CloseCode.TOO_SLOW
