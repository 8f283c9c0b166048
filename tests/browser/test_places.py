"""Finding one's way: map, places, grid, links, full screen, pictures to take along."""

import json
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from playwright.sync_api import Locator, Route

from tests.browser.conftest import CanvasMaker, Visit
from tests.browser.pictures import assert_same, enlarged, from_png, noise, region
from tests.browser.test_looks import DEVICES, POINTER_PX, assert_tidy, rings, save
from tests.browser.viewer_page import ViewerPage
from tests.process import ServerProcess

MAP = "The whole canvas in small"
CLIPBOARD: Final[dict[str, Any]] = {"permissions": ["clipboard-read", "clipboard-write"]}
SHOTS = ("desktop", "desktop-dark", "laptop-small", "phone", "phone-small-dark")


def dialog(page: ViewerPage, name: str) -> Locator:
    """An open panel, with what is in it."""
    found = page.frame.get_by_role("dialog", name=name)
    found.and_(page.frame.locator("[aria-busy=false]")).wait_for()
    return found


def press(page: ViewerPage, key: str) -> None:
    """Press a key where no field has the focus."""
    page.page.keyboard.press(key)
    page.wait_for_frame()


def announced(page: ViewerPage, text: str) -> None:
    """Wait until a message says so."""
    page.frame.get_by_text(text).first.wait_for()


# -- the map ---------------------------------------------------------------------------------------


def test_the_map_shows_the_canvas_and_leads_anywhere(
    visit: Visit, make_canvas: CanvasMaker
) -> None:
    """UI-19: all of the canvas in its colours; a press shows a place, a drag moves the view."""
    picture = np.zeros((1024, 2048, 3), np.uint8)
    picture[:, :1024] = (200, 30, 40)
    picture[:, 1024:] = (20, 60, 220)
    page = visit(make_canvas(2048, 1024, picture=picture), place="#512,512,4")
    chart = page.frame.get_by_role("img", name=MAP)
    box = chart.bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(2, abs=0.05)
    # It lies on no panel, with the tool that needs the most room too.
    page.choose("Rectangle")
    page.frame.get_by_role("button", name="Outline", exact=True).click()
    assert_tidy(page, POINTER_PX)
    page.wait(
        """(() => {
            const map = document.querySelector('.minimap canvas');
            const { data } = map.getContext('2d').getImageData(map.width - 8, 8, 1, 1);
            return String(data) === '20,60,220,255';
        })()"""
    )
    shown = from_png(chart.screenshot())
    assert shown[-8, 8].tolist() == [200, 30, 40]

    # A press outside the frame goes there; the frame follows.
    page.page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 0.5 * box["height"])
    page.wait_until_loaded()
    x, y, zoom = page.camera
    assert (x, y) == pytest.approx((1536, 512), abs=12)
    assert zoom == 4
    # A drag that begins in the frame takes it along, without a jump.
    start = (box["x"] + 0.76 * box["width"], box["y"] + 0.52 * box["height"])
    page.page.mouse.move(*start)
    page.page.mouse.down()
    page.page.mouse.move(start[0] - 0.25 * box["width"], start[1])
    page.page.mouse.up()
    assert page.camera[0] == pytest.approx(x - 512, abs=13)
    assert page.camera[1] == pytest.approx(y, abs=13)


def test_the_map_shows_others(visit: Visit, make_canvas: CanvasMaker) -> None:
    """UI-19: a dot for each pointer, in its person's colour."""
    canvas = make_canvas(1024, 1024)
    page = visit(canvas, place="#512,512,2")
    guest = visit(canvas, place="#512,512,2", stored={"tilecast.own-colour": "#c81e28"})
    guest.page.mouse.move(*guest.to_screen(600.5, 400.5))
    page.wait_until_cursor(600, 400)
    page.wait(
        """(() => {
            const map = document.querySelector('.minimap canvas');
            const at = (v) => Math.round((v / 1024) * map.width);
            const { data } = map.getContext('2d').getImageData(at(600), at(400), 1, 1);
            return String(data) === '200,30,40,255';
        })()"""
    )


