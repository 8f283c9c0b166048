"""Each tool at work, held against a naive drawing of what it should have drawn."""

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest

from protocol.messages import Drawing, Pixel, Rect, Stroke
from tests.browser.conftest import CanvasMaker, Visit
from tests.browser.pictures import Picture, assert_same, noise, region
from tests.browser.viewer_page import ViewerPage
from tests.oracle.canvas import Canvas
from tests.process import ServerProcess

SIDE: Final = 128
RED, BLUE, WHITE = (217, 44, 58), (47, 111, 237), (255, 255, 255)


def drawn(*messages: Drawing) -> Picture:
    """An empty canvas with messages drawn on it, the slow and simple way."""
    canvas = Canvas(SIDE, SIDE)
    for seq, message in enumerate(messages, 1):
        canvas.apply(seq, message)
    rows = canvas.region(0, 0, SIDE - 1, SIDE - 1)
    return np.frombuffer(rows, np.uint8).reshape(SIDE, SIDE, 3)


def use_pencil(page: ViewerPage) -> list[Drawing]:
    """A click, and a line of two legs."""
    page.choose("Pencil")
    page.drag((30, 30))
    page.drag((40, 40), (60, 45), (50, 70))
    return [Pixel(30, 30, *RED), Stroke(1, *RED, ((40, 40), (60, 45), (50, 70)))]


def use_brush(page: ViewerPage) -> list[Drawing]:
    """Its size by the keys; an odd one has its middle in a pixel."""
    page.choose("Brush")
    page.press("]]]")
    page.drag((40, 40), (70, 60))
    return [Stroke(7, *RED, ((40, 40), (70, 60)))]


def use_line(page: ViewerPage) -> list[Drawing]:
    """Thinned by the keys to one pixel."""
    page.choose("Line")
    page.press("[[[")
    page.drag((40, 70), (50, 50), (80, 40))
    return [Stroke(1, *RED, ((40, 70), (80, 40)))]


def use_rectangle(page: ViewerPage) -> list[Drawing]:
    """Filled, and, dragged the other way, an outline."""
    page.choose("Rectangle")
    page.drag((40, 40), (60, 55))
    page.frame.get_by_role("button", name="Outline", exact=True).click()
    page.drag((85, 85), (70, 60))
    return [Rect(0, 40, 40, 60, 55, *RED), Rect(1, 70, 60, 85, 85, *RED)]


def use_eraser(page: ViewerPage) -> list[Drawing]:
    """Back to the background."""
    painted = use_rectangle(page)
    page.choose("Eraser")
    page.press("]")
    page.drag((50, 50))
    return [*painted, Stroke(5, *WHITE, ((50, 50),))]


@pytest.mark.parametrize("use", [use_pencil, use_brush, use_line, use_rectangle, use_eraser])
def test_a_tool_draws_what_it_should(
    visit: Visit,
    make_canvas: CanvasMaker,
    server: ServerProcess,
    use: Callable[[ViewerPage], list[Drawing]],
) -> None:
    """RAS-1: from the mouse to the server's picture."""
    canvas = make_canvas(SIDE, SIDE)
    page = visit(canvas, place="#64,64,5")
    page.choose_colour(RED)
    messages = use(page)
    page.wait_until_saved()
    assert_same(region(server, canvas, (0, 0, SIDE - 1, SIDE - 1)), drawn(*messages))


def test_the_eyedropper_takes_a_colour_and_gives_the_tool_back(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """By its button, and by Alt with another tool."""
    picture = noise(SIDE, SIDE, seed=1)
    canvas = make_canvas(SIDE, SIDE, picture=picture)
    page = visit(canvas, place="#64,64,5")
    page.choose("Pencil")
    page.choose("Pick a colour")
    page.drag((50, 50))
    page.drag((60, 60))
    page.drag((70, 70), modifier="Alt")
    page.drag((80, 80))
    page.wait_until_saved()
    shown = region(server, canvas, (0, 0, SIDE - 1, SIDE - 1))
    wanted = picture.copy()
    wanted[60, 60] = picture[50, 50]
    wanted[80, 80] = picture[70, 70]
    assert_same(shown, wanted)


def test_colours_are_chosen_from_the_palette_and_by_their_digits(
    visit: Visit, make_canvas: CanvasMaker
) -> None:
    """And one that was used is offered again."""
    page = visit(make_canvas(SIDE, SIDE), place="#64,64,5")
    page.frame.get_by_role("button", name="#d92c3a").first.click()
    page.drag((50, 50))
    page.wait_for_pixel(50, 50, RED)
    page.choose_colour((18, 52, 86))
    page.drag((60, 60))
    page.wait_for_pixel(60, 60, (18, 52, 86))
    page.frame.get_by_role("button", name="Choose another").click()
    used = page.frame.get_by_role("dialog").get_by_role("group", name="Used before")
    used.get_by_role("button", name="#d92c3a").click()
    page.drag((70, 70))
    page.wait_for_pixel(70, 70, RED)
    page.wait_until_saved()


def test_the_keyboard_alone_is_enough(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """Arrows move a pixel cursor, Enter uses the tool there; what is under it is said."""
    canvas = make_canvas(SIDE, SIDE)
    page = visit(canvas, place="#64,64,5", stored={"tilecast.colour": "#d92c3a"})
    page.press(["p", "ArrowRight"])
    said = page.frame.locator(".visually-hidden[aria-live]")
    assert said.inner_text() == "64, 64: white"
    page.press(["ArrowRight", "ArrowRight", "ArrowDown", "Enter"])
    page.wait_for_pixel(66, 65, RED)
    assert said.inner_text() == "66, 65: red"
    page.press(["r", "Shift+ArrowRight", "Enter", "ArrowDown", "ArrowRight", "Enter"])
    page.wait_until_saved()
    wanted = drawn(Pixel(66, 65, *RED), Rect(0, 76, 65, 77, 66, *RED))
    assert_same(region(server, canvas, (0, 0, SIDE - 1, SIDE - 1)), wanted)
