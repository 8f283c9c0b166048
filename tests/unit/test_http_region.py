"""``region.png``: any rectangle, at any scale, bounded."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from protocol.messages import Pixel, Rect, Stroke
from server.http.regions import Scale, parse_scale
from server.problems import Unprocessable
from tests.http_rig import Site, problem_of, serving, settings_in

RED = (255, 0, 0)
WHITE = (255, 255, 255)


def path(x0: int, y0: int, x1: int, y1: int, scale: str | None = None) -> str:
    """The path of a region."""
    tail = "" if scale is None else f"&scale={scale}"
    return f"/c/main/region.png?x0={x0}&y0={y0}&x1={x1}&y1={y1}{tail}"


async def draw(site: Site) -> None:
    """Something at odd places."""
    await site.paint(
        Rect(0, 100, 60, 300, 131, *RED),
        Stroke(7, 0, 200, 0, ((5, 5), (200, 190))),
        Pixel(127, 128, 1, 2, 3),
    )


@pytest.mark.parametrize(
    "box",
    [(0, 0, 0, 0), (63, 63, 64, 64), (64, 64, 127, 127), (1, 2, 300, 200), (127, 128, 127, 128)],
)
async def test_rectangles(tmp_path: Path, box: tuple[int, int, int, int]) -> None:
    """HTTP-4: both corners are in it, and it is what the canvas holds."""
    async with serving(settings_in(tmp_path)) as site:
        await draw(site)
        x0, y0, x1, y1 = box
        image = await site.image(path(*box))
        assert image.shape == (y1 - y0 + 1, x1 - x0 + 1, 3)
        assert (image == site.hub().canvas.region((0, 0, 511, 511))[y0 : y1 + 1, x0 : x1 + 1]).all()


async def test_off_the_canvas_is_background(tmp_path: Path) -> None:
    """HTTP-4: the rectangle is what was asked for, over the edge too."""
    settings = settings_in(tmp_path, width=100, height=50, background=(1, 2, 3))
    async with serving(settings) as site:
        await site.paint(Rect(0, 0, 0, 99, 49, *RED))
        image = await site.image(path(90, 40, 129, 79))
        assert (image[:10, :10] == RED).all()
        assert (image[10:] == (1, 2, 3)).all()
        assert (image[:, 10:] == (1, 2, 3)).all()
        assert (await site.image(path(65_535, 65_535, 65_535, 65_535)) == (1, 2, 3)).all()


async def test_scales(tmp_path: Path) -> None:
    """HTTP-4: whole numbers repeat pixels, halves are the overview's means."""
    async with serving(settings_in(tmp_path)) as site:
        await draw(site)
        plain = await site.image(path(90, 50, 309, 149))
        tripled = plain.repeat(3, axis=0).repeat(3, axis=1)
        assert (await site.image(path(90, 50, 309, 149, "3")) == tripled).all()
        whole = await site.image(path(0, 0, 1023, 1023))
        for scale in ("1/2", "0.5"):
            half = await site.image(path(90, 50, 309, 149, scale))
            blocks = whole.reshape(512, 2, 512, 2, 3).astype(np.uint32)
            means = (blocks.sum(axis=(1, 3)) + 2) >> 2
            assert (half == means[25:75, 45:155]).all()
        assert (await site.image(path(1, 1, 2, 2, "1/2"))).shape == (2, 2, 3)
        assert (await site.image(path(0, 0, 1023, 1023, "1/16"))).shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("1", Scale(0, 1)),
        ("64", Scale(0, 64)),
        ("1/1", Scale(0, 1)),
        ("1/2", Scale(1, 1)),
        ("0.25", Scale(2, 1)),
        ("1/16", Scale(4, 1)),
        ("0.0625", Scale(4, 1)),
    ],
)
def test_scale_is_read(text: str, scale: Scale) -> None:
    """HTTP-4: enlarged by a whole number, or shrunk to a level of the pyramid."""
    assert parse_scale(text, 5) == scale


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "65",
        "100",
        "1.5",
        "1/3",
        "2/4",
        "1/0",
        "1/32",
        "0.3",
        "0.0",
        "nan",
        "1e9",
        "１",
    ],
)
def test_other_scales_are_refused(text: str) -> None:
    """HTTP-4: every other scale is a problem."""
    with pytest.raises(Unprocessable):
        parse_scale(text, 5)


