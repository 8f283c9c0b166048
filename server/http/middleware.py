"""What every answer has in common: HEAD, cross-origin reading, headers for safety."""

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OPEN = re.compile(r"/c/[^/]+/(?:tiles/.*|region\.png|pixel/.*|tilejson\.json|stats)", re.DOTALL)
_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Cache-Control, If-None-Match",
    "Access-Control-Max-Age": "86400",
}


class CommonAnswers:
    """HEAD is GET without a body; what is open to any origin says so, errors too.

    ``root_path`` is where a reverse proxy shows the server, whether or not it takes that off.
    """

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] in {"http", "websocket"}:
            scope = self._rooted(scope)
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_open = _OPEN.fullmatch(scope["path"].removeprefix(self._root_path)) is not None
        is_head = scope["method"] == "HEAD"

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), is_open)
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        if is_open and scope["method"] == "OPTIONS":
            await _answer_preflight(send)
            return
        await self._app({**scope, "method": "GET"} if is_head else scope, receive, send_on)

    def _rooted(self, scope: Scope) -> Scope:
        """The scope with its root path, and a path that begins with that, as ASGI has it."""
        path: str = scope["path"]
        if not path.startswith(f"{self._root_path}/"):
            path = self._root_path + path
        return {**scope, "root_path": self._root_path, "path": path}


def _add_headers(headers: MutableHeaders, is_open: bool) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    if is_open:
        headers["Access-Control-Allow-Origin"] = "*"
        headers["Access-Control-Expose-Headers"] = "ETag, X-Tile-Seq"
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"


async def _answer_preflight(send: Send) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in _PREFLIGHT.items()]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
