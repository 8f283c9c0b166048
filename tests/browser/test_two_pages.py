"""Two people, two browsers, one canvas, and a server that comes and goes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.browser.conftest import Visit
from tests.browser.pictures import region
from tests.browser.viewer_page import ViewerPage
from tests.process import ServerProcess

RED, GREEN, BLUE, WHITE = (217, 44, 58), (79, 191, 75), (47, 111, 237), (255, 255, 255)


@contextmanager
def without_reload(*pages: ViewerPage) -> Iterator[None]:
    """Hold that no page is loaded anew in between."""
    for page in pages:
        page.evaluate("window.neverReloaded = true")
    yield
    for page in pages:
        assert page.evaluate("window.neverReloaded") is True


def test_a_stroke_made_in_one_page_appears_in_the_other(
    visit: Visit, server: ServerProcess, canvas: str
) -> None:
    """UI-1: and both ways, and the server's picture has it too."""
    alice, bob = visit(canvas), visit(canvas)
    alice.goto(256, 256, 4)
    bob.goto(250, 250, 2)
    alice.choose("Pencil")
    alice.choose_colour(RED)
    bob.choose_colour(BLUE)

    alice.drag((230, 230), (250, 240), (260, 230))
    bob.drag((240, 260), (260, 260))

    for page in (alice, bob):
        page.wait_for_pixel(250, 240, RED)
        page.wait_for_pixel(250, 260, BLUE)
        page.wait_until_saved()
    shown = region(server, canvas, (250, 240, 250, 260))
    assert (tuple(shown[0, 0]), tuple(shown[20, 0])) == (RED, BLUE)


def test_own_work_shows_at_once_and_then_is_confirmed(
    visit: Visit, server: ServerProcess, canvas: str
) -> None:
    """UI-3: while the server does nothing, its author sees a stroke and nobody else does."""
    alice, bob = visit(canvas, place="#100,100,4"), visit(canvas, place="#100,100,4")
    alice.choose_colour(RED)
    server.pause()
    try:
        alice.drag((100, 100), (120, 100))
        alice.wait_for_pixel(110, 100, RED)
        assert alice.evaluate("tilecast.pending > 0 && tilecast.unsaved > 0")
        shown = alice.screenshot()
        x, y = (round(at) for at in alice.to_screen(110.5, 100.5))
        assert tuple(shown[y, x]) == RED
        assert bob.pixel(110, 100) == WHITE
    finally:
        server.resume()
    alice.wait_until_saved()
    assert alice.pixel(110, 100) == RED
    bob.wait_for_pixel(110, 100, RED)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_restart_of_the_server_goes_by_without_a_reload(
    visit: Visit, own_server: ServerProcess, end: str
) -> None:
    """UI-1: both pages come back by themselves, with all that was drawn, and paint on."""
    server = own_server
    alice = visit(server=server, place="#100,100,4")
    bob = visit(server=server, place="#100,100,4")
    with without_reload(alice, bob):
        alice.choose_colour(RED)
        alice.drag((90, 90), (110, 90))
        alice.wait_until_saved()
        # This one may be anywhere between the page and the disk when the server goes.
        alice.drag((90, 95), (110, 95))
        if end == "kill":
            server.kill()
        else:
            server.stop_well()
        for page in (alice, bob):
            page.wait("tilecast.state !== 'live'")
        server.start()
        for page in (alice, bob):
            page.wait_until_loaded()
            page.wait_for_pixel(100, 90, RED)
            page.wait_for_pixel(100, 95, RED)

        bob.choose_colour(GREEN)
        bob.drag((90, 100), (110, 100))
        alice.drag((90, 105), (110, 105))
        for page in (alice, bob):
            page.wait_for_pixel(100, 100, GREEN)
            page.wait_for_pixel(100, 105, RED)
            page.wait_until_saved()
        column = region(server, "main", (100, 90, 100, 105))[:, 0]
        assert [tuple(column[row]) for row in (0, 5, 10, 15)] == [RED, RED, GREEN, RED]
