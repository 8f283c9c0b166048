"""Pages of other origins that show a canvas."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import CanvasMaker
from tests.browser.foreign_site import FRAME_PAGE, foreign_site
from tests.browser.pictures import Picture, assert_same, from_png, noise, region
from tests.browser.viewer_page import Console, ViewerPage
from tests.process import ServerProcess

RED = (217, 44, 58)
WIDTH, HEIGHT = 700, 500


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the other website holds."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[str]:
    """The other website's origin: another name and another port than the server's."""
    with foreign_site(folder) as origin:
        yield origin


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An ordinary page, which may complain of nothing."""
    page = browser.new_page(viewport={"width": 1000, "height": 700})
    console = Console()
    console.watch(page)
    yield page
    page.close()
    assert console.complaints == []


def show_map(page: Page, site: str, canvas: str, x: int, y: int, zoomed_out: int = 0) -> Picture:
    """A screenshot of a map of the canvas around a pixel, once all tiles are there."""
    page.goto(f"{site}/map.html")
    page.evaluate("(where) => show(...where)", [canvas, x, y, zoomed_out])
    return from_png(page.locator("#map").screenshot(animations="disabled"))


def test_leaflet_shows_the_canvas_crisply(
    page: Page, site: str, server: ServerProcess, make_canvas: CanvasMaker
) -> None:
    """HTTP-8: by the TileJSON alone; at 1:1 every pixel of the map is a pixel of the canvas."""
    canvas = make_canvas(1024, 1024, picture=noise(1024, 1024, seed=8))
    shown = show_map(page, site, f"{server.http}/c/{canvas}", 500, 400)
    box = (500 - WIDTH // 2, 400 - HEIGHT // 2, 499 + WIDTH // 2, 399 + HEIGHT // 2)
    assert_same(shown, region(server, canvas, box))


def test_leaflet_shows_the_overview(
    page: Page, site: str, server: ServerProcess, make_canvas: CanvasMaker
) -> None:
    """HTTP-8: zoomed out it shows what the server's own overview shows."""
    canvas = make_canvas(2048, 2048, picture=noise(1500, 1200, seed=9))
    shown = show_map(page, site, f"{server.http}/c/{canvas}", 1024, 1024, zoomed_out=1)
    box = (1024 - WIDTH, 1024 - HEIGHT, 1023 + WIDTH, 1023 + HEIGHT)
    assert_same(shown, region(server, canvas, box, "1/2"))


def test_the_viewer_works_in_a_frame(
    page: Page, site: str, folder: Path, server: ServerProcess, make_canvas: CanvasMaker
) -> None:
    """HTTP-8: it shows the canvas, and whoever chooses a tool there paints on it."""
    picture = noise(512, 512, seed=10)
    canvas = make_canvas(picture=picture)
    address = f"{server.http}/c/{canvas}#256,256,6"
    (folder / "frame.html").write_text(FRAME_PAGE.format(viewer=address), encoding="utf-8")
    page.goto(f"{site}/frame.html")
    (frame,) = page.main_frame.child_frames
    corner = page.locator("iframe").bounding_box()
    assert corner is not None
    viewer = ViewerPage(page, frame, (corner["x"], corner["y"]))
    viewer.wait_until_loaded()
    assert viewer.pixel(256, 256) == tuple(picture[256, 256].tolist())

    # A frame lets its page scroll, and its visitor look around, before it is painted in.
    viewer.drag((256, 256), (246, 256))
    viewer.wait("tilecast.camera.x > 256")
    assert viewer.evaluate("tilecast.unsaved") == 0
    viewer.choose("Pencil")
    viewer.choose_colour(RED)
    viewer.drag((250, 250), (260, 250))
    viewer.wait_until_saved()
    wanted = picture[245:265, 245:265].copy()
    wanted[5, 5:16] = RED
    assert_same(region(server, canvas, (245, 245, 264, 264)), wanted)

    viewer.goto(255, 255, 8)
    viewer.choose("Move")
    viewer.rest_mouse()
    viewer.hide_panels()
    sx, sy = (round(at) for at in viewer.to_screen(245, 245))
    screen = viewer.screenshot()[sy + 1 : sy + 160 : 8, sx + 1 : sx + 160 : 8]
    assert_same(screen, wanted)
