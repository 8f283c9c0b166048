"""A Unix socket beside the real server's application, for questions and orders of the tests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from server.app import Application, create_app
from server.settings import Settings

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def beside(
    socket: Path, attend: Callable[[Application], Serve]
) -> Callable[[Settings], Application]:
    """``create_app``, whose applications serve ``socket`` while they live.

    ``attend`` is called on the event loop, with the application started.
    """

    def create(settings: Settings) -> Application:
        app = create_app(settings)
        inner = app.router.lifespan_context
        socket.unlink(missing_ok=True)

        @asynccontextmanager
        async def lifespan(inside: Any) -> AsyncIterator[Any]:
            async with inner(inside) as state:
                listening = await asyncio.start_unix_server(attend(app), socket)
                try:
                    yield state
                finally:
                    listening.close()

        app.router.lifespan_context = lifespan
        return app

    return create
