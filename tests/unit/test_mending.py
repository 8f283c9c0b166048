"""Damaged tiles are rebuilt beside the fetching of others: whose turn comes when, step by step."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from server.paging import Paging
from server.supervisor import RESTART_MAX_S, Supervisor
from tests.canvas_file import CanvasFile, drawings, painted
from tests.log_rigs import Recorder
from tiles.log.base import LogError
from tiles.log.sqlite import SqliteLog
from tiles.pyramid import Pyramid
from tiles.raster import Paint
from tiles.recovery import recover

DAMAGED, SOUND, OTHER = 0, 1, 2
WITHIN_S = 10.0

Job = tuple[Callable[[], Any], Callable[[Any], None], Callable[[Exception], None]]


class Threads:
    """An Offload whose work is done when the test says so."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def __call__(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """See :class:`tiles.loop.Offload`."""
        self.jobs.append((work, done, failed))

    async def do(self, index: int = 0) -> None:
        """Wait for a job, and do it."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.jobs) <= index:  # noqa: ASYNC110  it comes on a later turn
                await asyncio.sleep(0)
        work, done, failed = self.jobs.pop(index)
        try:
            result = work()
        except Exception as error:
            failed(error)
        else:
            done(result)
        for _ in range(5):
            await asyncio.sleep(0)


class Rig:
    """A canvas that is saved but for one tile whose row is damaged."""

    def __init__(self, folder: Path) -> None:
        drawn = drawings(np.random.default_rng(9), 300)
        made = CanvasFile(folder / "main.sqlite3")
        made.write(drawn, save="all")
        self.truth = painted(drawn)
        self.path = made.path
        self.execute(f"UPDATE tiles SET data = x'00ff' WHERE key = {DAMAGED}")
        self.log = SqliteLog(self.path)
        recovered = self.log.open()
        self.pyramid: Pyramid = recover(self.log, recovered)
        self.log.start(Recorder())
        self.threads = Threads()
        self.service = Supervisor(asyncio.get_running_loop()).service("paging", "main")
        self.paging = Paging(self.pyramid, self.log, self.service, self.threads)
        self.came: list[int] = []

    def execute(self, statement: str) -> None:
        """Change the file."""
        connection = apsw.Connection(str(self.path))
        connection.execute(statement)
        connection.close()

    def fetch(self, tile: int) -> None:
        """Ask for a tile."""
        self.paging.fetch([tile], lambda: self.came.append(tile))

    def close(self) -> None:
        """Stop it."""
        self.paging.stop()
        self.log.close(WITHIN_S)


@pytest.fixture
async def rig(tmp_path: Path) -> Any:
    """The canvas, and the paging of its tiles."""
    rig = Rig(tmp_path)
    yield rig
    rig.close()


async def test_nobody_else_waits(rig: Rig) -> None:
    """CHK-6: tiles asked for before and after are there, and the damaged one once it is rebuilt."""
    rig.fetch(DAMAGED)
    rig.fetch(SOUND)
    await rig.threads.do()
    assert rig.came == [SOUND]
    assert len(rig.threads.jobs) == 1  # the rebuilding
    rig.fetch(OTHER)
    await rig.threads.do(1)
    assert rig.came == [SOUND, OTHER]
    rig.fetch(DAMAGED)  # it is on its way: nobody reads it again
    assert len(rig.threads.jobs) == 1
    await rig.threads.do()
    assert rig.came == [SOUND, OTHER, DAMAGED, DAMAGED]
    assert np.array_equal(rig.pyramid.tile(DAMAGED), rig.truth.tile(DAMAGED))
    assert rig.pyramid.seq(DAMAGED) == rig.truth.seq(DAMAGED)
    assert DAMAGED in rig.pyramid.residents.unsaved
    assert SOUND not in rig.pyramid.residents.unsaved


async def test_what_is_painted_meanwhile_is_on_top(rig: Rig) -> None:
    """CHK-6: painting doesn't wait, and is no reason to read the damaged row again."""
    where = (slice(0, 7), slice(0, 9))
    red = np.array((255, 0, 0), np.uint8)
    rig.fetch(DAMAGED)
    await rig.threads.do()
    rig.pyramid.mark(rig.pyramid.canvas.paint([Paint(DAMAGED, where, red)], 301))
    assert len(rig.threads.jobs) == 1
    await rig.threads.do()
    expected = rig.truth.tile(DAMAGED).copy()
    expected[where] = red
    assert np.array_equal(rig.pyramid.tile(DAMAGED), expected)
    assert rig.pyramid.seq(DAMAGED) == 301


