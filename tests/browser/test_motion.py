"""How the view moves, and what is seen of the canvas while it does."""

import math
import os
import re
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import CDPSession, Request, WebSocketRoute, expect

from benchmarks.artwork import paint
from protocol.messages import Rect, Tile
from tests.browser.conftest import CanvasMaker, Visit
from tests.browser.test_touch import PHONE
from tests.browser.viewer_page import POLL_MS, WITHIN_S, Point, ViewerPage
from tests.process import ServerProcess

MOVING: Final[dict[str, Any]] = {"reduced_motion": "no-preference"}
LOOKING: Final = "Move"
AWAKE_WITHIN_S: Final = 1 if os.environ.get("SPEED") == "1" else 10
"""As in test_speed.py."""
SIDE: Final = 4096
STRIPE: Final = 32
TILE_IMAGE: Final = re.compile(r"/tiles/\d+/\d+/\d+\.png")


def flick(page: ViewerPage) -> None:
    """Drag to the left with the right button, two pixels a millisecond, and let go while moving.

    The events say themselves when they were: a busy machine doesn't make it a slow drag.
    """
    session = page.page.context.new_cdp_session(page.page)
    began = time.time()
    points = [("mousePressed", 900), *(("mouseMoved", x) for x in range(880, 560, -20))]
    for number, (kind, x) in enumerate([*points, ("mouseReleased", 580)]):
        event = {
            "type": kind,
            "x": x,
            "y": 400,
            "button": "right",
            "buttons": 2,
            "timestamp": began + number * 0.01,
        }
        session.send("Input.dispatchMouseEvent", event)


def rest(page: ViewerPage) -> Point:
    """Wait until the view stands still; where."""
    end = time.monotonic() + WITHIN_S
    last, still = page.camera, 0
    # A busy machine's frames are slow, so it is frames that are counted.
    while still < 3:
        assert time.monotonic() < end, "it never rests"
        page.wait_for_frame()
        still = still + 1 if page.camera == last else 0
        last = page.camera
    return last[0], last[1]


def test_a_view_that_is_flicked_goes_on_and_rests(visit: Visit, make_canvas: CanvasMaker) -> None:
    """UI-7: beyond where it was let go; the permalink tells where it came to rest."""
    page = visit(make_canvas(4096, 4096), place="#1000,1000,2", **MOVING)
    flick(page)
    x, y = rest(page)
    # The drag was 320 screen pixels, which are 160 of the canvas; what is left takes 325 more.
    assert 1450 < x < 1490
    assert y == 1000
    page.wait(f"location.hash.startsWith('#{round(x, 1):g},1000,')")
    page.wait_until_loaded()


@pytest.mark.parametrize("stop", ["press", "key", "wheel"])
def test_a_view_that_goes_on_is_stopped(visit: Visit, make_canvas: CanvasMaker, stop: str) -> None:
    """UI-7: by a press, a key, and a turn of the wheel."""
    page = visit(make_canvas(16_384, 4096), place="#1000,1000,0.8", **MOVING)
    flick(page)
    page.wait("tilecast.camera.x > 1400.5")
    if stop == "press":
        page.page.mouse.down(button="middle")
        page.page.mouse.up(button="middle")
    elif stop == "key":
        page.page.keyboard.press("b")
    else:
        page.page.mouse.wheel(0, -1)
    before = page.camera
    page.wait_for_frame()
    page.wait_for_frame()
    assert page.camera == before


def test_nothing_moves_by_itself_for_those_who_asked(visit: Visit, canvas: str) -> None:
    """UI-7: what is let go of stays, and the wheel zooms at once."""
    page = visit(canvas, place="#100,256,4")
    flick(page)
    page.wait_for_frame()
    assert list(page.camera) == [180, 256, 4]
    page.page.mouse.wheel(0, -120)
    page.wait("tilecast.camera.zoom !== 4")
    zoom = page.camera[2]
    assert zoom == pytest.approx(4 * math.exp(0.264))
    page.wait_for_frame()
    assert page.camera[2] == zoom