async def test_what_is_refused(tmp_path: Path) -> None:
    """HTTP-4, HTTP-5: no rectangle, no number, or more pixels than are made at once."""
    async with serving(settings_in(tmp_path, max_region_pixels=10_000)) as site:
        assert (await site.image(path(0, 0, 99, 99))).shape == (100, 100, 3)
        for bad in (
            path(0, 0, 100, 99),
            path(0, 0, 49, 49, "3"),
            path(1, 0, 0, 0),
            path(0, 1, 0, 0),
            path(-1, 0, 0, 0),
            path(0, 0, 65_536, 0),
            path(0, 0, 9, 9, "1/3"),
            "/c/main/region.png",
            "/c/main/region.png?x0=a&y0=0&x1=1&y1=1",
            f"/c/main/region.png?x0=0&y0=0&x1=0&y1={'9' * 5000}",
        ):
            await site.problem(bad, 422)
        assert (await site.image(path(0, 0, 199, 199, "1/2"))).shape == (100, 100, 3)
        # Without the input, which may be anything.
        body = await site.problem("/c/main/region.png?x0=secret&y0=0&x1=1&y1=1", 422)
        assert "secret" not in str(body)


async def test_tags(tmp_path: Path) -> None:
    """HTTP-2: a region that didn't change is 304, one that did is not."""
    async with serving(settings_in(tmp_path)) as site:
        await draw(site)
        first = await site.get(path(0, 0, 99, 99))
        tag = first.headers["etag"]
        assert (await site.get(path(0, 0, 99, 99), if_none_match=tag)).status_code == 304
        await site.paint(Pixel(900, 900, *RED))
        assert (await site.get(path(0, 0, 99, 99), if_none_match=tag)).status_code == 304
        await site.paint(Pixel(99, 99, *RED))
        assert (await site.get(path(0, 0, 99, 99), if_none_match=tag)).status_code == 200


async def test_an_image_of_several_times_has_no_tag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP-2: a tag would stand for two different images."""
    from server.http import regions

    async with serving(settings_in(tmp_path)) as site:
        made = regions._add

        def add(*arguments: object) -> None:
            made(*arguments)  # type: ignore[arg-type]  # passed on
            site.app.state.loop.call_soon_threadsafe(session.receive, pixel)

        from protocol.codec import encode

        site.app.state.loop = asyncio.get_running_loop()
        session, pixel = site.painter(), encode(Pixel(0, 0, *RED))
        monkeypatch.setattr(regions, "_add", add)
        answer = await site.get(path(0, 0, 127, 127))
        assert answer.status_code == 200
        assert "etag" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
        session.lost()


async def test_too_much_at_once_is_503(tmp_path: Path) -> None:
    """HTTP-9: regions wait for one another, not for ever."""
    async with serving(settings_in(tmp_path, http_queue_max=0)) as site:
        workshop = site.app.state.context.region_images._workshop
        async with workshop.place():
            answer = await site.get(path(0, 0, 9, 9))
        problem_of(answer, 503)
        assert answer.headers["retry-after"] == "1"


async def test_the_largest_region_doesnt_hold_the_loop(tmp_path: Path) -> None:
    """HTTP-4: 16 Mpx are copied in slices and encoded elsewhere."""
    async with serving(settings_in(tmp_path, width=4096, height=4096)) as site:
        await site.paint(Rect(3, 0, 0, 4095, 4095, *RED))
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        answer = await site.get(path(0, 0, 4095, 4095))
        counting.cancel()
        assert answer.status_code == 200
        # At least once for each row of tiles.
        assert turns >= 64


async def test_what_is_on_its_way_is_bounded(tmp_path: Path) -> None:
    """HTTP-9: images that nobody reads don't pile up."""
    async with serving(settings_in(tmp_path)) as site:
        outgoing = site.app.state.context.region_images.outgoing
        outgoing.bytes += 128 * 1024 * 1024
        answer = await site.get(path(0, 0, 9, 9))
        problem_of(answer, 503)
        assert "retry-after" in answer.headers
        outgoing.bytes -= 128 * 1024 * 1024
        assert (await site.image(path(0, 0, 9, 9))).shape == (10, 10, 3)
        assert outgoing.bytes == 0
