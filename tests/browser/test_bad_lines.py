"""A line that goes and comes back, and a server that does: what is said, and that nothing is lost.

The page is never loaded anew.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import expect

from protocol.messages import Reject
from tests.browser.conftest import Visit
from tests.browser.lines import Line, line_to
from tests.browser.pictures import region
from tests.browser.storage import Storage
from tests.browser.test_looks import save
from tests.browser.test_refusals import set_canvas
from tests.browser.test_two_pages import without_reload
from tests.browser.viewer_page import ViewerPage
from tests.process import ServerProcess

RED: Final = (217, 44, 58)
STORED: Final = {"tilecast.colour": "#d92c3a", "tilecast.name-suggested": "1"}
PLACE: Final = "#100,100,6"
PEOPLE_S: Final = 30.0
"""A page tries again after half a minute at most, and the machine may be busy."""
CLICK_TRY_NOW: Final = """() => {
    const buttons = [...document.querySelectorAll("button")];
    const button = buttons.find((one) => one.textContent.trim() === "Try now");
    button?.click();
    return button !== undefined;
}"""
"""In one go: by itself the page tries too, and there is no button while it does."""


@pytest.fixture
def tight_server(_built_viewer: None, tmp_path: Path) -> Iterator[ServerProcess]:
    """One that lets paint 60 pixels at once, and 30 more a second."""
    server = ServerProcess(tmp_path, "--budget-pixels", "60", "--budget-refill", "30")
    server.start()
    yield server
    server.stop_well()


@pytest.fixture
def line(tight_server: ServerProcess) -> Iterator[Line]:
    """A line to it."""
    with line_to(tight_server.port) as line:
        yield line


def draw_rows(page: ViewerPage, *rows: int) -> None:
    """A stroke of 41 pixels on each of these rows."""
    for y in rows:
        page.drag((80, y), (100, y), (120, y))


def rows_shown(server: ServerProcess, *rows: int) -> list[bool]:
    """Whether the server's picture has each of those strokes, whole."""
    shown = region(server, "main", (80, 0, 120, 150))
    return [bool((shown[y] == RED).all()) for y in rows]


def test_what_is_painted_without_a_line_waits_counted_and_is_sent_once_within_the_budget(
    visit: Visit, tight_server: ServerProcess, line: Line
) -> None:
    """UI-26: far more than the budget holds; none of it is refused, none is drawn twice."""
    page = visit(server=line, place=PLACE, stored=STORED)
    draw_rows(page, 80)
    page.wait_until_saved()
    seq = tight_server.stats()["seq"]
    with without_reload(page):
        line.drop()
        page.wait("tilecast.state !== 'live'")
        draw_rows(page, 90, 95, 100, 105, 110)
        banner = page.frame.get_by_role("alert")
        expect(banner).to_contain_text("5 strokes wait and will be sent once you are back.")
        save(page, "line-lost")
        pieces = page.evaluate("tilecast.unsaved")
        line.mend()
        page.wait(f"tilecast.state === 'live' || ({CLICK_TRY_NOW})()")
        sending = page.frame.get_by_role("status").filter(has_text="Sending what you painted")
        expect(sending).to_contain_text(re.compile(r"[1-5] strokes? left"), timeout=1000 * PEOPLE_S)
        save(page, "line-back")
        page.wait("tilecast.pending === 0 && tilecast.unsaved === 0", within_s=PEOPLE_S)
        expect(sending).to_have_count(0)
    assert page.wire.of(Reject) == []
    assert tight_server.stats()["seq"] == seq + pieces
    assert rows_shown(tight_server, 80, 90, 95, 100, 105, 110) == [True] * 6
    assert rows_shown(tight_server, 85, 115) == [False, False]


def test_a_line_that_falls_silent_is_given_up_and_dialled_anew(
    visit: Visit, own_server: ServerProcess
) -> None:
    """UI-26: nobody closed it, and nothing came for too long."""
    with line_to(own_server.port) as line:
        page = visit(server=line, place=PLACE, stored=STORED)
        with without_reload(page):
            line.hold_up()
            draw_rows(page, 90)
            expect(page.frame.get_by_role("alert")).to_contain_text(
                "1 stroke waits and will be sent once you are back.", timeout=1000 * PEOPLE_S
            )
            line.let_pass()
            page.wait("tilecast.state === 'live' && tilecast.unsaved === 0", within_s=2 * PEOPLE_S)
        assert rows_shown(own_server, 90) == [True]


