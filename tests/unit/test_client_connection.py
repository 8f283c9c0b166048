"""The asyncio client's lines: lost, refused, silent, or with nonsense on them."""

import asyncio
import socket
import struct
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve

import client.client
import client.connection
import client.core
import client.stream
from client import (
    ClientClosed,
    Clocked,
    ConnectTimeout,
    Disconnected,
    HandshakeRefused,
    Pixel,
    Welcomed,
)
from protocol.messages import (
    Ack,
    Clock,
    Tile,
    Viewport,
)
from tests.socket_peer import ONE, Peer, playing, to


@pytest.mark.parametrize("code", [1012, 1013, 4408, None])
async def test_a_lost_line_is_taken_up_again(code: int | None) -> None:
    """The session, its work and its viewport go on; nothing is sent that the server has."""

    async def first(peer: Peer) -> None:
        await peer.welcome()
        assert isinstance(await peer.get(), Viewport)
        await peer.send(Tile(0, 0, 0, 3, 0, b"abc"), Clock(1, 4))
        await peer.get_all(3)
        await peer.send(Ack(1, 1, 5))
        if code is None:
            peer.cut()
        else:
            await peer.close(code, "back soon")

    async def second(peer: Peer) -> None:
        assert (await peer.welcome(handled=2)).session == ONE
        assert await peer.get_all(2) == [
            Viewport(0, 0, 0, 9, 9, ((0, 0, 4),)),
            Pixel(2, 0, 0, 0, 0),
        ]
        await peer.send(Clock(1, 9), Ack(3, 3, 9))
        await peer.stay()

    async with playing(first, second) as url, to(url) as client:
        with client.events(Disconnected, Welcomed) as events:
            await client.viewport(0, 0, 9, 9)
            for x in range(3):
                await client.draw(Pixel(x, 0, 0, 0, 0))
            await client.settled()
            assert await client.until_clock() == 9
            gone = await anext(events)
            assert isinstance(gone, Disconnected)
            assert gone.code == (1006 if code is None else code)
            assert gone.returning
            welcomed = await anext(events)
            assert isinstance(welcomed, Welcomed)
            assert welcomed.resumed


@pytest.mark.parametrize("code", [4400, 4401, 4403, 4406, 4409, 4429, 1000])
async def test_after_some_codes_a_client_stays_away(code: int) -> None:
    """Whoever waits is told, whoever asks later too."""

    async def part(peer: Peer) -> None:
        await peer.welcome()
        await peer.get()
        await peer.close(code, "why")

    async with playing(part) as url, to(url) as client:
        events = client.events(Disconnected)
        await client.draw(Pixel(0, 0, 0, 0, 0))
        with pytest.raises(ClientClosed) as caught:
            await client.settled()
        assert (caught.value.code, caught.value.reason) == (code, "why")
        with pytest.raises(ClientClosed):
            await client.draw(Pixel(0, 0, 0, 0, 0))
        assert await anext(events) == Disconnected(code, "why", False)
        assert client.work == ((1, Pixel(0, 0, 0, 0, 0)),)


async def test_a_token_refused_ends_the_attempt() -> None:
    """`connect` raises, and nothing is left running."""

    async def part(peer: Peer) -> None:
        await peer.get()
        await peer.close(4401, "token")

    async with playing(part) as url:
        with pytest.raises(ClientClosed, match="4401 token"):
            await to(url).connect()


async def test_nobody_there() -> None:
    """It tries until the time is up, and says what was wrong."""
    async with playing() as url:
        pass
    with pytest.raises(ConnectTimeout, match="1006"):
        await to(url, connect_timeout_s=0.2).connect()


