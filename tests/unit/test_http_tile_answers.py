"""Images that are known are answered at once: the same answers, and never an old one."""

import re
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest

from protocol.messages import Pixel, Rect
from server.http.answer import Answer
from tests.http_rig import Site, problem_of, serving, settings_in

RED = (255, 0, 0)
LIVE, OVERVIEW = "/c/main/tiles/2/0/0.png", "/c/main/tiles/0/0/0.webp"
BLANK, DOUBLED = "/c/main/tiles/64/4/15/15.png", "/c/main/tiles/2/0/0@2x.png"


def at_once(
    site: Site, path: str, method: str = "GET", headers: Mapping[str, str] | None = None
) -> Answer | None:
    """The answer that takes no routing, if there is one."""
    plain, _, query = path.partition("?")
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"method": method, "path": plain, "query_string": query.encode(), "headers": raw}
    return site.app.answer_at_once(scope)


async def both(
    site: Site, path: str, method: str = "GET", if_none_match: str | None = None
) -> httpx2.Response:
    """The answer to a request by the routes; at once it has to be the same."""
    headers = {"if-none-match": if_none_match} if if_none_match else {}
    routed = await site.http.request(method, path, headers=headers)
    known = at_once(site, path, method, headers)
    assert known is not None, path
    assert known.status == routed.status_code
    assert sorted(known.headers) == sorted(routed.headers.raw)
    assert known.body == routed.content or method == "HEAD"
    return routed


@pytest.mark.parametrize("path", [LIVE, OVERVIEW, BLANK, DOUBLED])
async def test_the_same_answers(tmp_path: Path, path: str) -> None:
    """HTTP-2, HTTP-6: to every kind of request, to the last header."""
    async with serving(settings_in(tmp_path)) as site:
        await site.paint(Pixel(1, 1, *RED))
        whole = await both(site, path)
        assert (whole.status_code, len(whole.content) > 0) == (200, True)
        tag = whole.headers["etag"]
        assert (await both(site, path, if_none_match=tag)).status_code == 304
        assert (await both(site, path, if_none_match=f'"x", W/{tag}')).status_code == 304
        assert (await both(site, path, if_none_match='"x"')).status_code == 200
        head = await both(site, path, method="HEAD")
        assert head.content == b""
        assert head.headers == whole.headers
        await both(site, f"{path}?v=other")
        forever = await both(site, f"{path}?w=1&v={tag.strip(chr(34))}")
        assert "immutable" in forever.headers["cache-control"]


@pytest.mark.parametrize("path", [LIVE, "/c/main/region.png?x0=0&y0=0&x1=9&y1=9"])
async def test_a_tag_in_a_second_line(tmp_path: Path, path: str) -> None:
    """HTTP-2: it is looked for there too, by the routes and at once."""
    async with serving(settings_in(tmp_path)) as site:
        tag = (await site.get(path)).headers["etag"]
        lines = [("if-none-match", '"x"'), ("if-none-match", tag)]
        assert (await site.http.get(path, headers=lines)).status_code == 304
        raw = [(name.encode(), value.encode()) for name, value in lines]
        scope = {"method": "GET", "path": path, "query_string": b"", "headers": raw}
        known = site.app.answer_at_once(scope)
        assert known is None or known.status == 304
        assert (known is None) == ("region" in path)


async def test_other_methods(tmp_path: Path) -> None:
    """HTTP-5, HTTP-6: a known image is nothing to them."""
    async with serving(settings_in(tmp_path)) as site:
        await both(site, LIVE)
        assert at_once(site, LIVE, "POST") is at_once(site, LIVE, "OPTIONS") is None
        answer = await site.http.post(LIVE)
        problem_of(answer, 405)
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
        assert (await site.http.options(LIVE)).status_code == 204


