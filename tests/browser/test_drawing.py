"""Fill, selection, pictures from outside, straight lines, and what the budget allows."""

import base64
import time
from collections.abc import Iterator
from typing import Any, Final, Literal

import numpy as np
import pytest
from playwright.sync_api import expect

from server.canvas_admin import administer
from server.schemas import NewCanvas
from tests.browser.conftest import CanvasMaker, Visit
from tests.browser.pictures import Picture, assert_same, noise, region, to_png
from tests.browser.test_refusals import set_canvas
from tests.browser.test_touch import PHONE, Fingers, middle_of
from tests.browser.viewer_page import WITHIN_S, ViewerPage
from tests.process import ServerProcess

SIDE: Final = 128
WHOLE: Final = (0, 0, SIDE - 1, SIDE - 1)
RED, WHITE = (217, 44, 58), (255, 255, 255)
STORED: Final = {"tilecast.colour": "#d92c3a"}
FINGER_PX: Final = 44


def said(page: ViewerPage, text: str) -> None:
    """Wait until the page says so."""
    page.frame.get_by_role("log", name="Messages").get_by_text(text).first.wait_for()


def give(
    page: ViewerPage, how: Literal["paste", "drop"], content: bytes, at: tuple[int, int]
) -> None:
    """Paste a file, or drop it on a canvas pixel, as the browser tells a page of it."""
    x, y = page.to_screen(at[0] + 0.5, at[1] + 0.5)
    page.frame.evaluate(
        """([how, encoded, x, y]) => {
            const bytes = Uint8Array.from(atob(encoded), (each) => each.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "picture.png", { type: "image/png" }));
            const more = { bubbles: true, cancelable: true, clientX: x, clientY: y };
            document.querySelector("[role=application]").dispatchEvent(
                how === "paste"
                    ? new ClipboardEvent("paste", { ...more, clipboardData: data })
                    : new DragEvent("drop", { ...more, dataTransfer: data }),
            );
        }""",
        [how, base64.b64encode(content).decode(), x, y],
    )


def until_floating(page: ViewerPage) -> None:
    """Wait until something is there to be put down."""
    page.frame.get_by_role("button", name="Put down").wait_for()


# -- fill ------------------------------------------------------------------------------------------


def rooms() -> Picture:
    """Two rooms of noise-free white, one wall between them, with a corner that only touches."""
    picture = np.full((SIDE, SIDE, 3), 255, np.uint8)
    picture[:, 64] = (1, 2, 3)
    picture[40:44, 20:50] = (1, 2, 3)
    picture[64, 64] = (255, 255, 254)
    return picture


