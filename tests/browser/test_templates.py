"""Templates: images laid over the canvas, to be painted after."""

import io
import re
import time
from typing import Final

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from playwright.sync_api import Locator, Request, expect

from protocol.messages import CursorMove, Hello, PresenceSet, Viewport
from server.canvas_admin import administer
from server.schemas import NewCanvas
from tests.browser.conftest import DESKTOP, ROOT, CanvasMaker, Visit
from tests.browser.pictures import Picture, Placement, assert_same, enlarged, noise, region
from tests.browser.test_access import AXE, assert_accessible
from tests.browser.viewer_page import POLL_MS, WITHIN_S, Colour, ViewerPage
from tests.process import ServerProcess

SIDE: Final = 128
PLACE: Final = "#64,64,5"
RED, BLUE, WHITE, BLACK = (217, 44, 58), (47, 111, 237), (255, 255, 255), (22, 24, 29)
SHOTS: Final = ROOT / "artifacts" / "browser"
COUNTED: Final = re.compile(r"\d of [\d,]+ right")
STORED_NAMES: Final = """() => new Promise((resolve) => {
    indexedDB.open('tilecast-templates').onsuccess = ({ target: { result: database } }) => {
        const reading = database.transaction('templates').objectStore('templates').getAll();
        reading.onsuccess = () => {
            database.close();
            resolve(reading.result.map(({ name }) => name));
        };
    };
})"""

Rgba = npt.NDArray[np.uint8]
"""(height, width, 4)."""


def opaque(picture: Picture) -> Rgba:
    """A picture with nothing to see through."""
    return np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])


def png(image: Rgba) -> bytes:
    """A PNG with transparency."""
    content = io.BytesIO()
    Image.fromarray(image, "RGBA").save(content, "PNG")
    return content.getvalue()


def panel(page: ViewerPage) -> Locator:
    """The templates' panel, opened by its key if it isn't open."""
    found = page.frame.get_by_role("dialog", name="Templates", exact=True)
    if not found.is_visible():
        page.press("t")
    found.get_by_text("Open image").wait_for()
    return found


def open_file(page: ViewerPage, content: bytes, name: str = "cat.png") -> Locator:
    """Open a file in the panel, as its button does."""
    opened = panel(page)
    opened.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": content}
    )
    return opened


def put(page: ViewerPage, image: Rgba, x: int, y: int, *, opacity: str = "1") -> Locator:
    """Lay an image with its upper left corner on a canvas pixel."""
    opened = open_file(page, png(image))
    opened.get_by_text(COUNTED).wait_for()
    for name, value in (("x", x), ("y", y)):
        field = opened.get_by_role("spinbutton", name=name, exact=True)
        field.fill(str(value))
        field.press("Tab")
    opened.get_by_role("slider", name="Opacity").fill(opacity)
    return opened


def close(page: ViewerPage) -> None:
    """Close the panel, and take the mouse away from the canvas."""
    page.page.keyboard.press("Escape")
    page.frame.get_by_role("dialog", name="Templates").wait_for(state="detached")
    page.page.mouse.move(2, 400)


def shown(page: ViewerPage, box: tuple[int, int, int, int]) -> Picture:
    """What the screen shows of a rectangle of the canvas."""
    page.hide_panels()
    shot = page.screenshot()
    page.evaluate("document.querySelector('.chrome').style.visibility = ''")
    x, y, zoom = page.camera
    return Placement((x, y), page.screen, zoom).crop(shot, box)


def corner(page: ViewerPage) -> tuple[int, int]:
    """Where the template lies whose settings the panel shows."""
    fields = [
        panel(page).get_by_role("spinbutton", name=name, exact=True).input_value() for name in "xy"
    ]
    return int(fields[0]), int(fields[1])


