"""What connections leave in memory, where nothing looks for garbage in cycles."""

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from protocol.messages import CursorMove, Pixel, PresenceSet
from tests.faults.recounted import RecountedServer
from tests.peer import Peer
from tests.raw_socket import RawSocket, frame
from tests.slow_reader import until_stats

Visit = Callable[[RecountedServer], Awaitable[None]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RecountedServer]:
    """A server whose garbage can be asked for."""
    server = RecountedServer(tmp_path)
    server.start()
    yield server
    server.stop_well()


async def a_painter(server: RecountedServer) -> None:
    """Says all that there is to say, and goodbye."""
    async with Peer(server.ws()) as peer:
        await peer.send(PresenceSet(1, 2, 3, "Ada"))
        await peer.look(0, 0, 500, 500)
        await peer.send(CursorMove(5, 5, 0))
        await peer.draw(Pixel(5, 5, 1, 2, 3))
        await peer.durable()


async def a_reset(server: RecountedServer) -> None:
    """Is gone in the midst of it."""
    async with RawSocket(server.port) as raw:
        await raw.hello()
        raw.reset()


async def a_text(server: RecountedServer) -> None:
    """Is thrown out."""
    async with RawSocket(server.port) as raw:
        await raw.hello()
        await raw.send(frame(b"hello", 1))
        await raw.read_close()


async def a_request(server: RecountedServer) -> None:
    """Asks for something by HTTP."""
    server.stats()


@pytest.mark.parametrize("visit", [a_painter, a_reset, a_text, a_request])
async def test_a_connection_that_is_over_is_freed_at_once(
    visit: Visit, server: RecountedServer
) -> None:
    """SES-10: no cycle of objects keeps it, however it ended."""
    await visit(server)  # what is made once at the first is no garbage
    await until_stats(server, lambda figures: figures["sessions"] == 0)
    server.keep_garbage()
    for _ in range(3):
        await visit(server)
    await until_stats(server, lambda figures: figures["sessions"] == 0)
    server.assert_no_garbage()