def test_a_fill_ends_at_other_colours(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-11: own work that is still on its way counts as shown."""
    picture = rooms()
    canvas = make_canvas(SIDE, SIDE, picture=picture)
    page = visit(canvas, place="#64,64,5", stored=STORED)
    page.choose("Fill")
    page.drag((30, 90))
    page.wait_for_pixel(0, 0, RED)
    page.wait_until_saved()
    wanted = picture.copy()
    wanted[:, :64][(picture[:, :64] == 255).all(axis=2)] = RED
    assert_same(region(server, canvas, WHOLE), wanted)
    page.press(["Control+z"])
    page.wait_until_saved()
    assert_same(region(server, canvas, WHOLE), picture)


def test_a_fill_stays_in_view(visit: Visit, canvas: str, server: ServerProcess) -> None:
    """UI-11: what nobody sees is not painted over."""
    page = visit(canvas, place="#256,256,20", stored=STORED)
    page.choose("Fill")
    page.drag((250, 250))
    page.wait_until_saved()
    filled = (region(server, canvas, (0, 0, 511, 511)) == RED).all(axis=2)
    left, top = (int(at) for at in page.to_canvas(0, 0))
    width, height = page.screen
    right, bottom = (int(at) for at in page.to_canvas(width - 1, height - 1))
    assert filled.sum() == (right - left + 1) * (bottom - top + 1)
    assert filled[top, left]
    assert filled[bottom, right]


def test_a_fill_from_far_away_is_refused(visit: Visit, make_canvas: CanvasMaker) -> None:
    """UI-11: with the reason."""
    page = visit(make_canvas(4096, 4096), stored=STORED)
    page.choose("Fill")
    page.drag((2000, 2000))
    said(page, "Zoom in to fill")
    assert page.evaluate("tilecast.pending") == 0


# -- selection -------------------------------------------------------------------------------------


def test_an_area_is_copied_moved_and_cut(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-12: by mouse and keys; what it was moved from becomes background."""
    picture = noise(SIDE, SIDE, seed=5)
    canvas = make_canvas(SIDE, SIDE, picture=picture)
    page = visit(canvas, place="#64,64,5", stored=STORED)
    page.choose("Select")
    wanted = picture.copy()

    page.drag((20, 30), (39, 44))
    page.drag((25, 35), (45, 75))
    page.press(["ArrowRight", "Shift+ArrowDown", "Enter"])
    page.wait_until_saved()
    wanted[30:45, 20:40] = WHITE
    wanted[80:95, 41:61] = picture[30:45, 20:40]
    assert_same(region(server, canvas, WHOLE), wanted)

    page.drag((70, 20), (89, 29))
    page.press(["Control+c", "Control+v"])
    until_floating(page)
    page.frame.get_by_role("button", name="Put down").click()
    page.wait_until_saved()
    wanted[59:69, 54:74] = picture[20:30, 70:90]
    assert_same(region(server, canvas, WHOLE), wanted)

    page.drag((100, 60), (109, 69))
    page.press(["Control+x"])
    page.wait_until_saved()
    wanted[60:70, 100:110] = WHITE
    assert_same(region(server, canvas, WHOLE), wanted)

    page.press(["Control+z"] * 3)
    page.wait_until_saved()
    assert_same(region(server, canvas, WHOLE), picture)


def test_what_is_given_up_stays_where_it_was(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-12: shown at its new place while it floats, and nothing sent."""
    picture = noise(SIDE, SIDE, seed=6)
    canvas = make_canvas(SIDE, SIDE, picture=picture)
    page = visit(canvas, place="#64,64,5", stored=STORED)
    page.hide_panels()
    page.press(["s"])
    beside = (5, 400)
    page.page.mouse.move(*beside)
    before = page.screenshot()
    page.drag((40, 40), (59, 59))
    page.drag((50, 50), (80, 50))
    page.page.mouse.move(*beside)
    moved = page.screenshot()
    x, y = (int(at) for at in page.to_screen(80.5, 50.5))
    assert tuple(moved[y, x]) == tuple(picture[50, 50])
    x, y = (int(at) for at in page.to_screen(45.5, 50.5))
    assert tuple(moved[y, x]) == WHITE
    page.press(["Escape"])
    assert_same(page.screenshot(), before)
    assert page.evaluate("tilecast.unsaved") == 0
    assert_same(region(server, canvas, WHOLE), picture)


def test_the_keyboard_alone_selects_moves_and_fills(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-12: Enter begins and ends a selection, arrows move it, Enter puts it down."""
    picture = noise(SIDE, SIDE, seed=9)
    picture[20:30, 20:30] = WHITE
    canvas = make_canvas(SIDE, SIDE, picture=picture)
    page = visit(canvas, place="#64,64,5", stored=STORED)
    live = page.frame.locator(".visually-hidden[aria-live]")
    page.press(["s", "ArrowRight", "Enter", "Shift+ArrowRight", "ArrowDown", "ArrowDown", "Enter"])
    expect(live).to_have_text("Selected 11 × 3 at 64, 64")
    page.press(["Shift+ArrowDown", "ArrowLeft"])
    expect(live).to_have_text("Moved to 63, 74")
    page.press(["Enter"])
    page.wait_until_saved()
    wanted = picture.copy()
    wanted[64:67, 64:75] = WHITE
    wanted[74:77, 63:74] = picture[64:67, 64:75]
    assert_same(region(server, canvas, WHOLE), wanted)

    page.page.mouse.move(*page.to_screen(25.5, 25.5))
    page.press(["k", "ArrowRight", "Enter"])
    page.wait_until_saved()
    wanted[20:30, 20:30] = RED
    assert_same(region(server, canvas, WHOLE), wanted)


def test_a_finger_selects_and_moves(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-12: and buttons do what keys do elsewhere."""
    picture = noise(SIDE, SIDE, seed=10)
    canvas = make_canvas(SIDE, SIDE, picture=picture)
    page = visit(canvas, place="#64,64,4", stored=STORED, **PHONE)
    fingers = Fingers(page)

    def drag(start: tuple[int, int], end: tuple[int, int]) -> None:
        fingers.put(middle_of(page, *start))
        fingers.move(middle_of(page, *end))
        fingers.rest()
        fingers.lift()

    tools = page.frame.get_by_role("toolbar", name="Tools")
    select = tools.get_by_role("button", name="Select", exact=True)
    select.tap()
    expect(select).to_have_attribute("aria-pressed", "true")
    drag((40, 50), (59, 64))
    page.frame.get_by_role("button", name="Cut", exact=True).wait_for()
    drag((50, 55), (65, 60))
    put_down = page.frame.get_by_role("button", name="Put down")
    put_down.tap()
    put_down.wait_for(state="detached")
    page.wait_until_saved()
    wanted = picture.copy()
    wanted[50:65, 40:60] = WHITE
    wanted[55:70, 55:75] = picture[50:65, 40:60]
    assert_same(region(server, canvas, WHOLE), wanted)
    undo = tools.get_by_role("button", name="Undo", exact=True)
    undo.tap()
    expect(undo).to_have_attribute("aria-disabled", "true")
    page.wait_until_saved()
    assert_same(region(server, canvas, WHOLE), picture)


@pytest.mark.parametrize("how", ["paste", "drop"])
def test_a_picture_from_outside(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess, how: Literal["paste", "drop"]
) -> None:
    """UI-12: put down by a press beside it; its transparent pixels leave the canvas as it is."""
    picture = noise(SIDE, SIDE, seed=7)
    canvas = make_canvas(SIDE, SIDE, picture=picture)
    page = visit(canvas, place="#64,64,5", stored=STORED)
    brought = noise(20, 10, seed=8)
    alpha = np.where(np.arange(200).reshape(10, 20) % 3, 255, 0).astype(np.uint8)
    give(page, how, to_png(np.dstack([brought, alpha])), (80, 40))
    until_floating(page)
    page.drag((20, 110))
    page.wait_until_saved()
    x, y = (54, 59) if how == "paste" else (70, 35)
    wanted = picture.copy()
    wanted[y : y + 10, x : x + 20][alpha > 0] = brought[alpha > 0]
    assert_same(region(server, canvas, WHOLE), wanted)


def test_a_picture_takes_the_palette_s_colours(visit: Visit, server: ServerProcess) -> None:
    """UI-12: so that the server takes it."""
    palette = [(255, 255, 255), (0, 0, 0), (220, 30, 40), (30, 60, 200)]
    new = NewCanvas(
        name="with-palette", width=64, height=64, background=(255, 255, 255), palette=palette
    )
    with administer(server.folder / "data") as admin:
        admin.create(new)
    page = visit("with-palette", place="#32,32,8")
    brought = np.zeros((4, 4, 3), np.uint8)
    brought[:, :2] = (200, 60, 60)
    brought[:, 2:] = (20, 30, 170)
    give(page, "paste", to_png(brought), (0, 0))
    until_floating(page)
    page.press(["Enter"])
    page.wait_until_saved()
    shown = region(server, "with-palette", (30, 30, 33, 33))
    assert (shown[:, :2] == palette[2]).all()
    assert (shown[:, 2:] == palette[3]).all()


def test_a_large_picture_is_scaled_to_the_view(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-12: and what is no picture is refused in words."""
    page = visit(make_canvas(SIDE, SIDE), place="#64,64,20", stored=STORED)
    give(page, "paste", b"no picture at all", (0, 0))
    said(page, "That is no picture that this browser can read.")
    give(page, "paste", to_png(np.full((600, 300, 3), 40, np.uint8)), (0, 0))
    until_floating(page)
    said(page, "The picture was scaled down to 20 × 40.")
    page.press(["Escape"])
    assert page.evaluate("tilecast.unsaved") == 0


# -- modifiers -------------------------------------------------------------------------------------


def test_shift_draws_straight(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """RAS-1: lines in steps of 45°, squares, and strokes on from where the last one ended."""
    canvas = make_canvas(SIDE, SIDE)
    page = visit(canvas, place="#64,64,5", stored=STORED)
    page.choose("Line")
    page.press("[[[")
    page.drag((40, 30), (60, 33), modifier="Shift")
    page.choose("Rectangle")
    page.drag((40, 50), (60, 57), modifier="Shift")
    page.choose("Pencil")
    page.drag((90, 30))
    page.drag((90, 50), modifier="Shift")
    page.drag((80, 60), modifier="Shift")
    page.wait_until_saved()
    wanted = np.full((SIDE, SIDE, 3), 255, np.uint8)
    wanted[30, 40:61] = RED
    wanted[50:71, 40:61] = RED
    wanted[30:51, 90] = RED
    for k in range(11):
        wanted[50 + k, 90 - k] = RED
    assert_same(region(server, canvas, WHOLE), wanted)


# -- the budget ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frugal(
    _built_viewer: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server that lets everybody paint 2,000 pixels, and 10 more each second."""
    folder = tmp_path_factory.mktemp("frugal")
    server = ServerProcess(folder, "--budget-pixels", "2000", "--budget-refill", "10")
    server.start()
    yield server
    server.stop_well()


def test_what_is_over_the_budget_is_told_before_and_not_sent(
    visit: Visit, frugal: ServerProcess
) -> None:
    """UI-13: the cost beside the meter while a shape is dragged, and when there will be enough."""
    page = visit(server=frugal, place="#512,512,6", stored=STORED)
    count = page.frame.locator(".budget-count")
    expect(count).to_have_text("2,000 px")
    page.choose("Rectangle")
    page.page.mouse.move(*page.to_screen(500.5, 500.5))
    page.page.mouse.down()
    page.page.mouse.move(*page.to_screen(529.5, 519.5))
    expect(count).to_have_text("600 of 2,000")
    expect(count).not_to_have_class("budget-count is-over")
    page.page.mouse.move(*page.to_screen(549.5, 549.5))
    expect(count).to_have_text("2,500 of 2,000")
    expect(count).to_have_class("budget-count is-over")
    page.page.mouse.up()
    said(page, "That takes 2,500 px, more than the 2,000 that you may paint at once.")
    assert page.evaluate("tilecast.unsaved") == 0
    page.drag((500, 500), (539, 539))
    page.wait_until_saved()
    page.drag((540, 540), (569, 569))
    said(page, "That takes 900 px and you have ")
    said(page, "There will be enough in ")
    assert page.pixel(550, 550) == WHITE
    page.press(["Control+z"])
    said(page, "That takes 1,600 px and you have ")
    assert page.pixel(520, 520) == RED
    page.choose("Fill")
    page.drag((560, 550))
    said(page, "more than the 2,000 that you may paint at once.")
    assert page.pixel(560, 550) == WHITE
    page.wait_until_saved()


# -- refused and late ------------------------------------------------------------------------------


def test_every_tool_s_work_is_taken_back_where_it_is_refused(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-3: fill, cut, move and paste as well; the page shows again what the server has."""
    picture = rooms()
    canvas = make_canvas(SIDE, SIDE, picture=picture)
    page = visit(canvas, place="#64,64,5", stored=STORED)
    set_canvas(server, canvas, "--frozen")
    said(page, "The canvas is frozen.")

    def refused() -> None:
        said(page, "You may not paint here.")
        page.wait_until_saved()
        page.evaluate("document.querySelectorAll('.toast button').forEach((each) => each.click())")
        assert page.pixel(30, 90) == WHITE
        assert page.pixel(30, 41) == (1, 2, 3)

    page.choose("Fill")
    page.drag((30, 90))
    refused()
    page.choose("Select")
    page.drag((25, 35), (35, 45))
    page.press(["Control+x"])
    refused()
    page.drag((25, 35), (35, 45))
    page.drag((30, 40), (30, 90))
    page.press(["Enter"])
    refused()
    give(page, "paste", to_png(noise(80, 80, seed=1)), (0, 0))
    until_floating(page)
    page.press(["Enter"])
    refused()


def test_what_is_not_durable_for_long_is_marked(visit: Visit, own_server: ServerProcess) -> None:
    """UI-13: with a hatch on the canvas and a sign beside the state, until it is."""
    page = visit(server=own_server, place="#512,512,6", stored=STORED)
    page.hide_panels()
    own_server.pause()
    try:
        page.press(["r"])
        page.drag((500, 500), (520, 515))
        page.page.mouse.move(*page.to_screen(480, 480))
        x0, y0 = (round(at) for at in page.to_screen(501, 501))
        x1, y1 = (round(at) for at in page.to_screen(520, 515))

        def colours() -> int:
            return len(np.unique(page.screenshot()[y0:y1, x0:x1].reshape(-1, 3), axis=0))

        page.wait("document.querySelector('.saving.is-saving') !== null")
        end = time.monotonic() + WITHIN_S
        while colours() < 3:
            assert time.monotonic() < end, "no hatch appeared"
    finally:
        own_server.resume()
    page.wait_until_saved()
    page.wait("document.querySelector('.saving:not(.is-saving)') !== null")
    assert colours() == 1


# -- a phone ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(390, 844), (320, 640), (844, 390)])
def test_on_a_phone_every_tool_is_in_reach(
    visit: Visit, canvas: str, size: tuple[int, int]
) -> None:
    """UI-10: tools scroll, undoing stays beside them, and each takes a finger."""
    options: dict[str, Any] = {**PHONE, "viewport": {"width": size[0], "height": size[1]}}
    page = visit(canvas, place="#256,256,6", stored=STORED, **options)
    toolbar = page.frame.get_by_role("toolbar", name="Tools")
    names = ["Move", "Pencil", "Brush", "Line", "Rectangle", "Pick a colour", "Eraser", "Fill"]
    for name in [*names, "Select"]:
        button = toolbar.get_by_role("button", name=name, exact=True)
        button.tap()
        expect(button).to_have_attribute("aria-pressed", "true")
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= FINGER_PX
    for name in ("Undo", "Redo"):
        box = toolbar.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= FINGER_PX
        assert 0 <= box["x"] <= size[0] - FINGER_PX
    picture = page.frame.get_by_role("button", name="Insert a picture…")
    expect(picture).to_be_in_viewport()