def test_the_map_asks_politely(visit: Visit, canvas: str) -> None:
    """UI-19: again every 10 s, by its tag; not while it is folded away; once to save data."""
    page = visit(canvas, place="#100,100,8")
    stored = {"tilecast.data-saver": "1", "tilecast.minimap": "1"}
    saver = visit(canvas, stored=stored)
    seldom: list[str] = []
    saver.page.on("request", lambda sent: seldom.append(sent.url))
    saver.goto(100, 100, 8)
    saver.frame.get_by_role("img", name=MAP).wait_for()
    asked: list[str] = []
    tile = re.compile(r"/tiles/512/0/0/0\.png$")
    page.frame.get_by_role("img", name=MAP).wait_for()
    page.page.on("request", lambda sent: asked.append(sent.url))
    with page.page.expect_response(tile, timeout=15_000) as answer:
        pass
    # Chromium tells of the answer that its cache gave for a 304.
    assert answer.value.status in {200, 304}
    press(page, "Shift+M")
    page.frame.get_by_role("img", name=MAP).wait_for(state="detached")
    asked.clear()
    page.page.wait_for_timeout(11_000)
    assert not any(tile.search(url) for url in asked)
    assert sum(tile.search(url) is not None for url in seldom) == 1


def test_there_is_no_map_where_all_is_seen_or_no_room(visit: Visit, canvas: str) -> None:
    """UI-19: the whole canvas on the screen needs none; a phone shows it when asked to."""
    page = visit(canvas)
    assert page.frame.get_by_role("img", name=MAP).count() == 0
    press(page, "Shift+M")
    press(page, "Shift+M")
    announced(page, "The map shows as soon as")
    page.goto(100, 100, 8)
    page.frame.get_by_role("img", name=MAP).wait_for()

    phone = visit(canvas, place="#100,100,8", **DEVICES["phone"])
    assert phone.frame.get_by_role("img", name=MAP).count() == 0
    phone.frame.get_by_role("button", name="Map", exact=True).tap()
    phone.frame.get_by_role("img", name=MAP).wait_for()
    phone.page.reload()
    phone.wait_until_loaded()
    phone.frame.get_by_role("img", name=MAP).wait_for()


# -- places ----------------------------------------------------------------------------------------


def go(page: ViewerPage, text: str) -> None:
    """Type where to go, and go there."""
    # A panel that is about to close still has the focus: the key would be text for its field.
    page.frame.get_by_role("dialog").wait_for(state="detached")
    press(page, "g")
    dialog(page, "Places")
    page.page.keyboard.type(text)
    page.page.keyboard.press("Enter")


def test_go_to_a_pixel_a_place_or_a_link(visit: Visit, canvas: str, server: ServerProcess) -> None:
    """UI-20: numbers, a permalink's hash, a whole link; what is none of these is told."""
    page = visit(canvas)
    go(page, "120, 45")
    page.wait("tilecast.camera.x === 120.5 && tilecast.camera.y === 45.5")
    assert page.camera[2] == 8
    page.frame.get_by_role("dialog").wait_for(state="detached")
    # The pixel is marked for the keys.
    page.choose("Pencil")
    page.choose_colour((217, 44, 58))
    page.page.locator("canvas[role=application]").focus()
    press(page, "Enter")
    page.wait_for_pixel(120, 45, (217, 44, 58))

    where = "String([tilecast.camera.x, tilecast.camera.y, tilecast.camera.zoom])"
    go(page, "#200.5,300,3")
    page.wait(f"{where} === '200.5,300,3'")
    go(page, f"{server.http}/c/{canvas}#10,20,5")
    page.wait(f"{where} === '10,20,5'")

    for text, complaint in (("600, 20", "512 × 512"), ("nowhere", "two numbers")):
        go(page, text)
        alert = dialog(page, "Places").get_by_role("alert")
        assert complaint in alert.inner_text()
        press(page, "Escape")
    assert page.camera == (10, 20, 5)


def test_what_is_typed_before_the_panel_is_there_is_no_command(visit: Visit, canvas: str) -> None:
    """UI-20: on a slow line the field comes late; digits, commas and letters aren't keys then."""
    page = visit(canvas, place="#120.5,45.5,16")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.page.route("**/places-*.js", hold)
    press(page, "g")
    page.frame.get_by_role("dialog", name="Places").wait_for()
    page.page.keyboard.type("0,e")
    page.wait_for_frame()
    assert page.camera == (120.5, 45.5, 16.0)
    assert page.frame.get_by_role("dialog", name="Settings").count() == 0
    press(page, "Escape")
    page.frame.get_by_role("dialog").wait_for(state="detached")
    press(page, "g")
    for route in held:
        route.continue_()
    dialog(page, "Places")
    page.page.keyboard.type("200, 300")
    page.page.keyboard.press("Enter")
    page.wait("tilecast.camera.x === 200.5 && tilecast.camera.y === 300.5")


