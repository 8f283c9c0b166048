"""However a connection ends, its session leaves every set, index and count, and its place."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from protocol.codec import encode
from protocol.errors import CloseCode
from protocol.messages import (
    NEW_SESSION,
    VERSION,
    CursorMove,
    Follow,
    Hello,
    Notice,
    Pixel,
    PresenceSet,
    Rect,
    Viewport,
    Welcome,
)
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess
from tests.raw_socket import CLOSE, RawSocket, frame
from tests.slow_reader import SIDE, SlowReader, fill, stats, until_stats

PLACES = 6
RED = (255, 0, 0)
SMALL = ("--width", str(SIDE), "--height", str(SIDE), "--budget-pixels", "0")
LARGE = Rect(0, 0, 0, SIDE - 1, SIDE - 1, *RED)
"""Dear enough to be drawn in a thread."""

Ending = Callable[[ServerProcess, RawSocket], Awaitable[None]]


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """A server with few places, and little patience with the dead."""
    flags = ("--max-connections", str(PLACES), "--ping-interval-s", "1", "--ping-timeout-s", "1")
    return launch(*SMALL, *flags, "--slow-reader-timeout-s", "300", "--hello-timeout-s", "1")


@pytest.fixture
async def friend(server: ServerProcess) -> AsyncIterator[Peer]:
    """Another session, which sees the one that ends, follows it, and is still there after it."""
    async with Peer(server.ws()) as peer:
        await peer.send(PresenceSet(1, 2, 3, "friend"))
        await peer.look(0, 0, 127, 127)
        yield peer


async def close_frame(server: ServerProcess, raw: RawSocket) -> None:
    """It says goodbye."""
    await raw.send(frame((1000).to_bytes(2, "big"), CLOSE))
    assert await raw.read_close() == 1000


async def end_of_stream(server: ServerProcess, raw: RawSocket) -> None:
    """Its side of the TCP connection is closed, without a close frame."""
    raw.half_close()


async def reset(server: ServerProcess, raw: RawSocket) -> None:
    """Its TCP connection is reset."""
    raw.reset()


async def reset_in_work(server: ServerProcess, raw: RawSocket) -> None:
    """It is reset while dear drawing of it is under way, and more waits."""
    dear = frame(encode(LARGE) * 20) * 5
    await raw.send(dear)
    raw.reset()


async def close_in_work(server: ServerProcess, raw: RawSocket) -> None:
    """It says goodbye in the same breath as its last drawing."""
    await raw.send(frame(encode(LARGE) * 3) * 2 + frame(b"", CLOSE))


async def malformed(server: ServerProcess, raw: RawSocket) -> None:
    """It breaks Tilecast's protocol, and doesn't answer the close."""
    await raw.send(frame(b""))
    assert await raw.read_close() == CloseCode.MALFORMED


async def malformed_in_work(server: ServerProcess, raw: RawSocket) -> None:
    """It breaks the protocol while dear drawing of it is under way."""
    await raw.send(frame(encode(LARGE) * 3) + frame(encode(LARGE)) + frame(b"\x3f"))
    assert await raw.read_close() == CloseCode.MALFORMED


async def unmasked(server: ServerProcess, raw: RawSocket) -> None:
    """It breaks WebSocket's protocol."""
    await raw.send(frame(encode(Pixel(1, 1, *RED)), masked=False))


async def text(server: ServerProcess, raw: RawSocket) -> None:
    """It sends text."""
    await raw.send(frame(b"hello", 1))


async def dead(server: ServerProcess, raw: RawSocket) -> None:
    """It answers no pings."""


async def full_line(server: ServerProcess, raw: RawSocket) -> None:
    """It reads nothing any more."""
    async with Peer(server.ws()) as painter:
        await fill(server, painter, random.Random(1))


async def full_line_and_end(server: ServerProcess, raw: RawSocket) -> None:
    """It reads nothing any more, and half-closes."""
    await full_line(server, raw)
    raw.half_close()


async def full_line_and_close_frame(server: ServerProcess, raw: RawSocket) -> None:
    """It reads nothing any more, and says goodbye."""
    await full_line(server, raw)
    await raw.send(frame(encode(Pixel(1, 1, *RED))) + frame(b"", CLOSE))


async def full_line_and_breach(server: ServerProcess, raw: RawSocket) -> None:
    """It reads nothing any more, and breaks the protocol."""
    await full_line(server, raw)
    await raw.send(frame(b"", 3))


ENDINGS: list[Ending] = [
    close_frame,
    end_of_stream,
    reset,
    reset_in_work,
    close_in_work,
    malformed,
    malformed_in_work,
    unmasked,
    text,
    dead,
    full_line,
    full_line_and_end,
    full_line_and_close_frame,
    full_line_and_breach,
]


