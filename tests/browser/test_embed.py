"""The viewer in other pages with `?embed=1`, and the snippet that puts it there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import CanvasMaker, Visit
from tests.browser.foreign_site import foreign_site
from tests.browser.pictures import Picture, assert_same, noise, region
from tests.browser.test_access import AXE, assert_accessible
from tests.browser.test_looks import save
from tests.browser.viewer_page import Console, ViewerPage
from tests.process import ServerProcess

PAGE: Final = """<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>An article with a canvas in it</title>
<link rel="icon" href="data:,">
<style>body {{ margin: 0 30px; height: 3000px }} h1 {{ height: 100px; margin: 0 }}</style>
<h1>An article</h1>
{snippet}
<p>It goes on.</p>
"""


@pytest.fixture
def article(browser: Browser) -> Iterator[Page]:
    """A page that scrolls; it may complain of nothing."""
    context = browser.new_context(viewport={"width": 900, "height": 700}, reduced_motion="reduce")
    page = context.new_page()
    console = Console()
    console.watch(page)
    yield page
    context.close()
    assert console.complaints == []


class Site(Protocol):
    """Somebody else's website."""

    def __call__(self, page: Page, snippet: str) -> ViewerPage:
        """The viewer in an article that holds the snippet, once it is loaded."""


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Shows articles of another origin: another name and another port than the server's."""
    folder = tmp_path_factory.mktemp("site")
    with foreign_site(folder) as origin:

        def show(page: Page, snippet: str) -> ViewerPage:
            (folder / "article.html").write_text(PAGE.format(snippet=snippet), encoding="utf-8")
            page.goto(f"{origin}/article.html")
            return viewer_in(page)

        yield show


def viewer_in(page: Page) -> ViewerPage:
    """The viewer in the page's only frame, once it is loaded."""
    (frame,) = page.main_frame.child_frames
    corner = page.locator("iframe").bounding_box()
    assert corner is not None
    viewer = ViewerPage(page, frame, (corner["x"], corner["y"]))
    viewer.wait_until_loaded()
    return viewer


def snippet_of(page: ViewerPage, size: str = "small") -> str:
    """What the panel offers to be copied."""
    page.press(["Shift+S"])
    panel = page.frame.get_by_role("dialog", name="Share")
    panel.get_by_text("Show it in another page").click()
    panel.get_by_label("Size").select_option(value=size)
    return panel.get_by_role("textbox", name="HTML for the page").input_value()


def scrolled(page: Page) -> float:
    """How far the article was scrolled down, in CSS pixels."""
    top: float = page.evaluate("scrollY")
    return top


def wait_until_scrolled(page: Page) -> None:
    """Wait until the article moved."""
    for _ in range(200):
        if scrolled(page) > 0:
            return
        page.wait_for_timeout(15)
    raise AssertionError("the page doesn't scroll on")


@pytest.fixture
def picture() -> Picture:
    """What is on the canvas."""
    return noise(512, 512, seed=31)


def test_the_snippet_shows_the_place(
    show: Site, visit: Visit, make_canvas: CanvasMaker, article: Page, picture: Picture
) -> None:
    """UI-21: copied from the panel into a page of another site, it shows what was seen."""
    page = visit(make_canvas(picture=picture, title='The "town" square'), place="#300,200,8")
    snippet = snippet_of(page)
    viewer = show(article, snippet)
    assert viewer.camera == pytest.approx((300, 200, 8))
    assert viewer.pixel(300, 200) == tuple(picture[200, 300].tolist())
    frame = article.locator("iframe")
    assert frame.get_attribute("title") == 'The "town" square'
    assert frame.bounding_box() == {"x": 30, "y": 100, "width": 480, "height": 360}
    save(viewer, "embedded")


def test_it_is_to_be_looked_at(
    show: Site,
    visit: Visit,
    article: Page,
    make_canvas: CanvasMaker,
    server: ServerProcess,
    picture: Picture,
) -> None:
    """UI-21: no tools, by pointer or key; a link leads to the whole viewer, at what is seen."""
    canvas = make_canvas(picture=picture)
    painter = visit(canvas)
    address = f"{server.http}/c/{canvas}"
    viewer = show(
        article,
        f'<iframe src="{address}?embed=1#256,256,8" title="c" width="700" height="500"></iframe>',
    )
    buttons = viewer.frame.get_by_role("button").all()
    assert [button.get_attribute("aria-keyshortcuts") for button in buttons] == ["+", "-", "0"]
    assert viewer.frame.get_by_role("toolbar").count() == 0
    viewer.drag((256, 256), (246, 250))
    viewer.wait("tilecast.camera.x > 256")
    for key in ("p", "2", "b", "Enter", "Enter", "i"):
        article.keyboard.press(key)
    viewer.drag((256, 256), (266, 256))
    viewer.wait_for_frame()
    assert viewer.evaluate("tilecast.unsaved") == 0
    assert_same(region(server, canvas, (0, 0, 511, 511)), picture)
    assert painter.wire.pointers == {}, "a reader's pointer is shown to those who paint"

    viewer.goto(100, 120, 8)
    viewer.wait("location.hash === '#100,120,8'")
    with article.context.expect_page() as opened:
        viewer.frame.get_by_role("link", name="to paint").click()
    whole = ViewerPage(opened.value)
    whole.wait_until_loaded()
    assert opened.value.url == f"{address}#100,120,8"
    whole.frame.get_by_role("toolbar", name="Tools").wait_for()


