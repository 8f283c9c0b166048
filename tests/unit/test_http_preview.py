"""What a link to a canvas shows elsewhere."""

import re
from html import unescape
from importlib import resources
from pathlib import Path

import pytest

from server.http.preview import with_preview
from server.schemas import NewCanvas
from tests.http_rig import serving, settings_in
from tiles.log.base import CanvasInfo

PAGE = Path(__file__).resolve().parents[2] / "viewer" / "index.html"


@pytest.fixture(autouse=True)
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The viewer's page as it is in the source."""
    static = tmp_path / "server" / "static"
    static.mkdir(parents=True)
    (static / "index.html").write_bytes(PAGE.read_bytes())
    monkeypatch.setattr(resources, "files", lambda _: tmp_path / "server")


def properties(page: str) -> dict[str, str]:
    """The Open Graph properties of a page."""
    found = re.findall(r'<meta property="(og:[\w:]+)" content="([^"]*)" />', page)
    assert len(found) == len(dict(found)), "a property is said twice"
    return {key: unescape(value) for key, value in found}


async def test_each_canvas_has_its_own(tmp_path: Path) -> None:
    """UI-22: title and picture of the canvas that the address names, whatever the title is."""
    title = 'Tea & "cake" </title><script>alert(1)</script>'
    async with serving(settings_in(tmp_path, width=512, height=256)) as site:
        new = NewCanvas(name="wall", title=title, width=4000, height=1000, background=(1, 2, 3))
        await site.canvases.create(new.name, new.info(), None)
        page = (await site.get("/c/wall")).text
        assert "<script>alert" not in page
        assert unescape(re.findall("<title>(.*?)</title>", page)[0]) == f"{title} · Tilecast"
        said = properties(page)
        assert said["og:title"] == title
        assert said["og:url"] == "http://tilecast.test/c/wall"
        assert "4000 × 1000" in said["og:description"]
        picture = await site.image(said["og:image"])
        assert picture.shape == (250, 1000, 3)
        assert picture[0, 0].tolist() == [1, 2, 3]
        assert (said["og:image:width"], said["og:image:height"]) == ("1000", "250")

        said = properties((await site.get("/")).text)
        assert said["og:title"] == "main"
        assert said["og:url"] == "http://tilecast.test/c/main"
        assert (await site.image(said["og:image"])).shape == (512, 1024, 3)


async def test_addresses_are_those_that_the_reader_sees(tmp_path: Path) -> None:
    """Behind a proxy: its scheme, its name, its path."""
    settings = settings_in(tmp_path, root_path="/art", trusted_proxies=("127.0.0.1/32",))
    async with serving(settings) as site:
        answer = await site.get("/art/", host="canvas.example", x_forwarded_proto="https")
        said = properties(answer.text)
        assert said["og:url"] == "https://canvas.example/art/c/main"
        assert said["og:image"].startswith("https://canvas.example/art/c/main/region.png?")
        assert 'href="/art/manifest.webmanifest"' in answer.text
        answer = await site.get("/art/", host='x"><script>')
        assert "<script>" not in re.sub(r"<script type=.*?</script>", "", answer.text)


async def test_a_new_title_is_a_new_page(tmp_path: Path) -> None:
    """The page's tag is its content's."""
    async with serving(settings_in(tmp_path)) as site:
        before = (await site.get("/c/main")).headers["etag"]
        assert (await site.get("/c/main")).headers["etag"] == before
        assert (await site.get("/c/main", host="other.test")).headers["etag"] != before


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [
        (1, 1, (64, 64)),
        (100, 40, (1200, 480)),
        (1200, 800, (1200, 800)),
        (1201, 800, (601, 400)),
        (65536, 65536, (1024, 1024)),
        (65536, 64, (1024, 1)),
    ],
)
def test_the_picture_has_a_size_to_be_shown(width: int, height: int, size: tuple[int, int]) -> None:
    """At most 1,200 pixels a side, and as large as it can be crisply."""
    info = CanvasInfo(width, height)
    said = properties(with_preview(PAGE.read_bytes(), "http://a.test", "main", info).decode())
    assert (said["og:image:width"], said["og:image:height"]) == tuple(map(str, size))