def test_an_image_is_shown_on_the_pixels_that_it_would_paint(
    visit: Visit, make_canvas: CanvasMaker
) -> None:
    """UI-17: nothing where it is transparent; with dots the canvas shows too."""
    under = noise(SIDE, SIDE, seed=1)
    page = visit(make_canvas(SIDE, SIDE, picture=under), place=PLACE)
    image = opaque(noise(20, 30, seed=2))
    image[5:10, 5:15] = 0
    opened = put(page, image, 40, 50)
    close(page)
    wanted = under.copy()
    solid = image[..., 3] == 255
    wanted[50:80, 40:60][solid] = image[..., :3][solid]
    assert_same(shown(page, (30, 40, 90, 90)), enlarged(wanted[40:91, 30:91], 5))
    panel(page)
    opened.get_by_role("button", name="Dots").click()
    page.goto(50, 65, 20)
    close(page)
    cells = shown(page, (40, 50, 59, 79))
    middles, corners = cells[10::20, 10::20], cells[4::20, 4::20]
    assert_same(middles, wanted[50:80, 40:60])
    assert_same(corners, under[50:80, 40:60])
    panel(page)
    opened.get_by_role("button", name="Show cat").click()
    close(page)
    assert_same(shown(page, (40, 50, 59, 79))[10::20, 10::20], under[50:80, 40:60])


def test_colours_are_the_nearest_of_the_palette(visit: Visit, server: ServerProcess) -> None:
    """What is shown can be painted."""
    palette = ((255, 255, 255), (0, 0, 0), (220, 30, 40), (30, 60, 200))
    new = NewCanvas(
        name="few-colours", width=SIDE, height=SIDE, background=(255, 255, 255), palette=palette
    )
    with administer(server.folder / "data") as admin:
        admin.create(new)
    page = visit("few-colours", place=PLACE)
    image = np.zeros((9, 10, 3), np.uint8)
    image[:, :3] = (250, 90, 80)
    image[:, 3:6] = (60, 90, 160)
    image[:, 6:] = (200, 210, 205)
    put(page, opaque(image), 50, 50)
    close(page)
    wanted = np.zeros_like(image)
    wanted[:, :3], wanted[:, 3:6], wanted[:, 6:] = palette[2], palette[3], palette[0]
    assert_same(shown(page, (50, 50, 59, 58)), enlarged(wanted, 5))


