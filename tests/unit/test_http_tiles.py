"""Tile images: what they show, when they are fresh, and who is told to wait."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from protocol.messages import Pixel, Rect
from server.http.imagery import freshen
from server.http.tile_images import TileEntry
from server.http.tile_path import ImageFormat, TileImage
from server.http.tilegrid import TileGrid
from tests.http_rig import Pixels, pixels_of, problem_of, serving, settings_in
from tiles.geometry import key
from tiles.png import encode_png

RED = (255, 0, 0)
GREEN = (0, 128, 0)
BACKGROUND = (10, 20, 30)


def truth(width: int, height: int, side: int) -> Pixels:
    """A blank canvas with the background beyond its edge, to a square of ``side``."""
    assert side >= max(width, height)
    pixels: Pixels = np.tile(np.array(BACKGROUND, np.uint8), (side, side, 1))
    return pixels


def halved(pixels: Pixels) -> Pixels:
    """The design's mean of 2 × 2: (sum + 2) >> 2."""
    height, width = pixels.shape[:2]
    blocks = pixels.reshape(height // 2, 2, width // 2, 2, 3).astype(np.uint32)
    means: Pixels = ((blocks.sum(axis=(1, 3)) + 2) >> 2).astype(np.uint8)
    return means


@pytest.mark.parametrize(
    ("size", "width", "height", "max_zoom"),
    [
        (256, 1, 1, 0),
        (256, 256, 256, 0),
        (256, 257, 10, 1),
        (256, 1024, 1024, 2),
        (256, 1025, 3, 3),
        (256, 65_536, 65_536, 8),
        (64, 64, 64, 0),
        (64, 65, 1, 1),
        (64, 65_536, 1, 10),
        (512, 512, 512, 0),
        (512, 300, 513, 1),
        (512, 65_536, 65_536, 7),
    ],
)
def test_zooms(size: int, width: int, height: int, max_zoom: int) -> None:
    """HTTP-1: zoom 0 is one image that holds the whole canvas, the deepest zoom is 1:1."""
    grid = TileGrid(size, width, height)
    assert grid.max_zoom == max_zoom
    assert grid.level(max_zoom) == 0
    assert size << max_zoom >= max(width, height)
    assert max_zoom == 0 or size << (max_zoom - 1) < max(width, height)
    assert grid.holds(0, 0, 0)
    assert not grid.holds(0, 1, 0)
    assert not grid.holds(max_zoom + 1, 0, 0)
    last_x, last_y = (width - 1) // size, (height - 1) // size
    assert grid.holds(max_zoom, last_x, last_y)
    assert not grid.holds(max_zoom, last_x + 1, last_y)
    assert not grid.holds(max_zoom, last_x, last_y + 1)


async def test_every_zoom_shows_the_canvas(tmp_path: Path) -> None:
    """HTTP-1, HTTP-3: every image of every size equals a pyramid computed by hand."""
    settings = settings_in(tmp_path, width=700, height=300, background=BACKGROUND)
    async with serving(settings) as site:
        await site.paint(Rect(0, 3, 5, 401, 290, *RED), Pixel(699, 299, *GREEN))
        side = 1024
        level = truth(700, 300, side)
        level[5:291, 3:402] = RED
        level[299, 699] = GREEN
        levels = [level]
        while levels[-1].shape[0] > 64:
            levels.append(halved(levels[-1]))
        for size, folder in ((64, "64/"), (256, ""), (256, "256/"), (512, "512/")):
            grid = TileGrid(size, 700, 300)
            for z in range(grid.max_zoom + 1):
                level = levels[grid.max_zoom - z]
                for y in range(level.shape[0] // size):
                    for x in range(level.shape[1] // size):
                        path = f"/c/main/tiles/{folder}{z}/{x}/{y}.png"
                        if grid.holds(z, x, y):
                            part = level[y * size : (y + 1) * size, x * size : (x + 1) * size]
                            assert (await site.image(path) == part).all(), path
                        else:
                            await site.problem(path, 404)


async def test_doubled_and_webp(tmp_path: Path) -> None:
    """HTTP-1: @2x repeats each pixel, WebP is lossless."""
    async with serving(settings_in(tmp_path)) as site:
        await site.paint(Rect(0, 10, 10, 90, 20, *RED), Pixel(0, 0, *GREEN))
        plain = await site.image("/c/main/tiles/2/0/0.png")
        doubled = plain.repeat(2, axis=0).repeat(2, axis=1)
        assert (await site.image("/c/main/tiles/2/0/0@2x.png") == doubled).all()
        assert (await site.image("/c/main/tiles/256/2/0/0@2x.png") == doubled).all()
        webp = await site.get("/c/main/tiles/2/0/0.webp")
        assert webp.headers["content-type"] == "image/webp"
        assert (pixels_of(webp.content) == plain).all()
        assert (await site.image("/c/main/tiles/2/0/0@2x.webp") == doubled).all()


@pytest.mark.parametrize(
    "path",
    [
        "3/0/0.png",
        "0/1/0.png",
        "0/0/1.png",
        "2/4/0.png",
        "2/0/4.png",
        "-1/0/0.png",
        "2/-1/0.png",
        "2/0/-1.png",
        "x/0/0.png",
        "2/0/0.gif",
        "2/0/0",
        "2/0/0@3x.png",
        "128/2/0/0.png",
        "0/0/0/0.png",
        f"2/0/{'9' * 5000}.png",
    ],
)
async def test_outside_the_pyramid(tmp_path: Path, path: str) -> None:
    """HTTP-1, HTTP-5: what names no image is 404, however it is spelt."""
    async with serving(settings_in(tmp_path)) as site:
        await site.problem(f"/c/main/tiles/{path}", 404)


async def test_unchanged_is_304_and_encodes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP-2: the tag stands as long as the image does, overviews included."""
    async with serving(settings_in(tmp_path)) as site:
        await site.paint(Pixel(1, 1, *RED))
        for path in ("/c/main/tiles/2/0/0.png", "/c/main/tiles/0/0/0.png"):
            first = await site.get(path)
            tag = first.headers["etag"]
            assert tag.startswith('"')
            monkeypatch.setattr(site.app.state.context.tile_images, "encoded", None)
            for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                again = await site.get(path, if_none_match=header)
                assert again.status_code == 304
                assert again.content == b""
                assert again.headers["etag"] == tag
                assert again.headers["x-tile-seq"] == "1"
            monkeypatch.undo()
            assert (await site.get(path, if_none_match='"other"')).status_code == 200


async def test_a_change_changes_the_tag_of_what_shows_it_only(tmp_path: Path) -> None:
    """HTTP-2: and X-Tile-Seq says how far the image has come."""
    async with serving(settings_in(tmp_path)) as site:
        near, far, whole = (f"/c/main/tiles/{p}.png" for p in ("2/0/0", "2/3/3", "0/0/0"))
        before = {path: await site.get(path) for path in (near, far, whole)}
        await site.paint(Pixel(1, 1, *RED))
        after = {path: await site.get(path) for path in (near, far, whole)}
        assert after[far].headers["etag"] == before[far].headers["etag"]
        assert after[near].headers["etag"] != before[near].headers["etag"]
        assert after[whole].headers["etag"] != before[whole].headers["etag"]
        assert {answer.headers["x-tile-seq"] for answer in after.values()} == {"1"}
        assert {answer.headers["x-tile-seq"] for answer in before.values()} == {"0"}


async def test_caching(tmp_path: Path) -> None:
    """HTTP-2: for ever only under the current, durable version; overviews may be stale a while."""
    async with serving(settings_in(tmp_path)) as site:
        path = "/c/main/tiles/2/0/0.png"
        await site.paint(Pixel(1, 1, *RED))
        plain = await site.get(path)
        assert plain.headers["cache-control"] == "public, max-age=1"
        overview = await site.get("/c/main/tiles/1/0/0.png")
        assert "stale-while-revalidate" in overview.headers["cache-control"]
        version = plain.headers["etag"].strip('"')
        assert "immutable" in (await site.get(f"{path}?v={version}")).headers["cache-control"]
        for other in ("", "1", "0-1", f"{version}0"):
            answer = await site.get(f"{path}?v={other}")
            assert "immutable" not in answer.headers["cache-control"]
        await site.paint(Pixel(2, 1, *RED))
        answer = await site.get(f"{path}?v={version}")
        assert "immutable" not in answer.headers["cache-control"]


async def test_what_is_not_durable_is_not_immutable(tmp_path: Path) -> None:
    """HTTP-2: an image that a power cut could take back expires."""
    async with serving(settings_in(tmp_path)) as site:
        hub = site.hub()
        await site.paint(Pixel(1, 1, *RED))
        version = f"{hub.epoch:x}-1"
        hub.journal.durable_seq = 0
        answer = await site.get(f"/c/main/tiles/2/0/0.png?v={version}")
        assert answer.headers["etag"] == f'"{version}"'
        assert "immutable" not in answer.headers["cache-control"]


async def test_empty_tiles_share_one_image(tmp_path: Path) -> None:
    """HTTP-3: the very same bytes, made once for each size and format."""
    async with serving(settings_in(tmp_path, background=BACKGROUND)) as site:
        images = site.app.state.context.tile_images

        async def made(x: int, y: int, format: ImageFormat) -> TileEntry:
            entry = await images.latest(site.hub(), TileImage(256, 2, x, y, 1, format))
            encoded: TileEntry = await images.encoded(entry)
            assert encoded.data is not None
            assert (pixels_of(encoded.data) == BACKGROUND).all()
            return encoded

        first, second = [await made(at, at, ImageFormat.PNG) for at in (0, 3)]
        assert first.data is second.data
        assert first.cost_bytes < 2000
        await made(3, 3, ImageFormat.WEBP)


async def test_the_cache_is_bounded(tmp_path: Path) -> None:
    """Images are kept by bytes; the one used least recently goes first."""
    async with serving(settings_in(tmp_path, http_cache_bytes=8000)) as site:
        await site.paint(Rect(5, 0, 0, 1023, 1023, *RED))
        images = site.app.state.context.tile_images
        used = "/c/main/tiles/2/0/0.png"
        for x in range(4):
            for y in range(4):
                await site.get(f"/c/main/tiles/2/{x}/{y}.png")
                await site.get(used)
                assert images._cache_bytes <= 8000
        assert images._cache_bytes == sum(entry.cost_bytes for entry in images._cache.values())
        assert [image[2:4] for _, image in images._cache][-2:] == [(3, 3), (0, 0)]
        assert 2 <= len(images._cache) <= 7


async def test_the_same_image_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP-9: a crowd that asks for one image at once causes one encoding."""
    async with serving(settings_in(tmp_path)) as site:
        await site.paint(Pixel(1, 1, *RED))
        made: list[str] = []
        count_encodings(monkeypatch, lambda: made.append("x"))
        path = "/c/main/tiles/2/0/0.png"
        answers = await asyncio.gather(*(site.get(path) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert made == ["x"]


async def test_too_much_at_once_is_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP-9: beyond the queue, and beyond the wait, one is told to come back."""
    settings = settings_in(tmp_path, http_work_max=1, http_queue_max=2, http_wait_max_s=0.2)
    async with serving(settings) as site:
        await site.paint(Rect(0, 0, 0, 1023, 1023, *RED))
        workshop = site.app.state.context.tile_images._workshop
        paths = [f"/c/main/tiles/2/{x}/0.png" for x in range(4)]
        async with workshop.place():
            answers = await asyncio.gather(*map(site.get, paths))
        for answer in answers:
            problem_of(answer, 503)
            assert answer.headers["retry-after"] == "1"
        assert [(await site.get(path)).status_code for path in paths] == [200] * 4


async def test_a_large_pyramid_is_computed_in_slices(tmp_path: Path) -> None:
    """The first look at the whole of a painted canvas doesn't hold the event loop."""
    settings = settings_in(tmp_path, width=4096, height=4096, budget_pixels=0)
    async with serving(settings) as site:
        corners = range(0, 4096, 1024)
        await site.paint(
            *(Rect(0, x, y, x + 1023, y + 1023, *RED) for x in corners for y in corners)
        )
        hub = site.hub()
        top = key(hub.pyramid.levels - 1, 0, 0)
        assert hub.pyramid.is_dirty(top)
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        await freshen(hub.paging, [top])
        counting.cancel()
        assert not hub.pyramid.is_dirty(top)
        assert (hub.pyramid.tile(top) == RED).all()
        # 4,096 tiles of level 0 have 1,365 above them, of which 16 are computed in a turn.
        assert turns >= 1365 // 16 - 2


def count_encodings(monkeypatch: pytest.MonkeyPatch, called: Callable[[], None]) -> None:
    """Call ``called`` whenever a PNG is encoded."""

    def counted(pixels: Pixels) -> bytes:
        called()
        return encode_png(pixels)

    monkeypatch.setattr("server.http.tile_images.encode_png", counted)


async def test_unknown_canvas(tmp_path: Path) -> None:
    """HTTP-5: a canvas that isn't there is a problem everywhere."""
    async with serving(settings_in(tmp_path)) as site:
        for path in ("tiles/0/0/0.png", "tilejson.json", "region.png?x0=0&y0=0&x1=0&y1=0", "stats"):
            await site.problem(f"/c/other/{path}", 404)
        await site.problem("/c/other", 404)