def test_bookmarks(visit: Visit, canvas: str) -> None:
    """UI-20: made by a key, renamed, found again, removed and put back; each canvas's own."""
    page = visit(canvas, place="#120.5,45.5,16")
    press(page, "m")
    announced(page, "Bookmarked: 120, 45")
    page.goto(300, 200, 4)
    press(page, "g")
    panel = dialog(page, "Places")
    panel.get_by_role("button", name="Bookmark this place").click()
    name = panel.get_by_role("textbox", name="Name")
    name.wait_for()
    # Its name is selected, to be typed over.
    page.page.keyboard.type("The lighthouse")
    page.page.keyboard.press("Enter")
    name.wait_for(state="detached")
    save(page, "desktop-places")

    page.page.reload()
    page.wait_until_loaded()
    press(page, "g")
    panel.get_by_role("button", name="Go to 120, 45").click()
    page.wait("String([tilecast.camera.x, tilecast.camera.zoom]) === '120.5,16'")
    press(page, "g")
    panel.get_by_role("button", name="Remove 120, 45").click()
    assert panel.get_by_role("listitem").count() == 1
    panel.get_by_role("button", name="Undo").click()
    assert panel.get_by_role("listitem").count() == 2
    panel.get_by_role("button", name="Rename The lighthouse").click()
    page.page.keyboard.type("given up")
    page.page.keyboard.press("Escape")
    panel.get_by_role("button", name="Go to The lighthouse").click()
    page.wait("String([tilecast.camera.x, tilecast.camera.zoom]) === '300,4'")


def test_a_place_by_its_link(visit: Visit, canvas: str) -> None:
    """UI-20: a key copies the address of what is seen; a button does too."""
    page = visit(canvas, place="#120.5,45.5,16", **CLIPBOARD)
    page.goto(300, 200, 4)
    page.wait("location.hash === '#300,200,4'")
    press(page, "Shift+L")
    announced(page, "Link copied")
    copied = page.page.evaluate("navigator.clipboard.readText()")
    assert copied == page.page.url
    other = visit(canvas, place=copied[copied.index("#") :])
    assert other.camera == (300, 200, 4)


def test_the_grid_can_be_hidden(visit: Visit, canvas: str) -> None:
    """UI-20: from 8 × on it is there, and gone when it isn't wanted, the next time too."""
    page = visit(canvas, place="#100,100,16")
    page.hide_panels()
    assert len(np.unique(page.screenshot()[300:500, 500:700].reshape(-1, 3), axis=0)) > 1
    press(page, "Shift+G")
    page.wait_for_frame()
    assert len(np.unique(page.screenshot()[300:500, 500:700].reshape(-1, 3), axis=0)) == 1
    page.page.reload()
    page.wait_until_loaded()
    page.hide_panels()
    assert len(np.unique(page.screenshot()[300:500, 500:700].reshape(-1, 3), axis=0)) == 1


def test_the_colour_under_the_pointer_has_a_name(visit: Visit, make_canvas: CanvasMaker) -> None:
    """UI-20: coordinates, the colour and what it is called."""
    picture = np.full((64, 64, 3), (217, 44, 58), np.uint8)
    page = visit(make_canvas(64, 64, picture=picture), place="#32,32,8")
    page.page.mouse.move(*page.to_screen(20.5, 30.5))
    readout = page.frame.locator(".status .coordinates")
    assert re.sub(r"\s+", " ", readout.inner_text()) == "20, 30 red"


def test_full_screen(visit: Visit, canvas: str) -> None:
    """UI-20: by its button and its key, and back."""
    page = visit(canvas)
    page.frame.get_by_role("button", name="Full screen", exact=True).click()
    page.wait("document.fullscreenElement !== null")
    page.frame.get_by_role("button", name="Leave full screen").wait_for()
    press(page, "Shift+F")
    page.wait("document.fullscreenElement === null")
    page.frame.get_by_role("button", name="Full screen", exact=True).wait_for()


# -- pictures --------------------------------------------------------------------------------------


