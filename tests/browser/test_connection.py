"""What a page says of its connection, and what it keeps while there is none."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.pictures import region
from tests.process import ServerProcess

RED, BLUE, WHITE = (217, 44, 58), (47, 111, 237), (255, 255, 255)


def test_what_is_painted_offline_is_kept_and_sent(visit: Visit, own_server: ServerProcess) -> None:
    """UI-1, UI-3: a banner comes and goes, and the painting arrives once the server is back."""
    server = own_server
    page = visit(server=server, place="#100,100,6", stored={"tilecast.colour": "#d92c3a"})
    status = page.frame.get_by_role("status")
    expect(status).to_have_text("Live")
    page.drag((90, 80))
    page.wait_until_saved()

    server.stop_well()
    banner = page.frame.get_by_role("alert")
    expect(banner).to_contain_text("What you paint is kept and sent later.")
    page.drag((90, 90), (110, 90))
    page.choose_colour(BLUE)
    page.drag((100, 85), (100, 95))
    assert (page.pixel(95, 90), page.pixel(100, 90)) == (RED, BLUE)
    # The badge leaves `Offline` for a moment with each try.
    expect(status).to_have_text(re.compile(r"^(Offline|Connecting), [1-9]\d* unsaved$"))

    server.start()
    page.wait_until_loaded()
    page.wait_until_saved()
    expect(banner).to_have_count(0)
    expect(status).to_have_text("Live")
    shown = region(server, "main", (90, 80, 110, 100))
    assert [tuple(shown[y, x]) for x, y in ((0, 0), (5, 10), (10, 10), (20, 10), (10, 15))] == [
        RED,
        RED,
        BLUE,
        RED,
        BLUE,
    ]
    assert (page.pixel(95, 90), page.pixel(100, 95)) == (RED, BLUE)


def test_a_page_that_is_closed_with_unsent_work_asks_first(
    visit: Visit, own_server: ServerProcess
) -> None:
    """Nothing that was painted offline goes away unasked."""
    page = visit(server=own_server, place="#100,100,6")
    own_server.stop_well()
    page.wait("tilecast.state !== 'live'")
    page.drag((90, 90))
    page.wait("tilecast.unsaved > 0")
    with page.page.expect_event("dialog") as asked:
        page.page.close(run_before_unload=True)
    assert asked.value.type == "beforeunload"
    asked.value.accept()
