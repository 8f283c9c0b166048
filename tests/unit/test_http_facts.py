"""Lists, figures, health, and what all answers have in common."""

import asyncio
import math
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from protocol.messages import Pixel, Viewport
from server.app import create_app
from server.http.tilegrid import TileGrid
from server.http.tilejson import mercator_bounds
from tests.http_rig import problem_of, serving, settings_in

OPEN = (
    "/c/main/tiles/0/0/0.png",
    "/c/main/tiles/9/9/9.png",
    "/c/main/region.png?x0=0&y0=0&x1=1&y1=1",
    "/c/main/region.png",
    "/c/main/tilejson.json",
    "/c/main/stats",
    "/c/main/pixel/1/1",
    "/c/main/pixel/9999/1",
    "/c/main/activity",
    "/c/other/stats",
)
CLOSED = ("/", "/c/main", "/api/canvases", "/healthz", "/nothing")


async def test_tilejson(tmp_path: Path) -> None:
    """TileJSON 3.0.0 of each size, with addresses that work."""
    async with serving(settings_in(tmp_path, width=700, height=300)) as site:
        for size, max_zoom in (("256", 2), ("64", 4), ("512", 1)):
            answer = await site.get(f"/c/main/tilejson.json?size={size}")
            body = answer.json()
            assert body["tilejson"] == "3.0.0"
            assert body["tileSize"] == int(size)
            assert (body["minzoom"], body["maxzoom"]) == (0, max_zoom)
            assert body["canvas"]["name"] == "main"
            assert (body["canvas"]["width"], body["canvas"]["height"]) == (700, 300)
            (template,) = body["tiles"]
            assert template.startswith("http://tilecast.test/c/main/tiles/")
            address = template.format(z=max_zoom, x=0, y=0)
            assert (await site.get(address)).status_code == 200
        await site.problem("/c/main/tilejson.json?size=100", 422)


def test_tilejson_bounds() -> None:
    """The canvas's place in a Web Mercator world, as map libraries compute it."""
    west, south, east, north = mercator_bounds(TileGrid(256, 1024, 512))
    assert (west, east) == (-180, 180)
    assert math.isclose(north, 85.0511287798066)
    assert math.isclose(south, 0, abs_tol=1e-9)
    # A canvas that doesn't fill zoom 0.
    west, south, east, north = mercator_bounds(TileGrid(256, 64, 128))
    assert (west, east) == (-180, -90)
    assert math.isclose(south, 0, abs_tol=1e-9)


async def test_tilejson_behind_a_proxy(tmp_path: Path) -> None:
    """The scheme that a trusted proxy names counts, anybody else's doesn't."""
    for trusted, scheme in ((("127.0.0.0/8",), "https"), (("10.0.0.0/8",), "http"), ((), "http")):
        settings = settings_in(tmp_path, trusted_proxies=trusted)
        async with serving(settings) as site:
            answer = await site.get("/c/main/tilejson.json", x_forwarded_proto="https")
            assert answer.json()["tiles"][0].startswith(f"{scheme}://tilecast.test/c/")


async def test_root_path(tmp_path: Path) -> None:
    """Below a proxy's path the addresses have that path, and stay open."""
    async with serving(settings_in(tmp_path, root_path="/art")) as site:
        for path in ("/art/c/main/tilejson.json", "/c/main/tilejson.json"):
            answer = await site.get(path)
            assert answer.json()["tiles"][0].startswith("http://tilecast.test/art/c/main/")
            assert answer.headers["access-control-allow-origin"] == "*"


async def test_stats(tmp_path: Path) -> None:
    """What is connected and drawn is counted."""
    async with serving(settings_in(tmp_path)) as site:
        await site.paint(Pixel(1, 1, 2, 3, 4), Pixel(500, 1, 2, 3, 4))
        session = site.painter()
        body = (await site.get("/c/main/stats")).json()
        assert body["sessions"] == 1
        assert (body["seq"], body["durable_seq"], body["tiles"]) == (2, 2, 2)
        assert body["epoch"] == site.hub().epoch
        assert (body["subscriptions"], body["stale"]) == (0, 0)
        session.lost()
        assert (await site.get("/c/main/stats")).json()["sessions"] == 0


async def test_stats_count_what_is_watched(tmp_path: Path) -> None:
    """Each tile of a viewport is live or stale."""
    from protocol.codec import encode

    async with serving(settings_in(tmp_path)) as site:
        session = site.painter()
        session.receive(encode(Viewport(0, 0, 0, 127, 191, ())))
        async with httpx2.AsyncClient():
            for _ in range(100):
                body = (await site.get("/c/main/stats")).json()
                if body["subscriptions"] == 6:
                    break
        assert (body["subscriptions"], body["stale"]) == (6, 0)
        session.lost()


async def test_canvases(tmp_path: Path) -> None:
    """Every canvas by name, and the default one."""
    settings = settings_in(tmp_path, canvas="alpha", width=10, height=20, background=(255, 128, 0))
    async with serving(settings) as site:
        body = (await site.get("/api/canvases")).json()
        assert body["default"] == "alpha"
        (canvas,) = body["canvases"]
        assert canvas == {
            "name": "alpha",
            "title": "",
            "width": 10,
            "height": 20,
            "levels": 1,
            "background": "#ff8000",
            "palette": None,
            "frozen": False,
        }


