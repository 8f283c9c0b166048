"""A page that shows the viewer: what a test does in it, sees in it, and what went over its wire."""

import re
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeVar

from playwright.sync_api import ConsoleMessage, Error, Frame, Locator, Page, WebSocket

from protocol.codec import decode
from protocol.messages import POINTER_LEFT, Clock, Cursor, Message, Viewport
from protocol.types import Sender
from tests.browser.pictures import Picture, from_png

Point = tuple[float, float]
Colour = tuple[int, int, int]
M = TypeVar("M")

WITHIN_S: Final = 15.0
POLL_MS: Final = 15
OUTAGES: Final = (
    "WebSocket connection to ",
    "Failed to load resource: net::ERR_",
    "Failed to load resource: the server responded with a status of 503",
)
"""How Chromium's own console messages on a lost or refused connection begin, and on a server that
stops or starts."""

_NEXT_FRAME = (
    "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
)


class Console:
    """What a page had to complain about: errors, warnings, violations of its security policy."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.outages = 0

    def watch(self, page: Page) -> None:
        """Note from now on what the page complains about."""
        page.on("console", self._said)
        page.on("pageerror", self._failed)

    def _said(self, message: ConsoleMessage) -> None:
        if message.text.startswith(OUTAGES):
            self.outages += 1
        elif message.type in {"error", "warning", "assert"}:
            self.complaints.append(f"{message.type}: {message.text}")

    def _failed(self, error: Error) -> None:
        self.complaints.append(f"uncaught: {error}")


class Wire:
    """All messages that a page and its server exchanged, over all its connections."""

    def __init__(self, page: Page) -> None:
        self.received: list[Message] = []
        self.sent: list[Message] = []
        self.viewports = 0
        """VIEWPORTs sent over the present connection."""
        page.on("websocket", self._opened)

    def of(self, kind: type[M]) -> list[M]:
        """The messages of one kind that came."""
        return [message for message in self.received if isinstance(message, kind)]

    @property
    def pointers(self) -> dict[int, int]:
        """The buttons of each other's pointer, by client, as last told."""
        return {cursor.client: cursor.buttons for cursor in self.of(Cursor)}

    @property
    def answered(self) -> bool:
        """Whether the server has answered the last VIEWPORT: a CLOCK of that number came."""
        return any(clock.view == self.viewports for clock in self.of(Clock))

    def clear(self) -> None:
        """Forget what came."""
        self.received.clear()

    def _opened(self, socket: WebSocket) -> None:
        self.viewports = 0
        socket.on("framereceived", self._came)
        socket.on("framesent", self._went)

    def _came(self, frame: bytes | str) -> None:
        assert isinstance(frame, bytes), "the server sent text"
        self.received += decode(frame, Sender.SERVER)

    def _went(self, frame: bytes | str) -> None:
        assert isinstance(frame, bytes), "the page sent text"
        sent = decode(frame, Sender.CLIENT)
        self.sent += sent
        self.viewports += sum(isinstance(message, Viewport) for message in sent)


