"""Who gets a connection at all: origins, canvases, places, and handshakes that go wrong."""

import json
import re
from http import HTTPStatus

import pytest
from websockets.exceptions import InvalidStatus

from protocol.errors import CloseCode
from tests.bystander import Bystander
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess
from tests.raw_socket import RawSocket
from tests.slow_reader import until_stats

GUEST = "https://guest.example"


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """A server that lets one foreign origin in."""
    return launch("--allow-origin", GUEST, "--width", "256", "--height", "256")


async def refusal(url: str, origin: str | None = None) -> int:
    """The HTTP status that an upgrade is refused with, by a problem (HTTP-5)."""
    with pytest.raises(InvalidStatus) as refused:
        async with Peer(url, origin=origin):
            pass
    response = refused.value.response
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(response.body or b"")["status"] == response.status_code
    return response.status_code


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "http://localhost",
        "https://guest.example:8443",
        "https://guest.example.evil.example",
        "null",
        "",
    ],
)
@pytest.mark.usefixtures("bystander")
async def test_a_foreign_origin(server: ServerProcess, origin: str) -> None:
    """SES-4: the page of another origin gets 403 before the upgrade."""
    assert await refusal(server.ws(), origin) == HTTPStatus.FORBIDDEN


async def test_an_origin_that_may(server: ServerProcess) -> None:
    """SES-4: the server's own origin, one that is allowed, and none at all are let in."""
    own = f"127.0.0.1:{server.port}"
    for origin in (f"http://{own}", f"https://{own}", GUEST, GUEST.upper(), None):
        async with Peer(server.ws(), origin=origin) as peer:
            assert peer.welcome.width == 256


@pytest.mark.parametrize("name", ["other", "Main", "main.sqlite3", "%00", "%2e%2e", "x" * 300])
@pytest.mark.usefixtures("bystander")
async def test_an_unknown_canvas(server: ServerProcess, name: str) -> None:
    """SES-4: a canvas that isn't there is 404, and none is made by asking."""
    assert await refusal(server.ws(name)) == HTTPStatus.NOT_FOUND
    assert [file.name for file in server.canvas_file().parent.glob("*.sqlite3")] == ["main.sqlite3"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/ws",
        "/c/main",
        "/c/main/ws/",
        "/c/main/ws/x",
        "/c/main/ws%0a",
        "/c//ws",
        "/c/main/tiles/0/0/0.png",
        "/c/main/stats",
        "/healthz",
        "/x%0ay",
        "http://127.0.0.1/c/main/ws/",
    ],
)
@pytest.mark.usefixtures("bystander")
async def test_where_there_is_no_websocket(server: ServerProcess, path: str) -> None:
    """SES-4, HTTP-5: an upgrade at any other path is 404, from whatever origin."""
    async with RawSocket(server.port) as raw:
        await raw.send(raw.request(path, headers="Origin: https://evil.example\r\n"))
        await problem_in(raw, HTTPStatus.NOT_FOUND)


async def problem_in(raw: RawSocket, status: HTTPStatus) -> str:
    """The head of an answer, which has to be a problem, after which it is hung up."""
    head = (await raw.read_head()).decode().lower() + "\r\n"
    assert head.startswith(f"http/1.1 {status} ")
    assert "\r\ncontent-type: application/problem+json\r\n" in head
    await raw.ended(within_s=2)
    return head


UPGRADE, KEY, VERSION_13 = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\n",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "Sec-WebSocket-Version: 13\r\n",
)
NO_HANDSHAKES: dict[str, tuple[str, str, HTTPStatus]] = {
    "version 12": (
        "GET /c/main/ws HTTP/1.1",
        UPGRADE + KEY + "Sec-WebSocket-Version: 12\r\n",
        HTTPStatus.UPGRADE_REQUIRED,
    ),
    "no version": ("GET /c/main/ws HTTP/1.1", UPGRADE + KEY, HTTPStatus.UPGRADE_REQUIRED),
    "two versions": (
        "GET /c/main/ws HTTP/1.1",
        UPGRADE + KEY + VERSION_13 + VERSION_13,
        HTTPStatus.UPGRADE_REQUIRED,
    ),
    "HTTP/1.0": (
        "GET /c/main/ws HTTP/1.0",
        UPGRADE + KEY + VERSION_13,
        HTTPStatus.UPGRADE_REQUIRED,
    ),
    "two protocols": (
        "GET /c/main/ws HTTP/1.1",
        "Upgrade: h2c\r\n" + UPGRADE + KEY + VERSION_13,
        HTTPStatus.UPGRADE_REQUIRED,
    ),
    "no key": ("GET /c/main/ws HTTP/1.1", UPGRADE + VERSION_13, HTTPStatus.BAD_REQUEST),
    "a short key": (
        "GET /c/main/ws HTTP/1.1",
        UPGRADE + "Sec-WebSocket-Key: c2hvcnQ=\r\n" + VERSION_13,
        HTTPStatus.BAD_REQUEST,
    ),
    "a key that is none": (
        "GET /c/main/ws HTTP/1.1",
        UPGRADE + "Sec-WebSocket-Key: \xff\xff\r\n" + VERSION_13,
        HTTPStatus.BAD_REQUEST,
    ),
    "two keys": (
        "GET /c/main/ws HTTP/1.1",
        UPGRADE + KEY + KEY + VERSION_13,
        HTTPStatus.BAD_REQUEST,
    ),
    "two origins": (
        "GET /c/main/ws HTTP/1.1",
        UPGRADE + KEY + VERSION_13 + "Origin: https://a.example\r\n" * 2,
        HTTPStatus.BAD_REQUEST,
    ),
    "subprotocols that are no list": (
        "GET /c/main/ws HTTP/1.1",
        UPGRADE + KEY + VERSION_13 + "Sec-WebSocket-Protocol: tilecast v1\r\n",
        HTTPStatus.BAD_REQUEST,
    ),
    "POST": (
        "POST /c/main/ws HTTP/1.1",
        UPGRADE + KEY + VERSION_13 + "Content-Length: 0\r\n",
        HTTPStatus.METHOD_NOT_ALLOWED,
    ),
    "an unknown canvas": ("GET /c/other/ws HTTP/1.1", UPGRADE + KEY, HTTPStatus.NOT_FOUND),
}