def test_the_wheel_zooms_softly_about_the_pointer(visit: Visit, canvas: str) -> None:
    """UI-7, UI-4: over several frames, each with the same point under the pointer."""
    page = visit(canvas, place="#256,256,4", **MOVING)
    pointer = (500.0, 300.0)
    page.page.mouse.move(*pointer)
    before = page.to_canvas(*pointer)
    page.evaluate(
        """(() => {
            window.cameras = [];
            const note = () => {
                const { x, y, zoom } = tilecast.camera;
                const last = window.cameras[window.cameras.length - 1];
                if (last?.[2] !== zoom) window.cameras.push([x, y, zoom]);
                requestAnimationFrame(note);
            };
            note();
        })()"""
    )
    page.page.mouse.wheel(0, -120)
    page.page.mouse.wheel(0, -120)
    goal = 4 * math.exp(2 * 0.264)
    page.wait(f"Math.abs(tilecast.camera.zoom - {goal}) < 1e-9")
    cameras = page.evaluate("window.cameras")
    assert len(cameras) > 3, "it was no jump"
    width, height = page.screen
    for x, y, zoom in cameras:
        under = x + (pointer[0] - width / 2) / zoom, y + (pointer[1] - height / 2) / zoom
        assert under == pytest.approx(before, abs=1e-6)


def test_a_double_click_zooms_in_with_the_move_tool_alone(visit: Visit, canvas: str) -> None:
    """UI-7: about the pointer; a tool that paints paints."""
    page = visit(canvas, place="#256,256,4", **MOVING)
    page.choose(LOOKING)
    before = page.to_canvas(500, 300)
    page.page.mouse.dblclick(500, 300)
    page.wait("Math.abs(tilecast.camera.zoom - 8) < 1e-9")
    assert page.to_canvas(500, 300) == pytest.approx(before, abs=1e-6)
    assert page.evaluate("tilecast.pending + tilecast.unsaved") == 0
    page.choose("Pencil")
    page.page.mouse.dblclick(500, 300)
    page.wait_until_saved()
    assert page.camera[2] == pytest.approx(8)
    assert page.pixel(math.floor(before[0]), math.floor(before[1])) != (255, 255, 255)


def tap(session: CDPSession, at: float, *points: Point) -> None:
    """Put fingers down one after the other and lift them; `at` is when, in seconds of the epoch.

    As with a flick, the events say themselves when they were.
    """
    touched = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
    steps = [("touchStart", touched[: count + 1]) for count in range(len(points))]
    for number, (kind, fingers) in enumerate([*steps, ("touchEnd", [])]):
        event = {"type": kind, "touchPoints": fingers, "timestamp": at + number * 0.02}
        session.send("Input.dispatchTouchEvent", event)


def test_taps_of_one_and_two_fingers_zoom(visit: Visit, canvas: str) -> None:
    """UI-7: twice with one finger in, once with two out, whatever the tool."""
    page = visit(canvas, place="#256,256,4", **PHONE, **MOVING)
    session = page.page.context.new_cdp_session(page.page)
    now = time.time()
    before = page.to_canvas(150, 400)
    tap(session, now, (150, 400))
    tap(session, now + 0.1, (150, 400))
    page.wait("Math.abs(tilecast.camera.zoom - 8) < 1e-9")
    assert page.to_canvas(150, 400) == pytest.approx(before, abs=1e-6)
    for tool in (LOOKING, "Pencil"):
        button = page.frame.get_by_role("button", name=tool, exact=True)
        button.tap()
        expect(button).to_have_attribute("aria-pressed", "true")
        zoom = page.camera[2]
        tap(session, time.time(), (150, 400), (230, 440))
        page.wait(f"Math.abs(tilecast.camera.zoom - {zoom / 2}) < 1e-9")
    assert page.evaluate("tilecast.pending + tilecast.unsaved") == 0


