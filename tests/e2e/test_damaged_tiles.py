"""A saved tile that is damaged: the server makes it anew, and nobody is shown anything else."""

import asyncio
import io
import zlib
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest
from PIL import Image

from protocol.messages import Tile
from tests.canvas_file import SIDE, CanvasFile, drawings, painted
from tests.peer import Peer
from tests.process import ServerProcess
from tiles.deflate import InflateError
from tiles.geometry import key, tile_range, unkey
from tiles.log.check import check
from tiles.payload import decode_payload
from tiles.raster import Bytes

WHOLE = (0, 0, SIDE - 1, SIDE - 1)
SAVED_WITHIN_S = 20.0
FLAGS = ("--checkpoint-interval-s", "0.2")


@pytest.fixture
def stopped(tmp_path: Path) -> tuple[ServerProcess, dict[int, Bytes]]:
    """A server that doesn't run, over a canvas that is saved; and what its tiles hold."""
    server = ServerProcess(tmp_path, *FLAGS)
    drawn = drawings(np.random.default_rng(8), 700)
    made = CanvasFile(server.canvas_file())
    made.write(drawn[:650], save="all")
    made.write(drawn[650:])
    truth = painted(drawn)
    tiles = {
        tile: truth.tile(tile)
        for level in range(truth.levels)
        for tile in tile_range(level, WHOLE).keys()
    }
    return server, tiles


def execute(server: ServerProcess, statement: str) -> None:
    """Change the canvas's file."""
    connection = apsw.Connection(str(server.canvas_file()))
    connection.execute(statement)
    connection.close()


def pixels_of(message: Tile) -> Bytes:
    """What a TILE shows."""
    if message.encoding == 0:
        return np.tile(np.frombuffer(message.payload, np.uint8), (64, 64, 1))
    return np.frombuffer(zlib.decompress(message.payload), np.uint8).reshape(64, 64, 3)


async def looked_at(server: ServerProcess, level: int) -> dict[int, Bytes]:
    """All tiles of a level, as a client is sent them."""
    async with Peer(server.ws()) as peer:
        wanted = set(tile_range(level, WHOLE).keys())
        await peer.look(*WHOLE, level=level)
        await peer.until(
            lambda: {key(one.level, one.tx, one.ty) for one in peer.all(Tile)} >= wanted, "tiles"
        )
        return {key(one.level, one.tx, one.ty): pixels_of(one) for one in peer.all(Tile)}


def saved_well(server: ServerProcess) -> bool:
    """Whether every saved tile can be decoded."""
    connection = apsw.Connection(str(server.canvas_file()), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        for _, data in connection.execute("SELECT key, data FROM tiles"):
            decode_payload(data)
    except InflateError:
        return False
    finally:
        connection.close()
    return True


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE tiles SET data = x'00ff' WHERE key IN (0, 1, 1026)",
        "UPDATE tiles SET data = substr(data, 1, length(data) - 9) WHERE key < 1 << 20",
        "UPDATE tiles SET data = x'00ff' WHERE key >> 20 = 1",
        "UPDATE tiles SET data = x'00ff'",
    ],
    ids=["three tiles", "cut short", "overviews", "all"],
)
async def test_damaged_rows(stopped: tuple[ServerProcess, dict[int, Bytes]], damage: str) -> None:
    """CHK-6: it is rebuilt from the log or from those below, told, and saved again."""
    server, tiles = stopped
    execute(server, damage)
    server.start()
    try:
        for level in (2, 0, 1, 3):
            for tile, pixels in (await looked_at(server, level)).items():
                assert np.array_equal(pixels, tiles[tile]), unkey(tile)
        with Image.open(io.BytesIO(server.get("/c/main/tiles/0/0/0.png"))) as image:
            assert image.size == (256, 256)
        async with asyncio.timeout(SAVED_WITHIN_S):
            while not saved_well(server):  # noqa: ASYNC110  another process gets there
                await asyncio.sleep(0.02)
    finally:
        server.stop_well()
    assert "is damaged in the store" in server.log
    findings, _ = check(server.canvas_file())
    assert findings.well, findings.problems


async def test_a_damaged_page(stopped: tuple[ServerProcess, dict[int, Bytes]]) -> None:
    """CHK-6: also where SQLite can't get at the rows at all. It can't save there again either."""
    server, tiles = stopped
    connection = apsw.Connection(str(server.canvas_file()))
    page: Any = connection.execute(
        "SELECT min(pageno) FROM dbstat WHERE name = 'tiles' AND pagetype = 'leaf'"
    ).get
    connection.close()
    content = bytearray(server.canvas_file().read_bytes())
    start = (page - 1) * 4096
    content[start : start + 4096] = bytes(4096)
    server.canvas_file().write_bytes(content)
    server.start()
    try:
        for tile, pixels in (await looked_at(server, 0)).items():
            assert np.array_equal(pixels, tiles[tile]), unkey(tile)
    finally:
        server.kill()
    assert "is rebuilt from the log" in server.log
    assert "Traceback" not in server.log
