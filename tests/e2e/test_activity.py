"""``/c/{canvas}/activity`` of a real server: what people draw is counted where they draw it."""

from typing import Any

import httpx2
import pytest

from protocol.messages import Pixel, Rect
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """The server of the module's tests."""
    return launch("--width", "8192", "--height", "4096")


async def recent(server: ServerProcess, minutes: int) -> dict[str, Any]:
    """What was drawn on lately."""
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"{server.http}/c/main/activity", params={"minutes": minutes})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_the_hot_place_is_told(server: ServerProcess) -> None:
    """HTTP-13: drawing of several people adds up, and what is rejected doesn't count."""
    async with Peer(server.ws()) as ann, Peer(server.ws()) as ben:
        for k in range(50):
            await ann.draw(Pixel(5000 + k % 5, 3000, k, 0, 0))
            await ben.draw(Pixel(5010, 3000, 0, k, 0))
        await ann.draw(Rect(0, 0, 0, 200, 100, 1, 2, 3), Pixel(9000, 1, 1, 1, 1))
        await ann.durable()
        await ben.durable()
    body = await recent(server, 5)
    assert (body["level"], body["span"], body["minutes"]) == (1, 128, 5)
    counts = {(tx, ty): count for tx, ty, count in body["cells"]}
    assert counts == {(39, 23): 100, (0, 0): 4, (1, 0): 4}


async def test_a_new_server_knows_of_nothing(launch: Launch) -> None:
    """HTTP-13: it is memory alone, and begins with the server."""
    server = launch()
    async with Peer(server.ws()) as ann:
        await ann.draw(Pixel(1, 1, 1, 1, 1))
        await ann.durable()
    assert (await recent(server, 60))["cells"] == [[0, 0, 1]]
    server.stop_well()
    server.start()
    assert (await recent(server, 60))["cells"] == []
