"""A phone: one finger paints where that is switched on, two move and zoom."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import CanvasMaker, Visit
from tests.browser.pictures import Picture
from tests.browser.test_looks import save
from tests.browser.viewer_page import Point, ViewerPage

PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 3,
    "has_touch": True,
    "is_mobile": True,
}
RED: Final = (217, 44, 58)
STORED: Final = {"tilecast.colour": "#d92c3a"}


class Fingers:
    """Up to ten fingers on a page's screen."""

    def __init__(self, page: ViewerPage) -> None:
        self._page = page
        self._session = page.page.context.new_cdp_session(page.page)

    def _send(self, kind: str, points: tuple[Point, ...]) -> None:
        touched = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    def put(self, *points: Point) -> None:
        """Put fingers down; those that are down already are named too, and first."""
        self._send("touchStart", points)

    def move(self, *points: Point) -> None:
        """Move all fingers that are down."""
        self._send("touchMove", points)

    def rest(self) -> None:
        """Keep still: a finger that moves as it lifts is a fling, and for a while after that
        Chromium takes a tap for its end, and makes no click of it.
        """
        since = self._page.evaluate("performance.now()")
        self._page.wait(f"performance.now() > {since} + 150")

    def lift(self) -> None:
        """Lift all fingers."""
        self._send("touchEnd", ())


@pytest.fixture
def phone(visit: Visit, canvas: str) -> ViewerPage:
    """The canvas on a phone."""
    return visit(canvas, place="#256,256,6", stored=STORED, **PHONE)


def middle_of(page: ViewerPage, x: int, y: int) -> Point:
    """Where a canvas pixel is on the screen."""
    return page.to_screen(x + 0.5, y + 0.5)


def take_the_pencil(phone: ViewerPage) -> None:
    """Tap its button, and wait for the click: Chromium makes it of the tap a little later."""
    pencil = phone.frame.get_by_role("button", name="Pencil", exact=True)
    pencil.tap()
    expect(pencil).to_have_attribute("aria-pressed", "true")


def test_one_finger_moves_the_view_until_painting_is_switched_on(phone: ViewerPage) -> None:
    """UI-4: what was under the finger stays under it; then the same gesture paints."""
    fingers = Fingers(phone)
    before = phone.to_canvas(200, 400)
    fingers.put((200, 400))
    fingers.move((220, 430))
    fingers.move((240, 460))
    fingers.rest()
    fingers.lift()
    phone.wait("tilecast.camera.x < 256")
    assert phone.to_canvas(240, 460) == pytest.approx(before, abs=1e-3)
    assert phone.evaluate("tilecast.unsaved") == 0

    camera = phone.camera
    take_the_pencil(phone)
    fingers.put(middle_of(phone, 250, 250))
    fingers.move(middle_of(phone, 255, 250))
    fingers.move(middle_of(phone, 265, 250))
    fingers.lift()
    phone.wait_for_pixel(260, 250, RED)
    phone.wait_until_saved()
    assert phone.camera == camera
    assert phone.pixel(260, 250) == RED


def test_two_fingers_zoom_about_the_middle_between_them(phone: ViewerPage) -> None:
    """UI-4: spread to twice the distance, and nothing is painted."""
    take_the_pencil(phone)
    fingers = Fingers(phone)
    before, zoom = phone.to_canvas(200, 400), phone.camera[2]
    fingers.put((170, 400), (230, 400))
    for reach in (36, 42, 48, 54, 60):
        fingers.move((200 - reach, 400), (200 + reach, 400))
    fingers.lift()
    phone.wait(f"tilecast.camera.zoom > {1.9 * zoom}")
    assert phone.camera[2] == pytest.approx(2 * zoom)
    assert phone.to_canvas(200, 400) == pytest.approx(before, abs=1e-3)
    assert phone.evaluate("tilecast.unsaved") == 0


def _rectangle(phone: ViewerPage, fingers: Fingers) -> None:
    phone.frame.get_by_role("button", name="Rectangle", exact=True).tap()
    fingers.put(middle_of(phone, 240, 240))
    fingers.move(middle_of(phone, 250, 250))
    fingers.put(middle_of(phone, 250, 250), middle_of(phone, 270, 250))


def _pencil(phone: ViewerPage, fingers: Fingers) -> None:
    take_the_pencil(phone)
    fingers.put(middle_of(phone, 240, 250), middle_of(phone, 270, 250))


