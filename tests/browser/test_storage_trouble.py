"""A server that can't write while somebody paints."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.pictures import region
from tests.browser.storage import Storage
from tests.process import ServerProcess

RED, WHITE = (217, 44, 58), (255, 255, 255)


def test_a_page_says_that_storage_is_in_trouble_and_goes_on_by_itself(
    visit: Visit, own_server: ServerProcess, own_storage: Storage
) -> None:
    """UI-6, LOG-5: a banner for as long as it lasts; nothing that was accepted is lost."""
    server = own_server
    page = visit(server=server, place="#100,100,6", stored={"tilecast.colour": "#d92c3a"})
    page.drag((90, 80))
    page.wait_until_saved()

    with own_storage.trouble(server):
        page.drag((90, 90))
        banner = page.frame.get_by_role("alert")
        expect(banner).to_contain_text("Storage is in trouble: the canvas is read-only")
        page.drag((90, 100))
        messages = page.frame.get_by_role("log", name="Messages")
        messages.get_by_text("The canvas is read-only for the moment").wait_for()
        page.wait_for_pixel(90, 100, WHITE)

        if own_storage.trouble_lets_newcomers_in:
            newcomer = visit(server=server, place="#100,100,6")
            expect(newcomer.frame.get_by_role("alert")).to_contain_text("Storage is in trouble")
            assert newcomer.pixel(90, 90) == RED

    expect(banner).to_have_count(0)
    page.wait_until_saved()
    page.drag((90, 110))
    page.wait_until_saved()
    shown = region(server, "main", (90, 80, 90, 110))
    assert [tuple(shown[y, 0]) for y in (0, 10, 20, 30)] == [RED, RED, WHITE, RED]
    assert server.stop()[0] == 0  # its log has the trouble: not for the fixture to find
