"""The page as a person sees it, on a desktop and on a phone; screenshots go to ``artifacts/``."""

from typing import Any, Final

import numpy as np
import pytest

from tests.browser.conftest import DESKTOP, ROOT, CanvasMaker, Visit
from tests.browser.pictures import Picture
from tests.browser.viewer_page import ViewerPage

SHOTS: Final = ROOT / "artifacts" / "browser"
DEVICES: Final[dict[str, dict[str, Any]]] = {
    "desktop": {"viewport": DESKTOP},
    "desktop-dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "desktop-enlarged": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
    "laptop-small": {"viewport": {"width": 1024, "height": 600}},
    "tablet": {"viewport": {"width": 768, "height": 1024}, "has_touch": True, "is_mobile": True},
    "tablet-dark": {
        "viewport": {"width": 768, "height": 1024},
        "has_touch": True,
        "is_mobile": True,
        "color_scheme": "dark",
    },
    "phone": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
    "phone-dark": {
        "viewport": {"width": 390, "height": 844},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
        "color_scheme": "dark",
    },
    "phone-small": {
        "viewport": {"width": 320, "height": 568},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
    "phone-small-dark": {
        "viewport": {"width": 320, "height": 568},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
        "color_scheme": "dark",
    },
    "phone-across": {
        "viewport": {"width": 844, "height": 390},
        "device_scale_factor": 2,
        "has_touch": True,
        "is_mobile": True,
    },
}
FINGER_PX: Final = 36
POINTER_PX: Final = 24
"""The least side of a target for each; WCAG 2.2 asks for 24 (2.5.8)."""

_PANELS: Final = """[...document.querySelectorAll('.chrome .panel')].map((panel) => {
    const { left, top, right, bottom } = panel.getBoundingClientRect();
    return [panel.className, left, top, right, bottom];
})"""
_TARGETS: Final = """[...document.querySelectorAll('.chrome button')].filter(
    (button) => button.checkVisibility()
).map((button) => {
    const { width, height } = button.getBoundingClientRect();
    return [button.ariaLabel ?? button.textContent, Math.min(width, height)];
})"""
_COVERED: Final = """[...document.querySelectorAll('.chrome .panel:not(.popover)')].filter(
    (panel) => panel.checkVisibility({ visibilityProperty: true })
).filter((panel) => {
    const popover = document.querySelector('.popover').getBoundingClientRect();
    const { left, top, right, bottom } = panel.getBoundingClientRect();
    return left < popover.right && popover.left < right
        && top < popover.bottom && popover.top < bottom;
}).map((panel) => panel.className)"""
_CUT_OFF: Final = """[...document.querySelectorAll('.chrome .panel')].filter((panel) =>
    panel.scrollWidth > panel.clientWidth || panel.scrollHeight > panel.clientHeight
).map((panel) => panel.className)"""


def rings() -> Picture:
    """Something with colours and edges to look at."""
    y, x = np.mgrid[0:512, 0:512]
    distance = np.hypot(x - 256, y - 256)
    channels = [128 + 100 * np.sin(distance / 12 + phase) for phase in (0, 2, 4)]
    return np.stack(channels, axis=2).astype(np.uint8)


def open_town_square(visit: Visit, make_canvas: CanvasMaker, device: str) -> ViewerPage:
    """A canvas with a picture and a guest, on that screen."""
    canvas = make_canvas(picture=rings(), title="The town square")
    page = visit(canvas, stored={"tilecast.name": "Ada"}, **DEVICES[device])
    guest = visit(canvas, place="#256,256,1", stored={"tilecast.name": "Grace Hopper"})
    guest.page.mouse.move(*guest.to_screen(200.5, 300.5))
    page.wait_until_cursor(200, 300)
    return page


def save(page: ViewerPage, name: str) -> None:
    """Keep what the screen shows."""
    path = SHOTS / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.wait_for_frame()
    page.page.screenshot(path=path, animations="disabled")


def assert_tidy(page: ViewerPage, least_target_px: int) -> None:
    """Hold every panel to be on the screen, none on another, nothing cut off, targets large."""
    width, height = page.screen
    boxes = page.evaluate(_PANELS)
    assert len(boxes) >= 4
    for name, left, top, right, bottom in boxes:
        on_screen = left >= 0 and top >= 0 and right <= width and bottom <= height
        assert on_screen, f"{name} leaves the screen: {left} {top} {right} {bottom}"
    for i, (name, left, top, right, bottom) in enumerate(boxes):
        for other, left2, top2, right2, bottom2 in boxes[:i]:
            apart = right <= left2 or right2 <= left or bottom <= top2 or bottom2 <= top
            assert apart, f"{name} lies on {other}"
    assert page.evaluate(_CUT_OFF) == []
    assert [each for each in page.evaluate(_TARGETS) if each[1] < least_target_px] == []


def try_tools(page: ViewerPage, device: str, name: str = "") -> None:
    """Hold the screen to be tidy with each tool that has options of its own."""
    least_px = FINGER_PX if "has_touch" in DEVICES[device] else POINTER_PX
    for tool in ("Pencil", "Brush", "Rectangle"):
        page.choose(tool)
        if tool == "Rectangle":
            page.frame.get_by_role("button", name="Outline", exact=True).click()
        save(page, f"{name or device}-{tool.lower()}")
        assert_tidy(page, least_px)


def try_panels(page: ViewerPage, device: str, name: str = "") -> None:
    """Hold each panel to open on the screen, whole or to be scrolled in; Escape closes it."""
    width, height = page.screen
    least_px = FINGER_PX if "has_touch" in DEVICES[device] else POINTER_PX
    for opener in (*page.panels, "Colour"):
        label = opener.split(":")[0]
        if label == "Colour":
            page.frame.get_by_role("button", name="Choose another").click()
            panel = page.frame.get_by_role("dialog", name="Choose a")
        else:
            panel = page.open_panel(label)
        box = panel.bounding_box()
        assert box is not None
        assert min(box["x"], box["y"]) >= 0, f"{label} leaves the screen"
        assert box["x"] + box["width"] <= width, f"{label} leaves the screen"
        assert box["y"] + box["height"] <= height, f"{label} leaves the screen"
        assert panel.evaluate("(panel) => panel.scrollWidth <= panel.clientWidth"), label
        for other in page.evaluate(_COVERED):
            pytest.fail(f"{label} covers {other}")
        assert [each for each in page.evaluate(_TARGETS) if each[1] < least_px] == []
        save(page, f"{name or device}-{label.lower().replace(' ', '-')}")
        page.page.keyboard.press("Escape")
        panel.wait_for(state="detached")


@pytest.mark.parametrize("device", DEVICES)
def test_nothing_is_in_the_way(visit: Visit, make_canvas: CanvasMaker, device: str) -> None:
    """UI-25: whatever the tool in use needs room for, and whichever panel is open."""
    page = open_town_square(visit, make_canvas, device)
    try_tools(page, device)
    try_panels(page, device)


@pytest.mark.parametrize("device", ["desktop", "tablet", "phone", "phone-small", "phone-across"])
def test_written_from_right_to_left_nothing_is_in_the_way(
    visit: Visit, make_canvas: CanvasMaker, device: str
) -> None:
    """UI-23: as a language with that direction will set it."""
    page = open_town_square(visit, make_canvas, device)
    page.evaluate("document.documentElement.dir = 'rtl'")
    tools = page.frame.get_by_role("toolbar", name="Tools").bounding_box()
    zoom = page.frame.get_by_role("group", name="Zoom").bounding_box()
    assert tools is not None
    assert zoom is not None
    assert tools["x"] + tools["width"] > zoom["x"] + zoom["width"], "the sides are changed"
    try_tools(page, device, f"{device}-rtl")
    try_panels(page, device, f"{device}-rtl")


@pytest.mark.parametrize(
    ("device", "insets"),
    [
        ("phone", {"top": 47, "bottom": 34, "left": 0, "right": 0}),
        ("phone-across", {"top": 0, "bottom": 21, "left": 47, "right": 47}),
    ],
)
def test_panels_keep_clear_of_the_notch_and_the_home_bar(
    visit: Visit, canvas: str, device: str, insets: dict[str, int]
) -> None:
    """UI-25: what a device's own shape covers is left to the canvas."""
    page = visit(canvas, **DEVICES[device])
    session = page.page.context.new_cdp_session(page.page)
    session.send("Emulation.setSafeAreaInsetsOverride", {"insets": insets})
    page.wait_for_frame()
    width, height = page.screen
    for name, left, top, right, bottom in page.evaluate(_PANELS):
        assert left >= insets["left"], name
        assert top >= insets["top"], name
        assert right <= width - insets["right"], name
        assert bottom <= height - insets["bottom"], name
    assert_tidy(page, FINGER_PX)
