"""Requests' ids, and their lines in the log."""

import io
import json
import logging
import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from server.http.traffic import classify
from server.logs import JsonFormatter, OneLineFormatter
from tests.http_rig import Site, serving, settings_in

OURS = re.compile(r"[0-9a-f]{12}-[0-9a-f]+")
TRUSTED = {"trusted_proxies": (ip_network("127.0.0.0/8"),)}
"""The rig's client comes from 127.0.0.1."""


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the server logs from level info on, in JSON."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("server")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield out
    logger.setLevel(before)
    logger.removeHandler(handler)


def access(lines: io.StringIO) -> list[dict[str, object]]:
    """The lines about requests."""
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [line for line in found if line["logger"] == "server.access"]


async def given(site: Site, sent: str, path: str = "/healthz") -> str:
    """The id that a request gets that was sent with one."""
    return (await site.get(path, x_request_id=sent)).headers["x-request-id"]


async def test_a_request_has_an_id(tmp_path: Path) -> None:
    """OPS-3: its answer says which, errors too; no two have the same."""
    async with serving(settings_in(tmp_path)) as site:
        paths = ("/healthz", "/nothing", "/c/nowhere/stats", "/c/main/region.png", "/docs")
        ids = [(await site.get(path)).headers["x-request-id"] for path in paths]
        preflight = await site.http.options("/c/main/stats")
        ids.append(preflight.headers["x-request-id"])
    assert len(set(ids)) == len(ids)
    assert all(OURS.fullmatch(each) for each in ids)


async def test_a_proxys_id_is_taken(tmp_path: Path) -> None:
    """OPS-3: a sane one, of a trusted proxy."""
    async with serving(settings_in(tmp_path, **TRUSTED)) as site:
        for sane in ("0af7651916cd43dd8448eb211c80319c", "a.b_c-123", "x" * 64):
            assert await given(site, sane) == sane
        for odd in ("short", "x" * 65, "spaces in it", "a=b;c=d;e", '"quoted-id"'):
            assert OURS.fullmatch(await given(site, odd))


async def test_nobody_elses_is(tmp_path: Path) -> None:
    """OPS-3: who isn't trusted can't choose one."""
    for settings in ({}, {"trusted_proxies": (ip_network("10.0.0.0/8"),)}):
        async with serving(settings_in(tmp_path, **settings)) as site:
            assert OURS.fullmatch(await given(site, "0af7651916cd43dd"))


async def test_no_lines_unless_wanted(tmp_path: Path, lines: io.StringIO) -> None:
    """OPS-3: by default a request leaves no line."""
    async with serving(settings_in(tmp_path)) as site:
        await site.get("/healthz")
    assert access(lines) == []


async def test_a_line_for_each_request(tmp_path: Path, lines: io.StringIO) -> None:
    """OPS-3: what it was for, how it was answered, under which id; nothing that was sent."""
    async with serving(settings_in(tmp_path, access_log=True)) as site:
        stats = await site.get("/c/main/stats?m4rk3d", user_agent="m4rk3d")
        await site.get("/c/m4rk3d/stats")
        await site.get("/m4rk3d")
        await site.http.head("/c/main")
        await site.http.request("M4RK3D", "/")
    first, *others = access(lines)
    assert first.pop("ts")
    assert 0 < float(str(first.pop("seconds"))) < 10
    assert first.pop("msg").startswith("GET stats 200, ")  # type: ignore[attr-defined]
    assert first == {
        "level": "info",
        "logger": "server.access",
        "canvas": "main",
        "request": stats.headers["x-request-id"],
        "method": "GET",
        "route": "stats",
        "status": 200,
        "bytes": len(stats.content),
    }
    told = [(line["method"], line["route"], line["status"]) for line in others]
    assert told[:2] == [("GET", "stats", 404), ("GET", "other", 404)]
    assert told[2][:2] == ("HEAD", "page")
    assert told[3] == ("other", "page", 405)
    assert "m4rk3d" not in lines.getvalue().lower()


async def test_a_failure_names_its_request(tmp_path: Path, lines: io.StringIO) -> None:
    """OPS-3: what is logged while a request is answered is found by its id."""
    async with serving(settings_in(tmp_path, **TRUSTED)) as site:

        @site.app.get("/trouble")
        async def trouble() -> None:
            logging.getLogger("server.problems").error("it failed")

        assert await given(site, "found-by-this", "/trouble") == "found-by-this"
    (line,) = [json.loads(line) for line in lines.getvalue().splitlines() if "it failed" in line]
    assert line["request"] == "found-by-this"


def test_both_formats_say_the_same() -> None:
    """OPS-3: canvas, session and what happened; no line is forged or broken in either."""
    forged = "x\r\n{} CRITICAL \u202e\u2028\x1b[2J" + "y" * 5000
    out, text = io.StringIO(), io.StringIO()
    logger = logging.Logger("server.test")
    for stream, formatter in ((out, JsonFormatter()), (text, OneLineFormatter())):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter)
        logger.addHandler(handler)
    try:
        raise ValueError(forged)
    except ValueError:
        logger.exception("it failed: %s", forged, extra={"canvas": "main", "session": 17})
    logger.warning("canvas %s: again", "main", extra={"canvas": "main"})
    first, second = out.getvalue().splitlines()
    assert out.getvalue().isascii()
    assert len(first) < 40_000
    line = json.loads(first)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"])
    assert (line["level"], line["logger"]) == ("error", "server.test")
    assert (line["canvas"], line["session"]) == ("main", 17)
    assert line["msg"].startswith("it failed: x\r\n{} CRITICAL")
    assert "ValueError" in line["trace"]
    assert json.loads(second)["msg"] == "canvas main: again"
    head = text.getvalue().splitlines()[0]
    assert head.endswith("y (canvas main, session 17)")
    assert text.getvalue().splitlines()[-1].endswith("WARNING server.test: canvas main: again")


@pytest.mark.parametrize(
    ("path", "route", "canvas"),
    [
        ("/", "page", ""),
        ("/c/main", "page", "main"),
        ("/c/main/tiles/64/0/0/0.png", "tile", "main"),
        ("/c/main/ws", "websocket", "main"),
        ("/c/main/", "other", "main"),
        ("/c", "other", ""),
        ("", "other", ""),
        ("*", "other", ""),
        ("/assets/a/b.js", "asset", ""),
        ("/api/admin/canvases", "api", ""),
    ],
)
def test_classes_of_paths(path: str, route: str, canvas: str) -> None:
    """OPS-1: every path has one."""
    assert classify(path) == (route, canvas)
