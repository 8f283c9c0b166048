"""Cursors, presence and following over real sockets: who hears of whom, when, and how often."""

import asyncio
import time

import pytest

from protocol.messages import (
    PRESENCE_GONE,
    PRESENCE_HERE,
    Cursor,
    CursorMove,
    Follow,
    Message,
    Notice,
    Pixel,
    Presence,
    PresenceSet,
    Seen,
)
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess

SIDE = 512
SMALL = ("--width", str(SIDE), "--height", str(SIDE))
ANN = PresenceSet(200, 100, 50, "Ann")


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """The server of the module's tests."""
    return launch(*SMALL)


def about(peer: Peer, other: Peer) -> list[Message]:
    """What one session has been told of another's presence and cursor, in order."""
    client = other.welcome.client
    return [
        message
        for message in peer.messages
        if isinstance(message, Presence | Cursor) and message.client == client
    ]


async def test_a_cursor(server: ServerProcess) -> None:
    """AWR-1, AWR-2, AWR-3: it goes to who looks there, at any level, after a PRESENCE."""
    async with (
        Peer(server.ws()) as ann,
        Peer(server.ws()) as near,
        Peer(server.ws()) as above,
        Peer(server.ws()) as far,
        Peer(server.ws()) as blind,
    ):
        await near.look(0, 0, 127, 127)
        await above.look(0, 0, SIDE - 1, SIDE - 1, level=2)
        await far.look(256, 256, 511, 511)
        await ann.send(ANN)
        await ann.look(0, 0, 63, 63)
        await ann.send(CursorMove(10, 20, 1))
        client = ann.welcome.client
        here = Presence(client, PRESENCE_HERE, 200, 100, 50, "Ann")
        for peer in (near, above):
            await peer.expect(Cursor)
            assert about(peer, ann) == [here, Cursor(client, 10, 20, 1)]
        await ann.send(CursorMove(300, 300, 0x80))
        assert (await far.expect(Cursor)) == Cursor(client, 300, 300, 0x80)
        assert about(far, ann)[0] == here
        assert len(about(near, ann)) == 2
        assert about(blind, ann) == about(ann, ann) == []


async def test_a_cursor_off_the_canvas(server: ServerProcess) -> None:
    """AWR-1: off the canvas a cursor is ignored, and the session goes on."""
    async with Peer(server.ws()) as ann, Peer(server.ws()) as peer:
        await peer.look(0, 0, SIDE - 1, SIDE - 1)
        await ann.send(CursorMove(SIDE, 0, 0), CursorMove(0, SIDE, 0), CursorMove(65_535, 9, 0))
        await ann.draw(Pixel(1, 1, 1, 1, 1))
        await ann.durable()
        await ann.send(CursorMove(SIDE - 1, SIDE - 1, 0))
        cursor = await peer.expect(Cursor)
        assert (cursor.x, cursor.y) == (SIDE - 1, SIDE - 1)


async def test_the_latest_place_only(server: ServerProcess) -> None:
    """AWR-1: however fast it moves, at most 30 places a second go out, and the last one does."""
    async with Peer(server.ws()) as ann, Peer(server.ws()) as peer:
        await peer.look(0, 0, SIDE - 1, SIDE - 1)
        began = time.monotonic()
        x = 0
        while time.monotonic() - began < 1.0:
            x = (x + 1) % 400
            await ann.send(*(CursorMove(x, y, 0) for y in range(20)))
            await asyncio.sleep(0.001)
        await ann.send(CursorMove(401, 401, 0))
        await peer.expect(Cursor, lambda cursor: cursor.x == 401)
        took = time.monotonic() - began
        assert 5 <= len(peer.all(Cursor)) <= took * 31 + 2


async def test_presence_that_changes(server: ServerProcess) -> None:
    """AWR-2: another name or colour is told to who has heard of the client; 64 bytes at most."""
    async with Peer(server.ws()) as ann, Peer(server.ws()) as peer:
        await peer.look(0, 0, 63, 63)
        await ann.look(0, 0, 63, 63)
        anonymous = await peer.expect(Presence)
        assert (anonymous.event, anonymous.name) == (PRESENCE_HERE, "")
        longest = "é" * 32
        await ann.send(PresenceSet(1, 2, 3, longest))
        await peer.expect(Presence, lambda who: who.name == longest)
        await ann.send(PresenceSet(1, 2, 3, longest + "x"))
        await ann.expect(Notice)
        await ann.send(PresenceSet(4, 5, 6, "Ann"))
        named = await peer.expect(Presence, lambda who: who.name == "Ann")
        assert (named.r, named.g, named.b) == (4, 5, 6)
        assert {who.name for who in peer.presences} == {"", longest, "Ann"}