@pytest.mark.parametrize(
    ("line", "headers", "status"), NO_HANDSHAKES.values(), ids=NO_HANDSHAKES.keys()
)
@pytest.mark.usefixtures("bystander")
async def test_no_handshake(
    server: ServerProcess, line: str, headers: str, status: HTTPStatus
) -> None:
    """SES-13, HTTP-5: it is answered by a problem, which tells the version; what follows isn't."""
    async with RawSocket(server.port) as raw:
        request = f"{line}\r\nHost: 127.0.0.1:{server.port}\r\n{headers}\r\n".encode("latin-1")
        await raw.send(request + request)
        head = await problem_in(raw, status)
    tells = status == HTTPStatus.UPGRADE_REQUIRED
    assert ("\r\nsec-websocket-version: 13\r\n" in head) == tells
    assert ("\r\nupgrade: websocket\r\n" in head) == tells
    assert ("\r\nallow: get, head\r\n" in head) == (status == 405)
    assert "unsupported upgrade" not in server.log.lower()


@pytest.mark.usefixtures("bystander")
async def test_an_offer_of_another_protocol(server: ServerProcess) -> None:
    """HTTP-2: whoever would rather speak HTTP/2 gets the answer by HTTP/1.1."""
    offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    async with RawSocket(server.port) as raw:
        for _ in range(2):
            await raw.send(f"HEAD /healthz HTTP/1.1\r\nHost: x\r\n{offer}\r\n".encode())
            assert (await raw.read_head()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.usefixtures("bystander")
async def test_another_subprotocol(server: ServerProcess) -> None:
    """SES-2: who offers subprotocols, but not this one, gets 4406; who offers none is let in."""
    async with Peer(server.ws(), subprotocols=("tilecast.v2",), hello=False) as peer:
        assert await peer.closed() == CloseCode.BAD_VERSION
    async with Peer(server.ws(), subprotocols=("tilecast.v2", "tilecast.v1")) as peer:
        assert peer.welcome.version == 1
    async with Peer(server.ws(), subprotocols=()) as peer:
        assert peer.welcome.version == 1


async def test_no_compression(server: ServerProcess) -> None:
    """SES-4: an offer of permessage-deflate is declined."""
    offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
    async with RawSocket(server.port) as raw:
        await raw.send(raw.request(headers=offer))
        answer = await raw.read_head()
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"extensions" not in answer.lower()
    assert re.search(rb"(?i)sec-websocket-protocol: tilecast\.v1", answer)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(f"X-Long: {'x' * 9000}\r\n", id="a-long-line"),
        pytest.param("X-Many: x\r\n" * 200, id="many-lines"),
        pytest.param(f"X-Long: {'x' * 1_000_000}\r\n", id="a-megabyte"),
    ],
)
@pytest.mark.usefixtures("bystander")
async def test_headers_beyond_all_measure(server: ServerProcess, headers: str) -> None:
    """SES-5: an upgrade with headers that aren't read is refused at once, not kept."""
    async with RawSocket(server.port) as raw:
        try:
            assert await raw.upgrade(headers=headers) in {0, 431}
        except ConnectionError:
            return  # hung up in the middle of them
        await raw.ended(within_s=2)


async def test_the_limit_of_connections(launch: Launch) -> None:
    """SES-7: over the limit of connections one is closed with 1013; a place given up is free."""
    server = launch("--max-connections", "4")
    async with Bystander(server.ws()):
        async with Peer(server.ws()), Peer(server.ws(), hello=False) as fourth:
            async with Peer(server.ws(), hello=False) as fifth:
                assert await fifth.closed() == CloseCode.TRY_LATER
            fourth.abort()
            await until_stats(server, lambda figures: figures["sessions"] == 3)
            async with Peer(server.ws()) as another:
                assert another.close_code is None
        await until_stats(server, lambda figures: figures["sessions"] == 2)
        for _ in range(10):
            async with Peer(server.ws()), Peer(server.ws()):
                pass
            await until_stats(server, lambda figures: figures["sessions"] == 2)


async def test_the_limit_for_each_address(launch: Launch) -> None:
    """SES-7: an address's limit closes with 1013; X-Forwarded-For from anybody counts nothing."""
    server = launch("--max-connections-per-address", "3")
    async with Bystander(server.ws()), Peer(server.ws()):
        forged = {"X-Forwarded-For": "203.0.113.9"}
        async with Peer(server.ws(), hello=False, headers=forged) as peer:
            assert await peer.closed() == CloseCode.TRY_LATER


async def test_addresses_seen_through_a_trusted_proxy(launch: Launch) -> None:
    """SES-7: behind a trusted proxy each address has its own limit."""
    server = launch("--max-connections-per-address", "1", "--trusted-proxies", "127.0.0.0/8")
    first, second = ({"X-Forwarded-For": f"203.0.113.{number}"} for number in (1, 2))
    async with Peer(server.ws(), headers=first), Peer(server.ws(), headers=second):
        for headers in (first, second):
            async with Peer(server.ws(), hello=False, headers=headers) as peer:
                assert await peer.closed() == CloseCode.TRY_LATER