@pytest.fixture(scope="module")
def meadow(
    _built_viewer: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server whose canvas is green all over, in stripes, and nowhere white."""
    flags = ("--width", str(SIDE), "--height", str(SIDE))
    server = ServerProcess(tmp_path_factory.mktemp("meadow"), *flags)
    server.start()
    stripes = range(0, SIDE, STRIPE)
    paint(
        server.port,
        (
            Rect(0, 0, y, SIDE - 1, y + STRIPE - 1, 40, 90 + y // STRIPE % 7 * 12, 40)
            for y in stripes
        ),
    )
    yield server
    server.stop_well()


class HeldLine:
    """Keeps the server's tiles from a page as long as they are to be held."""

    def __init__(self, page: ViewerPage) -> None:
        self.held: list[bytes] | None = None
        self._socket: WebSocketRoute | None = None
        self._cut: list[WebSocketRoute] = []
        page.page.route_web_socket(re.compile("/ws$"), self._opened)

    def _opened(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        server = socket.connect_to_server()

        def pass_on(frame: bytes | str) -> None:
            assert isinstance(frame, bytes)
            if socket in self._cut:
                return
            if self.held is None:
                socket.send(frame)
            else:
                self.held.append(frame)

        server.on_message(pass_on)

    def cut(self) -> None:
        """Nothing comes over the present connection any more, and nobody says so."""
        assert self._socket is not None
        self._cut.append(self._socket)

    def release(self) -> None:
        """Pass on what came meanwhile."""
        assert self.held is not None
        assert self._socket is not None
        frames, self.held = self.held, None
        for frame in frames:
            self._socket.send(frame)


@pytest.fixture
def held(visit: Visit, meadow: ServerProcess) -> tuple[ViewerPage, HeldLine]:
    """A page on a meadow, with coarse images of its surroundings, that gets no tiles any more."""
    page = visit(server=meadow, place="#2000,2000,1")
    line = HeldLine(page)
    page.page.reload()
    page.wait_until_loaded()
    page.hide_panels()
    images = "performance.getEntriesByType('resource').filter(({ name }) => /tiles/.test(name))"
    page.wait(f"{images}.length >= 5")
    page.wait_for_frame()
    line.held = []
    return page, line


def bareness(page: ViewerPage) -> float:
    """The share of the screen that shows nothing of the meadow."""
    shot = page.screenshot()
    green = (shot[..., 1] > 70) & (shot[..., 0] < 70) & (shot[..., 2] < 70)
    return 1 - float(green.mean())


@pytest.mark.parametrize(
    "place",
    [(2900, 2500, 1), (2000, 2000, 4), (2000, 2000, 0.5), (2300, 2200, 0.4), (2048, 2048, 0.35)],
)
def test_nothing_is_blank_while_its_tiles_are_on_their_way(
    held: tuple[ViewerPage, HeldLine], place: tuple[float, float, float]
) -> None:
    """UI-8: further on, nearer and farther away, the picture is there, if coarse."""
    page, line = held
    x, y, zoom = place
    page.evaluate(f"tilecast.goto({x}, {y}, {zoom})")
    assert not page.evaluate("tilecast.loaded")
    assert bareness(page) < 0.002
    line.release()
    page.wait_until_loaded()
    assert bareness(page) < 0.002


def test_what_a_moving_view_comes_to_is_asked_for_before(
    visit: Visit, make_canvas: CanvasMaker
) -> None:
    """UI-8: more tiles where it goes while it goes, and no more than usual once it rests."""
    page = visit(make_canvas(8192, 8192), place="#2000,2000,1", **MOVING)
    usual = page.evaluate("tilecast.view.x1 - tilecast.view.x0")
    page.evaluate(
        """(() => {
            const from = performance.now();
            window.most = 0;
            const go = (now) => {
                const { x1 } = tilecast.view;
                const seen = Math.floor((tilecast.camera.x + innerWidth / 2 - 1) / 64);
                window.most = Math.max(window.most, x1 - seen);
                tilecast.goto(2000 + (now - from), 2000, 1);
                if (now - from < 1500) requestAnimationFrame(go);
            };
            requestAnimationFrame(go);
        })()"""
    )
    page.wait("tilecast.camera.x > 3499")
    assert page.evaluate("window.most") >= 4
    page.wait(f"tilecast.view.x1 - tilecast.view.x0 <= {usual + 1} && tilecast.loaded")


def test_a_data_saver_fetches_what_is_on_the_screen_alone(
    visit: Visit, make_canvas: CanvasMaker
) -> None:
    """UI-8: no tile around it, and no image of what lies further away."""
    canvas = make_canvas(4096, 4096)
    asked: list[str] = []
    page = visit(canvas, place="#2048,2048,1", stored={"tilecast.data-saver": "1"})

    def note(request: Request) -> None:
        if TILE_IMAGE.search(request.url):
            asked.append(request.url)

    page.page.on("request", note)
    page.goto(1048, 2048, 1)
    page.wait("location.hash === '#1048,2048,1'")
    page.wait_for_frame()
    view = page.evaluate("tilecast.view")
    # Columns 408 to 1687 and rows 1648 to 2447 are on the screen.
    assert view == {"level": 0, "x0": 6, "y0": 25, "x1": 26, "y1": 38}
    assert asked == []


def test_zooming_out_and_in_again_costs_no_snapshots(visit: Visit, meadow: ServerProcess) -> None:
    """UI-5: the tiles of both levels are kept."""
    page = visit(server=meadow, place="#2048,2048,1")
    page.goto(2048, 2048, 0.2)
    page.wait_until_answered()
    assert page.wire.of(Tile)
    page.wire.clear()
    for zoom in (1, 0.2, 1):
        page.goto(2048, 2048, zoom)
        page.wait_until_answered()
    assert page.wire.of(Tile) == []


def test_a_page_that_slept_is_right_again_at_once(visit: Visit, own_server: ServerProcess) -> None:
    """UI-9: nothing in it ran while its server went, came back and was painted on."""
    page = visit(server=own_server, place="#100,100,4")
    session = page.page.context.new_cdp_session(page.page)
    asleep: list[bool] = []
    session.on("Debugger.paused", lambda _: asleep.append(True))
    session.send("Debugger.enable")
    session.send("Debugger.pause")
    end = time.monotonic() + WITHIN_S
    while not asleep:
        assert time.monotonic() < end, "it doesn't fall asleep"
        page.page.wait_for_timeout(POLL_MS)
    own_server.kill()
    own_server.start()
    painter = visit(server=own_server, place="#100,100,4", stored={"tilecast.colour": "#d92c3a"})
    painter.drag((90, 90))
    painter.wait_until_saved()
    assert len(asleep) == 1
    began = time.monotonic()
    session.send("Debugger.disable")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert page.evaluate("tilecast.state") != "stopped"
    page.wait_for_pixel(90, 90, (217, 44, 58))
    took_s = time.monotonic() - began
    print(f"\nright again after {took_s:.2f} s")
    assert took_s < AWAKE_WITHIN_S


def test_a_line_that_died_in_an_hours_sleep_is_left_at_once(
    visit: Visit, make_canvas: CanvasMaker
) -> None:
    """UI-9: nothing tells the page that its line is dead, and nothing comes over it any more."""
    canvas = make_canvas()
    page = visit(canvas, place="#100,100,4")
    line = HeldLine(page)
    page.page.clock.install()
    page.page.reload()
    page.wait_until_loaded()
    line.cut()
    painter = visit(canvas, place="#100,100,4", stored={"tilecast.colour": "#d92c3a"})
    painter.drag((90, 90))
    painter.wait_until_saved()
    assert page.pixel(90, 90) == (255, 255, 255)
    began = time.monotonic()
    page.page.clock.fast_forward("01:00:00")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_pixel(90, 90, (217, 44, 58))
    took_s = time.monotonic() - began
    print(f"\nright again after {took_s:.2f} s")
    assert took_s < AWAKE_WITHIN_S