def test_the_page_scrolls_on(
    show: Site, article: Page, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-21: the wheel belongs to the page around, but for Ctrl and after a press on it."""
    address = f"{server.http}/c/{make_canvas()}?embed=1#256,256,4"
    viewer = show(article, f'<iframe src="{address}" title="c" width="700" height="500"></iframe>')
    article.mouse.move(300, 300)
    article.mouse.wheel(0, 120)
    wait_until_scrolled(article)
    viewer.frame.get_by_text("turn the wheel to zoom").wait_for()
    assert viewer.camera == pytest.approx((256, 256, 4))

    article.evaluate("scrollTo(0, 0)")
    article.keyboard.down("Control")
    article.mouse.wheel(0, -120)
    article.keyboard.up("Control")
    viewer.wait("tilecast.camera.zoom > 4")
    assert scrolled(article) == 0

    before = viewer.camera[2]
    article.mouse.click(300, 300)
    article.mouse.wheel(0, -120)
    viewer.wait(f"tilecast.camera.zoom > {before}")
    assert scrolled(article) == 0
    # Whoever went on reading and comes by again wants to scroll.
    article.mouse.click(850, 650)
    viewer.wait("!document.querySelector('.stage').classList.contains('is-awake')")
    article.mouse.move(300, 300)
    article.mouse.wheel(0, 120)
    wait_until_scrolled(article)


def test_a_finger_scrolls_until_it_taps(
    show: Site, browser: Browser, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-21: before a tap the page around has the finger, then the canvas."""
    address = f"{server.http}/c/{make_canvas()}?embed=1#256,256,4"
    context = browser.new_context(
        viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    viewer = show(page, f'<iframe src="{address}" title="c" width="330" height="400"></iframe>')
    devtools = context.new_cdp_session(page)

    def swipe() -> None:
        steps = [(150, 400 - 20 * n) for n in range(10)]
        for n, (x, y) in enumerate(steps):
            kind = "touchStart" if n == 0 else "touchMove"
            devtools.send(
                "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]}
            )
        # A finger that rests before it lifts gives no momentum: what follows meets a page at rest.
        page.wait_for_timeout(300)
        devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe()
    wait_until_scrolled(page)
    assert viewer.camera[2] == 4
    page.evaluate("scrollTo(0, 0)")
    page.touchscreen.tap(150, 300)
    viewer.wait("document.querySelector('.stage').classList.contains('is-awake')")
    before = viewer.camera[1]
    swipe()
    viewer.wait(f"tilecast.camera.y > {before + 20}")
    assert scrolled(page) == 0
    save(viewer, "embedded-phone")
    context.close()


@pytest.mark.usefixtures("_built_viewer")
@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        ("*", "Any page may show it."),
        ("none", "This server lets no page show it."),
        ("https://a.test", "Only these pages may show it: https://a.test."),
    ],
)
def test_who_may_frame_it_is_said(visit: Visit, tmp_path: Path, allowed: str, said: str) -> None:
    """UI-21: the panel tells what the server's `allow_framing` makes of the snippet."""
    server = ServerProcess(tmp_path, "--allow-framing", allowed)
    server.start()
    try:
        page = visit(server=server)
        snippet_of(page, "fluid")
        page.frame.get_by_text(said).wait_for()
    finally:
        server.stop_well()


def test_addresses_for_maps(visit: Visit, canvas: str, server: ServerProcess) -> None:
    """UI-21: tiles and TileJSON, as a map library takes them."""
    page = visit(canvas)
    page.press(["Shift+S"])
    panel = page.frame.get_by_role("dialog", name="Share")
    panel.get_by_text("For map libraries").click()
    tiles = panel.get_by_label("Tiles", exact=True).input_value()
    tilejson = panel.get_by_label("TileJSON", exact=True).input_value()
    answer = page.page.request.get(tilejson)
    assert answer.json()["tiles"] == [tiles]
    assert page.page.request.get(tiles.format(z=0, x=0, y=0)).headers["content-type"] == "image/png"


def test_axe_finds_nothing_serious(visit: Visit, canvas: str) -> None:
    """UI-24: in a frame, with the map, and in the panels with all of their parts open."""
    embedded = visit(f"{canvas}?embed=1", bypass_csp=True)
    embedded.page.add_script_tag(path=AXE)
    assert_accessible(embedded, "embedded")
    page = visit(canvas, place="#100,100,8", bypass_csp=True)
    page.page.add_script_tag(path=AXE)
    page.frame.get_by_role("img", name="The whole canvas in small").wait_for()
    page.press(["m"])
    assert_accessible(page, "map")
    page.press(["g"])
    places = page.frame.get_by_role("dialog", name="Places")
    places.get_by_role("textbox", name="Go to").fill("nowhere")
    page.press(["Enter"])
    places.get_by_role("alert").wait_for()
    places.get_by_role("button", name="Rename").click()
    assert_accessible(page, "places")
    page.press(["Escape", "Escape"])
    places.wait_for(state="detached")
    snippet_of(page)
    page.frame.get_by_role("dialog", name="Share").get_by_text("For map libraries").click()
    assert_accessible(page, "share")
