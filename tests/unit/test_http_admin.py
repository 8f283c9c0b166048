"""What the command line does beside a running server."""

import base64
import io
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image

from protocol.codec import encode
from protocol.messages import Pixel
from tests.http_rig import TOKEN, Pixels, Site, problem_of, serving, settings_in
from tiles.log.base import LogError

PATH = "/api/admin/canvases"
NEW = {"name": "second", "width": 300, "height": 200, "background": "#102030"}


async def ask(
    site: Site, method: str, path: str = "", body: Any = None, token: str = TOKEN
) -> httpx2.Response:
    """Ask with the token."""
    headers = {"Authorization": f"Bearer {token}"}
    return await site.http.request(method, PATH + path, json=body, headers=headers)


def png(pixels: Pixels) -> str:
    """An image file, base64."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


async def test_without_the_token_nothing(tmp_path: Path) -> None:
    """No token, another, or one while there is none: 401, before the body is looked at."""
    async with serving(settings_in(tmp_path)) as site:
        for method, path in (("GET", ""), ("POST", ""), ("GET", "/main"), ("PATCH", "/main")):
            for token in ("", "other", TOKEN[:-1], f"{TOKEN}x"):
                answer = await ask(site, method, path, {"nonsense": 1}, token)
                problem_of(answer, 401)
                assert answer.headers["www-authenticate"] == "Bearer"
            problem_of(await site.http.request(method, PATH + path), 401)
        site.app.state.control_token = None
        problem_of(await ask(site, "GET", token="None"), 401)


async def test_create(tmp_path: Path) -> None:
    """A canvas is made and served at once, and is there after a restart."""
    settings = settings_in(tmp_path)
    async with serving(settings) as site:
        made = await ask(site, "POST", "", NEW | {"title": "Zweite", "palette": ["#000", "#fff"]})
        assert made.status_code == 201
        assert made.headers["location"] == "/c/second"
        assert made.json()["palette"] == ["#000000", "#ffffff"]
        assert (await site.image("/c/second/tiles/1/0/0.png") == (16, 32, 48)).all()
        await site.paint(Pixel(299, 199, 255, 255, 255), canvas="second")
        problem_of(await ask(site, "POST", "", NEW), 409)
        listed = (await ask(site, "GET")).json()
        assert [canvas["name"] for canvas in listed] == ["main", "second"]
    async with serving(settings) as site:
        details = (await ask(site, "GET", "/second")).json()
        assert (details["title"], details["width"], details["seq"]) == ("Zweite", 300, 1)
        assert details["epoch"] == site.hub("second").epoch
        assert (await site.image("/c/second/tiles/1/1/0.png"))[199, 43].tolist() == [255] * 3


async def test_create_from_an_image(tmp_path: Path) -> None:
    """The image is drawing like any other: in the log, so that a replay shows it again."""
    rng = np.random.default_rng(7)
    rgba = rng.integers(0, 256, (270, 530, 4), np.uint8)
    rgba[:, 520:, 3] = 0
    rgba[100:110, :, :3] = (16, 32, 48)
    expected = np.tile(np.array((16, 32, 48), np.uint8), (300, 600, 1))
    shown = rgba[..., 3] >= 128
    expected[:270, :530][shown] = rgba[..., :3][shown]
    body = NEW | {"width": 600, "height": 300, "image": png(rgba)}
    region = "/c/second/region.png?x0=0&y0=0&x1=599&y1=299"
    settings = settings_in(tmp_path)
    async with serving(settings) as site:
        assert (await ask(site, "POST", "", body)).status_code == 201
        assert (await site.image(region) == expected).all()
        # 3 × 2 PATCHes of at most 256 × 256.
        assert site.hub("second").durable_seq == 6
        log = site.canvases.folder.log("second")
    async with serving(settings) as site:
        assert (await site.image(region) == expected).all()
        await site.paint(Pixel(0, 0, 1, 2, 3), canvas="second")
    log.open()
    authors = [(batch.author.name, batch.first_seq, batch.last_seq) for batch in log.read(0)]
    log.close(1)
    assert authors == [*(("import", seq, seq) for seq in range(1, 7)), ("", 7, 7)]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Second"},
        {"name": "../second"},
        {"name": ""},
        {"name": "s" * 65},
        {"width": 0},
        {"height": 65_537},
        {"background": "red"},
        {"palette": []},
        {"palette": [[0, 0, 0]] * 257},
        {"palette": [[0, 0, 256]]},
        {"title": "x" * 201},
        {"title": "a\nb"},
        {"colour": 1},
        {"image": "no base64!"},
        {"image": base64.b64encode(b"no image").decode()},
        {"image": png(np.zeros((10, 10, 3), np.uint8)), "width": 9},
        {"image": png(np.zeros((10, 10, 3), np.uint8)), "palette": ["#fff"]},
    ],
)
async def test_what_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """HTTP-5: a canvas that can't be is a problem, and leaves nothing behind."""
    async with serving(settings_in(tmp_path)) as site:
        before = sorted(file.name for file in (tmp_path / "data").iterdir())
        problem_of(await ask(site, "POST", "", NEW | change), 422)
        assert sorted(file.name for file in (tmp_path / "data").iterdir()) == before
        assert (await ask(site, "GET", "/second")).status_code == 404


async def test_bodies_are_bounded(tmp_path: Path) -> None:
    """A change is small."""
    async with serving(settings_in(tmp_path)) as site:
        problem_of(await ask(site, "PATCH", "/main", {"title": "x" * 70_000}), 413)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        broken = await site.http.patch(f"{PATH}/main", content=b"{", headers=headers)
        problem_of(broken, 422)


async def test_change(tmp_path: Path) -> None:
    """What is named changes at once and for good; the rest stays."""
    settings = settings_in(tmp_path)
    async with serving(settings) as site:
        first = await ask(site, "PATCH", "/main", {"title": "Wand", "palette": ["#f00", "#00f"]})
        assert first.status_code == 200
        assert site.hub().info.title == "Wand"
        session = site.painter()
        session.receive(encode(Pixel(1, 1, 1, 1, 1)))
        assert site.hub().seq == 0
        await site.paint(Pixel(1, 1, 255, 0, 0))
        second = (await ask(site, "PATCH", "/main", {"frozen": True})).json()
        assert (second["title"], second["frozen"]) == ("Wand", True)
        assert second["palette"] == ["#ff0000", "#0000ff"]
        session.receive(encode(Pixel(1, 1, 0, 0, 255)))
        assert site.hub().seq == 1
        third = (await ask(site, "PATCH", "/main", {"palette": None, "frozen": False})).json()
        assert (third["palette"], third["frozen"]) == (None, False)
        problem_of(await ask(site, "PATCH", "/main", {"width": 5}), 422)
        problem_of(await ask(site, "PATCH", "/other", {"title": "x"}), 404)
        session.lost()
    async with serving(settings) as site:
        assert site.hub().info.title == "Wand"
        assert site.hub().info.palette is None


async def test_a_change_that_cannot_be_stored_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP-5: storage comes first."""
    async with serving(settings_in(tmp_path)) as site:

        def fail(_: object) -> None:
            raise LogError("the disk is full")

        monkeypatch.setattr(site.canvases._logs["main"], "update", fail)
        answer = await ask(site, "PATCH", "/main", {"title": "Wand"})
        assert problem_of(answer, 500)["detail"] == "the disk is full"
        assert site.hub().info.title == ""
