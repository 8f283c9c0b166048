"""``tilecast backup`` and ``check`` beside a server that is painted on, and the copy served."""

import asyncio
import random
import subprocess
from pathlib import Path

import pytest

from protocol.codec import decode
from protocol.messages import Ack, Pixel
from protocol.types import Sender
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import COMMAND, ServerProcess
from tiles.log.base import CanvasInfo
from tiles.log.check import reading
from tiles.log.stored_rows import log_rows

PAINTERS = 3
WITHIN_S = 60


async def run(*arguments: str | Path) -> tuple[int, str, str]:
    """Run the command; its exit code and what it says."""
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(WITHIN_S):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


class Painter:
    """Paints on and on; ``durable`` of its pixels are said to be."""

    def __init__(self, url: str, number: int) -> None:
        self.peer = Peer(url)
        self.number = number
        self.drawn: list[tuple[int, int]] = []
        self._random = random.Random(number)

    @property
    def colour(self) -> tuple[int, int, int]:
        """The colour that it alone paints with."""
        return 10 + self.number, 20, 30

    @property
    def durable(self) -> int:
        """How many of its pixels would survive a power cut, as it was told."""
        acks = self.peer.all(Ack)
        return acks[-1].durable if acks else 0

    async def paint(self) -> None:
        """Paint, never far ahead of what is durable."""
        while True:
            for _ in range(20):
                # A column of its own for each painter, so that nobody paints over another's.
                x = PAINTERS * self._random.randrange(60) + self.number
                y = self._random.randrange(256)
                self.drawn.append((x, y))
                await self.peer.draw(Pixel(x, y, *self.colour))
            await self.peer.durable(max(0, self.peer.numbered - 200))
            await asyncio.sleep(0)


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """A server with two canvases that checkpoints often."""
    return launch(
        *("--width", "256", "--height", "256", "--budget-pixels", "0"),
        *("--checkpoint-interval-s", "0.2"),
        canvases={"town": CanvasInfo(300, 200)},
    )


async def test_backup_beside_painters(server: ServerProcess, tmp_path: Path) -> None:
    """BAK-1, BAK-2, BAK-3: all that was durable when it began, sound, under a new epoch."""
    data = server.folder / "data"
    painters = [Painter(server.ws(), number) for number in range(PAINTERS)]
    for painter in painters:
        await painter.peer.open()
        await painter.peer.hello()
    tasks = [asyncio.create_task(painter.paint()) for painter in painters]
    try:
        for painter in painters:
            await painter.peer.durable(300)
        promised = [painter.durable for painter in painters]
        code, out, err = await run("backup", tmp_path / "copy", "--data", data)
        assert code == 0, err
        assert "main: seq " in out
        assert "town: seq 0" in out
        # Commits went on meanwhile, and go on.
        for painter, before in zip(painters, promised, strict=True):
            await painter.peer.durable(before + 300)
        code, out, _ = await run("check", "--data", tmp_path / "copy")
        assert code == 0, out
        code, _, err = await run("check", "--data", data)
        assert code == 1
        assert "`tilecast backup DEST` copies it" in err
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for painter in painters:
            await painter.peer.close()
    files = {file.name for file in (tmp_path / "copy").iterdir() if file.suffix != ".lock"}
    assert files <= {"main.sqlite3", "town.sqlite3", "salt"}
    assert {"main.sqlite3", "town.sqlite3"} <= files
    drawn = log_of(tmp_path / "copy" / "main.sqlite3")
    for painter, before in zip(painters, promised, strict=True):
        there = drawn.get(painter.colour, [])
        assert len(there) >= before
        assert there == painter.drawn[: len(there)]
    epoch = server.stats()["epoch"]
    (tmp_path / "again").mkdir()
    (tmp_path / "copy").rename(tmp_path / "again" / "data")
    restored = ServerProcess(tmp_path / "again")
    restored.start()
    try:
        assert restored.stats()["epoch"] != epoch
        assert restored.stats()["seq"] >= sum(promised)
    finally:
        restored.stop_well()


def log_of(path: Path) -> dict[tuple[int, int, int], list[tuple[int, int]]]:
    """The pixels in a log, by colour."""
    found: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    with reading(path) as connection:
        for row in log_rows(connection, 0):
            for message in decode(row.messages, Sender.CLIENT):
                assert isinstance(message, Pixel)
                colour = message.r, message.g, message.b
                found.setdefault(colour, []).append((message.x, message.y))
    return found
