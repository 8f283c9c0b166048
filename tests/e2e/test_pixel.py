"""``/c/{canvas}/pixel/{x}/{y}`` of a real server: who painted it, before and after a restart."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from protocol.messages import Pixel, PresenceSet, Rect, Stroke
from tests.e2e.conftest import Launch
from tests.http_rig import problem_of
from tests.peer import Peer
from tests.process import ServerProcess
from tiles.log.base import CanvasInfo

WIDTH, HEIGHT = 300, 200
HUGE = 65_536


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """The server of the module's tests, with a frozen canvas and one of the largest size."""
    return launch(
        *("--width", str(WIDTH), "--height", str(HEIGHT)),
        canvases={
            "frozen": CanvasInfo(100, 100, (1, 2, 3), frozen=True),
            "huge": CanvasInfo(HUGE, HUGE),
        },
    )


async def facts(server: ServerProcess, x: int, y: int, canvas: str = "main") -> dict[str, Any]:
    """What is said of a pixel."""
    async with httpx2.AsyncClient() as http:
        answer = await http.get(f"{server.http}/c/{canvas}/pixel/{x}/{y}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_who_painted_it(server: ServerProcess) -> None:
    """HTTP-12: the last one's name of that time, when, which message; nobody knows a guest."""
    began = datetime.now(UTC) - timedelta(seconds=1)
    async with Peer(server.ws()) as ann, Peer(server.ws()) as guest:
        await ann.send(PresenceSet(1, 2, 3, "Ann"))
        await ann.draw(Rect(0, 10, 10, 90, 20, 200, 100, 50), Pixel(11, 11, 1, 2, 3))
        await ann.durable()
        await guest.draw(Pixel(50, 15, 9, 8, 7))
        await guest.durable()
        await ann.send(PresenceSet(1, 2, 3, "Another name"))
        await ann.draw(Stroke(3, 5, 5, 5, ((80, 15), (85, 18))))
        await ann.durable()

    painted = await facts(server, 12, 12)
    when = datetime.fromisoformat(painted["painter"].pop("when"))
    assert began <= when <= datetime.now(UTC)
    assert painted == {
        "x": 12,
        "y": 12,
        "colour": "#c86432",
        "painter": {"name": "Ann"},
        "seq": 1,
        "searched_to": 1,
    }
    assert (await facts(server, 11, 11))["seq"] == 2
    by_guest = await facts(server, 50, 15)
    assert (by_guest["colour"], by_guest["painter"]["name"], by_guest["seq"]) == (
        "#090807",
        None,
        3,
    )
    assert (await facts(server, 85, 18))["painter"]["name"] == "Another name"
    assert (await facts(server, 86, 14))["painter"]["name"] == "Ann"
    for x, y in ((9, 10), (200, 150)):
        blank = await facts(server, x, y)
        assert (blank["colour"], blank["painter"], blank["seq"]) == ("#ffffff", None, None)
        assert blank["searched_to"] == 0


async def test_nothing_else_is_told(server: ServerProcess) -> None:
    """HTTP-12, HTTP-6: neither session nor address; any origin may ask, and keep it shortly."""
    async with Peer(server.ws()) as ann, httpx2.AsyncClient() as http:
        await ann.draw(Pixel(7, 7, 1, 1, 1))
        await ann.durable()
        answer = await http.get(
            f"{server.http}/c/main/pixel/7/7", headers={"Origin": "https://elsewhere.test"}
        )
        assert answer.json().keys() == {"x", "y", "colour", "painter", "seq", "searched_to"}
        assert answer.json()["painter"].keys() == {"name", "when"}
        assert ann.welcome.session.hex() not in answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "public, max-age=2"


async def test_what_is_not_there(server: ServerProcess) -> None:
    """HTTP-12, HTTP-5: off the canvas, beyond any canvas, and no numbers are 404."""
    async with httpx2.AsyncClient() as http:
        for place in (
            f"main/pixel/{WIDTH}/0",
            f"main/pixel/0/{HEIGHT}",
            "main/pixel/65536/0",
            "main/pixel/-1/0",
            "main/pixel/a/0",
            "main/pixel/1.5/0",
            "main/pixel/1",
            "other/pixel/1/1",
        ):
            problem_of(await http.get(f"{server.http}/c/{place}"), 404)


async def test_other_canvases(server: ServerProcess) -> None:
    """HTTP-12: a frozen canvas and the last pixel of the largest."""
    assert (await facts(server, 99, 99, "frozen"))["colour"] == "#010203"
    async with Peer(server.ws("huge")) as ann:
        await ann.draw(Pixel(HUGE - 1, HUGE - 1, 4, 5, 6))
        await ann.durable()
    last = await facts(server, HUGE - 1, HUGE - 1, "huge")
    assert (last["colour"], last["seq"]) == ("#040506", 1)


async def test_the_colour_is_the_painters(server: ServerProcess) -> None:
    """HTTP-12: however fast it is painted over, colour and painter are of one message."""
    async with Peer(server.ws()) as ann, httpx2.AsyncClient() as http:

        async def paint() -> None:
            for shade in range(200):
                await ann.draw(Pixel(100, 100, shade, 0, 0))
                await asyncio.sleep(0.002)

        painting = asyncio.create_task(paint())
        seqs: dict[int, str] = {}
        while not painting.done():
            answer = (await http.get(f"{server.http}/c/main/pixel/100/100")).json()
            if answer["seq"] is not None:
                known = seqs.setdefault(answer["seq"], answer["colour"])
                assert known == answer["colour"]
        await painting
        await ann.durable()
        last = await facts(server, 100, 100)
        assert len(seqs) > 1
        for seq, colour in seqs.items():
            shade = 199 - (last["seq"] - seq)
            assert colour == f"#{shade:02x}0000"


async def test_many_ask_at_once(server: ServerProcess) -> None:
    """HTTP-9, HTTP-12: each gets an answer, or is told to come back."""
    async with httpx2.AsyncClient(timeout=60) as http:
        answers = await asyncio.gather(
            *(http.get(f"{server.http}/c/main/pixel/{x}/50") for x in range(200))
        )
    assert {answer.status_code for answer in answers} <= {200, 503}
    assert sum(answer.status_code == 200 for answer in answers) > 0
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
    assert (await facts(server, 1, 50))["x"] == 1


async def test_after_a_restart(launch: Launch, tmp_path: Path) -> None:
    """HTTP-12: it stands in the log, whatever end the server came to."""
    server = launch("--width", "100", "--height", "100")
    async with Peer(server.ws()) as ann:
        await ann.send(PresenceSet(1, 2, 3, "Ann"))
        await ann.draw(Pixel(5, 5, 1, 2, 3))
        await ann.durable()
        before = await facts(server, 5, 5)
    server.kill()
    server.start()
    assert await facts(server, 5, 5) == before
    assert before["painter"]["name"] == "Ann"
