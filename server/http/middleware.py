"""What every answer has in common: HEAD, cross-origin reading, headers for safety."""

import re
from collections.abc import Mapping
from http import HTTPStatus

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.http.access import HEADER, Access, Request
from server.http.origin import seen_scheme
from server.http.refusal import nothing_there
from server.settings import Settings

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
    "Access-Control-Expose-Headers": "ETag, Retry-After, X-Request-ID, X-Tile-Seq",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_HANDSHAKES = {
    "websocket.accept": 101,
    "websocket.close": 403,
    "websocket.http.response.start": 500,
}
"""The messages that answer an upgrade, and with which status unless they have one of their own."""
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

    A reverse proxy that shows the server under the root path may take that off or not. ``access``
    is told of each request.
    """

    def __init__(self, app: ASGIApp, settings: Settings, access: Access) -> None:
        self._app = app
        self._root_path = settings.root_path
        self._trusted = settings.trusted_proxies
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        scope = self._rooted(scope)
        path = scope["path"].removeprefix(self._root_path)
        request = self._access.begin(scope, path)
        if scope["type"] == "websocket":
            await self._serve_websocket(request, path, scope, receive, send)
        else:
            scope["scheme"] = seen_scheme(scope, self._trusted)  # redirects name it
            await self._serve_http(request, path, scope, receive, send)

    async def _serve_http(
        self, request: Request, path: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        is_open = _OPEN.fullmatch(path) is not None
        app = self._app_at(path)
        is_head = scope["method"] == "HEAD"

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.answered(message["status"])
                headers = MutableHeaders(scope=message)
                if request.says_id:
                    headers[HEADER] = request.id
                _add_headers(headers, is_open)
                if is_open and message["status"] == HTTPStatus.METHOD_NOT_ALLOWED:
                    headers["Allow"] += ", OPTIONS"
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            else:
                request.bytes += len(message.get("body", b""))
            await send(message)

        try:
            if is_open and scope["method"] == "OPTIONS":
                await _answer_preflight(send_on)
            else:
                scope = {**scope, "method": "GET"} if is_head else scope
                await app(scope, receive, send_on)
        finally:
            request.over()

    async def _serve_websocket(
        self, request: Request, path: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def send_on(message: Message) -> None:
            status = _HANDSHAKES.get(message["type"])
            if status is not None:
                request.answered(message.get("status", status))
            await send(message)

        try:
            await self._app_at(path)(scope, receive, send_on)
        finally:
            request.ended(scope)

    def _app_at(self, path: str) -> ASGIApp:
        """The routes, but where their patterns would overlook that the path goes on."""
        return nothing_there if path.endswith("\n") else self._app

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