async def test_a_line_that_is_reset_before_the_upgrade() -> None:
    """At whatever moment a server goes, it is dialled again."""
    resets = 0

    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal resets
        resets += 1
        if resets % 2:
            await reader.read(1)
        line = writer.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with await asyncio.start_server(reset, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/c/main/ws"
        with pytest.raises(ConnectTimeout):
            await to(url, connect_timeout_s=1.0).connect()
    assert resets > 1


async def test_http_errors_at_the_upgrade() -> None:
    """A canvas that isn't there won't come; a server that is full may have room later."""
    async with playing(status=HTTPStatus.NOT_FOUND) as url:
        with pytest.raises(HandshakeRefused) as caught:
            await to(url).connect()
        assert caught.value.status == HTTPStatus.NOT_FOUND
    async with playing(status=HTTPStatus.SERVICE_UNAVAILABLE) as url:
        with pytest.raises(ConnectTimeout, match="HTTP 503"):
            await to(url, connect_timeout_s=0.2).connect()


async def test_a_url_that_is_none() -> None:
    """No amount of trying helps."""
    with pytest.raises(ValueError, match="isn't a valid URI"):
        await to("nowhere").connect()


async def test_another_protocols_server() -> None:
    """It must agree to the subprotocol."""

    async def stay(socket: ServerConnection) -> None:
        await socket.wait_closed()

    async with await serve(stay, "127.0.0.1", 0) as server:
        with pytest.raises(HandshakeRefused, match=r"no tilecast\.v1"):
            await to(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/").connect()


async def test_a_server_that_breaks_the_protocol() -> None:
    """The client closes, and doesn't come back for more."""

    async def nonsense(peer: Peer) -> None:
        await peer.welcome()
        await peer.send(Clock(5, 5))
        await peer.stay()

    async def text(peer: Peer) -> None:
        await peer.welcome()
        await peer.send_text()
        await peer.stay()

    async def huge(peer: Peer) -> None:
        await peer.welcome()
        await peer.send(Tile(0, 0, 0, 1, 1, bytes(256 * 1024)))
        await peer.stay()

    for part, code in ((nonsense, 4400), (text, 1003), (huge, 1009)):
        async with playing(part) as url, to(url) as client:
            with pytest.raises(ClientClosed) as caught:
                await client.viewport(0, 0, 9, 9)
            assert caught.value.code == code


async def test_a_silent_line_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CLOCK keeps it alive; without one it is cut and taken up again."""
    monkeypatch.setattr(client.connection, "SILENCE_MAX_S", 0.2)
    gone = asyncio.Event()

    async def first(peer: Peer) -> None:
        await peer.welcome()
        for _ in range(6):
            await asyncio.sleep(0.05)
            await peer.send(Clock(0, 1))
        await peer.stay()
        gone.set()

    async def second(peer: Peer) -> None:
        await peer.welcome()
        while True:
            await peer.send(Clock(0, 1))
            await asyncio.sleep(0.05)

    async def tolerant(peer: Peer) -> None:
        try:
            await second(peer)
        except Exception:
            await peer.stay()

    async with playing(first, tolerant) as url, to(url) as bot:
        with bot.events(Disconnected, Welcomed) as events:
            lost = await anext(events)
            assert isinstance(lost, Disconnected)
            assert "nothing was heard" in lost.reason
            assert isinstance(await anext(events), Welcomed)
            assert gone.is_set()


async def test_a_slow_line_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as bytes of a frame come, however few, it isn't dead."""
    monkeypatch.setattr(client.connection, "SILENCE_MAX_S", 1.0)

    async def part(peer: Peer) -> None:
        await peer.welcome()
        await peer.send_slowly(Clock(0, 1), 0.15)

    async with playing(part) as url, to(url) as bot:
        with bot.events(Disconnected, Clocked) as events:
            assert isinstance(await anext(events), Clocked)


async def test_a_bug_in_the_client_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the client with what it was."""

    async def part(peer: Peer) -> None:
        await peer.welcome()
        await peer.stay()

    def broken(*_: object) -> list[bytes]:
        raise ZeroDivisionError

    async with playing(part) as url, to(url) as bot:
        monkeypatch.setattr(client.core.Core, "frames_to_send", broken)
        await bot.draw(Pixel(0, 0, 0, 0, 0))
        with pytest.raises(ZeroDivisionError):
            await bot.settled()