@pytest.mark.parametrize("begin", [_rectangle, _pencil])
def test_a_second_finger_takes_back_what_the_first_began(
    phone: ViewerPage, begin: Callable[[ViewerPage, Fingers], None]
) -> None:
    """A pinch leaves no mark, whatever the first finger had begun."""
    fingers = Fingers(phone)
    begin(phone, fingers)
    zoom = phone.camera[2]
    fingers.move((100, 400), (300, 400))
    fingers.move((60, 400), (340, 400))
    fingers.lift()
    phone.wait(f"tilecast.camera.zoom !== {zoom}")
    phone.wait_for_frame()
    assert phone.evaluate("tilecast.pending + tilecast.unsaved") == 0
    assert phone.pixel(245, 245) == (255, 255, 255)


def test_a_switch_in_reach_of_the_thumb_says_what_one_finger_does(phone: ViewerPage) -> None:
    """UI-25: it moves at first; painting is one tap away, and so is moving again."""
    switch = phone.frame.get_by_role("switch", name="Paint with one finger")
    expect(switch).not_to_be_checked()
    box = switch.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert box["y"] > 844 / 2
    assert box["x"] + box["width"] > 390 / 2
    switch.tap()
    expect(switch).to_be_checked()
    fingers = Fingers(phone)
    fingers.put(middle_of(phone, 250, 250))
    fingers.move(middle_of(phone, 260, 250))
    fingers.rest()
    fingers.lift()
    phone.wait_for_pixel(255, 250, RED)
    phone.wait_until_saved()
    switch.tap()
    expect(switch).not_to_be_checked()
    zoom = phone.camera[2]
    fingers.put((200, 400))
    fingers.move((230, 400))
    fingers.move((260, 400))
    fingers.rest()
    fingers.lift()
    phone.wait("tilecast.camera.x < 250")
    assert phone.camera[2] == zoom
    assert phone.evaluate("tilecast.unsaved") == 0


def around(phone: ViewerPage, at: Point, reach_px: int) -> Picture:
    """What the screen shows about a point, device pixel by device pixel."""
    ratio = PHONE["device_scale_factor"]
    x, y, reach = (round(value * ratio) for value in (*at, reach_px))
    return phone.screenshot()[y - reach : y + reach, x - reach : x + reach]


@pytest.mark.parametrize("shown", [True, False])
def test_what_is_under_a_painting_finger_is_shown_above_it(
    visit: Visit, make_canvas: CanvasMaker, shown: bool
) -> None:
    """UI-25: a canvas pixel of another colour that the fingertip hides, large in a circle; off in
    the settings it isn't there.
    """
    picture = np.full((512, 512, 3), 255, np.uint8)
    picture[252, 252] = (31, 122, 69)
    stored = STORED if shown else {**STORED, "tilecast.magnifies": "0"}
    canvas = make_canvas(picture=picture)
    phone = visit(canvas, place="#256,256,4", stored=stored, **PHONE)
    take_the_pencil(phone)
    fingers = Fingers(phone)
    x, y = middle_of(phone, 250, 250)
    fingers.put((x, y))
    fingers.move((x + 1, y))
    phone.wait_for_pixel(250, 250, RED)
    fingers.rest()
    green = np.all(around(phone, (x, y - 104), 64) == (31, 122, 69), axis=2)
    painted = np.all(around(phone, (x, y - 104), 64) == RED, axis=2)
    if shown:
        # Twice as large as on the screen: 8 CSS pixels a side.
        assert np.count_nonzero(green) == pytest.approx((8 * 3) ** 2, rel=0.2)
        assert np.any(painted)
        save(phone, "phone-magnifier")
    else:
        assert not np.any(green)
        assert not np.any(painted)
    fingers.lift()
    phone.wait_until_saved()
    phone.wait_for_frame()
    assert not np.any(np.all(around(phone, (x, y - 104), 64) == (31, 122, 69), axis=2))


def test_a_second_finger_ends_the_magnifier(phone: ViewerPage) -> None:
    """UI-25: what is pinched isn't painted."""
    take_the_pencil(phone)
    fingers = Fingers(phone)
    at = middle_of(phone, 250, 250)
    fingers.put(at)
    fingers.move((at[0] + 2, at[1]))
    phone.wait_for_pixel(250, 250, RED)
    fingers.rest()
    assert np.any(np.all(around(phone, (at[0], at[1] - 104), 64) == RED, axis=2))
    fingers.put((at[0] + 2, at[1]), (at[0] + 60, at[1]))
    phone.wait_for_frame()
    assert not np.any(np.all(around(phone, (at[0], at[1] - 104), 64) == RED, axis=2))
    fingers.lift()
