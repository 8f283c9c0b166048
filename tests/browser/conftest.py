"""A real browser, real servers with the built viewer, and pages that may complain of nothing."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from scripts import viewer_build
from server.canvas_admin import administer
from server.schemas import NewCanvas
from tests.browser.pictures import Picture, to_png
from tests.browser.storage import Storage, storage_of
from tests.browser.viewer_page import ViewerPage
from tests.process import ServerProcess

ROOT: Final = Path(__file__).resolve().parents[2]
CHROMIUM: Final = "/usr/bin/chromium"
DESKTOP: Final = {"width": 1280, "height": 800}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


class CanvasMaker(Protocol):
    """Makes a canvas on a server that runs."""

    def __call__(
        self,
        width: int = 512,
        height: int = 512,
        *,
        picture: Picture | None = None,
        frozen: bool = False,
        title: str = "",
    ) -> str:
        """The new canvas's name. A picture is drawn on it from its upper left corner."""


class Served(Protocol):
    """A server, or a line to one."""

    @property
    def http(self) -> str:
        """Its address, without a slash at the end."""


class Visit(Protocol):
    """Opens the viewer in a browser of its own: with its own storage, cookies and cache."""

    def __call__(
        self,
        canvas: str | None = None,
        *,
        server: Served | None = None,
        place: str = "",
        stored: Mapping[str, str] | None = None,
        **options: Any,
    ) -> ViewerPage:
        """The page, connected and loaded.

        `canvas` None is the server's index page; `place` is ``#x,y,zoom``; `stored` is what the
        browser kept from earlier visits; `options` are those of Playwright's `new_context`.
        """


@pytest.fixture(scope="session")
def _built_viewer() -> None:
    """The viewer's present sources, built."""
    viewer_build.ensure_node(ROOT)
    viewer_build.build(ROOT)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium.

    For a module at a time: as long as it lives, Playwright's event loop counts as running, and no
    asynchronous test could run.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--force-color-profile=srgb"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def storage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storage]:
    """Where the module's server keeps its canvases."""
    folder = tmp_path_factory.mktemp("storage")
    with storage_of(request.config.getoption("--log"), folder) as storage:
        yield storage


@pytest.fixture
def own_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    """Where the test's own server does; it can be lost and be in trouble."""
    with storage_of(request.config.getoption("--log"), tmp_path / "storage") as storage:
        yield storage


@pytest.fixture(scope="module")
def server(
    _built_viewer: None, storage: Storage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server that nobody restarts."""
    server = ServerProcess(tmp_path_factory.mktemp("server"), *storage.flags)
    server.start()
    yield server
    server.stop_well()


@pytest.fixture
def own_server(
    _built_viewer: None, own_storage: Storage, tmp_path: Path
) -> Iterator[ServerProcess]:
    """A server of the test's own, to be stopped and killed."""
    server = ServerProcess(tmp_path, *own_storage.flags)
    server.start()
    yield server
    if server.running:
        server.stop_well()


_numbers = itertools.count(1)


@pytest.fixture
def make_canvas(server: ServerProcess) -> CanvasMaker:
    """Makes canvases on the module's server, as `tilecast canvas create` does."""

    def make(
        width: int = 512,
        height: int = 512,
        *,
        picture: Picture | None = None,
        frozen: bool = False,
        title: str = "",
    ) -> str:
        new = NewCanvas(
            name=f"canvas-{next(_numbers)}",
            title=title,
            width=width,
            height=height,
            background=(255, 255, 255),
            frozen=frozen,
        )
        if picture is not None:
            new = new.model_copy(update={"image": to_png(picture)})
        with administer(server.folder / "data") as admin:
            return admin.create(new).name

    return make


@pytest.fixture
def canvas(make_canvas: CanvasMaker) -> str:
    """An empty canvas of 512 × 512 pixels."""
    return make_canvas()


@pytest.fixture
def visit(browser: Browser, server: ServerProcess) -> Iterator[Visit]:
    """Opens pages; at the end none may have complained of anything."""
    pages: list[tuple[ViewerPage, bool]] = []
    contexts: list[BrowserContext] = []
    home: Served = server

    def visit(
        canvas: str | None = None,
        *,
        server: Served | None = None,
        place: str = "",
        stored: Mapping[str, str] | None = None,
        **options: Any,
    ) -> ViewerPage:
        origin = (server or home).http
        kept = [{"name": name, "value": value} for name, value in (stored or {}).items()]
        state = {"cookies": [], "origins": [{"origin": origin, "localStorage": kept}]}
        context = browser.new_context(
            **{"viewport": DESKTOP, "storage_state": state, "reduced_motion": "reduce", **options}
        )
        contexts.append(context)
        page = ViewerPage(context.new_page())
        pages.append((page, server is None))
        path = "/" if canvas is None else f"/c/{canvas}"
        page.page.goto(f"{origin}{path}{place}")
        page.wait_until_loaded()
        return page

    yield visit
    for context in contexts:
        context.close()
    for page, was_left_alone in pages:
        assert page.console.complaints == []
        assert not (was_left_alone and page.console.outages), "nobody stopped the server"
