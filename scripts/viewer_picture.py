"""Makes `docs/viewer.png`: the viewer with a canvas that five clients paint, as it really looks.

python -m scripts.viewer_picture
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import ViewportSize, sync_playwright

from client import Client, Patch, Stroke
from scripts import viewer_build
from scripts.viewer_scene import HEIGHT, WIDTH, Scene, paint_scene
from tests.browser.viewer_page import ViewerPage
from tests.process import ServerProcess
from tiles.log.base import CanvasInfo

_ROOT = Path(__file__).resolve().parent.parent
_PICTURE = _ROOT / "docs" / "viewer.png"
_PICTURE_MAX_BYTES = 300_000
_SCREEN: ViewportSize = {"width": 1280, "height": 800}
_ZOOM = 4
# The panels leave more room above than below.
_CENTRE = (WIDTH / 2, HEIGHT / 2 + 4.25)
_CHROMIUM = "/usr/bin/chromium"

Colour = tuple[int, int, int]


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

PAINTERS = (
    Painter("Ada", (0x2F, 0x6F, 0xED), CLOUD),
    Painter("Mei", (0xD9, 0x2C, 0x3A), HEART),
    Painter("Tomás", (0x0F, 0x5C, 0x6E), FENCE),
    Painter("Noor", (0x5B, 0x3F, 0xC4), GLEAM),
    Painter("Jonas", (0xC2, 0x6A, 0x3A), WAKE),
)


def share(scene: Scene, number: int, of: int) -> list[Patch]:
    """One painter's part of the scene, as PATCH messages: every so manieth square of it."""
    side = 20
    patches = []
    squares = [(x, y) for y in range(0, HEIGHT, side) for x in range(0, WIDTH, side)]
    for x, y in squares[number::of]:
        pixels = scene[y : y + side, x : x + side]
        height, width, _ = pixels.shape
        opaque = np.full((height, width, 1), 255, np.uint8)
        rows = np.concatenate((pixels, opaque), axis=2).tobytes()
        patches.append(Patch(x, y, x + width - 1, y + height - 1, zlib.compress(rows)))
    return patches


async def paint(
    url: str, painters: Sequence[Painter], painted: threading.Event, shot: threading.Event
) -> None:
    """Paint the scene, and stay with the pointers on the canvas until the picture is taken."""
    scene = paint_scene()
    clients = [Client(url) for _ in painters]
    try:
        for client in clients:
            await client.connect()
            await client.viewport(0, 0, WIDTH - 1, HEIGHT - 1)
        for number, client in enumerate(clients):
            for patch in share(scene, number, len(clients)):
                await client.draw(patch)
        for client in clients:
            await client.settled()
        for painter, client in zip(painters, clients, strict=True):
            client.presence(*painter.colour, painter.name)
            await client.draw(painter.stroke)
            await client.settled()
        painted.set()
        while not shot.is_set():
            for painter, client in zip(painters, clients, strict=True):
                client.cursor(*painter.stroke.points[-1], 1)
            await asyncio.sleep(0.1)
    finally:
        painted.set()
        for client in clients:
            await client.close()


def take_picture(server: ServerProcess, painted: threading.Event) -> bytes:
    """A screenshot of the viewer as soon as everything and everybody is on it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(
            viewport=_SCREEN,
            color_scheme="light",
            reduced_motion="reduce",
            storage_state={
                "origins": [
                    {
                        "origin": server.http,
                        "localStorage": [
                            {"name": "tilecast.name", "value": "Robin"},
                            {"name": "tilecast.own-colour", "value": "#1f9d61"},
                        ],
                    }
                ]
            },
        )
        page = ViewerPage(context.new_page())
        page.page.goto(f"{server.http}/c/harbour#{_CENTRE[0]},{_CENTRE[1]},{_ZOOM}")
        page.wait_until_loaded()
        painted.wait()
        for painter in PAINTERS:
            page.wait_until_cursor(*painter.stroke.points[-1])
        page.choose("Brush")
        page.frame.get_by_role("button", name="#ff9a3d").first.click()
        page.page.mouse.move(*page.to_screen(146.5, 110.5))
        page.wait_for_frame()
        png = page.page.screenshot(animations="disabled")
        browser.close()
        return png


def compressed(png: bytes) -> bytes:
    """The same picture in fewer bytes."""
    out = BytesIO()
    with Image.open(BytesIO(png)) as image:
        image.convert("RGB").save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> int:
    """Make the picture; 0 if it was made."""
    viewer_build.ensure_node(_ROOT)
    viewer_build.build(_ROOT)
    with tempfile.TemporaryDirectory(prefix="tilecast-picture-") as folder:
        server = ServerProcess(Path(folder))
        server.make_canvas("harbour", CanvasInfo(WIDTH, HEIGHT, title="The harbour"))
        server.start()
        painted, shot = threading.Event(), threading.Event()
        work = threading.Thread(
            target=lambda: asyncio.run(paint(server.ws("harbour"), PAINTERS, painted, shot))
        )
        work.start()
        try:
            png = take_picture(server, painted)
        finally:
            shot.set()
            work.join()
            server.stop_well()
    png = compressed(png)
    if len(png) > _PICTURE_MAX_BYTES:
        print(f"the picture has {len(png):,} bytes", file=sys.stderr)
        return 1
    _PICTURE.write_bytes(png)
    return 0


if __name__ == "__main__":
    sys.exit(main())
