"""Looking around: the wheel, dragging, permalinks, and what panning costs."""

import pytest

from protocol.messages import Tile
from tests.browser.conftest import CanvasMaker, Visit
from tests.browser.pictures import noise
from tests.browser.viewer_page import ViewerPage

RED = (217, 44, 58)


@pytest.mark.parametrize("turn", [-240, 120])
def test_the_wheel_keeps_what_is_under_the_pointer(visit: Visit, canvas: str, turn: int) -> None:
    """UI-4: in and out, to a fraction of a pixel."""
    page = visit(canvas, place="#256,256,6")
    pointer = (500.0, 300.0)
    before, zoom = page.to_canvas(*pointer), page.camera[2]
    page.page.mouse.move(*pointer)
    page.page.mouse.wheel(0, turn)
    page.wait(f"tilecast.camera.zoom {'>' if turn < 0 else '<'} {zoom}")
    assert page.to_canvas(*pointer) == pytest.approx(before, abs=1e-6)


@pytest.mark.parametrize("button", ["middle", "right"])
def test_dragging_takes_what_is_under_the_pointer_along(
    visit: Visit, canvas: str, button: str
) -> None:
    """UI-4: with the middle and the right button, whatever the tool."""
    page = visit(canvas, place="#256,256,6")
    mouse = page.page.mouse
    before = page.to_canvas(500, 300)
    mouse.move(500, 300)
    mouse.down(button="middle" if button == "middle" else "right")
    mouse.move(560, 340)
    mouse.move(640, 380)
    mouse.up(button="middle" if button == "middle" else "right")
    page.wait("tilecast.camera.x < 256")
    assert page.to_canvas(640, 380) == pytest.approx(before, abs=1e-6)
    assert page.evaluate("tilecast.pending + tilecast.unsaved") == 0


def test_a_permalink_is_read_written_and_followed(visit: Visit, canvas: str) -> None:
    """It loads at its place, follows the view, and moves the view when it is set."""
    page = visit(canvas, place="#100.5,200,8")
    assert list(page.camera) == [100.5, 200, 8]
    page.goto(300, 250.25, 3)
    page.wait("location.hash === '#300,250.3,3'")
    page.evaluate("location.hash = '#20,30,16'")
    page.wait("tilecast.camera.zoom === 16")
    assert list(page.camera) == [20, 30, 16]
    page.wait_until_loaded()
    page.page.reload()
    page.wait_until_loaded()
    assert list(page.camera) == [20, 30, 16]
    page.evaluate("location.hash = '#nonsense'")
    page.goto(21, 30, 16)
    page.wait("location.hash === '#21,30,16'")


def look_at(page: ViewerPage, x: int, y: int) -> list[tuple[int, int]]:
    """Show a place; the tiles of which a snapshot came until the server had answered for it."""
    page.wire.clear()
    page.goto(x, y, 8)
    page.wait_until_answered()
    return sorted((tile.tx, tile.ty) for tile in page.wire.of(Tile))


def test_panning_back_over_tiles_that_are_held_costs_nothing(
    visit: Visit, make_canvas: CanvasMaker
) -> None:
    """UI-5: no snapshot comes twice; of what changed meanwhile exactly the changed tile does."""
    picture = noise(1024, 1024, seed=5)
    canvas = make_canvas(1024, 1024, picture=picture)
    page = visit(canvas, place="#100,100,8")
    painter = visit(canvas, place="#100,100,8")
    there = look_at(page, 900, 900)
    assert len(there) >= 4

    assert look_at(page, 100, 100) == []
    assert look_at(page, 900, 900) == []
    painter.choose_colour(RED)
    painter.drag((70, 70))
    painter.wait_until_saved()
    assert look_at(page, 100, 100) == [(1, 1)]
    assert page.pixel(70, 70) == RED
    shown = [page.pixel(x, 90) for x in range(60, 140, 16)]
    assert shown == [tuple(picture[90, x].tolist()) for x in range(60, 140, 16)]
