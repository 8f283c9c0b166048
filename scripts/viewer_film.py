"""Makes `docs/viewer.webp`: the scene comes into being in the viewer, again and again.

Every frame is a screenshot of the real viewer on a real server that five clients paint on; only
the time between two frames is the script's, so that a slow machine makes the same film.

python -m scripts.viewer_film
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Final, NamedTuple

from PIL import Image
from playwright.sync_api import ViewportSize, sync_playwright

from scripts.viewer_crew import CANVAS, CHROMIUM, PAINTERS, ROOT, Crew, harbour_server, visitor
from scripts.viewer_scene import HEIGHT, WIDTH
from tests.browser.viewer_page import ViewerPage
from tests.process import ServerProcess

_FILM: Final = ROOT / "docs" / "viewer.webp"
_FILM_MAX_BYTES: Final = 2_500_000
_SCREEN: Final[ViewportSize] = {"width": 960, "height": 600}
_FRAME_MS: Final = 100
_LAST_MS: Final = 1_800
_JOURNEY_FRAMES: Final = 16


class Place(NamedTuple):
    """The canvas point in the middle of the screen, and screen pixels for each canvas pixel."""

    x: float
    y: float
    zoom: float

    def towards(self, other: Place, part: float) -> Place:
        """A place on the way: zoom in equal ratios, speed that rises and falls."""
        eased = (1 - math.cos(math.pi * part)) / 2
        zoom = self.zoom * (other.zoom / self.zoom) ** eased
        if other.zoom == self.zoom:
            moved = eased
        else:  # what lies under the fixed point of the zoom stays there
            moved = (1 / zoom - 1 / self.zoom) / (1 / other.zoom - 1 / self.zoom)
        return Place(self.x + (other.x - self.x) * moved, self.y + (other.y - self.y) * moved, zoom)


_WHOLE: Final = Place(WIDTH / 2, HEIGHT / 2 + 5, 2.6)
_HEART: Final = Place(132, 138, 12)


def frames(server: ServerProcess, crew: Crew) -> Iterator[tuple[bytes, int]]:
    """Screenshots as PNG, each with the time that it is shown, in ms."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(
            viewport=_SCREEN,
            color_scheme="light",
            storage_state=visitor(server),
        )
        page = ViewerPage(context.new_page())
        page.page.goto(f"{server.http}/c/{CANVAS}#{_WHOLE.x},{_WHOLE.y},{_WHOLE.zoom}")
        page.wait_until_loaded()
        while crew.squares_left:
            crew.paint(1)
            yield _frame(page), _FRAME_MS
        for step in range(1, _JOURNEY_FRAMES + 1):
            _go(page, _WHOLE.towards(_HEART, step / _JOURNEY_FRAMES))
            yield _frame(page), _FRAME_MS
        crew.finish()
        for painter in PAINTERS:
            page.wait_until_cursor(*painter.stroke.points[-1])
        yield _frame(page), _LAST_MS
        for step in range(1, _JOURNEY_FRAMES + 1):
            _go(page, _HEART.towards(_WHOLE, step / _JOURNEY_FRAMES))
            yield _frame(page), _FRAME_MS if step < _JOURNEY_FRAMES else _LAST_MS
        browser.close()


def _go(page: ViewerPage, place: Place) -> None:
    page.evaluate(f"tilecast.goto({place.x}, {place.y}, {place.zoom})")


def _frame(page: ViewerPage) -> bytes:
    page.wait_until_loaded()
    page.wait_for_frame()
    return page.page.screenshot()


def film(shots: Iterator[tuple[bytes, int]]) -> bytes:
    """The screenshots as one animated WebP that goes on for ever."""
    pictures, times_ms = [], []
    for png, shown_ms in shots:
        with Image.open(BytesIO(png)) as image:
            pictures.append(image.convert("RGB"))
        times_ms.append(shown_ms)
    out = BytesIO()
    first, *rest = pictures
    # Flat colours: without loss it is half as large as with.
    first.save(
        out,
        "WEBP",
        save_all=True,
        append_images=rest,
        duration=times_ms,
        loop=0,
        lossless=True,
        minimize_size=True,
    )
    return out.getvalue()


def main() -> int:
    """Make the film; 0 if it was made."""
    with harbour_server() as server, Crew(server.ws(CANVAS)) as crew:
        webp = film(frames(server, crew))
    if len(webp) > _FILM_MAX_BYTES:
        print(f"the film has {len(webp):,} bytes", file=sys.stderr)
        return 1
    _FILM.write_bytes(webp)
    return 0


if __name__ == "__main__":
    sys.exit(main())