def test_progress_follows_the_canvas_and_leads_to_what_is_wrong(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-17: painted by its guidance alone, by the keys, the canvas becomes the template."""
    under = noise(SIDE, SIDE, seed=3)
    canvas = make_canvas(SIDE, SIDE, picture=under)
    page, other = visit(canvas, place=PLACE), visit(canvas, place=PLACE)
    image = under[30:50, 60:90].copy()
    wrong: dict[tuple[int, int], Colour] = {(62, 31): RED, (70, 40): BLUE, (88, 49): BLACK}
    for (x, y), colour in wrong.items():
        image[y - 30, x - 60] = colour
    opened = put(page, opaque(image), 60, 30, opacity="0.5")
    opened.get_by_text("597 of 600 right").wait_for()
    other.choose("Pencil")
    other.choose_colour(RED)
    other.drag((62, 31))
    opened.get_by_text("598 of 600 right").wait_for()
    other.drag((80, 35))
    opened.get_by_text("597 of 600 right").wait_for()
    page.choose("Move")
    close(page)
    for left in range(3, 0, -1):
        page.press("n")
        page.frame.locator(".mode-bar").get_by_text(f"Wrong pixels seen: {left}.").wait_for()
        page.page.keyboard.press("Enter")
        page.wait_until_saved()
    assert_same(region(server, canvas, (60, 30, 89, 49)), image)
    page.press("n")
    page.frame.get_by_text("The template is complete").wait_for()
    assert page.frame.locator(".mode-bar").count() == 0
    panel(page).get_by_text("600 of 600 right").wait_for()


def test_wrong_pixels_are_marked_until_they_are_right(
    visit: Visit, make_canvas: CanvasMaker
) -> None:
    """From afar and from near."""
    page = visit(make_canvas(SIDE, SIDE), place=PLACE)
    image = np.full((10, 10, 3), 255, np.uint8)
    image[4, 6] = RED
    opened = put(page, opaque(image), 50, 50, opacity="0.1")
    opened.get_by_text("99 of 100 right").wait_for()
    opened.get_by_label("Mark wrong pixels").check()
    close(page)

    def marked() -> set[tuple[int, int]]:
        """The template's pixels in which anything but its faint red, or white, is seen."""
        cells = shown(page, (50, 50, 59, 59)).astype(int)
        side = cells.shape[0] // 10
        odd = (abs(cells - 255).max(axis=2) > 60).reshape(10, side, 10, side).any(axis=(1, 3))
        return {(int(x), int(y)) for y, x in np.argwhere(odd)}

    assert marked() == {(6, 4)}
    page.goto(55, 55, 24)
    page.choose_colour(RED)
    page.choose("Pencil")
    rings = shown(page, (56, 54, 56, 54))
    assert (rings == 0).all(axis=2).any(), "black in the ring"
    assert (rings.min(axis=(0, 1)) < 40).all(), "and the pixel itself is left to be seen"
    page.drag((56, 54))
    page.wait_until_saved()
    panel(page).get_by_text("100 of 100 right").wait_for()


def wait_until_stored(page: ViewerPage, names: list[str]) -> None:
    """Until these are the templates that the browser keeps, and would keep if the page went."""
    end = time.monotonic() + WITHIN_S
    while page.frame.evaluate(STORED_NAMES) != names:
        assert time.monotonic() < end, f"not stored: {names}"
        page.page.wait_for_timeout(POLL_MS)


def test_templates_stay_in_this_browser(visit: Visit, make_canvas: CanvasMaker) -> None:
    """UI-18: they are there again, and nothing of them went anywhere."""
    canvas = make_canvas(SIDE, SIDE)
    page = visit(canvas, place=PLACE)
    requests: list[Request] = []

    def note(request: Request) -> None:
        requests.append(request)

    page.page.on("request", note)
    image = noise(16, 16, seed=4)
    opened = put(page, opaque(image), 10, 20)
    opened.get_by_label("Name").fill("The cat")
    opened.get_by_label("Name").press("Tab")
    wait_until_stored(page, ["The cat"])
    page.page.reload()
    page.wait_until_loaded()
    close_to_top = page.frame.get_by_role("button", name="The cat", exact=True)
    panel(page)
    close_to_top.click()
    assert corner(page) == (10, 20)
    close(page)
    assert_same(shown(page, (10, 20, 25, 35)), enlarged(image, 5))
    panel(page).get_by_role("button", name="Delete").click()
    page.frame.get_by_text("“The cat” deleted").wait_for()
    assert close_to_top.count() == 0
    wait_until_stored(page, [])
    page.frame.get_by_role("log").get_by_role("button", name="Undo").click()
    close_to_top.wait_for()
    wait_until_stored(page, ["The cat"])
    page.page.reload()
    page.wait_until_loaded()
    panel(page)
    close_to_top.wait_for()
    assert requests, "the page was loaded again"
    assert all(request.method == "GET" and request.post_data is None for request in requests)
    assert {type(message) for message in page.wire.sent} <= {
        Hello,
        Viewport,
        CursorMove,
        PresenceSet,
    }
    elsewhere = visit(make_canvas(SIDE, SIDE), place=PLACE)
    assert panel(elsewhere).get_by_role("listitem").count() == 0


def test_a_link_brings_a_template_if_that_is_wanted(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-18: nobody is shown anything, nor is anything fetched, before they say so."""
    under = noise(SIDE, SIDE, seed=5)
    canvas = make_canvas(SIDE, SIDE, picture=under)
    page = visit(canvas, place=PLACE, permissions=["clipboard-read", "clipboard-write"])
    image = noise(12, 9, seed=6)
    opened = put(page, opaque(image), 70, 60)
    opened.get_by_role("button", name="Copy a link with this template").click()
    page.frame.get_by_text("Link copied").wait_for()
    link: str = page.page.evaluate("() => navigator.clipboard.readText()")
    friend = visit(canvas, place=link[link.index("#") :])
    question = friend.frame.get_by_role("alertdialog")
    question.get_by_text("“cat”: 12 × 9 pixels at 70, 60").wait_for()
    assert panel(friend).get_by_role("listitem").count() == 0
    question.get_by_role("button", name="Show it").click()
    panel(friend).get_by_role("slider", name="Opacity").fill("1")
    friend.goto(64, 64, 5)
    close(friend)
    assert_same(shown(friend, (70, 60, 81, 68)), enlarged(image, 5))

    address = f"/c/{canvas}/region.png?x0=0&y0=0&x1=19&y1=9"
    asked: list[str] = []
    friend.page.on("request", lambda request: asked.append(request.url))
    escaped = address.replace("&", "%26").replace("=", "%3D")
    friend.evaluate(f"void (location.hash = '#64,64,5;t={escaped}@30,90')")
    question.get_by_text("at 30, 90").wait_for()
    assert not any("x1=19" in url for url in asked)
    question.get_by_role("button", name="Cancel").click()
    assert panel(friend).get_by_role("listitem").count() == 1
    friend.evaluate(f"void (location.hash = '#64,64,4;t={escaped}@30,90')")
    question.get_by_role("button", name="Show it").click()
    panel(friend).get_by_role("listitem").nth(1).wait_for()  # or the first one's settings are shown
    panel(friend).get_by_role("slider", name="Opacity").fill("1")
    friend.goto(64, 64, 5)
    close(friend)
    assert_same(shown(friend, (30, 90, 49, 99)), enlarged(under[:10, :20], 5))
    assert any(url == f"{server.http}{address}" for url in asked)


def test_an_area_of_the_canvas_becomes_a_template(visit: Visit, make_canvas: CanvasMaker) -> None:
    """Captured and put elsewhere, by the mouse and by the keys."""
    under = noise(SIDE, SIDE, seed=7)
    page = visit(make_canvas(SIDE, SIDE, picture=under), place=PLACE)
    panel(page).get_by_role("button", name="Capture area").click()
    page.drag((40, 40), (55, 60), (59, 49))
    opened = panel(page)
    opened.get_by_text("200 of 200 right").wait_for()
    assert corner(page) == (40, 40)
    opened.get_by_role("slider", name="Opacity").fill("1")
    opened.get_by_role("button", name="Move", exact=True).click()
    page.drag((45, 45), (60, 60), (65, 75))
    page.page.keyboard.press("ArrowLeft")
    page.page.keyboard.press("Shift+ArrowDown")
    page.frame.get_by_role("button", name="Done").click()
    assert corner(page) == (59, 80)
    close(page)
    assert_same(shown(page, (59, 80, 78, 89)), enlarged(under[40:50, 40:60], 5))

    panel(page).get_by_role("button", name="Move", exact=True).click()
    page.press(["ArrowRight", "Escape"])
    assert corner(page) == (59, 80)

    panel(page).get_by_role("button", name="Capture area").click()
    page.page.mouse.move(*page.to_screen(20.5, 30.5))
    page.press(["ArrowLeft", "Enter", *["ArrowRight"] * 4, "ArrowDown", "Enter"])
    panel(page).get_by_text("10 of 10 right").wait_for()
    assert corner(page) == (19, 30)


def test_what_is_no_template_is_refused_with_a_reason(
    visit: Visit, make_canvas: CanvasMaker
) -> None:
    """And pixel art that came enlarged is brought back to its own pixels."""
    page = visit(make_canvas(SIDE, SIDE), place=PLACE)
    opened = open_file(page, b"no image at all", "notes.png")
    page.frame.get_by_text("no image that this browser can read").wait_for()
    open_file(page, png(np.zeros((8, 8, 4), np.uint8)), "nothing.png")
    page.frame.get_by_text("all of it is transparent").wait_for()
    open_file(page, png(np.zeros((2100, 2100, 4), np.uint8)), "large.png")
    page.frame.get_by_text("That image is too large").wait_for()
    opened.get_by_text("From an address").click()
    address = opened.get_by_role("textbox", name="Address of the image")
    for wrong, reason in (
        ("https://example.org/cat.png", "Only images that this server serves can be fetched. Open"),
        ("/healthz", "no image that this browser can read"),
    ):
        address.fill(wrong)
        address.press("Enter")
        page.frame.get_by_role("log").get_by_text(reason).wait_for()
    assert opened.get_by_role("listitem").count() == 0
    art = noise(10, 12, seed=8)
    open_file(page, png(opaque(enlarged(art, 6))), "art.png")
    opened.get_by_text("The image was enlarged 6 times").wait_for()
    opened.get_by_role("slider", name="Opacity").fill("1")
    left, top = 30, 40
    for name, value in (("x", left), ("y", top)):
        field = opened.get_by_role("spinbutton", name=name, exact=True)
        field.fill(str(value))
        field.press("Tab")
    close(page)
    assert_same(shown(page, (left, top, left + 9, top + 11)), enlarged(art, 5))
    panel(page).get_by_role("button", name="60 × 72").click()
    close(page)
    assert_same(shown(page, (left, top, left + 59, top + 71)), enlarged(art, 30))


def test_a_finger_is_led_from_pixel_to_pixel(visit: Visit, make_canvas: CanvasMaker) -> None:
    """Each in sight and in reach, with its colour in hand, and none a second time before all."""
    page = visit(
        make_canvas(SIDE, SIDE),
        place="#64,64,8",
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
    )
    image = np.full((30, 30, 3), 255, np.uint8)
    wrong = {(50, 50), (79, 51), (65, 79)}
    for x, y in wrong:
        image[y - 50, x - 50] = RED
    opened = put(page, opaque(image), 50, 50, opacity="0.5")
    opened.get_by_text("897 of 900 right").wait_for()
    opened.get_by_role("button", name="Next wrong pixel").tap()
    bar = page.frame.locator(".mode-bar")

    def place() -> tuple[int, int]:
        found = re.match(r"(\d+), (\d+) should be red", bar.inner_text())
        assert found is not None
        return int(found[1]), int(found[2])

    led = [place()]
    for _ in range(len(wrong)):
        x, y = led[-1]
        bar.get_by_role("button", name="Next").tap()
        expect(bar).not_to_contain_text(f"{x}, {y} should")
        led.append(place())
    assert set(led[:-1]) == wrong
    x, y = led[-1]
    page.wait_until_loaded()
    page.page.touchscreen.tap(*page.to_screen(x + 0.5, y + 0.5))
    page.wait_for_pixel(x, y, RED)
    bar.get_by_role("button", name="Done").tap()
    bar.wait_for(state="detached")
    panel(page).get_by_text("898 of 900 right").wait_for()


def test_a_file_may_be_dropped_anywhere_while_the_panel_is_open(
    visit: Visit, make_canvas: CanvasMaker
) -> None:
    """And becomes a template, not something to paint."""
    page = visit(make_canvas(SIDE, SIDE), place=PLACE)
    opened = panel(page)
    content = png(opaque(noise(8, 8, seed=10)))
    page.frame.evaluate(
        """(bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], 'dropped.png'));
            const init = { dataTransfer: transfer, bubbles: true, cancelable: true };
            const canvas = document.querySelector('[role=application]');
            for (const type of ['dragover', 'drop']) {
                if (canvas.dispatchEvent(new DragEvent(type, init))) throw new Error('not taken');
            }
        }""",
        list(content),
    )
    opened.get_by_role("button", name="dropped", exact=True).wait_for()
    opened.get_by_text("0 of 64 right").wait_for()
    assert page.frame.get_by_role("button", name="Place", exact=True).count() == 0


@pytest.mark.parametrize("device", ["desktop", "desktop-dark", "phone", "phone-dark"])
def test_the_panel_looks_right(visit: Visit, make_canvas: CanvasMaker, device: str) -> None:
    """Nothing of it is cut off or too small for its finger; a screenshot is kept."""
    phone = device.startswith("phone")
    touch = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = visit(
        make_canvas(SIDE, SIDE, picture=noise(SIDE, SIDE, seed=9) // 8 + 220),
        place="#64,64,12" if not phone else "#64,64,8",
        color_scheme="dark" if "dark" in device else "light",
        bypass_csp=True,
        **(touch if phone else {"viewport": DESKTOP}),
    )
    y, x = np.mgrid[0:24, 0:24]
    ring = abs(np.hypot(x - 11.5, y - 11.5) - 9) < 2.5
    image = np.zeros((24, 24, 4), np.uint8)
    image[ring] = (*RED, 255)
    page.page.add_script_tag(path=AXE)
    page.open_panel("Templates")
    opened = open_file(page, png(image), "ring.png")
    opened.get_by_label("Mark wrong pixels").check()
    opened.get_by_role("button", name="Dots").click()
    opened.get_by_text("right").first.wait_for()
    page.wait_for_frame()
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.page.screenshot(path=SHOTS / f"templates-{device}.png", animations="disabled")
    box = opened.bounding_box()
    width, height = page.screen
    assert box is not None
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] + box["height"] <= height
    assert opened.evaluate("(panel) => panel.scrollWidth <= panel.clientWidth")
    least = 44 if phone else 24
    for button in opened.locator("button, label.text-button, summary").all():
        size = button.bounding_box()
        assert size is not None
        assert min(size["width"], size["height"]) >= least, button.inner_text()
    assert_accessible(page, "a template's settings")