async def test_a_change_is_seen_at_once(tmp_path: Path) -> None:
    """HTTP-2: by the very next request, however many have asked before."""
    async with serving(settings_in(tmp_path)) as site:
        for seq in range(1, 4):
            await site.paint(Rect(0, 0, 0, 10 * seq, 10, *RED))
            for path in (LIVE, OVERVIEW, DOUBLED):
                changed = await site.get(path)
                assert changed.headers["etag"].endswith(f'-{seq:x}"')
                assert changed.headers["x-tile-seq"] == str(seq)
                assert (await both(site, path)).content == changed.content


async def test_drawing_elsewhere_changes_nothing_but_seq(tmp_path: Path) -> None:
    """HTTP-2: the image stands, is known, and holds what came later too."""
    async with serving(settings_in(tmp_path)) as site:
        await site.paint(Pixel(1, 1, *RED))
        path = "/c/main/tiles/1/0/0.png"
        first = await site.get(path)
        await site.paint(Pixel(1000, 1000, *RED))
        known = at_once(site, path, headers={"if-none-match": first.headers["etag"]})
        assert known is not None
        assert (known.status, known.body) == (304, b"")
        assert first.headers["x-tile-seq"] == "1"
        assert (b"x-tile-seq", b"2") in known.headers


async def test_a_changed_image_is_not_known(tmp_path: Path) -> None:
    """HTTP-2: not even to whom has the old one."""
    async with serving(settings_in(tmp_path)) as site:
        await site.paint(Pixel(1, 1, *RED))
        for path in (LIVE, OVERVIEW):
            tag = (await site.get(path)).headers["etag"]
            await site.paint(Pixel(1, 1, *RED))
            assert at_once(site, path, headers={"if-none-match": tag}) is None


async def test_what_is_not_kept_is_not_known(tmp_path: Path) -> None:
    """Without a cache every request goes by the routes, with the same answers."""
    async with serving(settings_in(tmp_path, http_cache_bytes=0)) as site:
        await site.paint(Pixel(1, 1, *RED))
        first, second = await site.get(LIVE), await site.get(LIVE)
        assert first.content == second.content
        assert at_once(site, LIVE) is None
        assert (await site.get(LIVE, if_none_match=first.headers["etag"])).status_code == 304


async def test_the_version_is_enough_for_304(tmp_path: Path) -> None:
    """HTTP-2: an image that was never encoded here may still be known to be unchanged."""
    async with serving(settings_in(tmp_path)) as site:
        await site.paint(Pixel(1, 1, *RED))
        tag = f'"{site.hub().epoch:x}-1"'
        assert (await both(site, LIVE, if_none_match=tag)).status_code == 304
        assert at_once(site, LIVE) is None
        assert (await both(site, LIVE)).status_code == 200


async def test_a_closed_canvas_is_not_known(tmp_path: Path) -> None:
    """While the server stops its images are 503 like everything else."""
    async with serving(settings_in(tmp_path)) as site:
        await both(site, LIVE)
        await site.canvases.stop()
        assert at_once(site, LIVE) is None
        problem_of(await site.get(LIVE), 503)


async def test_below_a_root_path(tmp_path: Path) -> None:
    """Whether or not the proxy takes the root path off."""
    async with serving(settings_in(tmp_path, root_path="/paint")) as site:
        for path in (LIVE, f"/paint{LIVE}"):
            assert (await both(site, path)).status_code == 200
        assert at_once(site, f"/paint/paint{LIVE}") is None
        problem_of(await site.get(f"/paint/paint{LIVE}"), 404)


async def test_every_parameter_is_described(tmp_path: Path) -> None:
    """The routes read their paths themselves; the reference has their parameters all the same."""
    async with serving(settings_in(tmp_path)) as site:
        paths = (await site.get("/openapi.json")).json()["paths"]
        tiles = {path: item["get"] for path, item in paths.items() if "/tiles/" in path}
        assert len(tiles) == 8
        for path, operation in tiles.items():
            named = {item["name"] for item in operation["parameters"] if item["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
            assert "v" in {item["name"] for item in operation["parameters"]}
            assert set(operation["responses"]) == {"200", "304", "404", "503"}
