"""Everyone: what a screen reader, a keyboard, a language or a device's own colours need."""

from typing import Any, Final

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import ROOT, Visit
from tests.browser.test_looks import DEVICES, save
from tests.browser.viewer_page import ViewerPage
from tests.process import ServerProcess

AXE: Final = ROOT / "viewer" / "node_modules" / "axe-core" / "axe.min.js"
STORED: Final = {"tilecast.colour": "#d92c3a", "tilecast.name": "Ada"}
_AXE_RUN: Final = """axe.run(document).then(({ violations, passes }) => [
    passes.length,
    violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(
        ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`
    ),
])"""
_OUTLINE: Final = """(element) => {
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    return outlineStyle === 'none' ? 0 : parseFloat(outlineWidth);
}"""
_FOCUS: Final = "document.activeElement.ariaLabel ?? document.activeElement.textContent"


def assert_accessible(page: ViewerPage, where: str) -> None:
    """Hold the page as it is now to what axe finds serious."""
    passed, found = page.page.evaluate(_AXE_RUN)
    assert passed > 10, "axe looked at nothing"
    assert found == [], where


@pytest.mark.parametrize("device", ["desktop", "desktop-dark", "phone", "phone-dark"])
def test_axe_finds_nothing_serious(visit: Visit, canvas: str, device: str) -> None:
    """UI-24: on the page, with each tool's options, and on each panel."""
    page = visit(canvas, stored=STORED, bypass_csp=True, **DEVICES[device])
    page.page.add_script_tag(path=AXE)
    assert_accessible(page, "the page")
    for tool in ("Brush", "Rectangle"):
        page.choose(tool)
        assert_accessible(page, tool)
    for name in page.panels:
        label = name.split(":")[0]
        panel = page.open_panel(label)
        assert_accessible(page, label)
        page.page.keyboard.press("Escape")
        panel.wait_for(state="detached")
    page.frame.get_by_role("button", name="Choose another").click()
    assert_accessible(page, "the colour picker")


def test_axe_finds_nothing_serious_in_what_is_said_without_a_line(
    visit: Visit, own_server: ServerProcess
) -> None:
    """UI-24: a banner, its button, and a message."""
    page = visit(server=own_server, stored=STORED, bypass_csp=True)
    page.page.add_script_tag(path=AXE)
    own_server.stop_well()
    expect(page.frame.get_by_role("alert")).to_be_visible()
    page.frame.get_by_text("The server is restarting; your client").wait_for()
    assert_accessible(page, "without a line")


def focused(page: ViewerPage) -> str:
    """The label of what has the focus."""
    label: str = page.evaluate(_FOCUS)
    return label


def tab_to(page: ViewerPage, target: Locator) -> None:
    """Go there by the Tab key; each stop on the way shows that it has the focus."""
    for _ in range(80):
        if target.evaluate("(element) => element === document.activeElement"):
            return
        page.page.keyboard.press("Tab")
        outlined = page.page.locator(":focus").evaluate(_OUTLINE)
        assert outlined >= 2, f"no focus is seen on {focused(page)}"
    raise AssertionError("the Tab key never comes there")


def test_every_control_is_reached_by_the_tab_key(visit: Visit, canvas: str) -> None:
    """UI-24: from the canvas through all of them to the page's end, the focus always seen."""
    page = visit(canvas, stored=STORED)
    page.page.keyboard.press("Tab")
    while page.evaluate("document.activeElement !== document.body"):
        reached = page.page.locator(":focus")
        assert reached.evaluate(_OUTLINE) >= 2, f"no focus is seen on {focused(page)}"
        assert reached.get_attribute("data-reached") is None, "it goes in a circle"
        reached.evaluate("(element) => element.setAttribute('data-reached', '')")
        page.page.keyboard.press("Tab")
    assert page.frame.locator("[data-reached]").count() > 20
    left = page.evaluate(
        """[...document.querySelectorAll('.chrome :is(button, input, select):not([data-reached])')]
            .filter((each) => each.checkVisibility() && !each.disabled)
            .map((each) => each.ariaLabel ?? each.outerHTML)"""
    )
    assert left == []


def test_a_panel_takes_the_focus_and_gives_it_back(visit: Visit, canvas: str) -> None:
    """UI-24: by its button and by its key; the Tab key goes through what it holds."""
    page = visit(canvas, stored=STORED)
    opener = page.frame.get_by_role("button", name="Settings", exact=True)
    tab_to(page, opener)
    page.page.keyboard.press("Enter")
    panel = page.frame.get_by_role("dialog", name="Settings")
    expect(panel).to_be_focused()
    tab_to(page, panel.get_by_role("button", name="Reset these settings"))
    page.page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(opener).to_be_focused()

    surface = page.frame.get_by_role("application")
    surface.focus()
    page.page.keyboard.press(",")
    expect(panel).to_be_focused()
    page.page.keyboard.press("Escape")
    expect(surface).to_be_focused()


