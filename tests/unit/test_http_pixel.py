"""``pixel/{x}/{y}`` where it can't say all: a search that takes too long, storage in trouble."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from protocol.messages import Pixel, Rect
from server.hub import Hub
from tests.http_rig import problem_of, serving, settings_in
from tiles.log.base import Batch, LogError
from tiles.log.sqlite import SqliteLog


async def test_a_search_that_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HTTP-12: it ends, and says from where on nobody painted the pixel."""
    async with serving(settings_in(tmp_path)) as site:
        await site.paint(Pixel(1, 1, 1, 2, 3), Pixel(2, 1, 1, 2, 3), Rect(1, 0, 0, 9, 9, 0, 0, 0))
        monkeypatch.setattr("server.http.pixel._SEARCH_MAX_S", 0.0)
        body = (await site.get("/c/main/pixel/1/1")).json()
        assert (body["painter"], body["seq"], body["searched_to"]) == (None, None, 3)
        assert body["colour"] == "#010203"
        blank = (await site.get("/c/main/pixel/400/400")).json()
        assert blank["searched_to"] == 0, "nothing ever touched its tile"


@pytest.mark.parametrize(
    "number", ["1.0", "+1", "-1", "1_0", "%201", "1%20", "1%0a", "", "١", "1e0"]
)
async def test_what_is_no_number(tmp_path: Path, number: str) -> None:
    """HTTP-14: in either place it is another path, where there is nothing."""
    async with serving(settings_in(tmp_path)) as site:
        await site.problem(f"/c/main/pixel/{number}/0", 404)
        await site.problem(f"/c/main/pixel/0/{number}", 404)
        await site.problem(f"/c/main/pixel/0/{'1' * 5000}", 404)
        assert (await site.get("/c/main/pixel/1/001")).json()["y"] == 1


async def test_storage_in_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP-12: the log that can't be read is 503, and so is what doesn't become durable."""
    async with serving(settings_in(tmp_path)) as site:
        await site.paint(Pixel(1, 1, 1, 2, 3))

        def read_back(*_: Any) -> Iterator[Batch]:
            raise LogError("the disk is gone")

        with monkeypatch.context() as patched:
            patched.setattr(SqliteLog, "read_back", read_back)
            answer = await site.get("/c/main/pixel/1/1")
            assert "disk" not in str(problem_of(answer, 503))
            assert answer.headers["retry-after"] == "1"
        with monkeypatch.context() as patched:
            patched.setattr(Hub, "durable_seq", 0)
            patched.setattr("server.http.pixel._DURABLE_MAX_S", 0.05)
            problem_of(await site.get("/c/main/pixel/1/1"), 503)
        assert (await site.get("/c/main/pixel/1/1")).json()["seq"] == 1


async def test_one_search_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP-9, HTTP-12: some wait, the rest are told to come back."""
    searching = most = 0

    async def count(_: Hub, __: int) -> None:
        nonlocal searching, most
        searching += 1
        most = max(most, searching)
        await asyncio.sleep(0.01)
        searching -= 1

    monkeypatch.setattr("server.http.pixel._until_durable", count)
    async with serving(settings_in(tmp_path, http_queue_max=2)) as site:
        answers = await asyncio.gather(*(site.get("/c/main/pixel/1/1") for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [200] * 3 + [503] * 3
        assert most == 1
