"""Sessions over real sockets: numbers, ACKs, resuming, taking over, clocks, restarts."""

import asyncio
import json
from collections.abc import Sequence

import pytest

from protocol.errors import CloseCode, RejectCode
from protocol.messages import (
    NEW_SESSION,
    VERSION,
    Ack,
    Budget,
    Clock,
    Hello,
    Message,
    Patch,
    Pixel,
    Rect,
    Reject,
    Stroke,
    Tile,
    Welcome,
)
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess

SIDE = 256
RED = (255, 0, 0)
GOOD = Pixel(70, 80, *RED)
BAD = Pixel(SIDE, 0, *RED)
SMALL = ("--width", str(SIDE), "--height", str(SIDE), "--background", "#102030")


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """The server of the module's tests; restarting it is for a server of one's own."""
    return launch(*SMALL)


async def test_welcome(server: ServerProcess) -> None:
    """ACK-1: a new session has a secret of its own, no messages, and is told of the canvas."""
    async with Peer(server.ws()) as first, Peer(server.ws()) as second:
        welcome = first.welcome
        assert (welcome.version, welcome.handled) == (VERSION, 0)
        assert (welcome.width, welcome.height, welcome.levels) == (SIDE, SIDE, 3)
        assert (welcome.r, welcome.g, welcome.b) == (0x10, 0x20, 0x30)
        assert welcome.role == 1
        assert welcome.session not in {NEW_SESSION, second.welcome.session}
        assert welcome.client != second.welcome.client
        assert welcome.epoch == second.welcome.epoch != 0
        info = json.loads(welcome.info)
        assert info["limits"]["max_unacked"] == 65_536
        assert info["rejected"] == []
        assert isinstance(first.messages[0], Welcome)
        await first.expect(Budget)


async def test_numbers(server: ServerProcess) -> None:
    """ACK-1, ACK-2: every message has the next number; REJECT n comes before an ACK of n."""
    async with Peer(server.ws()) as peer:
        seq = peer.welcome.seq
        await peer.draw(GOOD, BAD, GOOD)
        await peer.draw(BAD)
        await peer.draw(GOOD)
        ack = await peer.durable()
        assert (ack.handled, ack.durable, ack.seq) == (5, 5, seq + 3)
        assert peer.all(Reject) == [Reject(n, RejectCode.OUT_OF_BOUNDS, 0) for n in (2, 4)]
        for reject in peer.all(Reject):
            before = peer.messages[: peer.messages.index(reject)]
            assert all(each.handled < reject.n for each in before if isinstance(each, Ack))
        for earlier, later in zip(peer.all(Ack), peer.all(Ack)[1:], strict=False):
            assert earlier.handled <= later.handled
            assert earlier.durable <= later.durable <= later.handled


async def test_drawing_in_the_same_frame_as_hello(server: ServerProcess) -> None:
    """ACK-1: what follows HELLO without waiting for WELCOME is handled after it."""
    async with Peer(server.ws(), hello=False) as peer:
        peer.numbered = 2
        await peer.send(Hello(VERSION, NEW_SESSION, ""), GOOD, GOOD)
        assert (await peer.durable()).handled == 2
        assert isinstance(peer.messages[0], Welcome)


ORDER: Sequence[tuple[type[Message], ...]] = (
    (Welcome,),
    (Pixel, Stroke, Rect, Patch),
    (Tile,),
    (Clock,),
    (Reject,),
    (Ack,),
    (Budget,),
)


async def test_the_order_within_a_flush(server: ServerProcess) -> None:
    """FAN-5: drawing, TILEs, CLOCK, REJECTs, ACK, BUDGET; at most one ACK and one CLOCK."""
    async with Peer(server.ws()) as peer:
        for number in range(60):
            await peer.look(number * 2, 0, number * 2 + 100, 100)
            await peer.draw(GOOD, BAD, Rect(0, 0, 0, 100, 100, number, 1, 1), BAD)
        await peer.durable()
        for frame in peer.frames:
            ranks = [
                next(rank for rank, kinds in enumerate(ORDER) if isinstance(message, kinds))
                for message in frame
            ]
            assert ranks == sorted(ranks)
            assert ranks.count(3) <= 1
            assert ranks.count(5) <= 1


async def test_resuming(server: ServerProcess) -> None:
    """ONCE-3, ONCE-5: the same session goes on where it was, and is told what was refused."""
    async with Peer(server.ws()) as peer:
        await peer.draw(GOOD, BAD, GOOD, Rect(0, 3, 3, 2, 2, *RED))
        await peer.durable()
    async with Peer(server.ws(), session=peer.welcome.session) as again:
        assert again.welcome.session == peer.welcome.session
        assert again.welcome.client == peer.welcome.client
        assert again.welcome.handled == 4
        assert json.loads(again.welcome.info)["rejected"] == [[2, 1], [4, 2]]
        number = await again.draw(BAD)
        assert number == 5
        assert (await again.expect(Reject)).n == 5


async def test_the_last_256_rejections(server: ServerProcess) -> None:
    """ONCE-5: of many refused messages WELCOME names the last 256."""
    async with Peer(server.ws()) as peer:
        await peer.draw(*[BAD] * 300)
        await peer.durable()
    async with Peer(server.ws(), session=peer.welcome.session) as again:
        rejected = json.loads(again.welcome.info)["rejected"]
        assert rejected == [[n, 1] for n in range(45, 301)]


