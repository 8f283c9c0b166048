"""Other people: their names, and their pointers on one's own screen."""

from tests.browser.conftest import Visit
from tests.browser.viewer_page import Colour, Point, ViewerPage

ORANGE: Colour = (255, 154, 61)
INSIDE_ARROW: Point = (2.5, 9.0)
"""From the tip of a pointer's arrow to a place well within it, in CSS pixels."""


def arrow_colour(page: ViewerPage, x: int, y: int) -> Colour:
    """What the screen shows where a pointer on a canvas pixel has its arrow."""
    sx, sy = page.to_screen(x + 0.5, y + 0.5)
    pixel = page.screenshot()[round(sy + INSIDE_ARROW[1]), round(sx + INSIDE_ARROW[0])]
    return int(pixel[0]), int(pixel[1]), int(pixel[2])


def test_a_name_and_a_pointer_are_seen_by_others(visit: Visit, canvas: str) -> None:
    """AWR-1, AWR-2: the name as it is given, the arrow in its person's colour, until they go."""
    alice = visit(canvas, place="#256,256,4", stored={"tilecast.own-colour": "#ff9a3d"})
    bob = visit(canvas, place="#250,250,6")
    people = bob.frame.get_by_role("button", name="People")
    people.click()
    listed = bob.frame.get_by_role("dialog", name="People").get_by_role("listitem")
    listed.get_by_text("1 guest").wait_for()

    alice.frame.get_by_role("button", name="People").click()
    alice.frame.get_by_role("textbox", name="Your name").fill("Ada Lovelace")
    alice.page.keyboard.press("Enter")
    listed.get_by_text("Ada Lovelace").wait_for()
    assert listed.count() == 1

    alice.page.mouse.move(*alice.to_screen(245.5, 260.5))
    bob.wait_until_cursor(245, 260)
    assert arrow_colour(bob, 245, 260) == ORANGE
    alice.rest_mouse()
    bob.wait_until_undisturbed()
    assert arrow_colour(bob, 245, 260) == (255, 255, 255)

    alice.page.close()
    bob.frame.get_by_text("Nobody else at the moment.").wait_for()


def test_a_name_is_kept_for_the_next_visit(visit: Visit, canvas: str) -> None:
    """In the browser, not at the server."""
    alice = visit(canvas, place="#256,256,4", stored={"tilecast.name": "Grace"})
    bob = visit(canvas, place="#256,256,4")
    bob.frame.get_by_role("button", name="People: 2 here").click()
    bob.frame.get_by_role("dialog").get_by_text("Grace").wait_for()
    alice.frame.get_by_role("button", name="People: 2 here").click()
    assert alice.frame.get_by_role("textbox", name="Your name").input_value() == "Grace"
