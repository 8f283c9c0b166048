"""What the asyncio client does for its program, against a socket that plays a server's part."""

import asyncio

import pytest

import client.client
import client.connection
import client.core
import client.stream
from client import (
    Client,
    ClientClosed,
    ClientError,
    CursorMoved,
    Disconnected,
    EpochChanged,
    EventsOverflow,
    Noticed,
    NotSettled,
    Pixel,
    Rejected,
    SessionLostError,
    Welcomed,
)
from protocol.messages import (
    Ack,
    Clock,
    Cursor,
    CursorMove,
    Follow,
    Notice,
    PresenceSet,
    Reject,
    Reset,
    Tile,
    Viewport,
    Welcome,
)
from tests.socket_peer import ONE, TWO, Peer, playing, to


async def welcome_and_stay(peer: Peer) -> None:
    """The least that a server does."""
    await peer.welcome()
    await peer.stay()


async def test_a_client_connects_once_and_only_then_can_be_used() -> None:
    """And says so otherwise."""

    async def part(peer: Peer) -> None:
        assert (await peer.welcome(title="Ours")).token == "secret"
        await peer.stay()

    async with playing(part) as url:
        client = to(url, token="secret")
        with pytest.raises(ClientError):
            await client.draw(Pixel(0, 0, 0, 0, 0))
        with pytest.raises(ClientError):
            _ = client.canvas
        async with client:
            assert client.connected
            assert (client.canvas.width, client.info.title, client.session) == (1000, "Ours", ONE)
            assert client.budget is None
            with pytest.raises(RuntimeError):
                await client.connect()
        assert not client.work
        with pytest.raises(ClientClosed, match="1000"):
            await client.settled()


async def test_draw_and_settle() -> None:
    """`settled` waits for durable, and tells what was refused, once."""

    async def part(peer: Peer) -> None:
        await peer.welcome()
        assert await peer.get_all(3) == [Pixel(x, 0, 0, 0, 0) for x in range(3)]
        await peer.send(Reject(2, 4, 0), Ack(3, 0, 8))
        await peer.send(Ack(3, 3, 8))
        await peer.stay()

    async with playing(part) as url, to(url) as client:
        for x in range(3):
            assert await client.draw(Pixel(x, 0, 0, 0, 0)) == x + 1
        assert await client.settled() == [Rejected(2, Pixel(1, 0, 0, 0, 0), 4, 0)]
        assert await client.settled() == []


async def test_drawing_waits_while_too_much_is_not_durable() -> None:
    """So memory is bounded by the server's `max_unacked`."""
    release = asyncio.Event()

    async def part(peer: Peer) -> None:
        await peer.welcome(limits={"max_unacked": 3})
        await peer.get_all(3)
        await release.wait()
        await peer.send(Ack(1, 1, 1))
        await peer.get()
        await peer.send(Ack(4, 4, 4))
        await peer.stay()

    async with playing(part) as url, to(url) as bot:
        for x in range(3):
            await bot.draw(Pixel(x, 0, 0, 0, 0))
        fourth = asyncio.create_task(bot.draw(Pixel(3, 0, 0, 0, 0)))
        await asyncio.sleep(0.05)
        assert not fourth.done()
        release.set()
        assert await fourth == 4
        await bot.settled()


async def test_leaving_waits_until_all_is_durable() -> None:
    """And says what isn't, if that takes too long."""

    async def slow(peer: Peer) -> None:
        await peer.welcome()
        await peer.get()
        await asyncio.sleep(0.05)
        await peer.send(Reject(1, 3, 9), Ack(1, 1, 1))
        await peer.stay()

    async def never(peer: Peer) -> None:
        await peer.welcome()
        await peer.get()
        await peer.stay()

    async with playing(slow) as url:
        async with to(url) as bot:
            await bot.draw(Pixel(0, 0, 0, 0, 0))
        assert bot.work == ()
    async with playing(never) as url:
        with pytest.raises(NotSettled) as caught:
            async with to(url, settle_timeout_s=0.1) as bot:
                await bot.draw(Pixel(0, 0, 0, 0, 0))
        assert caught.value.work == ((1, Pixel(0, 0, 0, 0, 0)),)


async def test_an_error_inside_leaves_at_once() -> None:
    """What isn't durable is still there to look at."""

    async def part(peer: Peer) -> None:
        await peer.welcome()
        await peer.stay()

    async def fail(bot: Client) -> None:
        async with bot:
            await bot.draw(Pixel(0, 0, 0, 0, 0))
            raise ZeroDivisionError

    async with playing(part) as url:
        bot = to(url)
        with pytest.raises(ZeroDivisionError):
            await fail(bot)
        assert len(bot.work) == 1


async def test_a_lost_session_is_told_by_settled() -> None:
    """Once; its work isn't sent again."""

    async def first(peer: Peer) -> None:
        await peer.welcome()
        await peer.get()
        peer.cut()

    async def second(peer: Peer) -> None:
        await peer.welcome(session=TWO)
        assert await peer.get() == Pixel(1, 0, 0, 0, 0)
        await peer.send(Ack(1, 1, 1))
        await peer.stay()

    async with playing(first, second) as url, to(url) as bot:
        await bot.draw(Pixel(0, 0, 0, 0, 0))
        with pytest.raises(SessionLostError) as caught:
            await bot.settled()
        assert caught.value.work == ((1, Pixel(0, 0, 0, 0, 0)),)
        await bot.draw(Pixel(1, 0, 0, 0, 0))
        assert await bot.settled() == []


