"""The ASGI application: every route, over the canvases of one data folder."""

import asyncio
import importlib.metadata
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from server import problems
from server.canvases import Canvases
from server.datafolder import DataFolder
from server.door import Door
from server.endpoint import WebSocketEndpoint
from server.http import (
    activity,
    admin,
    facts,
    metrics,
    pages,
    pixel,
    reference,
    region,
    tilejson,
    tiles,
)
from server.http.answer import Answer
from server.http.context import Context
from server.http.description import corrected
from server.http.large_answer import Outgoing
from server.http.middleware import CommonAnswers
from server.http.refusal import nothing_there, refuse
from server.http.regions import RegionImages
from server.http.tile_answers import answer_at_once
from server.http.tile_images import TileImages
from server.http.workshop import Workshop
from server.settings import Settings

logger = logging.getLogger(__name__)

_DESCRIPTION = "Live, shared pixel canvases as tiles. Errors are `application/problem+json`."
_OUTGOING_MAX_BYTES = 128 * 1024 * 1024
"""Region images on their way to their readers, in bytes; one more may be begun below that."""
_ROUTERS = (
    tiles.router,
    facts.router,
    metrics.router,
    region.router,
    pixel.router,
    activity.router,
    tilejson.router,
    admin.router,
    reference.router,
    pages.router,
)


class Application(FastAPI):
    """The routes, and beside them the answers that need none."""

    def answer_at_once(self, scope: Scope) -> Answer | None:
        """What the routes would answer, if that is known (:mod:`server.http.tile_answers`)."""
        answer = answer_at_once(self.context, scope)
        if answer is not None:
            self.context.access.known_tile(scope, answer.status, len(answer.body))
        return answer

    def openapi(self) -> dict[str, Any]:
        """The description of the HTTP interface."""
        if self.openapi_schema is None:
            self.openapi_schema = corrected(super().openapi())
        return self.openapi_schema

    @property
    def context(self) -> Context:
        """What every route works with."""
        context: Context = self.state.context
        return context


def create_app(settings: Settings) -> Application:
    """The application. Its lifespan holds the data folder and opens the canvases.

    Starting it raises :class:`server.datafolder.DataFolderError` if the folder can't be had. The
    canvases are opened while requests are answered already; ``app.state.opening`` is that task.
    """
    app = Application(
        title="Tilecast",
        version=importlib.metadata.version("tilecast"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.context = context = _context(settings)
    problems.install(app)
    app.add_middleware(CommonAnswers, settings=settings, access=context.access)
    app.router.routes.append(WebSocketRoute("/c/{canvas}/ws", _WebSockets(app), name="websocket"))
    for router in _ROUTERS:
        app.include_router(router)
    # Starlette's own closes an upgrade, which the peer sees as 403.
    app.router.default = nothing_there
    return app


def _context(settings: Settings) -> Context:
    queue, wait_s = settings.http_queue_max, settings.http_wait_max_s
    return Context(
        settings,
        Canvases(DataFolder(settings.data), settings),
        TileImages(
            Workshop(settings.http_work_max, queue, wait_s),
            Workshop(1, queue, wait_s),
            settings.http_cache_bytes,
        ),
        RegionImages(Workshop(1, queue, wait_s), Outgoing(_OUTGOING_MAX_BYTES)),
        Workshop(1, queue, wait_s),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    canvases = app.state.context.canvases
    with canvases.folder:
        door = Door(app.state.settings, canvases.find, lambda: canvases.salt)
        app.state.websocket = WebSocketEndpoint(door)
        canvases.door = door
        lag = app.state.context.loop_lag
        lag.start(asyncio.get_running_loop())
        app.state.opening = opening = asyncio.create_task(canvases.open())
        opening.add_done_callback(_report)
        try:
            yield
        finally:
            lag.stop()
            await canvases.stop()
            opening.cancel()
            await asyncio.wait([opening])


def _report(opening: "asyncio.Task[None]") -> None:
    if not opening.cancelled() and opening.exception() is not None:
        logger.critical("%s", opening.exception())


class _WebSockets:
    """The WebSocket endpoint, made when the server starts; an unknown canvas is a problem."""

    def __init__(self, app: FastAPI) -> None:
        self._state = app.state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        canvases = self._state.context.canvases
        name = scope["path_params"]["canvas"]
        if canvases.find(name) is not None:
            await self._state.websocket(scope, receive, send)
        elif canvases.awaited(name):
            await refuse(problems.Unavailable("Try again soon."), scope, receive, send)
        else:
            await refuse(problems.NotFound(f"There is no canvas {name!r}."), scope, receive, send)
