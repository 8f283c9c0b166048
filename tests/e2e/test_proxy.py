"""Behind a real nginx, with the configuration that is shipped: at its root, and below a path."""

import asyncio
import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import pytest

from protocol.errors import CloseCode
from protocol.messages import SUBPROTOCOL, Pixel, Rect
from scripts import viewer_build
from tests.e2e.conftest import Launch
from tests.nginx import NGINX, Nginx
from tests.peer import Peer
from tests.process import ServerProcess

pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx isn't installed (apt-get install nginx-light)"
)

ROOT = Path(__file__).resolve().parents[2]
ROOTS = ("", "/art")
PROXY = ("--trusted-proxies", "127.0.0.1")
LINK = re.compile(r"""(?:href|src|content)="([^"]+)\"""")
IMPORT = re.compile(r"""(?:from|import\()["'`](\.[^"'`]+)["'`]""")
PRELOADED = re.compile(r"\bm\.f=\[([^\]]*)\]")
"""What Vite has a script load before another."""
WITHIN_S = 30.0


class Front:
    """A server, nginx before it, and the path that it has there."""

    def __init__(self, server: ServerProcess, nginx: Nginx, root: str) -> None:
        self.server = server
        self.nginx = nginx
        self.root = root
        self.origin = f"https://127.0.0.1:{nginx.port}"

    async def get(self, path: str, source: str = "127.0.0.1", **headers: str) -> httpx2.Response:
        """GET a path below the root, through nginx."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        transport = httpx2.AsyncHTTPTransport(verify=self.nginx.context, local_address=source)
        async with httpx2.AsyncClient(transport=transport, timeout=WITHIN_S) as client:
            return await client.get(f"{self.origin}{self.root}{path}", headers=named)

    def peer(self, source: str = "127.0.0.1", **options: Any) -> Peer:
        """A client by WebSocket, through nginx."""
        url = f"wss://127.0.0.1:{self.nginx.port}{self.root}/c/main/ws"
        return _TlsPeer(url, self.nginx.context, source, **options)


class _TlsPeer(Peer):
    def __init__(self, url: str, context: ssl.SSLContext, source: str, **options: Any) -> None:
        super().__init__(url, **options)
        self._options |= {"ssl": context, "local_addr": (source, 0)}


@pytest.fixture(scope="module")
def fronts(launch: Launch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Front]]:
    """One at the root, one below /art; the viewer is built."""
    viewer_build.ensure_node(ROOT)
    viewer_build.build(ROOT)
    servers = {
        "": launch(*PROXY, "--max-connections-per-address", "2"),
        "/art": launch(*PROXY, "--root-path", "/art"),
    }
    folder = tmp_path_factory.mktemp("nginx")
    with (
        Nginx(folder / "root", servers[""].port) as root,
        Nginx(folder / "below", servers["/art"].port, below="tilecast-subpath.inc") as below,
    ):
        yield {"": Front(servers[""], root, ""), "/art": Front(servers["/art"], below, "/art")}
        for nginx in (root, below):
            assert not re.search(r"\[(crit|alert|emerg)\]", nginx.log), nginx.log


@pytest.fixture(params=ROOTS, ids=["at the root", "below a path"])
def front(fronts: dict[str, Front], request: pytest.FixtureRequest) -> Front:
    """One or the other."""
    return fronts[request.param]


async def test_painting(front: Front) -> None:
    """OPS-4: over TLS and an upgrade, a page of the site's own origin paints and sees."""
    async with front.peer(origin=front.origin) as painter, Peer(front.server.ws()) as viewer:
        await viewer.look(0, 0, 63, 63)
        await painter.look(0, 0, 63, 63)
        await painter.draw(Pixel(3, 4, 5, 6, 7))
        await painter.durable()
        await viewer.expect(Pixel, lambda pixel: pixel == Pixel(3, 4, 5, 6, 7))
        await painter.expect(Pixel, lambda pixel: pixel == Pixel(3, 4, 5, 6, 7))


async def test_a_foreign_page(front: Front) -> None:
    """SES-4: the origin is compared with what the browser was told, not with nginx's upstream."""
    for origin in ("https://evil.example", front.server.http):
        assert await upgrade(front, origin) == 403
    assert await upgrade(front, front.origin) == 101


async def upgrade(front: Front, origin: str) -> int:
    """How an upgrade is answered."""
    port, context = front.nginx.port, front.nginx.context
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    lines = (
        f"GET {front.root}/c/main/ws HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Protocol: {SUBPROTOCOL}",
        f"Origin: {origin}",
    )
    writer.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())
    try:
        async with asyncio.timeout(WITHIN_S):
            return int((await reader.readline()).split()[1])
    finally:
        writer.transport.abort()