async def test_waiting_for_a_viewport() -> None:
    """Until it is loaded, or another took its place; one that can't be is refused at once."""

    async def part(peer: Peer) -> None:
        await peer.welcome(limits={"max_viewport_tiles": 4})
        assert isinstance(await peer.get(), Viewport)
        assert await peer.get() == Viewport(1, 0, 0, 9, 9)
        await peer.send(Clock(2, 1))
        await peer.send(Tile(1, 0, 0, 1, 0, b"abc"))
        await peer.stay()

    async with playing(part) as url, to(url) as bot:
        with pytest.raises(ValueError, match="no viewport"):
            await bot.until_clock()
        with pytest.raises(ValueError, match="more than the server's 4"):
            await bot.viewport(0, 0, 999, 499)
        first = asyncio.create_task(bot.viewport(0, 0, 9, 9))
        await asyncio.sleep(0.05)
        await bot.viewport(0, 0, 9, 9, level=1)
        await first
        assert bot.view.tile(1, 0, 0) is not None
        await bot.viewport(0, 0, 9, 19, wait=False)


async def test_a_canvas_that_shrank_refuses_the_viewport() -> None:
    """Whoever waits for it is told."""

    async def first(peer: Peer) -> None:
        await peer.welcome()
        await peer.get()
        peer.cut()

    async def second(peer: Peer) -> None:
        await peer.get()
        await peer.send(Welcome(1, ONE, 7, 2, 0, 0, 90, 90, 0, 0, 0, 2, 1, b"{}"))
        await peer.stay()

    async with playing(first, second) as url, to(url) as bot:
        with pytest.raises(ValueError, match="off the canvas"):
            await bot.viewport(500, 0, 600, 90)
        with pytest.raises(ValueError, match="off the canvas"):
            await bot.until_clock(3)


async def test_a_new_epoch_ends_the_wait_for_a_clock() -> None:
    """A seq from before says nothing any more."""

    async def part(peer: Peer) -> None:
        await peer.welcome()
        await peer.get()
        await peer.send(Tile(0, 0, 0, 1, 0, b"abc"), Clock(1, 5))
        await peer.get()
        await peer.send(Reset(9, 6))
        await peer.stay()

    async with playing(part) as url, to(url) as bot:
        await bot.viewport(0, 0, 9, 9)
        assert await bot.until_clock(5) == 5
        waiting = asyncio.create_task(bot.until_clock(100))
        await asyncio.sleep(0)
        bot.cursor(1, 1)
        with pytest.raises(EpochChanged):
            await waiting


async def test_awareness_goes_out() -> None:
    """Presence, pointer and whom to follow."""

    async def part(peer: Peer) -> None:
        await peer.welcome()
        assert await peer.get_all(3) == [
            PresenceSet(1, 2, 3, "Ann"),
            CursorMove(4, 5, 1),
            Follow(9),
        ]
        await peer.send(Notice(0, "got it"))
        await peer.stay()

    async with playing(part) as url, to(url) as bot:
        async with asyncio.timeout(5):
            stream = bot.events(Noticed)
            bot.cursor(4, 5, 1)
            bot.follow(9)
            bot.presence(1, 2, 3, "Ann")
            assert await anext(stream) == Noticed(0, "got it")


async def test_event_streams_end_with_the_client() -> None:
    """Quietly if the program closed it, with the error otherwise, and at once if made later."""

    async def kicked(peer: Peer) -> None:
        await peer.welcome()
        await peer.get()
        await peer.send(Notice(2, "out"))
        await peer.close(4403, "banned")

    async with playing(welcome_and_stay) as url:
        async with to(url) as bot:
            stream = aiter(bot)
        assert [event async for event in stream] == []
        assert [event async for event in bot] == []
    async with playing(kicked) as url:
        bot = to(url)
        everything = bot.events()
        await bot.connect()
        assert isinstance(await anext(everything), Welcomed)
        await bot.draw(Pixel(0, 0, 0, 0, 0))
        assert await anext(everything) == Noticed(2, "out")
        assert await anext(everything) == Disconnected(4403, "banned", False)
        with pytest.raises(ClientClosed):
            await anext(everything)
        await bot.close()
        with pytest.raises(ClientClosed):
            await anext(bot.events())


async def test_an_unread_stream_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so to whoever reads it after all; other streams go on."""
    monkeypatch.setattr(client.stream, "STREAM_EVENTS_MAX", 10)

    async def part(peer: Peer) -> None:
        await peer.welcome()
        for n in range(11):
            await peer.send(Cursor(1, n, 0, 0))
        await peer.send(Notice(0, "done"))
        await peer.stay()

    async with playing(part) as url:
        bot = to(url)
        unread, done = bot.events(CursorMoved), bot.events(Noticed)
        async with bot:
            await anext(done)
            with pytest.raises(EventsOverflow):
                await anext(unread)