def test_painting_and_looking_around_by_keyboard_alone_is_told(visit: Visit, canvas: str) -> None:
    """UI-24: a live region says the place, the colour by its name, and what was done."""
    page = visit(canvas, place="#100,100,8", stored=STORED)
    spoken = page.frame.locator(".visually-hidden[aria-live=polite]")
    page.press(["Tab"])
    page.frame.get_by_role("application").focus()
    page.press(["p", "ArrowRight"])
    expect(spoken).to_have_text("100, 100: white")
    page.press(["Enter"])
    expect(spoken).to_have_text("100, 100: red")
    page.press(["ArrowDown", "l", "Enter", "Shift+ArrowDown"])
    expect(spoken).to_have_text("100, 111: white")
    page.press(["Enter"])
    expect(spoken).to_have_text("Drawn to 100, 111")
    page.wait_for_pixel(100, 106, (217, 44, 58))
    page.wait_until_saved()


def test_the_devices_own_colours_leave_all_to_be_told_apart(visit: Visit, canvas: str) -> None:
    """UI-24: with forced colours a chosen tool, a chosen colour and the swatches are still seen."""
    page = visit(canvas, stored=STORED, forced_colors="active")
    page.choose("Brush")
    page.rest_mouse()
    tools = page.frame.get_by_role("toolbar", name="Tools")
    assert tools.get_by_role("button", name="Brush", exact=True).evaluate(_OUTLINE) >= 2
    assert tools.get_by_role("button", name="Line", exact=True).evaluate(_OUTLINE) == 0
    swatch = page.frame.get_by_role("button", name="red, #d92c3a", exact=True)
    colour = swatch.evaluate("(element) => getComputedStyle(element).backgroundColor")
    assert colour == "rgb(217, 44, 58)"
    assert swatch.evaluate(_OUTLINE) >= 2
    save(page, "forced-colours")


def test_the_language_is_chosen_and_kept(visit: Visit, canvas: str) -> None:
    """UI-23: everything changes at once, numbers too, and a reload speaks it from the start."""
    page = visit(canvas, stored=STORED)
    settings = page.open_panel("Settings")
    settings.get_by_label("Language").select_option("de")
    expect(page.frame.get_by_role("dialog", name="Einstellungen")).to_be_visible()
    page.wait("document.documentElement.lang === 'de' && document.dir === 'ltr'")
    expect(page.frame.get_by_role("toolbar", name="Werkzeuge")).to_be_visible()
    expect(page.frame.locator(".budget-count")).to_have_text("16,8 Mio. px")
    save(page, "desktop-german")
    page.page.reload()
    page.wait_until_loaded()
    expect(page.frame.get_by_role("toolbar", name="Werkzeuge")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"


def test_a_browser_that_speaks_german_is_spoken_to_in_german(visit: Visit, canvas: str) -> None:
    """UI-23: unless another language was chosen."""
    page = visit(canvas, locale="de-AT")
    expect(page.frame.get_by_role("toolbar", name="Werkzeuge")).to_be_visible()
    english = visit(canvas, locale="de-AT", stored={"tilecast.language": "en"})
    expect(english.frame.get_by_role("toolbar", name="Tools")).to_be_visible()


def look_of(page: ViewerPage) -> list[Any]:
    """What tells light from dark: the page's own colours and those of the browser's controls."""
    look: list[Any] = page.evaluate(
        """[getComputedStyle(document.body).backgroundColor,
            getComputedStyle(document.documentElement).colorScheme]"""
    )
    return look


def test_light_or_dark_is_chosen_kept_and_reset(visit: Visit, canvas: str) -> None:
    """UI-23: as the device is set, until somebody wants it otherwise."""
    page = visit(canvas, color_scheme="light")
    light = look_of(page)
    page.open_panel("Settings").get_by_role("radio", name="Dark").check()
    page.wait("document.documentElement.dataset.theme === 'dark'")
    dark = look_of(page)
    assert dark != light
    page.page.reload()
    page.wait_until_loaded()
    assert look_of(page) == dark
    settings = page.open_panel("Settings")
    settings.get_by_label("Save data").check()
    settings.get_by_role("button", name="Reset these settings").click()
    expect(settings.get_by_label("Save data")).not_to_be_checked()
    assert look_of(page) == light
    assert page.evaluate("localStorage.getItem('tilecast.theme')") is None
    assert page.evaluate("localStorage.getItem('tilecast.data-saver')") is None


def test_saving_data_is_preset_by_the_browser_and_kept_otherwise(visit: Visit, canvas: str) -> None:
    """UI-23: a choice of one's own wins."""
    page = visit(canvas)
    saves = page.open_panel("Settings").get_by_label("Save data")
    expect(saves).not_to_be_checked()
    page.page.context.add_init_script(
        "Object.defineProperty(navigator, 'connection', { value: { saveData: true } })"
    )
    page.page.reload()
    page.wait_until_loaded()
    saves = page.open_panel("Settings").get_by_label("Save data")
    expect(saves).to_be_checked()
    saves.uncheck()
    page.page.reload()
    page.wait_until_loaded()
    expect(page.open_panel("Settings").get_by_label("Save data")).not_to_be_checked()
