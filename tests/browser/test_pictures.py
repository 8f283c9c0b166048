"""What is on the screen, device pixel by device pixel, against the server's own pictures."""

from typing import Any, Final

import pytest

from tests.browser.conftest import CanvasMaker, Visit
from tests.browser.pictures import Box, Placement, assert_same, enlarged, noise, region
from tests.browser.viewer_page import ViewerPage
from tests.process import ServerProcess

SMALL_SCREEN: Final = {"width": 700, "height": 500}
"""A screen that a canvas of 512 × 512 covers in part at 1:1, and that a screenshot is quick of."""
SIDE: Final = 512
RED: Final = (217, 44, 58)


def whole_pixels_on(page: ViewerPage) -> Box:
    """The canvas pixels that are on the screen wholly."""
    (width, height), (x, y, zoom) = page.screen, page.camera
    across, down = width / 2 / zoom, height / 2 / zoom
    return (
        max(0, int(x - across) + 1),
        max(0, int(y - down) + 1),
        min(SIDE - 1, int(x + across) - 2),
        min(SIDE - 1, int(y + down) - 2),
    )


def assert_shows(page: ViewerPage, server: ServerProcess, canvas: str, ratio: int) -> None:
    """Hold the screen to show the server's picture of what it is over, in whole pixels."""
    page.choose("Move")
    page.rest_mouse()
    page.hide_panels()
    page.wait_until_undisturbed()
    x, y, zoom = page.camera
    scale = zoom * ratio
    width, height = page.screen
    placement = Placement((x, y), (width * ratio, height * ratio), scale)
    box = whole_pixels_on(page)
    assert (box[2] - box[0]) * (box[3] - box[1]) > 5_000, "that is worth a look"
    wanted = enlarged(region(server, canvas, box), int(scale))
    assert_same(placement.crop(page.screenshot(), box), wanted)


@pytest.mark.parametrize("ratio", [1, 2])
@pytest.mark.parametrize("zoom", [1, 4])
def test_the_screen_shows_exactly_the_servers_pixels(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess, zoom: int, ratio: int
) -> None:
    """UI-2: of noise, which shows the smallest shift or blur, also at a place between pixels."""
    canvas = make_canvas(picture=noise(SIDE, SIDE, seed=zoom * 10 + ratio))
    page = visit(
        canvas, place=f"#200.3,170.7,{zoom}", viewport=SMALL_SCREEN, device_scale_factor=ratio
    )
    assert_shows(page, server, canvas, ratio)


@pytest.mark.parametrize("ratio", [1, 2])
def test_the_screen_shows_exactly_what_was_painted_live(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess, ratio: int
) -> None:
    """UI-2: what comes as drawing messages looks as it does in a snapshot, its author's too."""
    canvas = make_canvas(picture=noise(SIDE, SIDE, seed=7))
    options: dict[str, Any] = {"viewport": SMALL_SCREEN, "device_scale_factor": ratio}
    watcher = visit(canvas, place="#256,256,2", **options)
    author = visit(canvas, place="#256,256,2", **options)
    author.choose_colour(RED)
    author.choose("Brush")
    author.drag((220, 220), (256, 260), (300, 240))
    author.choose("Rectangle")
    author.drag((270, 270), (310, 300))
    author.choose("Line")
    author.drag((200, 290), (250, 230))
    author.wait_until_saved()
    watcher.wait_for_pixel(250, 230, RED)
    assert_shows(author, server, canvas, ratio)
    assert_shows(watcher, server, canvas, ratio)


@pytest.mark.parametrize(("zoom", "scale"), [(0.5, "1/2"), (0.25, "1/4")])
def test_an_overview_shows_exactly_the_servers_overview(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess, zoom: float, scale: str
) -> None:
    """UI-2: zoomed out too, and what is painted meanwhile comes by itself."""
    canvas = make_canvas(2048, 2048, picture=noise(SIDE, SIDE, seed=3))
    page = visit(canvas, place=f"#512,512,{zoom}", viewport=SMALL_SCREEN)
    painter = visit(canvas, place="#256,256,1", viewport=SMALL_SCREEN)
    painter.choose_colour(RED)
    painter.choose("Rectangle")
    painter.drag((200, 200), (300, 280))
    painter.wait_until_saved()
    painter.rest_mouse()
    page.wait_for_pixel(256, 240, RED)
    page.hide_panels()
    page.wait_until_undisturbed()
    box = (128, 128, SIDE + 127, SIDE + 127)
    placement = Placement((512, 512), (SMALL_SCREEN["width"], SMALL_SCREEN["height"]), zoom)
    assert_same(placement.crop(page.screenshot(), box), region(server, canvas, box, scale))
