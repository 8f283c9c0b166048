"""Who takes long to ask: heads and bodies that come byte by byte, or never to their end."""

import asyncio
import json
import time

import pytest

from tests.bystander import Bystander
from tests.e2e.conftest import Launch
from tests.process import ServerProcess
from tests.raw_socket import RawSocket

WITHIN_S = 8.0
"""Several times what the server is told to wait, much less than it waits by default."""
HEADS = {
    "nothing": b"",
    "half a line": b"GET /c/main/ws",
    "half a request": b"GET /healthz HTTP/1.1\r\nHost: x\r\n",
    "half an upgrade": b"GET /c/main/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
    "half a second one": b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n\r\nGET /c/main/ws",
}
DRIP_S = 0.1


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """A server that waits a second."""
    return launch(
        "--width", "256", "--height", "256", "--head-timeout-s", "1", "--body-timeout-s", "1"
    )  # fmt: skip


@pytest.fixture
def token(server: ServerProcess) -> str:
    """The administrator's."""
    control = json.loads((server.folder / "data" / "server.json").read_bytes())
    return str(control["token"])


async def ends_while_dripping(raw: RawSocket, drip: bytes) -> None:
    """The server hangs up though a little comes all the while. Raises ``TimeoutError``."""
    async with asyncio.timeout(WITHIN_S):
        ended = asyncio.create_task(raw.ended(WITHIN_S))
        while not ended.done():
            try:
                await raw.send(drip)
            except ConnectionError:
                break
            await asyncio.wait([ended], timeout=DRIP_S)
        await ended


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
async def test_half_a_head(server: ServerProcess, head: bytes) -> None:
    """LIM-10, SES-5: a request or an upgrade that isn't finished is hung up on."""
    async with RawSocket(server.port) as raw:
        await raw.send(head)
        await raw.ended(WITHIN_S)


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS.keys())
async def test_a_head_byte_by_byte(server: ServerProcess, head: bytes) -> None:
    """LIM-10: its time isn't prolonged by another header now and then."""
    async with RawSocket(server.port) as raw:
        await raw.send(head)
        await ends_while_dripping(raw, b"X: y\r\n")


def post(token: str, *headers: str) -> bytes:
    """The head of a request to make a canvas."""
    lines = ("POST /api/admin/canvases HTTP/1.1", "Host: x", f"Authorization: Bearer {token}")
    return "\r\n".join((*lines, *headers, "", "")).encode()


FRAMINGS = {"length": "Content-Length: 1000000", "chunks": "Transfer-Encoding: chunked"}


@pytest.mark.usefixtures("bystander")
@pytest.mark.parametrize("framing", FRAMINGS.values(), ids=FRAMINGS.keys())
@pytest.mark.parametrize("known", [True, False], ids=["administrator", "anybody"])
async def test_a_body_byte_by_byte(
    server: ServerProcess, token: str, framing: str, known: bool
) -> None:
    """LIM-10: whether it is waited for or was answered already, it isn't waited for for long."""
    async with RawSocket(server.port) as raw:
        await raw.send(post(token if known else "none", framing))
        await ends_while_dripping(raw, b"1\r\n{\r\n" if "chunked" in framing else b"{")
    server.assert_log_clean()


async def test_a_body_that_takes_its_time(
    server: ServerProcess, bystander: Bystander, token: str
) -> None:
    """LIM-10: one that comes fast enough may take many times as long."""
    body = (
        b'{"name": "slow", "width": 64, "height": 64,' + b" " * 2_500_000 + b'"background": "#fff"}'
    )
    async with RawSocket(server.port) as raw:
        await raw.send(post(token, f"Content-Length: {len(body)}"))
        began = time.monotonic()
        for at in range(0, len(body), 160_000):
            await raw.send(body[at : at + 160_000])
            await asyncio.sleep(0.2)
        assert time.monotonic() - began > 2
        head = await raw.read_head()
    assert head.startswith(b"HTTP/1.1 201 ")
    await bystander.more(2)