async def test_gone(server: ServerProcess) -> None:
    """AWR-2: gone is told at once when a client leaves, and 2 s after its viewport moved away."""
    async with Peer(server.ws()) as peer, Peer(server.ws()) as leaver:
        await peer.look(0, 0, 63, 63)
        async with Peer(server.ws()) as ann:
            await ann.look(0, 0, 63, 63)
            await leaver.look(0, 0, 63, 63)
            await peer.until(lambda: about(peer, ann) and about(peer, leaver))
            began = time.monotonic()
            await ann.look(256, 256, 300, 300)
            await leaver.close()
            await peer.expect(Presence, lambda who: who.event == PRESENCE_GONE, within_s=1)
            assert about(peer, leaver)[-1] in peer.messages[-3:]
            assert len(about(peer, ann)) == 1
            await peer.until(lambda: len(about(peer, ann)) > 1, within_s=4)
            took = time.monotonic() - began
            gone = about(peer, ann)[-1]
            assert isinstance(gone, Presence)
            assert gone.event == PRESENCE_GONE
            assert 1.95 <= took <= 3.0


async def test_back_before_it_is_gone(server: ServerProcess) -> None:
    """AWR-2: who looks away for less than 2 s isn't gone."""
    async with Peer(server.ws()) as peer, Peer(server.ws()) as ann:
        await peer.look(0, 0, 63, 63)
        await ann.look(0, 0, 63, 63)
        await peer.until(lambda: about(peer, ann))
        for _ in range(3):
            await ann.look(256, 256, 300, 300)
            await ann.look(0, 0, 63, 63)
        began = time.monotonic()
        await ann.send(CursorMove(3, 3, 0))
        await peer.expect(Cursor)
        await peer.until(lambda: time.monotonic() - began > 2.3, within_s=8)
        assert len(about(peer, ann)) == 2


async def test_how_many_others(launch: Launch) -> None:
    """AWR-3: a session hears of max_cursors others; a place that falls free goes to another."""
    server = launch(*SMALL, "--max-cursors", "2")
    others = [Peer(server.ws()) for _ in range(4)]
    async with Peer(server.ws()) as peer:
        await peer.look(0, 0, 63, 63)
        for other in others:
            await other.open()
            await other.hello()
            await other.look(0, 0, 63, 63)
            await other.send(CursorMove(1, 1, 0))
        await peer.until(lambda: sum(bool(about(peer, other)) for other in others) == 2)
        heard = [other for other in others if about(peer, other)]
        for other in others:
            await other.send(CursorMove(2, 2, 0))
        await peer.until(lambda: sum(cursor.x == 2 for cursor in peer.all(Cursor)) == 2)
        await heard[0].close()
        await peer.expect(Presence, lambda who: who.event == PRESENCE_GONE)
        await peer.until(lambda: sum(bool(about(peer, other)) for other in others) == 3)
        for other in others:
            await other.close()


async def test_following(server: ServerProcess) -> None:
    """AWR-4: SEEN shows the viewport at once and whenever it changes, until it is to stop."""
    async with Peer(server.ws()) as ann, Peer(server.ws()) as peer:
        client = ann.welcome.client
        await ann.send(ANN)
        await ann.look(10, 20, 300, 400, level=1)
        await peer.send(Follow(client))
        assert await peer.expect(Seen) == Seen(client, 1, 10, 20, 300, 400)
        since = peer.mark
        await ann.look(0, 0, 63, 9999)
        assert await peer.expect(Seen, since=since) == Seen(client, 0, 0, 0, 63, SIDE - 1)
        await peer.send(Follow(0))
        await peer.draw(Pixel(500, 500, 1, 1, 1))
        await peer.handled()
        since = peer.mark
        await ann.look(100, 0, 163, 63)
        await peer.draw(Pixel(500, 500, 1, 1, 1))
        await peer.handled()
        assert peer.all(Seen, since) == []
        assert peer.all(Notice) == []


async def test_who_cannot_be_followed(server: ServerProcess) -> None:
    """AWR-4: nobody follows who is anonymous, or becomes so, or isn't there, or oneself."""
    async with Peer(server.ws()) as ann, Peer(server.ws()) as peer:
        client = ann.welcome.client
        await ann.look(0, 0, 63, 63)
        for target in (client, peer.welcome.client, 0xFFFF_FFFF):
            since = peer.mark
            await peer.send(Follow(target))
            await peer.expect(Notice, since=since)
        assert peer.all(Seen) == []
        await ann.send(ANN)
        await peer.look(0, 0, 63, 63)
        await peer.expect(Presence, lambda who: who.name == "Ann")
        await peer.send(Follow(client))
        await peer.expect(Seen)
        since = peer.mark
        await ann.send(PresenceSet(0, 0, 0, ""))
        await peer.expect(Notice, since=since)
        await ann.look(0, 0, 99, 99)
        await ann.send(CursorMove(1, 1, 0))
        await peer.expect(Cursor)
        assert peer.all(Seen, since) == []