def test_a_server_that_was_killed_explains_what_was_sent_again(
    visit: Visit, own_server: ServerProcess, own_storage: Storage
) -> None:
    """UI-26: another epoch; what was lost with it is drawn again, and said. Where nothing can be
    lost (CLU-74), it is drawn without a word.
    """
    page = visit(server=own_server, place=PLACE, stored=STORED)
    draw_rows(page, 80)
    page.wait_until_saved()
    with without_reload(page):
        own_server.pause()
        draw_rows(page, 90)
        page.wait("tilecast.unsaved > 0")
        own_server.kill()
        page.wait("tilecast.state !== 'live'")
        own_server.start()
        said = page.frame.get_by_role("status").filter(has_text="The server went back")
        if own_storage.crash_changes_epoch:
            expect(said).to_contain_text(
                "its last saved state. 1 stroke of yours was sent again.", timeout=1000 * PEOPLE_S
            )
        page.wait("tilecast.state === 'live' && tilecast.unsaved === 0", within_s=PEOPLE_S)
        save(page, "server-killed")
        if own_storage.crash_changes_epoch:
            said.get_by_role("button", name="Dismiss").click()
        expect(said).to_have_count(0)
    assert rows_shown(own_server, 80, 90) == [True, True]


def test_a_session_that_the_server_forgot_asks_before_it_draws_again(
    visit: Visit, own_server: ServerProcess, own_storage: Storage
) -> None:
    """UI-26: the server came back with other files; what had been sent is drawn on demand only."""
    page = visit(server=own_server, place=PLACE, stored=STORED)
    with without_reload(page):
        own_server.pause()
        draw_rows(page, 90, 95)
        page.wait("tilecast.unsaved > 0")
        own_server.kill()
        own_storage.forget(own_server)
        own_server.start()
        banner = page.frame.get_by_role("alert").filter(has_text="no longer knows your session")
        expect(banner).to_contain_text("2 strokes of yours", timeout=1000 * PEOPLE_S)
        save(page, "session-lost")
        assert rows_shown(own_server, 90, 95) == [False, False]
        banner.get_by_role("button", name="Draw again").click()
        expect(banner).to_have_count(0)
        page.wait_until_saved()
    assert rows_shown(own_server, 90, 95) == [True, True]


def test_a_takeover_by_another_tab_is_explained_and_taken_back(
    visit: Visit, own_server: ServerProcess
) -> None:
    """UI-26: a copy of the tab that knows nothing of locks; each is told, and one button changes
    it.
    """
    page = visit(server=own_server, place=PLACE, stored=STORED)
    session = page.evaluate("sessionStorage.getItem('tilecast.session.main')")
    other = visit(server=own_server, place=PLACE, stored=STORED)
    other.page.add_init_script("Object.defineProperty(navigator, 'locks', { value: undefined })")
    other.evaluate(f"sessionStorage.setItem('tilecast.session.main', '{session}')")
    with without_reload(page):
        other.page.reload()
        other.wait_until_loaded()
        banner = page.frame.get_by_role("alert")
        expect(banner).to_contain_text("This session goes on in another tab")
        save(page, "taken-over")
        banner.get_by_role("button", name="Go on here").click()
        page.wait_until_loaded()
        expect(other.frame.get_by_role("alert")).to_contain_text("in another tab")
        draw_rows(page, 90)
        page.wait_until_saved()
    assert rows_shown(own_server, 90) == [True]


def test_what_the_server_says_is_shown_as_it_is(
    visit: Visit, canvas: str, server: ServerProcess
) -> None:
    """UI-26: the text of a NOTICE, whatever language the page speaks."""
    page = visit(canvas, stored={**STORED, "tilecast.language": "de"})
    set_canvas(server, canvas, "--frozen")
    messages = page.frame.get_by_role("log", name="Meldungen")
    messages.get_by_text("The canvas is frozen.").wait_for()