async def test_health(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP-7: alive from the first moment, ready when every canvas is open, until the stop."""
    recovered = asyncio.Event()

    async def run_when_asked(work: Callable[[], object]) -> object:
        await recovered.wait()
        return work()

    monkeypatch.setattr("server.canvases.run_in_daemon", run_when_asked)
    app = create_app(settings_in(tmp_path))
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://tilecast.test") as http:
        async with app.router.lifespan_context(app):
            assert (await http.get("/healthz")).json() == {"status": "ok"}
            problem_of(await http.get("/readyz"), 503)
            answer = await http.get("/c/main/stats")
            problem_of(answer, 503)
            assert "retry-after" in answer.headers
            problem_of(await http.get("/api/canvases"), 503)
            recovered.set()
            await app.state.opening
            assert (await http.get("/readyz")).json() == {"ready": True}
            assert (await http.get("/c/main/stats")).status_code == 200
        problem_of(await http.get("/readyz"), 503)
        problem_of(await http.get("/c/main/stats"), 503)
        assert (await http.get("/healthz")).status_code == 200


async def test_open_to_any_origin(tmp_path: Path) -> None:
    """HTTP-6: what shows the canvas may be read by any page, its errors too; the rest not."""
    async with serving(settings_in(tmp_path)) as site:
        for path in OPEN:
            answer = await site.get(path, origin="https://elsewhere.test")
            assert answer.headers["access-control-allow-origin"] == "*"
            exposed = answer.headers["access-control-expose-headers"].split(", ")
            assert exposed == ["ETag", "Retry-After", "X-Request-ID", "X-Tile-Seq"]
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
            preflight = await site.http.options(path)
            assert preflight.status_code == 204
            assert "If-None-Match" in preflight.headers["access-control-allow-headers"]
        for path in CLOSED:
            answer = await site.get(path, origin="https://elsewhere.test")
            assert "access-control-allow-origin" not in answer.headers


async def test_head_is_get_without_a_body(tmp_path: Path) -> None:
    """The same status and headers, whatever is asked for."""
    async with serving(settings_in(tmp_path)) as site:
        for path in (*OPEN, "/api/canvases", "/readyz", "/docs", "/nothing"):
            get, head = await site.get(path), await site.http.head(path)
            assert head.status_code == get.status_code
            assert head.content == b""
            for each in (get, head):
                each.headers.pop("x-request-id", None)  # each has its own
            assert dict(head.headers) == dict(get.headers)


async def test_other_methods(tmp_path: Path) -> None:
    """HTTP-5: 405 names what is possible; a path that isn't there is 404 for every method."""
    async with serving(settings_in(tmp_path)) as site:
        for path in ("/", "/c/main", "/c/main/ws", "/api/canvases", *OPEN):
            answer = await site.http.post(path)
            problem_of(answer, 405)
            also = ", OPTIONS" if path in OPEN else ""
            assert answer.headers["allow"] == f"GET, HEAD{also}"
        for path in ("/nothing", "/c", "/c/main/nothing", "/api", "/c/main/tiles"):
            problem_of(await site.get(path), 404)
            problem_of(await site.http.post(path), 404)


@pytest.mark.parametrize("path", ["/c/main", "/c/main/ws", "/healthz", "/docs", *OPEN[:7]])
async def test_a_path_that_goes_on(tmp_path: Path, path: str) -> None:
    """HTTP-14: with a line end, which the patterns of routes overlook, it is another one."""
    async with serving(settings_in(tmp_path)) as site:
        before, mark, query = path.partition("?")
        await site.problem(f"{before}%0a{mark}{query}", 404)


async def test_every_answer_is_safe(tmp_path: Path) -> None:
    """Nothing is sniffed, and nothing but a page may run."""
    async with serving(settings_in(tmp_path)) as site:
        for path in (*OPEN, *CLOSED, "/docs", "/openapi.json"):
            headers = (await site.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"]
            assert headers["referrer-policy"] == "same-origin"


async def test_an_unforeseen_error_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP-5: and tells nothing of what went wrong inside."""
    async with serving(settings_in(tmp_path)) as site:

        def fail() -> None:
            raise RuntimeError("a secret of the inside")

        monkeypatch.setattr(site.hub(), "stats", fail)
        transport = httpx2.ASGITransport(site.app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://t.test") as http:
            body = problem_of(await http.get("/c/main/stats"), 500)
        assert "secret" not in str(body)


async def test_reference(tmp_path: Path) -> None:
    """The OpenAPI description is complete, and /docs shows all of it without a script."""
    async with serving(settings_in(tmp_path)) as site:
        schema = (await site.get("/openapi.json")).json()
        page = await site.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "<script" not in page.text
        for path, operations in schema["paths"].items():
            assert path in page.text
            assert operations["get"]["summary"]
            for operation in operations.values():
                assert ("security" in operation) == path.startswith("/api/admin/")
        for path in (
            "/c/{canvas}/tiles/{z}/{x}/{y}.png",
            "/c/{canvas}/tiles/{size}/{z}/{x}/{y}@2x.webp",
            "/c/{canvas}/region.png",
            "/c/{canvas}/tilejson.json",
            "/c/{canvas}/pixel/{x}/{y}",
            "/c/{canvas}/activity",
            "/c/{canvas}/stats",
            "/api/canvases",
            "/healthz",
            "/readyz",
        ):
            assert path in schema["paths"]
        assert any(path.startswith("/api/admin/") for path in schema["paths"])
