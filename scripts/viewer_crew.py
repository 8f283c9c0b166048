"""Five people who paint the scene of README's pictures on a real server, step by step."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import zlib
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, TypeVar

import numpy as np
from playwright.sync_api import StorageState

from client import Client, Patch, Stroke
from scripts import viewer_build
from scripts.viewer_scene import HEIGHT, WIDTH, Scene, paint_scene
from tests.process import ServerProcess
from tiles.log.base import CanvasInfo

ROOT: Final = Path(__file__).resolve().parent.parent
CANVAS: Final = "harbour"
CHROMIUM: Final = "/usr/bin/chromium"
_SQUARE: Final = 20
_PAINTING: Final = 1

Colour = tuple[int, int, int]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Painter:
    """Somebody who paints a share of the scene, and a stroke at its end."""

    name: str
    colour: Colour
    stroke: Stroke


CLOUD = Stroke(2, 255, 255, 255, ((60, 21), (66, 19), (74, 21)))
_HEART_POINTS = ((124, 148), (118, 142), (118, 139), (121, 137), (124, 140))
_OTHER_HALF = ((127, 137), (130, 139), (130, 142), (124, 148))
HEART = Stroke(1, 255, 143, 184, (*_HEART_POINTS, *_OTHER_HALF))
FENCE = Stroke(1, 255, 240, 220, ((206, 149), (206, 143), (218, 143), (218, 145)))
GLEAM = Stroke(1, 255, 240, 107, ((157, 118), (172, 117), (190, 119)))
WAKE = Stroke(1, 255, 255, 255, ((92, 118), (100, 120), (108, 118)))

PAINTERS: Final = (
    Painter("Ada", (0x2F, 0x6F, 0xED), CLOUD),
    Painter("Mei", (0xD9, 0x2C, 0x3A), HEART),
    Painter("Tomás", (0x0F, 0x5C, 0x6E), FENCE),
    Painter("Noor", (0x5B, 0x3F, 0xC4), GLEAM),
    Painter("Jonas", (0xC2, 0x6A, 0x3A), WAKE),
)


class Crew:
    """The painters' clients, in a thread of their own; each method returns when all is settled."""

    def __init__(self, url: str) -> None:
        self._clients = [Client(url) for _ in PAINTERS]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        scene = paint_scene()
        self._left = [share(scene, number, len(PAINTERS)) for number in range(len(PAINTERS))]

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._arrive())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._leave())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def squares_left(self) -> int:
        """Squares of the scene that each has still to paint, at most."""
        return max(len(left) for left in self._left)

    def paint(self, squares: int) -> None:
        """Everybody paints so many squares of the scene more, pointers with them."""
        self._run(self._paint(squares))

    def finish(self) -> None:
        """Everybody draws the last stroke, and stays there."""
        self._run(self._finish())

    def point(self) -> None:
        """Everybody tells again where the pointer is after :meth:`finish`."""
        self._loop.call_soon_threadsafe(self._point)

    def _run(self, work: Coroutine[object, object, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _arrive(self) -> None:
        for client, painter in zip(self._clients, PAINTERS, strict=True):
            await client.connect()
            await client.viewport(0, 0, WIDTH - 1, HEIGHT - 1)
            client.presence(*painter.colour, painter.name)

    async def _leave(self) -> None:
        for client in self._clients:
            await client.close()

    async def _paint(self, squares: int) -> None:
        for client, left in zip(self._clients, self._left, strict=True):
            now, left[:squares] = left[:squares], []
            for patch in now:
                await client.draw(patch)
            if now:
                last = now[-1]
                client.cursor((last.x0 + last.x1) // 2, (last.y0 + last.y1) // 2, _PAINTING)
        for client in self._clients:
            await client.settled()

    async def _finish(self) -> None:
        for client, painter in zip(self._clients, PAINTERS, strict=True):
            await client.draw(painter.stroke)
            await client.settled()
        self._point()

    def _point(self) -> None:
        for client, painter in zip(self._clients, PAINTERS, strict=True):
            client.cursor(*painter.stroke.points[-1], _PAINTING)


def share(scene: Scene, number: int, of: int) -> list[Patch]:
    """One painter's part of the scene, as PATCH messages: squares, column by column up and down."""
    rows, columns = range(0, HEIGHT, _SQUARE), range(0, WIDTH, _SQUARE)
    squares = [(x, y) for x in columns for y in (rows if x // _SQUARE % 2 else reversed(rows))]
    first, end = (len(squares) * part // of for part in (number, number + 1))
    return [_patch(scene, x, y) for x, y in squares[first:end]]


def _patch(scene: Scene, x: int, y: int) -> Patch:
    pixels = scene[y : y + _SQUARE, x : x + _SQUARE]
    height, width, _ = pixels.shape
    opaque = np.full((height, width, 1), 255, np.uint8)
    rows = np.concatenate((pixels, opaque), axis=2).tobytes()
    return Patch(x, y, x + width - 1, y + height - 1, zlib.compress(rows))


@contextmanager
def harbour_server() -> Iterator[ServerProcess]:
    """A server with the present viewer and an empty canvas of the scene's size."""
    viewer_build.ensure_node(ROOT)
    viewer_build.build(ROOT)
    with tempfile.TemporaryDirectory(prefix="tilecast-picture-") as folder:
        server = ServerProcess(Path(folder))
        server.make_canvas(CANVAS, CanvasInfo(WIDTH, HEIGHT, title="The harbour"))
        server.start()
        try:
            yield server
        finally:
            server.stop_well()


def visitor(server: ServerProcess) -> StorageState:
    """What the browser of the person who looks on keeps: a name and a colour."""
    kept = {"tilecast.name": "Robin", "tilecast.own-colour": "#1f9d61"}
    return {
        "origins": [
            {
                "origin": server.http,
                "localStorage": [{"name": name, "value": value} for name, value in kept.items()],
            }
        ]
    }
