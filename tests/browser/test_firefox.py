"""The viewer in Debian's Firefox: that it works there too; all the rest is held in Chromium."""

import json
from pathlib import Path

import numpy as np

from tests.browser.conftest import Visit
from tests.browser.firefox import firefox
from tests.browser.pictures import region
from tests.process import ServerProcess

WIDTH, HEIGHT = 1000, 700
ZOOM = 8
STORED = (0x2F, 0x6F, 0xED)
"""The pencil's first colour."""


def test_firefox_shows_paints_and_moves(
    server: ServerProcess, canvas: str, visit: Visit, tmp_path: Path
) -> None:
    """UI-1, UI-2, UI-4: what is painted there is in Chromium and in the server's picture too."""
    other = visit(canvas, place=f"#256,256,{ZOOM}")
    with firefox(tmp_path) as page:
        page.show(f"{server.http}/c/{canvas}#256,256,{ZOOM}", WIDTH, HEIGHT)
        page.wait("window.tilecast?.state === 'live' && tilecast.loaded")

        def at(x: float, y: float) -> tuple[float, float]:
            return (x - 256) * ZOOM + WIDTH / 2, (y - 256) * ZOOM + HEIGHT / 2

        page.drag(at(240.5, 250.5), at(250.5, 250.5), at(250.5, 260.5))
        for x, y in ((240, 250), (246, 250), (250, 255), (250, 260)):
            wanted = json.dumps(STORED, separators=(",", ":"))
            page.wait(f"JSON.stringify(tilecast.pixel({x}, {y})) === '{wanted}'")
            other.wait_for_pixel(x, y, STORED)
        page.wait("tilecast.unsaved === 0 && tilecast.pending === 0")

        drawn = region(server, canvas, (236, 246, 254, 264))
        shown = page.screenshot()
        middles = [
            [tuple(round(part) for part in at(x + 0.5, y + 0.5)) for x in range(236, 255)]
            for y in range(246, 265)
        ]
        # The pointer rests on the last pixel, under the outline of the tool.
        seen = np.array([[shown[y - 2, x - 2] for x, y in row] for row in middles])
        assert (seen[:14] == drawn[:14]).all()

        before = page.evaluate("[tilecast.camera.x, tilecast.camera.y, tilecast.camera.zoom]")
        page.wheel((WIDTH / 2, HEIGHT / 2), -200)
        page.wait(f"tilecast.camera.zoom > {before[2]} && tilecast.loaded")
        after = page.evaluate("[tilecast.camera.x, tilecast.camera.y]")
        assert np.allclose(after, before[:2], atol=0.5)

        page.press("?")
        page.wait("document.querySelector('[role=dialog]') !== null")
        assert page.complaints == []
