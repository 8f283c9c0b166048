"""Whatever one client sends, as fast as it can: the others don't notice, and memory is bounded."""

import asyncio
import random

import pytest

from client.client import Client
from client.errors import ClientClosed
from protocol.codec import encode
from protocol.errors import CloseCode, RejectCode
from protocol.messages import (
    CLIENT_FRAME_MAX_BYTES,
    CursorMove,
    Follow,
    Message,
    Pixel,
    PresenceSet,
    Rect,
    Reject,
    Stroke,
    Viewport,
)
from tests.bystander import Bystander
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess
from tests.raw_socket import BINARY, CLOSE, PING, PONG, RawSocket, frame
from tests.slow_reader import until_stats

MIB = 1024 * 1024
SIDE = 2048
BEIGE = (245, 245, 220)
MILLION = Rect(0, 0, 1024, 1023, 2047, *BEIGE)
"""1,048,576 pixels in 13 bytes."""


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """A server that limits no session's drawing."""
    return launch("--width", str(SIDE), "--height", str(SIDE), "--budget-pixels", "0")


def full_frame(message: Message) -> bytes:
    """One message, as often as a frame holds it."""
    data = encode(message)
    return data * (CLIENT_FRAME_MAX_BYTES // len(data))


async def test_rectangles_of_a_million_pixels(server: ServerProcess, bystander: Bystander) -> None:
    """SES-8: a frame of five thousand of them is worked off beside the others' drawing."""
    async with Peer(server.ws()) as peer, Peer(server.ws()) as watcher:
        await watcher.look(0, 1024, 1023, 2047)
        before = server.memory_bytes
        await peer.send_bytes(full_frame(MILLION))
        await peer.handled(50)
        await bystander.more(20)
        assert server.memory_bytes - before < 64 * MIB
        peer.abort()
    await until_stats(server, lambda figures: figures["sessions"] == 2)
    print(f"\nthe worst pixel beside it took {1000 * bystander.worst_s:.0f} ms")


async def test_a_flood_beyond_the_budget(launch: Launch) -> None:
    """RAS-6, SES-8: with a budget the sixteenth rectangle is the last, the rest are REJECT 3."""
    server = launch("--width", str(SIDE), "--height", str(SIDE))
    async with Bystander(server.ws()), Peer(server.ws()) as peer:
        count = CLIENT_FRAME_MAX_BYTES // 13
        await peer.send_bytes(full_frame(MILLION))
        peer.numbered += count
        await peer.durable()
        rejects = peer.all(Reject)
        assert {reject.code for reject in rejects} == {RejectCode.RATE}
        assert 16 <= count - len(rejects) <= 26


LONG_STROKE = Stroke(64, *BEIGE, ((0, 2000), (2047, 2000), (0, 2001), (2047, 2001), (0, 2002)))
HARMLESS = {
    "pixels": full_frame(Pixel(2000, 2000, *BEIGE)),
    "strokes": full_frame(LONG_STROKE),
    "refused": full_frame(Pixel(SIDE, 0, *BEIGE)),
    "two-viewports": encode(Viewport(0, 0, 0, 2047, 2047)) + encode(Viewport(5, 0, 0, 2047, 2047)),
    "known-tiles": encode(
        Viewport(0, 0, 0, 2047, 2047, tuple((n % 32, n // 32 % 32, 2**53 - 1) for n in range(5000)))
    ),
    "names": full_frame(PresenceSet(*BEIGE, "x" * 64)),
    "names-too-long": full_frame(PresenceSet(*BEIGE, "x" * 65)),
    "skipped": full_frame(Pixel(2000, 2000, *BEIGE))[: 8 * 100] + bytes([99, 0, 0, 0, 0]) * 12_000,
}
ABSURD = {
    "viewports": full_frame(Viewport(0, 0, 0, 2047, 2047)),
    "cursors": full_frame(CursorMove(10, 10, 1)),
    "follows": full_frame(Follow(0xFFFF_FFFF)),
}


@pytest.mark.parametrize("data", HARMLESS.values(), ids=HARMLESS.keys())
async def test_a_flood(server: ServerProcess, bystander: Bystander, data: bytes) -> None:
    """SES-8, LIM-4: a client that sends frame upon frame of anything, and reads its answers."""
    async with Peer(server.ws()) as peer:
        await peer.look(0, 0, 2047, 2047)
        before = server.memory_bytes
        for _ in range(8):
            await peer.send_bytes(data)
        await bystander.more(20)
        assert server.memory_bytes - before < 64 * MIB
        assert peer.close_code is None
        peer.abort()
    await until_stats(server, lambda figures: figures["sessions"] == 2)


@pytest.mark.parametrize("data", ABSURD.values(), ids=ABSURD.keys())
async def test_a_flood_beyond_all_measure(
    server: ServerProcess, bystander: Bystander, data: bytes
) -> None:
    """SES-8, LIM-4: more than twenty thousand at once is closed with 4429."""
    async with Peer(server.ws()) as peer:
        await peer.look(0, 0, 2047, 2047)
        before = server.memory_bytes
        for _ in range(8):
            await peer.send_bytes(data)
        assert await peer.closed() == CloseCode.FLOOD
        await bystander.more(20)
        assert server.memory_bytes - before < 64 * MIB
    await until_stats(server, lambda figures: figures["sessions"] == 2)


async def test_drawing_on_over_budget(launch: Launch) -> None:
    """LIM-3: REJECT 3 for each, 4429 in the end; the session resumes with what it had left."""
    server = launch(
        "--budget-pixels", "100", "--budget-refill", "10", "--max-unacked", "1000",
        "--flood-rejections", "500",
    )  # fmt: skip
    async with Bystander(server.ws()):
        async with Peer(server.ws()) as peer:
            session = peer.welcome.session
            await peer.draw(*[Pixel(1, 1, *BEIGE)] * 1000)
            await peer.durable()
            rejects = peer.all(Reject)
            assert 800 <= len(rejects) <= 900
            assert {reject.code for reject in rejects} == {RejectCode.RATE}
            for _ in range(2000):
                if peer.close_code is None:
                    await peer.draw(*[Pixel(1, 1, *BEIGE)] * 100)
            assert await peer.closed() == CloseCode.FLOOD
            assert len(peer.all(Reject)) > 1000
        async with Peer(server.ws(), session=session) as peer:
            assert peer.welcome.session == session
            number = await peer.draw(Pixel(1, 1, *BEIGE), *[Pixel(2, 2, *BEIGE)] * 150)
            await peer.durable()
            assert peer.close_code is None
            assert {reject.n for reject in peer.all(Reject)} >= {number - 1, number}


async def test_a_bot_that_does_not_listen_and_one_that_does(launch: Launch) -> None:
    """LIM-3: the first is told that it flooded, and stays away; the second gets it all drawn."""
    server = launch(
        "--budget-pixels", "100", "--budget-refill", "200", "--max-unacked", "200",
        "--flood-rejections", "200",
    )  # fmt: skip
    async with Client(server.ws()) as deaf:
        with pytest.raises(ClientClosed) as closed:  # noqa: PT012  any of them
            for number in range(100_000):
                await deaf.draw(Pixel(number % 50, 1, *BEIGE))
        assert closed.value.code == CloseCode.FLOOD
        assert closed.value.reason == "drawing went on over budget"
    async with Client(server.ws()) as client:
        await client.viewport(0, 0, 63, 63)
        left = [Pixel(number % 60, number // 60, number % 256, 9, 9) for number in range(600)]
        refusals = 0
        while left:
            for pixel in left[:150]:
                await client.draw(pixel)
            refused = await client.settled()
            refusals += len(refused)
            again = [r.message for r in refused if isinstance(r.message, Pixel)]
            left = again + left[150:]
            await asyncio.sleep(max((rejected.retry_ms for rejected in refused), default=0) / 1000)
        assert refusals > 0
        await client.until_clock()
        tile = client.view.tile(0, 0, 0)
        assert tile is not None
        assert [int(tile[n // 60, n % 60, 0]) for n in range(600)] == [n % 256 for n in range(600)]


async def test_new_sessions_of_an_address_over_budget(launch: Launch) -> None:
    """LIM-2: four sessions in a row, one connection each, paint what two full budgets hold."""
    server = launch(
        "--budget-pixels", "1000", "--budget-refill", "1", "--budget-sessions-per-address", "2"
    )  # fmt: skip
    rejected = 0
    for _ in range(4):
        async with Peer(server.ws()) as peer:
            await peer.draw(*[Pixel(1, 1, *BEIGE)] * 1000)
            await peer.durable()
            rejected += len(peer.all(Reject))
    assert 1900 <= rejected <= 2000


async def test_pings_a_second(launch: Launch) -> None:
    """LIM-9: of a hundred pings at once a second's worth is answered, and later ones again."""
    server = launch("--pings-per-second", "3")
    async with RawSocket(server.port) as raw:
        await raw.hello()
        answered = 0
        await raw.send(frame(b"many", PING) * 100 + frame(b"", BINARY))
        while (got := await raw.read_frame()) is not None and got[0] != CLOSE:
            answered += got == (PONG, b"many")
        assert 3 <= answered <= 6  # the second may have ended between


async def test_pings_without_reading(server: ServerProcess, bystander: Bystander) -> None:
    """SES-8, LIM-9: a flood of pings by who doesn't read is not answered into memory."""
    pings = frame(bytes(125), PING) * 500
    async with RawSocket(server.port, receive_buffer_bytes=4096) as raw:
        await raw.hello()
        before = server.memory_bytes
        for _ in range(500):
            await raw.send(pings)
        await bystander.more(5)
        assert server.memory_bytes - before < 8 * MIB


async def test_pings_with_reading(server: ServerProcess) -> None:
    """SES-8: a few pings a second are answered, each with its own content."""
    async with RawSocket(server.port) as raw:
        await raw.hello()
        await raw.send(frame(b"still there?", PING))
        while (got := await raw.read_frame()) is not None and got[0] != PONG:
            pass
        assert got == (PONG, b"still there?")


SMALL_FRAMES = {
    "pixels": frame(encode(Pixel(2000, 2000, *BEIGE))),
    "pings": frame(b"", PING),
    "cursors": frame(encode(CursorMove(9, 9, 0))),
    "strokes": frame(encode(Stroke(64, *BEIGE, ((2000, 2000), (2040, 2040))))),
}


@pytest.mark.parametrize("small", SMALL_FRAMES.values(), ids=SMALL_FRAMES.keys())
async def test_frames_as_small_as_can_be(
    server: ServerProcess, bystander: Bystander, small: bytes
) -> None:
    """SES-8: sixteen megabytes of the smallest frames take turns with what the others do."""
    async with RawSocket(server.port) as raw, asyncio.TaskGroup() as group:
        await raw.hello()
        group.create_task(raw.flood(small * (16 * MIB // len(small))))
        await bystander.more(50)
        raw.hang_up()
    print(f"\nthe worst pixel beside it took {1000 * bystander.worst_s:.0f} ms")
    assert bystander.worst_s < 0.5


async def test_a_frame_in_ten_thousand_pieces(server: ServerProcess, bystander: Bystander) -> None:
    """SES-8: a message in fragments of a byte, and one that never ends."""
    data = encode(Pixel(2000, 2000, *BEIGE)) * 100
    async with RawSocket(server.port) as raw, Peer(server.ws()) as watcher:
        await watcher.look(2000, 2000, 2000, 2000)
        await raw.hello()
        pieces = [data[at : at + 1] for at in range(len(data))]
        await raw.send(
            b"".join(
                frame(piece, 2 if at == 0 else 0, final=at == len(pieces) - 1)
                for at, piece in enumerate(pieces)
            )
        )
        await watcher.until(lambda: len(watcher.all(Pixel)) == 100)
        before = server.memory_bytes
        await raw.send(frame(b"", 2, final=False))
        for _ in range(100):
            await raw.send(frame(b"", 0, final=False) * 1000)
        await bystander.more(5)
        assert server.memory_bytes - before < 32 * MIB


async def test_connections_that_come_and_go(server: ServerProcess, bystander: Bystander) -> None:
    """SES-5, SES-8: a thousand connections, each dropped at another moment, leave nothing."""
    random_ = random.Random(7)

    async def come_and_go() -> None:
        for _ in range(125):
            async with RawSocket(server.port) as raw:
                moment = random_.randrange(5)
                if moment > 0:
                    await raw.upgrade()
                if moment > 1:
                    await raw.send(frame(bytes([16, 1]) + bytes(18)))
                if moment > 2:
                    await raw.send_messages(Viewport(0, 0, 0, 2047, 2047), MILLION, MILLION)
                if moment > 3:
                    await raw.read_frame()
                if random_.random() < 0.5:
                    raw.reset()

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(come_and_go())
    await until_stats(
        server, lambda figures: (figures["sessions"], figures["subscriptions"]) == (2, 1)
    )
    await bystander.more(5)
