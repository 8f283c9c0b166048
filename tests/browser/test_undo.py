"""One's own work taken back and done again."""

from typing import Final

from playwright.sync_api import expect

from tests.browser.conftest import CanvasMaker, Visit
from tests.browser.pictures import assert_same, noise, region
from tests.browser.test_refusals import set_canvas
from tests.process import ServerProcess

SIDE: Final = 128
WHOLE: Final = (0, 0, SIDE - 1, SIDE - 1)
RED, BLUE, WHITE = (217, 44, 58), (47, 111, 237), (255, 255, 255)
STORED: Final = {"tilecast.colour": "#d92c3a"}


def test_gestures_are_undone_and_done_again_one_by_one(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-10: over a picture of noise, by keys and by buttons."""
    picture = noise(SIDE, SIDE, seed=3)
    canvas = make_canvas(SIDE, SIDE, picture=picture)
    page = visit(canvas, place="#64,64,5", stored=STORED)
    undo = page.frame.get_by_role("button", name="Undo", exact=True)
    expect(undo).to_have_attribute("aria-disabled", "true")
    page.choose("Brush")
    page.drag((30, 30), (60, 50), (40, 90))
    page.choose("Rectangle")
    page.drag((50, 40), (80, 70))
    page.wait_until_saved()
    both = region(server, canvas, WHOLE)

    page.press(["Control+z", "Control+z"])
    page.wait_until_saved()
    assert_same(region(server, canvas, WHOLE), picture)
    expect(undo).to_have_attribute("aria-disabled", "true")

    page.choose("Redo")
    page.press(["Control+Shift+Z"])
    page.wait_until_saved()
    assert_same(region(server, canvas, WHOLE), both)
    page.choose("Undo")
    page.press(["Control+y", "Control+z", "Control+z"])
    page.wait_until_saved()
    assert_same(region(server, canvas, WHOLE), picture)


def test_what_others_painted_since_stays(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-10: and the page says so."""
    canvas = make_canvas(SIDE, SIDE)
    alice = visit(canvas, place="#64,64,5", stored=STORED)
    bob = visit(canvas, place="#64,64,5", stored={"tilecast.colour": "#2f6fed"})
    alice.choose("Rectangle")
    alice.drag((40, 40), (59, 49))
    alice.wait_until_saved()
    bob.wait_for_pixel(45, 45, RED)
    bob.choose("Rectangle")
    bob.drag((50, 40), (54, 49))
    bob.wait_until_saved()
    alice.wait_for_pixel(52, 45, BLUE)
    alice.press(["Control+z"])
    messages = alice.frame.get_by_role("log", name="Messages")
    messages.get_by_text("50 px stay: others have painted them since.").wait_for()
    alice.wait_until_saved()
    shown = region(server, canvas, WHOLE)
    wanted = shown.copy()
    wanted[:, :] = WHITE
    wanted[40:50, 50:55] = BLUE
    assert_same(shown, wanted)


def test_what_was_refused_is_no_step(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-10: the gesture before it is the next to be undone."""
    canvas = make_canvas(SIDE, SIDE)
    page = visit(canvas, place="#64,64,5", stored=STORED)
    messages = page.frame.get_by_role("log", name="Messages")
    page.drag((40, 40), (50, 40))
    page.wait_until_saved()
    set_canvas(server, canvas, "--frozen")
    messages.get_by_text("The canvas is frozen.").wait_for()
    page.drag((60, 60), (70, 60))
    messages.get_by_text("You may not paint here.").wait_for()
    page.wait_for_pixel(65, 60, WHITE)
    set_canvas(server, canvas, "--no-frozen")
    messages.get_by_text("The canvas is open for painting.").wait_for()
    page.press(["Control+z"])
    page.wait_until_saved()
    assert (region(server, canvas, WHOLE) == 255).all()


def test_what_is_out_of_view_is_shown_before_it_is_undone(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-10: nothing changes where nobody looks."""
    canvas = make_canvas(4096, 64)
    page = visit(canvas, place="#100,32,8", stored=STORED)
    page.drag((100, 30), (110, 30))
    page.wait_until_saved()
    page.goto(4000, 32, 8)
    page.press(["Control+z"])
    messages = page.frame.get_by_role("log", name="Messages")
    messages.get_by_text("That is out of view: here it is.").wait_for()
    page.wait_until_loaded()
    page.wait_for_pixel(105, 30, RED)
    page.press(["Control+z"])
    page.wait_until_saved()
    assert (region(server, canvas, (96, 28, 120, 34)) == 255).all()


def test_what_was_painted_from_far_away_is_not_undone(
    visit: Visit, make_canvas: CanvasMaker
) -> None:
    """UI-10: nobody knows the single pixels that it overwrote, and the page says so."""
    canvas = make_canvas(4096, 4096)
    page = visit(canvas, stored=STORED)
    assert page.evaluate("tilecast.view.level") > 0
    page.choose("Rectangle")
    page.drag((1500, 1500), (1800, 1800))
    page.wait_until_saved()
    page.press(["Control+z"])
    messages = page.frame.get_by_role("log", name="Messages")
    messages.get_by_text("That can't be undone: it was painted from too far away.").wait_for()
    page.goto(1600, 1600, 2)
    page.wait_for_pixel(1600, 1600, RED)
