"""The application in this process, over files in a folder of the test's, with somebody painting."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import numpy.typing as npt
from PIL import Image

from protocol.codec import encode
from protocol.errors import CloseCode
from protocol.messages import NEW_SESSION, VERSION, Drawing, Hello
from server.app import Application, create_app
from server.canvases import Canvases
from server.hub import Hub
from server.session import Session
from server.settings import Settings

Pixels = npt.NDArray[np.uint8]
TOKEN = "token-of-the-test"
_DURABLE_TIMEOUT_S = 10.0


class DeafLine:
    """A :class:`server.line.Line` to a client that takes everything and looks at nothing."""

    def frame(self, payload: bytes) -> bytes:
        """Just its bytes."""
        return payload

    def write(self, framed: bytes) -> None:
        """Sent, and read at once."""

    def probe(self) -> bytes:
        """Nothing is ever asked."""
        return b""

    def unsent_bytes(self) -> int:
        """Nothing waits."""
        return 0

    def close(self, code: CloseCode, reason: str) -> None:
        """The connection is over."""

    def abort(self) -> None:
        """The connection is over."""


class Site:
    """A started application, and a client of it."""

    def __init__(self, app: Application, http: httpx2.AsyncClient) -> None:
        self.app = app
        self.http = http

    @property
    def canvases(self) -> Canvases:
        """The canvases of the application."""
        canvases: Canvases = self.app.state.context.canvases
        return canvases

    def hub(self, name: str = "main") -> Hub:
        """A live canvas."""
        hub = self.canvases.find(name)
        assert hub is not None
        return hub

    def painter(self, name: str = "main") -> Session:
        """A client that said HELLO."""
        session = self.hub(name).join(DeafLine(), b"")
        session.receive(encode(Hello(VERSION, NEW_SESSION, "")))
        return session

    async def paint(self, *messages: Drawing, canvas: str = "main") -> None:
        """Draw, and return when it is durable."""
        hub, session = self.hub(canvas), self.painter(canvas)
        due = hub.seq + len(messages)
        for message in messages:
            session.receive(encode(message))
        async with asyncio.timeout(_DURABLE_TIMEOUT_S):
            while hub.durable_seq < due:  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.002)
        session.lost()

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """GET a path; ``if_none_match="…"`` is a header."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.get(path, headers=named)

    async def image(self, path: str) -> Pixels:
        """GET an image: its (height, width, 3) uint8 pixels."""
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return pixels_of(answer.content)

    async def problem(self, path: str, status: int) -> dict[str, Any]:
        """GET what is answered by a problem of that status."""
        return problem_of(await self.get(path), status)


def pixels_of(content: bytes) -> Pixels:
    """The (height, width, 3) uint8 pixels of an image file, which must be RGB."""
    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == "RGB"
        return np.asarray(image).copy()


def problem_of(answer: httpx2.Response, status: int) -> dict[str, Any]:
    """The problem in an answer, which must be one (HTTP-5)."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert body["type"] == "about:blank"
    return body


def settings_in(folder: Path, **values: Any) -> Settings:
    """Settings of the test's, with its data in ``folder``."""
    return Settings(data=folder / "data", **values)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[Site]:
    """The application, ready; stopped cleanly at the end."""
    app = create_app(settings)
    app.state.control_token = TOKEN
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://tilecast.test") as http,
    ):
        await app.state.opening
        yield Site(app, http)
