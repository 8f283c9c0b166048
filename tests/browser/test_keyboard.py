"""Every function by keyboard: each command of the help, by each of its keys, and each tool."""

import itertools
from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import FileChooser, expect

from tests.browser.conftest import Visit
from tests.browser.test_access import STORED
from tests.browser.viewer_page import WITHIN_S, ViewerPage

_SHOWN: Final = """JSON.stringify([
    tilecast.camera,
    tilecast.seq,
    document.querySelector('.chrome').innerText,
    [...document.querySelectorAll('.chrome :is(.popover, .minimap)')].map((each) => each.className),
    document.querySelector('.visually-hidden[aria-live]').textContent,
    [...document.querySelectorAll('[aria-pressed=true]')].map((each) => each.ariaLabel),
    document.fullscreenElement !== null,
    Object.entries(localStorage).sort(),
])"""
_COMMANDS: Final = """[...document.querySelectorAll('.keys [data-command]')].map(
    ({ dataset }) => [dataset.command, dataset.keys.split(' ')]
)"""
_TOOLS: Final = """[...document.querySelectorAll('.keys [data-keys]:not([data-command])')].map(
    (each) => [each.querySelector('dd').textContent, each.dataset.keys.split(' ')]
)"""


_rows = itertools.count(92)


def paint(page: ViewerPage) -> int:
    """Something of one's own, on a row where there is nothing yet; the row."""
    y = next(_rows)
    page.choose("Pencil")
    page.drag((100, y), (104, y))
    page.wait_until_saved()
    return y


def paint_and_undo(page: ViewerPage) -> None:
    """Something to do again."""
    y = paint(page)
    page.page.keyboard.press("Control+z")
    page.wait_for_pixel(102, y, (255, 255, 255))
    page.wait_until_saved()


def select(page: ViewerPage) -> None:
    """An area with something in it."""
    paint(page)
    page.choose("Select")
    page.drag((96, 90), (110, 110))


def select_and_copy(page: ViewerPage) -> None:
    """Something to paste."""
    select(page)
    page.page.keyboard.press("Control+c")
    page.page.keyboard.press("Escape")


def take_the_brush(page: ViewerPage) -> None:
    """A tool that has a size."""
    page.choose("Brush")


PREPARE: Final[dict[str, Callable[[ViewerPage], object]]] = {
    "undo": paint,
    "redo": paint_and_undo,
    "copy": select,
    "cut": select,
    "clear": select,
    "paste": select_and_copy,
    "smaller": take_the_brush,
    "larger": take_the_brush,
}
"""What has to be there before; everything else can be done at any time."""


def pressed(key: str) -> str:
    """A key of the help as Playwright names it."""
    return key.replace("Mod+", "Control+")


def press_and_wait(page: ViewerPage, command: str, key: str, choosers: list[FileChooser]) -> None:
    """Press it until something is seen or said that wasn't."""
    before, asked = page.evaluate(_SHOWN), len(choosers)
    page.page.keyboard.press(pressed(key))
    for _ in range(int(WITHIN_S * 20)):
        if page.evaluate(_SHOWN) != before or len(choosers) > asked:
            return
        page.page.wait_for_timeout(50)
    pytest.fail(f"{command}: nothing comes of {key}")


def test_each_command_of_the_help_does_something_by_each_of_its_keys(
    visit: Visit, canvas: str
) -> None:
    """UI-24: on a page where there is something to do it to."""
    page = visit(canvas, place="#100,100,6", stored=STORED)
    choosers: list[FileChooser] = []

    def asked(chooser: FileChooser) -> None:
        choosers.append(chooser)

    page.page.on("filechooser", asked)
    page.open_panel("Help")
    commands: list[tuple[str, list[str]]] = page.evaluate(_COMMANDS)
    page.page.keyboard.press("Escape")
    assert len(commands) > 6
    for command, keys in commands:
        for key in keys:
            page.frame.get_by_role("application").focus()
            if command in PREPARE:
                PREPARE[command](page)
            page.rest_mouse()
            page.wait("document.querySelectorAll('.toast').length === 0", within_s=30)
            press_and_wait(page, command, key, choosers)
            page.page.keyboard.press("Escape")
            if page.evaluate("document.fullscreenElement !== null"):
                page.page.keyboard.press(pressed(key))
                page.wait("document.fullscreenElement === null")
            page.goto(100, 100, 6)
            expect(page.frame.locator(".popover")).to_have_count(0)


def test_each_tool_is_chosen_by_each_of_its_keys(visit: Visit, canvas: str) -> None:
    """UI-24: a letter and a number."""
    page = visit(canvas, stored=STORED)
    page.open_panel("Help")
    listed: list[tuple[str, list[str]]] = page.evaluate(_TOOLS)
    commands: list[tuple[str, list[str]]] = page.evaluate(_COMMANDS)
    page.page.keyboard.press("Escape")
    taken = [key for _, keys in (*listed, *commands) for key in keys]
    assert len(taken) == len(set(taken)), "two functions have one key"
    tools = page.frame.get_by_role("toolbar", name="Tools")
    chosen = 0
    for label, keys in listed:
        button = tools.get_by_role("button", name=label, exact=True)
        if button.count() == 0:
            continue
        for key in keys:
            page.press(["h"] if key != "h" else ["p"])
            page.press([key])
            expect(button).to_have_attribute("aria-pressed", "true")
            chosen += 1
    assert chosen >= 14