async def all_places_are_free(server: ServerProcess, taken: int) -> None:
    """As many connections as there are places left are let in at once."""
    async with AsyncExitStack() as stack:
        for _ in range(PLACES - taken):
            peer = await stack.enter_async_context(Peer(server.ws()))
            assert peer.close_code is None
    await until_stats(server, lambda figures: figures["sessions"] == taken)


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
async def test_an_ending(server: ServerProcess, friend: Peer, ending: Ending) -> None:
    """SES-5, AWR-2: it leaves the counts, the tiles, those who heard of it, and its place."""
    before = await stats(server)
    async with SlowReader(server) as raw:
        await raw.begin()
        await raw.send_messages(
            PresenceSet(*RED, "leaving"), CursorMove(5, 5, 0), Follow(friend.welcome.client)
        )
        assert raw.core.welcome is not None
        client = raw.core.welcome.client
        here = await friend.until(lambda: [who for who in friend.presences if who.client == client])
        assert here[0].event == 0
        await friend.send(Follow(client))
        await friend.until(lambda: [seen for seen in friend.seen if seen.client == client])
        await ending(server, raw)
        await until_stats(
            server,
            lambda figures: all(
                figures[name] == before[name] for name in ("sessions", "subscriptions", "stale")
            ),
            within_s=9,
        )
        gone = [who for who in friend.presences if who.client == client and who.event == 1]
        if not gone:
            await friend.until(lambda: friend.presences[-1].event == 1)
        # Seen from outside while the other end is still open: the place is free already.
        await all_places_are_free(server, taken=1)


async def test_an_ending_before_hello(server: ServerProcess) -> None:
    """SES-5: who leaves before HELLO, or is closed for not saying it, leaves nothing either."""
    for _ in range(2 * PLACES):
        async with Peer(server.ws(), hello=False) as peer:
            peer.abort()
    await until_stats(server, lambda figures: figures["sessions"] == 0)
    async with AsyncExitStack() as stack:
        silent = [
            await stack.enter_async_context(Peer(server.ws(), hello=False)) for _ in range(PLACES)
        ]
        for peer in silent:
            assert await peer.closed() == CloseCode.TOO_SLOW
        await until_stats(server, lambda figures: figures["sessions"] == 0)
    await all_places_are_free(server, taken=0)


async def test_an_ending_by_takeover(server: ServerProcess) -> None:
    """SES-5, ONCE-2: a session taken over many times in a row is one session, and one place."""
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(Peer(server.ws()))
        session = peer.welcome.session
        for _ in range(20):
            await peer.look(0, 0, SIDE - 1, SIDE - 1)
            later = await stack.enter_async_context(Peer(server.ws(), session=session))
            assert await peer.closed() == CloseCode.TAKEN_OVER
            peer = later
        await until_stats(
            server, lambda figures: (figures["sessions"], figures["subscriptions"]) == (1, 0)
        )
    await until_stats(server, lambda figures: figures["sessions"] == 0)
    await all_places_are_free(server, taken=0)


async def test_many_sessions_that_fight_for_one(server: ServerProcess) -> None:
    """ONCE-2: connections that take the same session from each other at once leave one of them."""
    async with Peer(server.ws()) as first:
        session = first.welcome.session
        rivals = [Peer(server.ws(), session=session, hello=False) for _ in range(PLACES - 1)]
        await asyncio.gather(*(rival.open() for rival in rivals))
        await asyncio.gather(*(rival.send(Hello(VERSION, session, "")) for rival in rivals))
        await until_stats(server, lambda figures: figures["sessions"] == 1)
        winners = [rival for rival in rivals if rival.close_code is None]
        await winners[-1].expect(Welcome)
        for rival in rivals:
            await rival.close()
        codes = sorted(rival.close_code or 0 for rival in rivals)
        assert codes == [1000] + [CloseCode.TAKEN_OVER] * (PLACES - 2)
        assert await first.closed() == CloseCode.TAKEN_OVER


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
async def test_a_clean_stop(launch: Launch, number: signal.Signals) -> None:
    """CLI-3: on a signal each session gets a NOTICE and 1012; what it drew is there, exit 0."""
    server = launch(*SMALL)
    async with Peer(server.ws()) as peer, Peer(server.ws(), hello=False) as silent:
        await peer.look(0, 0, 63, 63)
        async with SlowReader(server) as slow, RawSocket(server.port) as half:
            await slow.begin()
            await half.send(half.request()[:40])
            await fill(server, peer, random.Random(2))
            await peer.draw(*(Pixel(n % 64, n // 64, *RED) for n in range(1000)))
            await peer.handled()
            code, took = await asyncio.to_thread(server.stop, number)
            assert code == 0
            assert took < 5
        assert await peer.closed() == CloseCode.RESTARTING
        assert await silent.closed() == CloseCode.RESTARTING
        assert peer.all(Notice)
    server.assert_log_clean()
    server.start()
    async with Peer(server.ws(), session=peer.welcome.session) as again:
        assert again.welcome.handled == peer.numbered
        assert again.welcome.epoch == peer.welcome.epoch
        assert again.welcome.session == peer.welcome.session != NEW_SESSION
        await again.send(Viewport(0, 0, 0, 63, 63))
