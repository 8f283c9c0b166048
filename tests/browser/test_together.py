"""Together on one canvas: who painted a pixel, where it happens, following, hiding."""

import re
from typing import Final, TypeVar

import pytest
from playwright.sync_api import Locator, expect

from protocol.messages import POINTER_LEFT, Cursor, CursorMove, Follow, Message
from tests.browser.conftest import CanvasMaker, Visit
from tests.browser.test_access import AXE, assert_accessible
from tests.browser.test_looks import DEVICES, save
from tests.browser.test_touch import PHONE, Fingers
from tests.browser.viewer_page import WITHIN_S, ViewerPage

M = TypeVar("M", bound=Message)
RED: Final = (217, 44, 58)
STORED: Final = {"tilecast.colour": "#d92c3a", "tilecast.name": "Ada"}
NEAR: Final = "#256,256,8"


def card_of(page: ViewerPage) -> Locator:
    """The card about a pixel."""
    return page.frame.get_by_role("complementary", name="This pixel")


def open_people(page: ViewerPage) -> Locator:
    """The panel of people, opened."""
    page.frame.get_by_role("button", name="People").click()
    return page.frame.get_by_role("dialog", name="People")


def sent(page: ViewerPage, kind: type[M], since: int = 0) -> list[M]:
    """The messages of a kind that a page sent."""
    return [message for message in page.wire.sent[since:] if isinstance(message, kind)]


def paint(page: ViewerPage, *pixels: tuple[int, int]) -> None:
    """Paint with the pencil, and wait until it is durable."""
    page.press("p")
    page.drag(*pixels)
    page.wait_until_saved()


def test_a_resting_mouse_tells_who_painted(visit: Visit, canvas: str) -> None:
    """UI-14: with Move; name and time while it rests, gone as it goes on; nothing for blank."""
    ada = visit(canvas, place=NEAR, stored=STORED)
    bob = visit(canvas, place=NEAR)
    paint(ada, (250, 250), (260, 250))
    bob.wait_for_pixel(255, 250, RED)
    bob.press("h")
    bob.page.mouse.move(*bob.to_screen(255.5, 250.5))
    card = card_of(bob)
    card.get_by_text(re.compile(r"^Ada, (now|\d+ seconds? ago)$")).wait_for()
    expect(card).to_contain_text("255, 250")
    expect(card).to_contain_text("red · #d92c3a")
    bob.page.mouse.move(*bob.to_screen(270.5, 280.5), steps=4)
    card.get_by_text("Nobody has painted it yet.").wait_for()
    expect(card).to_contain_text("270, 280")
    bob.rest_mouse()
    expect(card).to_have_count(0)


def test_the_card_can_be_reached_and_copied_from(visit: Visit, canvas: str) -> None:
    """UI-14: the pointer may go to the card, which stays."""
    ada = visit(canvas, place=NEAR, stored=STORED, permissions=["clipboard-write"])
    ada.press("h")
    ada.page.mouse.move(*ada.to_screen(250.5, 250.5))
    copy = card_of(ada).get_by_role("button", name="Copy the coordinates")
    copy.wait_for()
    box = copy.bounding_box()
    assert box is not None
    ada.page.mouse.move(box["x"] + 10, box["y"] + 10, steps=3)
    ada.page.mouse.down()
    ada.page.mouse.up()
    ada.frame.get_by_text("Copied: 250, 250").wait_for()


def test_a_key_tells_who_painted(visit: Visit, canvas: str) -> None:
    """UI-14: without a mouse: it is said aloud, and Escape closes it."""
    ada = visit(canvas, place=NEAR, stored=STORED)
    ada.press(["b", "ArrowLeft", "Enter"])
    ada.wait_until_saved()
    ada.press("w")
    card = card_of(ada)
    card.get_by_text(re.compile("^Ada, ")).wait_for()
    expect(ada.frame.get_by_text(re.compile(r"^\d+, \d+: red\. Ada, "))).to_have_count(1)
    ada.page.keyboard.press("Tab")
    expect(card.get_by_role("button", name="Copy the coordinates")).to_be_focused()
    ada.page.keyboard.press("Escape")
    expect(card).to_have_count(0)


def test_a_long_press_tells_who_painted(visit: Visit, canvas: str) -> None:
    """UI-14: a finger that stays, with Move; the card stays when it lifts, and moves with none."""
    ada = visit(canvas, place=NEAR, stored=STORED)
    paint(ada, (250, 250), (260, 250))
    phone = visit(canvas, place=NEAR, **PHONE)
    phone.wait_for_pixel(255, 250, RED)
    fingers = Fingers(phone)
    fingers.put(phone.to_screen(255.5, 250.5))
    card = card_of(phone)
    card.get_by_text(re.compile("^Ada, ")).wait_for()
    fingers.lift()
    phone.wait_for_frame()
    expect(card).to_contain_text("255, 250")
    box = card.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["viewport"]["width"]
    assert box["y"] + box["height"] < phone.to_screen(255, 250)[1]
    fingers.put((200, 600))
    fingers.move((240, 640))
    fingers.move((280, 680))
    fingers.lift()
    expect(card).to_have_count(0)


