"""What the server refuses is taken back, with the reason."""

import subprocess

from tests.browser.conftest import CanvasMaker, Visit
from tests.process import COMMAND, ServerProcess

RED, WHITE = (217, 44, 58), (255, 255, 255)
STORED = {"tilecast.colour": "#d92c3a"}


def set_canvas(server: ServerProcess, canvas: str, *flags: str) -> None:
    """Change a canvas by the command line, beside the running server."""
    data = str(server.folder / "data")
    subprocess.run([COMMAND, "canvas", "set", canvas, *flags, "--data", data], check=True)


def test_on_a_frozen_canvas_own_work_is_taken_back(
    visit: Visit, make_canvas: CanvasMaker, server: ServerProcess
) -> None:
    """UI-3: it shows at once, and goes when the refusal comes; the page says why."""
    canvas = make_canvas(frozen=True)
    page = visit(canvas, place="#100,100,6", stored=STORED)
    messages = page.frame.get_by_role("log", name="Messages")
    messages.get_by_text("This canvas is frozen for now.").wait_for()
    server.pause()
    try:
        page.drag((90, 90), (110, 90))
        page.wait_for_pixel(100, 90, RED)
    finally:
        server.resume()
    page.wait_for_pixel(100, 90, WHITE)
    messages.get_by_text("You may not paint here.").wait_for()
    page.wait_until_saved()


def test_freezing_and_opening_tell_those_who_are_there(
    visit: Visit, canvas: str, server: ServerProcess
) -> None:
    """UI-3: what was painted before stays, what comes after goes, and then it works again."""
    page = visit(canvas, place="#100,100,6", stored=STORED)
    messages = page.frame.get_by_role("log", name="Messages")
    page.drag((90, 80))
    page.wait_until_saved()
    set_canvas(server, canvas, "--frozen")
    messages.get_by_text("The canvas is frozen.").wait_for()
    page.drag((90, 90))
    messages.get_by_text("You may not paint here.").wait_for()
    page.wait_for_pixel(90, 90, WHITE)
    assert page.pixel(90, 80) == RED

    set_canvas(server, canvas, "--no-frozen")
    messages.get_by_text("The canvas is open for painting.").wait_for()
    page.drag((90, 100))
    page.wait_until_saved()
    assert page.pixel(90, 100) == RED
