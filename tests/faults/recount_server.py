"""`tilecast serve` with a window into it: ``python -m tests.faults.recount_server SOCKET FLAGS``.

The server is the real one. Beside it, on a Unix socket, somebody may ask for a recount, which is
taken on the event loop between two callbacks, and for how late that loop was since it was last
asked: from the first time on a timer of 5 ms notes by how much each of its calls missed its time.
"""

import asyncio
import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import server.serve
from server.app import Application
from server.cli import main
from server.hub import Hub
from tests.faults.beside import beside
from tests.faults.census import census, traces

_TICK_S = 0.005
_CANVAS = "main"


class Lateness:
    """By how much the loop missed the time of a timer, again and again."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._late_s: list[float] = []
        self._due = loop.time() + _TICK_S
        loop.call_at(self._due, self._tick)

    def take(self) -> list[float]:
        """What was noted since the last time, in seconds, and what the next is late already."""
        late_s, self._late_s = self._late_s, []
        return [*late_s, max(0.0, self._loop.time() - self._due)]

    def _tick(self) -> None:
        now = self._loop.time()
        self._late_s.append(now - self._due)
        self._due = now + _TICK_S
        self._loop.call_at(self._due, self._tick)


class Window:
    """What can be asked of one application."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._lateness: Lateness | None = None  # it takes memory until somebody asks
        self._commands: dict[str, Callable[[], dict[str, Any]]] = {
            "recount": self._recount,
            "traces": self._traces,
            "lateness": self._late,
            "keep garbage": self._keep_garbage,
            "garbage": self._garbage,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the commands of one connection, a line each."""
        try:
            while line := await reader.readline():
                answer = self._commands[line.decode().strip()]()
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        finally:
            writer.close()

    def _recount(self) -> dict[str, Any]:
        hub = self._hub()
        return {"wrong": census(hub, self._app.state.websocket._door), "stats": hub.stats()}

    def _traces(self) -> dict[str, Any]:
        gc.collect()
        return {"left": traces(self._hub(), self._app.state.websocket._door)}

    def _keep_garbage(self) -> dict[str, Any]:
        gc.collect()
        gc.disable()
        return {}

    def _garbage(self) -> dict[str, Any]:
        """What had to be looked for since it was kept, but for what R-tree queries leave."""
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        found = {f"{type(one).__module__}.{type(one).__qualname__}" for one in gc.garbage}
        gc.garbage.clear()
        gc.enable()
        own = ("server.", "protocol.", "tiles.", "uvicorn.", "uvloop.", "websockets.", "httptools.")
        return {"left": sorted(name for name in found if name.startswith(own))}

    def _late(self) -> dict[str, Any]:
        if self._lateness is None:
            self._lateness = Lateness(asyncio.get_running_loop())
        return {"late_ms": [1000 * late for late in self._lateness.take()]}

    def _hub(self) -> Hub:
        hub: Hub | None = self._app.context.canvases.find(_CANVAS)
        assert hub is not None, "the canvas isn't open"
        return hub


if __name__ == "__main__":
    # The name by which it is imported there.
    setattr(server.serve, "create_app", beside(Path(sys.argv[1]), lambda app: Window(app).serve))  # noqa: B010
    sys.exit(main(["serve", *sys.argv[2:]]))