def saved_picture(page: ViewerPage) -> tuple[str, bytes]:
    """Press Save; the file's name and content."""
    panel = dialog(page, "Share")
    with page.page.expect_download() as download:
        panel.get_by_role("button", name="Save").click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def test_the_view_as_a_picture(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-20: exactly the canvas's pixels that are seen, or each of them enlarged."""
    picture = noise(512, 512, seed=21)
    canvas = make_canvas(picture=picture)
    page = visit(canvas, place="#256,256,8")
    press(page, "Shift+S")
    name, content = saved_picture(page)
    assert name == f"{canvas}_176-206_335-305.png"
    assert_same(from_png(content), picture[206:306, 176:336])
    panel = dialog(page, "Share")
    panel.get_by_label("Scale").select_option(value="4")
    name, content = saved_picture(page)
    assert name == f"{canvas}_176-206_335-305@4x.png"
    assert_same(from_png(content), enlarged(picture[206:306, 176:336], 4))
    panel.get_by_label("Area").select_option(value="canvas")
    panel.get_by_label("Scale").select_option(value="1")
    name, content = saved_picture(page)
    assert name == f"{canvas}_0-0_511-511.png"
    assert_same(from_png(content), region(server, canvas, (0, 0, 511, 511)))


def test_a_marked_area_as_a_picture(visit: Visit, make_canvas: CanvasMaker) -> None:
    """UI-20: a rectangle dragged on the canvas, or marked with the keys; nothing is painted."""
    picture = noise(512, 512, seed=22)
    canvas = make_canvas(picture=picture)
    page = visit(canvas, place="#256,256,4")
    press(page, "Shift+S")
    dialog(page, "Share").get_by_role("button", name="Mark an area").click()
    page.drag((230, 240), (250, 250), (280, 270))
    name, content = saved_picture(page)
    assert name == f"{canvas}_230-240_280-270.png"
    assert_same(from_png(content), picture[240:271, 230:281])

    dialog(page, "Share").get_by_role("button", name="Mark an area").click()
    for key in ("ArrowRight", "Enter", "ArrowRight", "ArrowRight", "ArrowDown"):
        press(page, key)
    at = json.loads(page.evaluate("JSON.stringify(tilecast.camera)"))
    assert at["zoom"] == 4
    press(page, "Enter")
    name, content = saved_picture(page)
    corners = [int(part) for part in re.findall(r"\d+", name.removeprefix(canvas))]
    x0, y0, x1, y1 = corners
    assert (x1 - x0, y1 - y0) == (2, 1)
    assert_same(from_png(content), picture[y0 : y1 + 1, x0 : x1 + 1])
    assert page.evaluate("tilecast.unsaved") == 0


def test_a_picture_to_paste(visit: Visit, make_canvas: CanvasMaker) -> None:
    """UI-20: the clipboard holds the same pixels."""
    picture = noise(64, 64, seed=23)
    page = visit(make_canvas(64, 64, picture=picture), **CLIPBOARD)
    press(page, "Shift+S")
    panel = dialog(page, "Share")
    panel.get_by_label("Area").select_option(value="canvas")
    panel.get_by_role("button", name="Copy picture").click()
    announced(page, "Picture copied")
    content = page.page.evaluate(
        """async () => {
            const [item] = await navigator.clipboard.read();
            const bytes = await (await item.getType('image/png')).arrayBuffer();
            return [...new Uint8Array(bytes)];
        }"""
    )
    assert_same(from_png(bytes(content)), picture)


def test_too_large_for_one_picture(visit: Visit, make_canvas: CanvasMaker) -> None:
    """UI-20: a canvas too large for a picture is offered reduced, as the server reduces it."""
    page = visit(make_canvas(8192, 4096))
    press(page, "Shift+S")
    panel = dialog(page, "Share")
    panel.get_by_label("Area").select_option(value="canvas")
    offered = panel.get_by_label("Scale").locator("option").all_inner_texts()
    assert offered[0] == "1/2 (reduced): 4,096 × 2,048 pixels"
    panel.get_by_label("Scale").select_option(value="0.125")
    name, content = saved_picture(page)
    assert name.endswith("_0-0_8191-4095@1-8x.png")
    assert from_png(content).shape == (512, 1024, 3)


@pytest.mark.parametrize("device", SHOTS)
def test_nothing_leaves_the_screen(visit: Visit, make_canvas: CanvasMaker, device: str) -> None:
    """Map and panels on each screen; a panel is whole or to be scrolled in."""
    canvas = make_canvas(picture=rings(), title="The town square")
    stored = {"tilecast.minimap": "1"}
    page = visit(canvas, place="#200,200,6", stored=stored, **DEVICES[device])
    press(page, "m")
    press(page, "Shift+M")
    press(page, "Shift+M")
    page.frame.get_by_role("img", name=MAP).wait_for()
    save(page, f"{device}-map")
    width, height = page.screen
    for key, name in (("g", "Places"), ("Shift+S", "Share")):
        press(page, key)
        panel = dialog(page, name)
        for summary in panel.locator("summary").all():
            summary.click()
        box = panel.bounding_box()
        assert box is not None
        assert min(box["x"], box["y"]) >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        assert panel.evaluate("(panel) => panel.scrollWidth <= panel.clientWidth"), name
        save(page, f"{device}-{name.lower()}")
        press(page, "Escape")