class ViewerPage:
    """The viewer in a page of its own, or in a frame of another page.

    Screen points are CSS pixels from the page's upper left corner; `origin` is where the frame's
    begins. Canvas points are in canvas pixels, (0.5, 0.5) the middle of the first one.
    """

    def __init__(self, page: Page, frame: Frame | None = None, origin: Point = (0, 0)) -> None:
        self.page = page
        self.frame = frame or page.main_frame
        self.console = Console()
        self.console.watch(page)
        self.wire = Wire(page)
        self._origin = origin

    # -- what it shows -------------------------------------------------------------------------

    def evaluate(self, expression: str) -> Any:
        """The value of an expression; ``tilecast`` is the viewer's handle."""
        return self.frame.evaluate(
            f"() => {{ const {{ tilecast }} = window; return {expression} }}"
        )

    def wait(self, expression: str, within_s: float = WITHIN_S) -> None:
        """Wait until an expression holds.

        The page's own policy forbids what Playwright's `wait_for_function` does there.
        """
        end = time.monotonic() + within_s
        while not self.evaluate(expression):
            if time.monotonic() > end:
                handle = self.evaluate("JSON.stringify(tilecast)")
                raise AssertionError(f"not within {within_s} s: {expression}; {handle}")
            self.page.wait_for_timeout(POLL_MS)

    def wait_until_loaded(self) -> None:
        """Wait until it is connected and has every tile of its view."""
        self.wait("tilecast?.state === 'live' && tilecast.loaded")

    def wait_until_answered(self) -> None:
        """Wait until the server has sent what the last VIEWPORT is owed."""
        end = time.monotonic() + WITHIN_S
        while not self.wire.answered:
            assert time.monotonic() < end, f"no CLOCK for VIEWPORT {self.wire.viewports}"
            self.page.wait_for_timeout(POLL_MS)

    def wait_until_cursor(self, x: int, y: int) -> None:
        """Wait until somebody's pointer was told to be on a canvas pixel, and drawn there."""
        end = time.monotonic() + WITHIN_S
        while not any((cursor.x, cursor.y) == (x, y) for cursor in self.wire.of(Cursor)):
            assert time.monotonic() < end, f"nobody's pointer came to {x}, {y}"
            self.page.wait_for_timeout(POLL_MS)
        self.wait_for_frame()

    def wait_until_undisturbed(self) -> None:
        """Wait until the pointers of all others have left the canvas."""
        end = time.monotonic() + WITHIN_S
        while not all(buttons & POINTER_LEFT for buttons in self.wire.pointers.values()):
            assert time.monotonic() < end, f"pointers still there: {self.wire.pointers}"
            self.page.wait_for_timeout(POLL_MS)
        self.wait_for_frame()

    def wait_until_saved(self) -> None:
        """Wait until the server has made all own drawing durable and the tiles show it."""
        self.wait("tilecast.pending === 0 && tilecast.unsaved === 0")

    def wait_for_pixel(self, x: int, y: int, colour: Colour) -> None:
        """Wait until a canvas pixel is shown in a colour."""
        self.wait(f"String(tilecast.pixel({x}, {y})) === '{','.join(map(str, colour))}'")

    def wait_for_frame(self) -> None:
        """Wait until what is known by now has been drawn."""
        self.frame.evaluate(_NEXT_FRAME)

    def pixel(self, x: int, y: int) -> Colour | None:
        """A canvas pixel as it is shown, own drawing included; None where it isn't loaded."""
        found: Sequence[int] | None = self.evaluate(f"tilecast.pixel({x}, {y})")
        return None if found is None else (found[0], found[1], found[2])

    @property
    def camera(self) -> tuple[float, float, float]:
        """The canvas point in the middle of the screen, and the zoom."""
        x, y, zoom = self.evaluate("[tilecast.camera.x, tilecast.camera.y, tilecast.camera.zoom]")
        return x, y, zoom

    @property
    def screen(self) -> tuple[int, int]:
        """Width and height in CSS pixels."""
        width, height = self.evaluate("[innerWidth, innerHeight]")
        return width, height

    def screenshot(self) -> Picture:
        """What the whole screen shows, device pixel by device pixel."""
        self.wait_for_frame()
        return from_png(self.page.screenshot(animations="disabled", caret="hide"))

    def hide_panels(self) -> None:
        """Leave the screen to the canvas."""
        self.evaluate("document.querySelector('.chrome').style.visibility = 'hidden'")

    # -- where things are ----------------------------------------------------------------------

    def to_screen(self, x: float, y: float) -> Point:
        """The screen point over a canvas point."""
        at_x, at_y, zoom = self.camera
        width, height = self.screen
        left, top = self._origin
        return left + (x - at_x) * zoom + width / 2, top + (y - at_y) * zoom + height / 2

    def to_canvas(self, sx: float, sy: float) -> Point:
        """The canvas point under a screen point."""
        at_x, at_y, zoom = self.camera
        width, height = self.screen
        left, top = self._origin
        return at_x + (sx - left - width / 2) / zoom, at_y + (sy - top - height / 2) / zoom

    # -- what a person does --------------------------------------------------------------------

    def goto(self, x: float, y: float, zoom: float) -> None:
        """Show a place, and wait until its tiles are there."""
        self.evaluate(f"tilecast.goto({x}, {y}, {zoom})")
        self.wait_until_loaded()

    def choose(self, tool: str) -> None:
        """Choose a tool by its button."""
        self.frame.get_by_role("toolbar", name="Tools").get_by_role(
            "button", name=tool, exact=True
        ).click()

    @property
    def panels(self) -> list[str]:
        """What the buttons at the top open, by their names; where there is no room, the menu."""
        more = self.frame.get_by_role("button", name="More", exact=True)
        if not more.is_visible():
            found: list[str] = self.evaluate(
                "[...document.querySelectorAll('.top-actions button')].map((b) => b.ariaLabel)"
            )
            return found
        more.click()
        listed = self.frame.get_by_role("dialog", name="More").get_by_role("button")
        names = ["People", *listed.all_inner_texts()]
        self.page.keyboard.press("Escape")
        return names

    def open_panel(self, name: str) -> Locator:
        """Open one of :attr:`panels` as a person does; the panel."""
        top = self.frame.locator(".top-actions")
        button = top.get_by_role("button", name=re.compile(f"^{name}"))
        if button.count() == 0:
            top.get_by_role("button", name="More", exact=True).click()
            button = self.frame.get_by_role("dialog", name="More").get_by_role("button", name=name)
        button.click()
        # What is in it may still be on its way.
        panel = self.frame.locator(".popover:not(.menu-panel, [aria-busy=true])")
        panel.wait_for()
        return panel

    def choose_colour(self, colour: Colour) -> None:
        """Choose a colour by its hex digits, as a person types them."""
        self.frame.get_by_role("button", name="Choose another").click()
        digits = self.frame.get_by_role("textbox", name="Hex")
        digits.fill("#{:02x}{:02x}{:02x}".format(*colour))
        digits.press("Enter")
        digits.wait_for(state="detached")

    def drag(self, *pixels: tuple[int, int], modifier: str | None = None) -> None:
        """Press the mouse on the first canvas pixel, move over the others, and let go."""
        points = [self.to_screen(x + 0.5, y + 0.5) for x, y in pixels]
        if modifier:
            self.page.keyboard.down(modifier)
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*point)
        self.page.mouse.up()
        if modifier:
            self.page.keyboard.up(modifier)

    def rest_mouse(self) -> None:
        """Take the mouse off the canvas, so that its outline and others' label of it are gone."""
        self.frame.get_by_role("toolbar", name="Tools").hover()

    def press(self, keys: Iterable[str]) -> None:
        """Press keys, one after another."""
        for key in keys:
            self.page.keyboard.press(key)
