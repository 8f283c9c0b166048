"""Debian's Firefox, driven over WebDriver BiDi as it speaks that itself.

Playwright drives Firefox builds of its own alone; this is the little of BiDi that a smoke test
needs (w3c.github.io/webdriver-bidi).
"""

import base64
import itertools
import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

from tests.browser.pictures import Picture, from_png

FIREFOX: Final = "/usr/bin/firefox-esr"
_LISTENING: Final = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
_START_WITHIN_S: Final = 60.0
_ANSWER_WITHIN_S: Final = 30.0
_POLL_S: Final = 0.02
_FRAME_MAX_BYTES: Final = 64 * 1024 * 1024
_PREFERENCES: Final = {
    "ui.prefersReducedMotion": "1",
    "intl.accept_languages": '"en"',
    "app.update.enabled": "false",
    "browser.shell.checkDefaultBrowser": "false",
    "datareporting.policy.dataSubmissionEnabled": "false",
    "toolkit.telemetry.enabled": "false",
    "network.captive-portal-service.enabled": "false",
    "network.connectivity-service.enabled": "false",
    "services.settings.server": '"data:,"',
}

Point = tuple[float, float]


class BidiError(Exception):
    """The browser refused a command."""


class FirefoxPage:
    """A tab that shows one page. Screen points are CSS pixels."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.complaints: list[str] = []
        """Errors and warnings of the page's console, and exceptions that nothing caught."""
        self._send("session.new", {"capabilities": {}})
        self._send("session.subscribe", {"events": ["log.entryAdded"]})
        (context, *_) = self._send("browsingContext.getTree", {})["contexts"]
        self._context: str = context["context"]

    def show(self, url: str, width: int, height: int) -> None:
        """Load a page in a window of that size, one device pixel for each CSS pixel."""
        self._do(
            "browsingContext.setViewport",
            viewport={"width": width, "height": height},
            devicePixelRatio=1.0,
        )
        self._do("browsingContext.navigate", url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """The JSON value of an expression, awaited; ``tilecast`` is the viewer's handle."""
        answer = self._send(
            "script.evaluate",
            {
                "expression": f"(async () => JSON.stringify(await ({expression}) ?? null))()",
                "target": {"context": self._context},
                "awaitPromise": True,
            },
        )
        if answer["type"] != "success":
            raise BidiError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def wait(self, expression: str, within_s: float = 30.0) -> None:
        """Wait until an expression holds."""
        end = time.monotonic() + within_s
        while not self.evaluate(expression):
            assert time.monotonic() < end, f"not within {within_s} s: {expression}"
            time.sleep(_POLL_S)

    def drag(self, *points: Point) -> None:
        """Press the mouse at the first point, move over the others, and let go."""
        (first, *others) = points
        self._pointer(_move(first), {"type": "pointerDown", "button": 0})
        self._pointer(*(_move(point) for point in others))
        self._pointer({"type": "pointerUp", "button": 0})

    def wheel(self, at: Point, dy: int) -> None:
        """Turn the wheel at a point."""
        x, y = at
        turn = {"type": "scroll", "x": int(x), "y": int(y), "deltaX": 0, "deltaY": dy}
        self._act({"type": "wheel", "id": "wheel", "actions": [turn]})

    def press(self, keys: str) -> None:
        """Press keys, one after another, each one character."""
        for key in keys:
            strokes = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
            self._act({"type": "key", "id": "keyboard", "actions": strokes})

    def screenshot(self) -> Picture:
        """What the window shows."""
        return from_png(base64.b64decode(self._do("browsingContext.captureScreenshot")["data"]))

    def _pointer(self, *actions: Mapping[str, object]) -> None:
        self._act({"type": "pointer", "id": "mouse", "actions": list(actions)})

    def _act(self, *sources: Mapping[str, object]) -> None:
        self._do("input.performActions", actions=list(sources))

    def _do(self, method: str, **parameters: object) -> Mapping[str, Any]:
        return self._send(method, {"context": self._context, **parameters})

    def _send(self, method: str, parameters: Mapping[str, object]) -> Mapping[str, Any]:
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            said: Mapping[str, Any] = json.loads(self._socket.recv(timeout=_ANSWER_WITHIN_S))
            if said.get("method") == "log.entryAdded":
                self._logged(said["params"])
            elif said.get("id") == number:
                break
        if said["type"] == "error":
            raise BidiError(f"{method}: {said['message']}")
        result: Mapping[str, Any] = said["result"]
        return result

    def _logged(self, entry: Mapping[str, Any]) -> None:
        if entry["level"] in {"error", "warn"}:
            self.complaints.append(f"{entry['level']}: {entry['text']}")


def _move(point: Point) -> Mapping[str, object]:
    x, y = point
    return {"type": "pointerMove", "x": round(x), "y": round(y)}


@contextmanager
def firefox(folder: Path) -> Iterator[FirefoxPage]:
    """A browser with a profile of its own in a folder, and its first tab."""
    profile = folder / "profile"
    profile.mkdir()
    lines = (f'user_pref("{name}", {value});\n' for name, value in _PREFERENCES.items())
    (profile / "user.js").write_text("".join(lines))
    log = folder / "firefox.log"
    command = [FIREFOX, "--headless", "--profile", str(profile), "--remote-debugging-port", "0"]
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            url = _listening(process, log)
            with connect(f"{url}/session", max_size=_FRAME_MAX_BYTES) as socket:
                yield FirefoxPage(socket)
        finally:
            process.terminate()


def _listening(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + _START_WITHIN_S
    while (found := _LISTENING.search(log.read_text(errors="replace"))) is None:
        assert process.poll() is None, f"Firefox ended: {log.read_text(errors='replace')}"
        assert time.monotonic() < end, f"Firefox doesn't listen: {log.read_text(errors='replace')}"
        time.sleep(_POLL_S)
    return found.group(1)
