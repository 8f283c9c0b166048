"""What every answer has in common: HEAD, cross-origin reading, headers for safety."""

import re
from collections.abc import Callable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OPEN = re.compile(
    r"/c/[^/]+/(?:tiles/.*|region\.png|pixel/.*|activity|tilejson\.json|stats)", re.DOTALL
)
_SAFE = {"X-Content-Type-Options": "nosniff"}
_SAFE_UNLESS_SAID = {
    "Referrer-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_OPEN_TO_ALL = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, X-Tile-Seq",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Cache-Control, If-None-Match",
    "Access-Control-Max-Age": "86400",
}


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


OPEN_HEADERS = tuple(_raw({**_SAFE, **_SAFE_UNLESS_SAID, **_OPEN_TO_ALL}))
"""What an answer that is open to any origin has in common with all others, as ASGI sends it."""


class CommonAnswers:
    """HEAD is GET without a body; what is open to any origin says so, errors too.

    ``root_path`` is where a reverse proxy shows the server, whether or not it takes that off;
    ``answered`` is called with each answer's status.
    """

    def __init__(self, app: ASGIApp, root_path: str, answered: Callable[[int], None]) -> None:
        self._app = app
        self._root_path = root_path
        self._answered = answered

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
                self._answered(message["status"])
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
    headers.update(_SAFE)
    for name, value in _SAFE_UNLESS_SAID.items():
        headers.setdefault(name, value)
    if is_open:
        headers.update(_OPEN_TO_ALL)


async def _answer_preflight(send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": _raw(_PREFLIGHT)})
    await send({"type": "http.response.body", "body": b""})