def sees(follower: ViewerPage, followed: ViewerPage) -> bool:
    """Whether one screen shows all that another does."""
    width, height = followed.screen
    for corner in ((0.0, 0.0), (float(width), float(height))):
        sx, sy = follower.to_screen(*followed.to_canvas(*corner))
        if not (-1 <= sx <= follower.screen[0] + 1 and -1 <= sy <= follower.screen[1] + 1):
            return False
    return True


def wait_until_sees(follower: ViewerPage, followed: ViewerPage) -> None:
    """Wait until one screen shows all that another does."""
    for _ in range(int(WITHIN_S * 50)):
        if sees(follower, followed):
            return
        follower.page.wait_for_timeout(20)
    raise AssertionError(f"{follower.camera} doesn't show what {followed.camera} does")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_following(visit: Visit, make_canvas: CanvasMaker, motion: str) -> None:
    """UI-15: the view goes where theirs goes, until Escape."""
    canvas = make_canvas(4096, 4096)
    ada = visit(canvas, place="#1000,1000,2", stored=STORED)
    bob = visit(canvas, place="#1100,1100,2", reduced_motion=motion)
    people = open_people(bob)
    people.get_by_role("button", name="Follow Ada").click()
    banner = bob.frame.locator(".following")
    banner.get_by_text("Following Ada").wait_for()
    wait_until_sees(bob, ada)
    for place in ((3000, 2500, 4), (3100, 2500, 4), (2000, 3000, 0.5), (1000, 1000, 2)):
        ada.goto(*place)
        wait_until_sees(bob, ada)
    bob.press(["Escape"])
    expect(banner).to_have_count(0)
    bob.wait_until_loaded()
    camera = bob.camera
    ada.goto(3000, 3000, 4)
    ada.wait_until_answered()
    # What the server had to tell before it answers this has come by then.
    paint(bob, (1000, 1000), (1010, 1000))
    assert bob.camera == camera
    assert [message.client for message in sent(bob, Follow)][-1] == 0


def test_moving_oneself_ends_following(visit: Visit, canvas: str) -> None:
    """UI-15: a drag, the wheel, a key; the button in the banner and the one in the list too."""
    ada = visit(canvas, place=NEAR, stored=STORED)
    bob = visit(canvas, place=NEAR)
    banner = bob.frame.locator(".following")

    def follow() -> None:
        people = open_people(bob)
        people.get_by_role("button", name="Follow Ada").click()
        banner.wait_for()
        wait_until_sees(bob, ada)
        bob.wait_until_answered()

    bob.press("h")
    follow()
    bob.drag((256, 256), (250, 256))
    expect(banner).to_have_count(0)
    follow()
    bob.page.mouse.move(*bob.to_screen(256, 256))
    bob.page.mouse.wheel(0, -100)
    expect(banner).to_have_count(0)
    follow()
    bob.press(["ArrowLeft"])
    expect(banner).to_have_count(0)
    follow()
    banner.get_by_role("button", name="Stop").click()
    expect(banner).to_have_count(0)
    follow()
    open_people(bob).get_by_role("button", name="Follow Ada").click()
    expect(banner).to_have_count(0)
    bob.press(["Escape"])


def test_who_leaves_is_followed_no_longer(visit: Visit, canvas: str) -> None:
    """UI-15: and that is said."""
    ada = visit(canvas, place=NEAR, stored=STORED)
    bob = visit(canvas, place=NEAR)
    open_people(bob).get_by_role("button", name="Follow Ada").click()
    banner = bob.frame.locator(".following")
    banner.wait_for()
    wait_until_sees(bob, ada)
    ada.page.close()
    bob.frame.get_by_text("Ada has left, or is not to be followed any more.").wait_for()
    expect(banner).to_have_count(0)


def test_a_guest_is_counted_and_not_followed(visit: Visit, canvas: str) -> None:
    """UI-15: who gives no name can't be followed, with a pointer or without."""
    visit(canvas, place=NEAR)
    guest = visit(canvas, place=NEAR)
    bob = visit(canvas, place=NEAR)
    people = open_people(bob)
    people.get_by_text("2 guests").wait_for()
    people.get_by_text("Only who gives a name can be followed.").wait_for()
    assert people.get_by_role("button", name="Follow").count() == 0
    open_people(guest)
    guest.frame.get_by_role("textbox", name="Your name").fill("Grace")
    guest.page.keyboard.press("Enter")
    people.get_by_role("button", name="Follow Grace").wait_for()
    people.get_by_text("1 guest", exact=True).wait_for()