async def test_resuming_at_once(server: ServerProcess) -> None:
    """ONCE-3: who is cut off with much on its way is told, and only what is durable counts."""
    async with Peer(server.ws()) as peer:
        session, sent = peer.welcome.session, 0
        for _ in range(10):
            async with Peer(server.ws(), session=session) as again:
                assert sent - 3000 <= again.welcome.handled <= sent
                sent = again.numbered + 3000
                await again.draw(*[GOOD] * 3000)
                again.abort()
        async with Peer(server.ws(), session=session) as last:
            handled = last.welcome.handled
            assert handled <= sent
            await last.draw(GOOD)
            assert (await last.durable()).handled == handled + 1


async def test_taking_over(server: ServerProcess) -> None:
    """ONCE-2, ONCE-3: the older connection closes with 4409; nothing it sends later is handled."""
    async with Peer(server.ws()) as older, Peer(server.ws(), hello=False) as newer:
        session = older.welcome.session
        await older.draw(GOOD)
        await older.durable()
        for _ in range(50):
            await older.draw(*[GOOD] * 100)
        await newer.send(Hello(VERSION, session, ""))
        while older.close_code is None:
            await older.draw(*[GOOD] * 100)
            await asyncio.sleep(0)
        assert older.close_code == CloseCode.TAKEN_OVER
        welcome = await newer.expect(Welcome)
        newer.numbered = welcome.handled
        assert welcome.session == session
        assert 0 < welcome.handled < older.numbered
        acks = older.all(Ack)
        assert acks
        assert acks[-1].durable <= welcome.handled
        await newer.draw(GOOD)
        ack = await newer.durable()
        assert ack.handled == welcome.handled + 1
        assert ack.seq == welcome.seq + 1


async def test_an_unknown_session(server: ServerProcess) -> None:
    """ONCE-4: an id that nobody has gets a new session, with another id and nothing handled."""
    async with Peer(server.ws(), session=b"sixteen bytes id") as peer:
        assert peer.welcome.session not in {NEW_SESSION, b"sixteen bytes id"}
        assert peer.welcome.handled == 0
        await peer.draw(GOOD)
        assert (await peer.durable()).handled == 1


async def test_as_much_as_may_be_sent_again(server: ServerProcess) -> None:
    """ONCE-1: 65,536 messages sent at once, as after a reconnect, are no flood."""
    async with Peer(server.ws()) as peer:
        for y in range(16):
            await peer.draw(*[Pixel(n % SIDE, y, n % 256, n >> 8, y) for n in range(4096)])
        assert (await peer.durable()).handled == 65_536


async def test_ones_own_drawing(server: ServerProcess) -> None:
    """FAN-7, FAN-2: the author gets its drawing back, where it looks, as others do."""
    async with Peer(server.ws()) as author, Peer(server.ws()) as other:
        await author.look(0, 0, 63, 63)
        await other.look(64, 0, 127, 63)
        here, there, both = Pixel(9, 9, *RED), Pixel(99, 9, *RED), Rect(0, 60, 9, 70, 9, *RED)
        await author.draw(here, there, both)
        await author.expect(Rect)
        await other.expect(Rect)
        assert author.all(Pixel) == [here]
        assert other.all(Pixel) == [there]


async def test_clocks_of_a_quiet_line(server: ServerProcess) -> None:
    """CLK-1: CLOCK comes at least every 5 s, also to who has no viewport."""
    async with Peer(server.ws()) as blind, Peer(server.ws()) as watcher:
        await watcher.look(200, 200, 255, 255)
        for _ in range(2):
            marks = {peer: peer.mark for peer in (blind, watcher)}
            await asyncio.gather(
                *(peer.expect(Clock, since=since, within_s=5.5) for peer, since in marks.items())
            )
        last = watcher.all(Clock)[-1]
        assert last.view == 1
        assert last.seq == server.stats()["seq"]


async def test_restarts(launch: Launch) -> None:
    """LOG-4, ONCE-3, REC-1: a clean stop keeps the epoch, a kill changes it; sessions go on.

    SES-11: under the number that others know them by, which nobody gets before they are back.
    """
    server = launch(*SMALL)
    async with Peer(server.ws()) as peer:
        await peer.draw(GOOD, BAD)
        await peer.durable()
        epochs = [peer.welcome.epoch]
        client = peer.welcome.client
    for clean in (True, False, True):
        if clean:
            server.stop_well()
        else:
            server.kill()
        server.start()
        async with Peer(server.ws()) as early:
            assert early.welcome.client != client
        async with Peer(server.ws(), session=peer.welcome.session) as again:
            assert again.welcome.client == client
            assert again.welcome.handled == 2
            assert again.welcome.seq == 1
            assert json.loads(again.welcome.info)["rejected"] == [[2, 1]]
            epochs.append(again.welcome.epoch)
            await again.look(64, 64, 64, 64)
            assert (await again.expect(Tile)).seq == 1
    assert epochs[0] == epochs[1] != epochs[2] == epochs[3]
