"""What a client that sends these frames must be answered: the design page as a state machine.

It knows of one connection to a canvas that isn't frozen, has no palette and sets no budget, whose
storage is well. Sharing nothing with ``protocol`` or ``server``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.canvas import levels
from tests.oracle.drawing import TILE_SIDE, refusal
from tests.oracle.frames import CLIENT, MalformedError, parse

VERSION = 1
MALFORMED, BAD_TOKEN, BAD_VERSION = 4400, 4401, 4406
NAME_MAX_BYTES = 64
_DRAWING = {"Pixel", "Stroke", "Rect", "Patch"}


@dataclass(frozen=True, slots=True)
class Ground:
    """The canvas and the limits under which the conversation is held."""

    width: int
    height: int
    max_message_pixels: int
    max_message_tiles: int
    max_viewport_tiles: int

    @property
    def levels(self) -> int:
        """How many levels there are."""
        return levels(self.width, self.height)


@dataclass(slots=True)
class Conversation:
    """One connection; ``counts`` is what the server handled of the sessions that it knows."""

    ground: Ground
    counts: Mapping[bytes, int] = field(default_factory=dict, repr=False)
    close: int | None = None
    """The code that it closes with, if it does."""
    greeted: bool = False
    """HELLO was taken: WELCOME is due."""
    welcomed_with: int = 0
    """WELCOME.handled."""
    handled: int = 0
    rejects: list[tuple[int, int]] = field(default_factory=list)
    """The number and code of each REJECT."""
    drawn: int = 0
    """Messages that get a seq."""
    viewports: int = 0
    view: int = 0
    """The number of the VIEWPORT that holds in the end."""
    view_tiles: int = 0
    """How many tiles that one has."""
    too_large: int = 0
    """VIEWPORTs and names that get a NOTICE and change nothing."""

    @property
    def told(self) -> int:
        """How many NOTICEs there are at least; the same one in a row may be told once."""
        return min(1, self.too_large)

    def hear(self, frame: bytes) -> None:
        """The client sends a frame; nothing is heard once it is closed."""
        if self.close is not None:
            return
        try:
            messages = parse(frame, CLIENT)
        except MalformedError:
            self.close = MALFORMED
            return
        for message in messages:
            if self._ends(message):
                return

    def _ends(self, message: dict[str, Any]) -> bool:
        """Whether the connection closes at it."""
        self._take(message)
        return self.close is not None

    def _take(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if (kind == "Hello") == self.greeted:
            self.close = MALFORMED  # out of turn
        elif kind == "Hello":
            self._greet(message)
        elif kind in _DRAWING:
            self._draw(message)
        elif kind == "Viewport":
            self._look(message)
        elif kind == "PresenceSet" and len(message["name"].encode()) > NAME_MAX_BYTES:
            self.too_large += 1

    def _greet(self, message: dict[str, Any]) -> None:
        if message["version"] != VERSION:
            self.close = BAD_VERSION
        elif message["token"]:
            self.close = BAD_TOKEN
        else:
            self.greeted = True
            self.welcomed_with = self.handled = self.counts.get(message["session"], 0)

    def _draw(self, message: dict[str, Any]) -> None:
        self.handled += 1
        ground = self.ground
        code = refusal(
            message,
            ground.width,
            ground.height,
            max_message_pixels=ground.max_message_pixels,
            max_message_tiles=ground.max_message_tiles,
        )
        if code is None:
            self.drawn += 1
        else:
            self.rejects.append((self.handled, code))

    def _look(self, message: dict[str, Any]) -> None:
        self.viewports += 1
        ground = self.ground
        if (
            message["level"] >= ground.levels
            or message["x0"] >= ground.width
            or message["y0"] >= ground.height
        ):
            self.close = MALFORMED
            return
        side = TILE_SIDE << message["level"]
        right = min(message["x1"], ground.width - 1) // side
        below = min(message["y1"], ground.height - 1) // side
        across, down = right - message["x0"] // side + 1, below - message["y0"] // side + 1
        if across * down > ground.max_viewport_tiles:
            self.too_large += 1
        else:
            self.view, self.view_tiles = self.viewports, across * down