def test_a_hidden_pointer(visit: Visit, canvas: str) -> None:
    """UI-15: its person is in the list, and nothing tells where the pointer is; remembered."""
    ada = visit(canvas, place=NEAR, stored=STORED)
    bob = visit(canvas, place=NEAR)
    ada.page.mouse.move(*ada.to_screen(250.5, 250.5))
    bob.wait_until_cursor(250, 250)
    ada.press(["Shift+C"])
    bob.wait_until_undisturbed()
    told = len(bob.wire.of(Cursor))
    ada.page.mouse.move(*ada.to_screen(260.5, 260.5), steps=5)
    paint(ada, (255, 255), (260, 255))
    bob.wait_for_pixel(258, 255, RED)
    assert len(bob.wire.of(Cursor)) == told
    assert [message.buttons for message in sent(ada, CursorMove)][-1] == POINTER_LEFT
    open_people(bob).get_by_role("button", name="Follow Ada").wait_for()
    ada.page.reload()
    ada.wait_until_loaded()
    mark = len(ada.wire.sent)
    ada.page.mouse.move(*ada.to_screen(250.5, 250.5), steps=3)
    paint(ada, (255, 257), (260, 257))
    assert sent(ada, CursorMove, mark) == []
    ada.press(["Shift+C"])
    ada.page.mouse.move(*ada.to_screen(251.5, 251.5))
    bob.wait_until_cursor(251, 251)


def test_heat_shows_where_it_happens(visit: Visit, make_canvas: CanvasMaker) -> None:
    """UI-16: by key and by button, warm where somebody drew and dim elsewhere."""
    canvas = make_canvas(1024, 1024)
    ada = visit(canvas, place="#512,512,0.6", stored=STORED)
    ada.press("p")
    for row in range(6):
        ada.drag((300, 300 + row), (310, 300 + row))
    ada.wait_until_saved()
    ada.rest_mouse()
    ada.wait_until_loaded()
    before = ada.screenshot()

    def at(x: float, y: float) -> tuple[int, int]:
        sx, sy = ada.to_screen(x, y)
        return round(sy), round(sx)

    ada.press(["Shift+H"])
    legend = ada.frame.get_by_role("region", name="Drawn in the last 10 minutes")
    legend.wait_for()
    for _ in range(300):
        warm = ada.screenshot()
        if (warm[at(288, 288)] != before[at(288, 288)]).any():
            break
        ada.page.wait_for_timeout(20)
    red, green, blue = warm[at(288, 288)].tolist()
    assert red > green > blue, "the most there is"
    assert warm[at(288, 288)].sum() > 1.5 * warm[at(700, 700)].sum(), "and the rest is dim"
    legend.get_by_role("button", name="Close").click()
    expect(legend).to_have_count(0)
    ada.rest_mouse()
    ada.wait_for_frame()
    assert (ada.screenshot()[at(288, 288)] == before[at(288, 288)]).all()
    people = open_people(ada)
    switch = people.get_by_role("button", name=re.compile("^Heat"))
    expect(switch).to_have_attribute("aria-pressed", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")


def test_the_jump(visit: Visit, make_canvas: CanvasMaker) -> None:
    """UI-16: to the place out of view where most was drawn; where nothing was, it says so."""
    canvas = make_canvas(2048, 2048)
    ada = visit(canvas, place="#200,200,8", stored=STORED)
    ada.press(["Shift+J"])
    ada.frame.get_by_text("Nobody has drawn anything in the last 10 minutes.").wait_for()
    paint(ada, (200, 200), (210, 200))
    ada.goto(1800, 1700, 8)
    for row in range(5):
        ada.drag((1800, 1700 + row), (1805, 1700 + row))
    ada.wait_until_saved()
    ada.goto(1000, 300, 8)
    jump_to(ada, 1824, 1696)
    jump_to(ada, 224, 224)


def jump_to(page: ViewerPage, x: float, y: float) -> None:
    """Jump until it leads there: what the server says may be two seconds old."""
    for _ in range(int(WITHIN_S * 5)):
        page.press(["Shift+J"])
        page.page.wait_for_timeout(200)
        if page.camera[:2] == (x, y):
            return
    raise AssertionError(f"it leads to {page.camera}")


@pytest.mark.parametrize("device", ["desktop", "desktop-dark", "phone", "phone-dark"])
def test_looks_and_access(visit: Visit, canvas: str, device: str) -> None:
    """UI-14, UI-15, UI-16: axe finds nothing serious; the pictures are kept to be looked at."""
    ada = visit(canvas, place=NEAR, stored=STORED)
    paint(ada, (250, 250), (260, 250))
    page = visit(canvas, place=NEAR, bypass_csp=True, **DEVICES[device])
    page.page.add_script_tag(path=AXE)
    page.wait_for_pixel(255, 250, RED)
    people = open_people(page)
    people.get_by_role("button", name="Follow Ada").wait_for()
    assert_accessible(page, "people")
    save(page, f"people-{device}")
    people.get_by_role("button", name="Follow Ada").click()
    page.frame.locator(".following").wait_for()
    page.press(["Shift+H"])
    page.frame.get_by_role("region", name="Drawn in the last 10 minutes").wait_for()
    assert_accessible(page, "following, with heat")
    save(page, f"following-{device}")
    page.press(["Escape", "w"])
    card_of(page).get_by_text("Nobody has painted it yet.").wait_for()
    assert_accessible(page, "a pixel")
    save(page, f"pixel-{device}")