async def test_tls_and_http_2(fronts: dict[str, Front]) -> None:
    """OPS-4: HTTP/2 is offered, and plain HTTP leads to TLS."""
    nginx = fronts[""].nginx
    context = ssl.create_default_context(cafile=nginx.certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection(
        "127.0.0.1", nginx.port, ssl=context, server_hostname="canvas.example"
    )
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
    writer.close()
    async with httpx2.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{nginx.plain_port}/c/main?embed=1")
    assert answer.status_code == 308
    assert answer.headers["location"] == "https://127.0.0.1/c/main?embed=1"


async def test_tiles_from_the_cache(front: Front) -> None:
    """OPS-4: the second answer is nginx's, and what is painted comes within seconds."""
    tile = "/c/main/tiles/2/0/0.png"
    async with Peer(front.server.ws()) as painter:
        for red in (100, 200):
            await painter.draw(Rect(0, 0, 0, 99, 99, red, 0, 0))
            seq = (await painter.durable()).seq
            answer = await until(front, tile, partial(_reaches, seq))
            again = await front.get(tile)
            # It may have run out just now: a second is not long on a busy machine.
            kept = await until(front, tile, lambda got: got.headers["x-cache-status"] == "HIT")
            assert again.content == kept.content == answer.content
            assert answer.content == front.server.get(front.root + tile)
            assert answer.headers.get_list("x-request-id") != kept.headers.get_list("x-request-id")
            assert len(kept.headers.get_list("x-request-id")) == 1
            same = await front.get(tile, if_none_match=kept.headers["etag"])
            assert (same.status_code, same.content) == (304, b"")


async def test_an_overview_is_stale_while_it_is_fetched(front: Front) -> None:
    """OPS-4: nobody waits for what the server lets be shown stale; then it is there."""
    tile = "/c/main/tiles/0/0/0.png"
    await until(front, tile, lambda got: got.headers["x-cache-status"] == "HIT")
    seen: set[str] = set()

    def is_stale(got: httpx2.Response) -> bool:
        seen.add(got.headers["x-cache-status"])
        return got.headers["x-cache-status"] in {"STALE", "UPDATING"}

    await until(front, tile, is_stale)
    assert seen <= {"HIT", "STALE", "UPDATING"}
    await until(front, tile, lambda got: got.headers["x-cache-status"] == "HIT")


def _reaches(seq: int, answer: httpx2.Response) -> bool:
    return int(answer.headers["x-tile-seq"]) >= seq


async def until(
    front: Front, path: str, found: Callable[[httpx2.Response], bool]
) -> httpx2.Response:
    """Ask for a path until its answer is as wanted."""
    async with asyncio.timeout(WITHIN_S):
        while not found(answer := await front.get(path)):
            assert answer.status_code == 200
            await asyncio.sleep(0.05)
    return answer


async def test_addresses(fronts: dict[str, Front]) -> None:
    """SES-7: limits are for the client's address, as nginx sees it, whatever the client says."""
    front = fronts[""]
    lie = {"X-Forwarded-For": "192.0.2.7"}
    async with (
        front.peer("127.0.0.2") as first,
        front.peer("127.0.0.2", headers=lie) as second,
        front.peer("127.0.0.3", headers={"X-Forwarded-For": "127.0.0.2"}) as other,
    ):
        async with front.peer("127.0.0.2", hello=False, headers=lie) as third:
            assert await third.closed() == CloseCode.TRY_LATER
        assert {peer.close_code for peer in (first, second, other)} == {None}
    metrics = front.server.get("/metrics").decode()
    assert 'tilecast_closes_total{canvas="main",code="1013"} 1.0' in metrics


async def test_sockets_of_one_address(fronts: dict[str, Front]) -> None:
    """OPS-4: who opens them without end is stopped by nginx."""
    front = fronts["/art"]
    statuses = [await upgrade(front, front.origin) for _ in range(60)]
    assert 429 in statuses
    assert set(statuses) == {101, 429}


async def test_what_is_not_for_the_public(front: Front) -> None:
    """OPS-4: figures and administration are for who goes past nginx."""
    assert (await front.get("/metrics")).status_code == 404
    assert (await front.get("/api/admin/canvases")).status_code == 404
    assert front.server.get("/metrics")


async def test_every_address_that_is_given_out(front: Front) -> None:
    """OPS-4: the page's files, the preview, TileJSON's, the manifest's and OpenAPI's are there."""
    base = f"{front.origin}{front.root}"
    for path in ("/", "/c/main"):
        page = await front.get(path)
        assert page.status_code == 200
        links = {
            urljoin(base + path, link) for link in LINK.findall(unescape(page.text)) if "/" in link
        }
        links = {link for link in links if not link.endswith(("image/svg+xml", "image/png"))}
        assert len(links) > 5
        await all_there(front, sorted(links))
    tilejson = (await front.get("/c/main/tilejson.json")).json()
    (tiles,) = tilejson["tiles"]
    await all_there(front, [tiles.replace("{z}", "0").replace("{x}", "0").replace("{y}", "0")])
    address = f"{base}/manifest.webmanifest"
    manifest = (await front.get("/manifest.webmanifest")).json()
    icons = [icon["src"] for icon in manifest["icons"]]
    found = [urljoin(address, link) for link in (manifest["start_url"], *icons)]
    assert found[0] == f"{base}/"
    await all_there(front, found)
    description = (await front.get("/openapi.json")).json()
    servers = [server["url"] for server in description.get("servers", [])]
    assert servers == ([front.root] if front.root else [])
    assert "href=openapi.json" in (await front.get("/docs")).text


async def test_scripts_load_scripts(front: Front) -> None:
    """OPS-4: what the page's script loads later is there too."""
    page = await front.get("/")
    pending = [urljoin(front.origin, link) for link in LINK.findall(page.text) if ".js" in link]
    seen: set[str] = set()
    while pending:
        address = pending.pop()
        if address in seen:
            continue
        seen.add(address)
        assert address.startswith(f"{front.origin}{front.root}/assets/")
        script = await front.get(address.removeprefix(f"{front.origin}{front.root}"))
        assert script.status_code == 200, address
        pending += [urljoin(address, link) for link in IMPORT.findall(script.text)]
        for listed in PRELOADED.findall(script.text):
            links = json.loads(f"[{listed}]")
            assert all(link.startswith("./") for link in links), address
            pending += [urljoin(address, link) for link in links if link.endswith(".js")]
    assert len(seen) > 5


async def all_there(front: Front, addresses: Sequence[str]) -> None:
    """Each is below the root, over TLS, and is answered."""
    for address in addresses:
        assert address.startswith(f"{front.origin}{front.root}/"), address
        answer = await front.get(address.removeprefix(f"{front.origin}{front.root}"))
        assert answer.status_code == 200, address


async def test_redirects(front: Front) -> None:
    """OPS-4: they stay on the site, over TLS, below the path."""
    answer = await front.get("/c/main/")
    assert answer.status_code in {307, 308}
    assert answer.headers["location"] == f"{front.origin}{front.root}/c/main"
    if front.root:
        above = await Front(front.server, front.nginx, "").get(front.root)
        assert (above.status_code, above.headers["location"]) == (308, f"{front.root}/")


async def test_one_id(fronts: dict[str, Front]) -> None:
    """OPS-3: the server takes nginx's, and nobody's before that."""
    front = fronts[""]
    ids = (await front.get("/c/main/stats", x_request_id="chosen-by-a-client")).headers.get_list(
        "x-request-id"
    )
    assert len(ids) == 1
    assert re.fullmatch("[0-9a-f]{32}", ids[0])


async def test_while_the_server_is_away(launch: Launch, tmp_path: Path) -> None:
    """OPS-4: cached tiles are shown; a client comes back through nginx with the server."""
    server = launch(*PROXY)
    with Nginx(tmp_path / "nginx", server.port) as nginx:
        front = Front(server, nginx, "")
        tile = "/c/main/tiles/2/0/0.png"
        async with front.peer() as peer:
            session = peer.welcome.session
            await peer.draw(Pixel(1, 1, 1, 1, 1))
            await peer.durable()
            shown = await front.get(tile)
            server.stop_well()
            assert await peer.closed() == CloseCode.RESTARTING
        assert (await front.get(tile)).content == shown.content
        assert (await front.get("/c/main/stats")).status_code == 502
        server.start()
        await until_up(front)
        async with front.peer(session=session) as back:
            assert back.welcome.handled == 1


async def test_nodes_that_are_away(launch: Launch, tmp_path: Path) -> None:
    """OPS-4: of three nodes one is enough, and nobody notices."""
    server = launch(*PROXY)
    with socket.socket() as one, socket.socket() as other:
        for nobody in (one, other):
            nobody.bind(("127.0.0.1", 0))  # and doesn't listen: refused
        ports = (one.getsockname()[1], server.port, other.getsockname()[1])
        with Nginx(tmp_path / "nginx", *ports) as nginx:
            front = Front(server, nginx, "")
            for _ in range(5):
                assert (await front.get("/c/main/stats")).status_code == 200
            async with front.peer() as peer:
                await peer.draw(Pixel(1, 1, 1, 1, 1))
                await peer.durable()


async def until_up(front: Front) -> None:
    """nginx looks at a server that was away again after a while."""
    async with asyncio.timeout(WITHIN_S):
        while (await front.get("/healthz")).status_code != 200:  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.1)