async def test_storage_that_can_t_be_read_now_is_asked_again(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CHK-6: as long as it takes."""

    def failing(*_: object) -> Iterator[object]:
        raise LogError("not now")

    monkeypatch.setattr("server.mending._RETRY_S", 0.001)
    rig.fetch(DAMAGED)
    await rig.threads.do()
    with monkeypatch.context() as patch:
        patch.setattr(rig.log, "read", failing)
        await rig.threads.do()
        await rig.threads.do()
    assert rig.came == []
    await rig.threads.do()
    assert rig.came == [DAMAGED]
    assert np.array_equal(rig.pyramid.tile(DAMAGED), rig.truth.tile(DAMAGED))


async def test_without_the_log_it_is_black(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """CHK-6: there is nothing else to be had, and nobody waits for ever; it isn't saved so."""
    rig.fetch(DAMAGED)
    await rig.threads.do()
    rig.execute("UPDATE log SET time_ms = 1 WHERE first_seq > 200")
    await rig.threads.do()
    assert rig.came == [DAMAGED]
    assert not rig.pyramid.tile(DAMAGED).any()
    assert DAMAGED not in rig.pyramid.residents.unsaved
    assert "so they are black" in caplog.text


async def test_a_restart_asks_again(rig: Rig) -> None:
    """CHK-6: whatever failed meanwhile, who waits gets the tile."""
    rig.fetch(DAMAGED)
    await rig.threads.do()
    rig.service.call_soon(lambda: 1 // 0)
    async with asyncio.timeout(WITHIN_S + RESTART_MAX_S):
        while rig.service.restarts == 0:  # noqa: ASYNC110  it comes on a later turn
            await asyncio.sleep(0.005)
    await rig.threads.do()  # of the life before: it is nobody's any more
    assert rig.came == []
    await rig.threads.do()
    await rig.threads.do()
    assert rig.came == [DAMAGED]
    assert np.array_equal(rig.pyramid.tile(DAMAGED), rig.truth.tile(DAMAGED))


async def test_an_overview_is_computed_from_those_below(rig: Rig) -> None:
    """CHK-6: it isn't waited for; those below are what is missing."""
    overview = 1 << 20
    rig.execute(f"UPDATE tiles SET data = x'00ff' WHERE key = {overview}")
    rig.fetch(overview)
    await rig.threads.do()
    assert rig.came == [overview]
    for _ in range(20):
        missing: set[int] = set()
        if rig.pyramid.advance(overview, 100, missing):
            break
        assert missing
        for tile in missing:
            rig.fetch(tile)
        while not all(map(rig.pyramid.residents.is_whole, missing)):
            await rig.threads.do()
    assert np.array_equal(rig.pyramid.tile(overview), rig.truth.tile(overview))
    top = (rig.pyramid.levels - 1) << 20
    assert rig.pyramid.is_dirty(top)
    # What is painted below it marks everything above again.
    red = np.array((255, 0, 0), np.uint8)
    paint = Paint(SOUND, (slice(0, 64), slice(0, 64)), red)
    rig.pyramid.mark(rig.pyramid.canvas.paint([paint], 301))
    assert rig.pyramid.is_dirty(overview)


@pytest.mark.parametrize("failures", [1, 9])
async def test_who_waits_is_called_though_the_call_failed(rig: Rig, failures: int) -> None:
    """SUP-1: paging that fails while it calls one tries it once more; the others don't wait."""
    left = failures

    def told() -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise RuntimeError("not now")
        rig.came.append(OTHER)

    rig.paging.fetch([OTHER], told)
    rig.fetch(SOUND)
    await rig.threads.do()
    async with asyncio.timeout(WITHIN_S):
        while rig.service.restarts < min(failures, 2) or SOUND not in rig.came:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert rig.came == ([SOUND, OTHER] if failures == 1 else [SOUND])
    rig.fetch(SOUND)
    async with asyncio.timeout(WITHIN_S):
        while rig.came.count(SOUND) < 2:  # noqa: ASYNC110  it comes on a later turn
            await asyncio.sleep(0)
    assert rig.service.restarts == min(failures, 2)
