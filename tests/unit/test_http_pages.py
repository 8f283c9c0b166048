"""The viewer's page and files, built or not."""

import gzip
from importlib import resources
from pathlib import Path

import pytest

from tests.http_rig import serving, settings_in

INDEX = b"""<!doctype html><script type="module" src="/assets/index-AbCd_123.js"></script>
<link rel="icon" href="/assets/icon.svg"><p>A viewer</p>"""
SCRIPT = b"export const answer = 42;\n" * 100


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built viewer, small."""
    static = tmp_path / "server" / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_bytes(INDEX)
    (static / ".built-from").write_text("sources")
    (static / "manifest.webmanifest").write_text("{}")
    (static / "assets" / "index-AbCd_123.js").write_bytes(SCRIPT)
    (static / "assets" / "icon.svg").write_text("<svg/>")
    monkeypatch.setattr(resources, "files", lambda _: tmp_path / "server")
    return static


async def test_pages(tmp_path: Path, built: Path) -> None:
    """The same page for the default canvas and any other; it runs no script but its own."""
    async with serving(settings_in(tmp_path)) as site:
        for path in ("/", "/c/main"):
            answer = await site.get(path)
            assert answer.content == INDEX
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert answer.headers["cache-control"] == "no-cache"
            policy = answer.headers["content-security-policy"]
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            tag = answer.headers["etag"]
            assert (await site.get(path, if_none_match=tag)).status_code == 304
        await site.problem("/c/other", 404)
        await site.problem("/index.html", 404)


async def test_files(tmp_path: Path, built: Path) -> None:
    """Hashed names never expire, others are checked; what isn't part of it isn't there."""
    async with serving(settings_in(tmp_path)) as site:
        script = await site.get("/assets/index-AbCd_123.js", accept_encoding="identity")
        assert script.content == SCRIPT
        assert script.headers["content-type"] == "text/javascript; charset=utf-8"
        assert "immutable" in script.headers["cache-control"]
        icon = await site.get("/assets/icon.svg")
        assert icon.headers["cache-control"] == "no-cache"
        assert icon.headers["content-type"] == "image/svg+xml"
        manifest = await site.get("/manifest.webmanifest")
        assert manifest.headers["content-type"] == "application/manifest+json"
        for path in (
            "/assets/nothing.js",
            "/assets/",
            "/.built-from",
            "/assets/../index.html",
            "/assets/%2e%2e/%2e%2e/app.py",
            "/assets//etc/passwd",
            "/favicon.ico",
        ):
            await site.problem(path, 404)


async def test_compression(tmp_path: Path, built: Path) -> None:
    """Text is sent zipped to who takes that, under a tag of its own."""
    async with serving(settings_in(tmp_path)) as site:
        path = "/assets/index-AbCd_123.js"
        plain = await site.get(path, accept_encoding="identity")
        zipped = await site.get(path, accept_encoding="br, gzip")
        assert "content-encoding" not in plain.headers
        assert zipped.headers["content-encoding"] == "gzip"
        assert zipped.content == SCRIPT
        assert int(zipped.headers["content-length"]) == len(gzip.compress(SCRIPT, mtime=0))
        assert zipped.headers["etag"] != plain.headers["etag"]
        assert zipped.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
        refused = await site.get(path, accept_encoding="gzip;q=0, identity")
        assert "content-encoding" not in refused.headers


async def test_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a viewer the server serves the rest, and says how to get one; then it is there."""
    monkeypatch.setattr(resources, "files", lambda _: tmp_path / "server")
    async with serving(settings_in(tmp_path)) as site:
        for path in ("/", "/c/main"):
            assert "make serve" in (await site.problem(path, 503))["detail"]
        assert (await site.get("/c/main/tiles/0/0/0.png")).status_code == 200
        (tmp_path / "server" / "static").mkdir(parents=True)
        (tmp_path / "server" / "static" / "index.html").write_bytes(INDEX)
        assert (await site.get("/")).content == INDEX


@pytest.mark.parametrize(
    ("allowed", "ancestors", "frame_options"),
    [
        (("*",), "*", None),
        (("https://a.test", "http://b.test:81"), "https://a.test http://b.test:81", None),
        ((), "'none'", "DENY"),
    ],
)
async def test_framing(
    tmp_path: Path,
    built: Path,
    allowed: tuple[str, ...],
    ancestors: str,
    frame_options: str | None,
) -> None:
    """Who may show the viewer in a frame is a setting; nobody frames anything else."""
    async with serving(settings_in(tmp_path, allow_framing=allowed)) as site:
        headers = (await site.get("/")).headers
        assert headers["content-security-policy"].endswith(f"frame-ancestors {ancestors}")
        assert headers.get("x-frame-options") == frame_options
        other = (await site.get("/docs")).headers["content-security-policy"]
        assert "frame-ancestors 'none'" in other


async def test_below_a_root_path(tmp_path: Path, built: Path) -> None:
    """Behind a proxy's path the page's links have that path."""
    async with serving(settings_in(tmp_path, root_path="/art/wall")) as site:
        page = (await site.get("/art/wall/")).text
        assert 'src="/art/wall/assets/index-AbCd_123.js"' in page
        assert 'href="/art/wall/assets/icon.svg"' in page
        assert (await site.get("/art/wall/assets/icon.svg")).status_code == 200


async def test_a_websocket_path_wants_a_websocket(tmp_path: Path) -> None:
    """Plain HTTP at the WebSocket's path is told what to speak."""
    async with serving(settings_in(tmp_path)) as site:
        await site.problem("/c/main/ws", 426)
        await site.problem("/c/other/ws", 404)
