"""Makes `docs/viewer.png`: the viewer with a canvas that five clients paint, as it really looks.

python -m scripts.viewer_picture
"""

from __future__ import annotations

import sys
from io import BytesIO
from typing import Final

from PIL import Image
from playwright.sync_api import ViewportSize, sync_playwright

from scripts.viewer_crew import CANVAS, CHROMIUM, PAINTERS, ROOT, Crew, harbour_server, visitor
from scripts.viewer_scene import HEIGHT, WIDTH
from tests.browser.viewer_page import ViewerPage
from tests.process import ServerProcess

_PICTURE: Final = ROOT / "docs" / "viewer.png"
_PICTURE_MAX_BYTES: Final = 300_000
_SCREEN: Final[ViewportSize] = {"width": 1280, "height": 800}
_ZOOM: Final = 4
# The panels leave more room above than below.
_CENTRE: Final = (WIDTH / 2, HEIGHT / 2 + 4.25)


def take_picture(server: ServerProcess, crew: Crew) -> bytes:
    """A screenshot of the viewer as soon as everything and everybody is on it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(
            viewport=_SCREEN,
            color_scheme="light",
            reduced_motion="reduce",
            storage_state=visitor(server),
        )
        page = ViewerPage(context.new_page())
        page.page.goto(f"{server.http}/c/{CANVAS}#{_CENTRE[0]},{_CENTRE[1]},{_ZOOM}")
        page.wait_until_loaded()
        crew.point()
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
    with harbour_server() as server, Crew(server.ws(CANVAS)) as crew:
        crew.paint(crew.squares_left)
        crew.finish()
        png = compressed(take_picture(server, crew))
    if len(png) > _PICTURE_MAX_BYTES:
        print(f"the picture has {len(png):,} bytes", file=sys.stderr)
        return 1
    _PICTURE.write_bytes(png)
    return 0


if __name__ == "__main__":
    sys.exit(main())
