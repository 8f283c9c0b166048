"""Images that are known are answered on the spot: on the wire that has to look like any answer."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from protocol.messages import Rect
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess
from tests.raw_socket import RawSocket

MIB = 1024 * 1024
LIVE, OTHER = "/c/main/tiles/1/0/0.png", "/c/main/tiles/1/1/1.png"
STATS = "/c/main/stats"


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One kept connection, on which requests are sent without waiting for the answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def send(self, *requests: bytes) -> None:
        """Send requests in one piece."""
        self._writer.write(b"".join(requests))

    async def answer(self, *, has_body: bool = True) -> Answer:
        """The next answer; one to HEAD has no body, whatever its Content-Length says."""
        async with asyncio.timeout(20):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines)
            assert len(headers) == len(lines), f"a header stands there twice: {head}"
            status = int(first.split()[1])
            size = int(headers.get("content-length", "0")) if has_body and status != 304 else 0
            return Answer(status, headers, await self._reader.readexactly(size))

    async def get(self, path: str, *lines: str) -> Answer:
        """Ask and wait."""
        self.send(request(path, *lines))
        return await self.answer()

    async def ended(self) -> bool:
        """Whether the server hangs up, with nothing more to say."""
        async with asyncio.timeout(20):
            return await self._reader.read() == b""


def request(path: str, *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    """A request's bytes; ``lines`` are headers."""
    head = (f"{method} {path} HTTP/{version}", "Host: tilecast.test", *lines, "", "")
    return "\r\n".join(head).encode()


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """A server with four images at the deepest zoom."""
    return launch("--width", "512", "--height", "512", "--http-cache-bytes", str(MIB))


@asynccontextmanager
async def connected(server: ServerProcess) -> AsyncIterator[Connection]:
    """A connection to a server that knows both images, which were just painted."""
    async with Peer(server.ws()) as peer:
        seq = await paint(peer, Rect(3, 0, 0, 511, 511, 200, 0, 0))
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        try:
            connection = Connection(reader, writer)
            for path in (LIVE, OTHER):
                assert (await connection.get(path)).headers["x-tile-seq"] == str(seq)
            yield connection
        finally:
            writer.close()
            await writer.wait_closed()


async def paint(peer: Peer, rect: Rect) -> int:
    """Draw, and return when it is acknowledged: the seq that the canvas has then."""
    await peer.draw(rect)
    return (await peer.handled()).seq


async def test_many_on_one_connection(server: ServerProcess) -> None:
    """HTTP-2: images, 304 and HEAD, one after the other, are complete and keep the connection."""
    async with connected(server) as connection:
        for _ in range(3):
            image = await connection.get(LIVE)
            assert image.status == 200
            assert image.body.startswith(b"\x89PNG")
            assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} gmt", image.headers["date"])
            same = await connection.get(LIVE, f"If-None-Match: {image.headers['etag']}")
            assert (same.status, same.body) == (304, b"")
            assert "transfer-encoding" not in same.headers
            connection.send(request(LIVE, method="HEAD"))
            head = await connection.answer(has_body=False)
            assert {**head.headers, "date": ""} == {**image.headers, "date": ""}


async def test_pipelined_requests_are_answered_in_order(server: ServerProcess) -> None:
    """Whatever is known and what not, and in how many pieces it comes."""
    async with connected(server) as connection:
        tags = {path: (await connection.get(path)).headers["etag"] for path in (LIVE, OTHER)}
        kinds = {
            "image": request(LIVE),
            "other": request(OTHER, f"If-None-Match: {tags[OTHER]}"),
            "stats": request(STATS),
            "head": request(OTHER, method="HEAD"),
            "body": request(LIVE, "Content-Length: 5", method="GET") + b"hello",
            "nothing": request("/c/main/tiles/9/9/9.png"),
        }
        order = [*kinds, *reversed(kinds), "stats", "image", "image", "stats"] * 10
        flow = b"".join(kinds[kind] for kind in order)
        for size in (len(flow), 1000, 77):
            for start in range(0, len(flow), size):
                connection.send(flow[start : start + size])
                await asyncio.sleep(0)
            for kind in order:
                got = await connection.answer(has_body=kind != "head")
                match kind:
                    case "other":
                        assert (got.status, got.headers["etag"]) == (304, tags[OTHER])
                    case "stats":
                        assert json.loads(got.body)["seq"]
                    case "nothing":
                        assert got.status == 404
                    case "head":
                        assert (got.status, got.headers["etag"]) == (200, tags[OTHER])
                    case _:
                        assert (got.status, got.headers["etag"]) == (200, tags[LIVE])


@pytest.mark.parametrize(
    "asked", [request(LIVE, "Connection: close"), request(LIVE, version="1.0")]
)
async def test_a_last_request(server: ServerProcess, asked: bytes) -> None:
    """Who doesn't want the connection kept gets the image and the end."""
    async with connected(server) as connection:
        connection.send(asked)
        answer = await connection.answer()
        assert answer.headers["connection"] == "close"
        assert answer.body.startswith(b"\x89PNG")
        assert await connection.ended()


async def test_a_change_between_two_requests(server: ServerProcess) -> None:
    """HTTP-2: the next answer after the ACK has it."""
    async with connected(server) as connection, Peer(server.ws()) as peer:
        for red in range(10):
            seq = await paint(peer, Rect(0, 0, 0, 9, 9, red, 1, 1))
            answer = await connection.get(LIVE)
            assert answer.headers["etag"].endswith(f'-{seq:x}"')
            same = await connection.get(LIVE, f"If-None-Match: {answer.headers['etag']}")
            assert same.status == 304


@pytest.mark.parametrize("path", [LIVE, STATS])
async def test_answers_that_nobody_reads(server: ServerProcess, path: str) -> None:
    """HTTP-10: what is asked without reading the answers isn't kept in memory."""
    async with connected(server), RawSocket(server.port, receive_buffer_bytes=4096) as deaf:
        before = server.memory_bytes
        await deaf.flood(request(path) * 200_000, within_s=2)
        assert server.memory_bytes - before < 16 * MIB
        deaf.reset()
