"""Each request has an id, is counted, and where that is wanted has a line in the log.

The line holds nothing of the request's own but what is known to be ours: of its path, what it was
for and a canvas that there is.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable
from http import HTTPStatus
from itertools import count

from starlette.types import Scope

from server.address import is_trusted
from server.http.traffic import TILE, Traffic, classify
from server.logs import REQUEST
from server.settings import Settings

logger = logging.getLogger("server.access")

HEADER = "X-Request-ID"
CLIENT = "tilecast.client"
"""Key in a WebSocket's scope: the number of its session, once that is over."""
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}


class Request:
    """One request, or one WebSocket from its upgrade on."""

    __slots__ = ("_access", "_began", "_method", "bytes", "canvas", "id", "route", "status")

    def __init__(self, access: "Access", scope: Scope, path: str) -> None:
        self._access = access
        self._began = time.perf_counter()
        self._method = scope.get("method", "GET")
        self.id = access.id_for(scope)
        self.route, canvas = classify(path)
        self.canvas = access.known_canvas(canvas)
        """The canvas that it is about, if that is one."""
        self.status = 0
        self.bytes = 0
        """Of the answer's body."""

    @property
    def says_id(self) -> bool:
        """Whether the answer says which it is; a tile, which caches keep for others, doesn't."""
        return self.route != TILE or self.status >= HTTPStatus.BAD_REQUEST

    def answered(self, status: int) -> None:
        """The answer's status is known."""
        self.status = status
        self._access.traffic.answered(self.route, status)

    def over(self) -> None:
        """The answer is sent, or nobody takes it any more."""
        seconds = time.perf_counter() - self._began
        if self.status:
            self._access.traffic.took(self.route, seconds)
        self._access.note(self._method, self, seconds)

    def ended(self, scope: Scope) -> None:
        """The WebSocket is over."""
        seconds = time.perf_counter() - self._began
        self._access.note("GET", self, seconds, scope.get(CLIENT, 0))


class Access:
    """What there is to requests of one server. ``is_canvas`` says whether there is one."""

    def __init__(
        self, settings: Settings, traffic: Traffic, is_canvas: Callable[[str], bool]
    ) -> None:
        self.traffic = traffic
        self.has_lines = settings.access_log
        """Whether each request has a line in the log."""
        self._trusted = settings.trusted_proxies
        self._is_canvas = is_canvas
        self._start = secrets.token_hex(6)
        self._numbers = count(1)

    def begin(self, scope: Scope, path: str) -> Request:
        """A request came, for a path below the root path; lines of the log are about it now."""
        request = Request(self, scope, path)
        REQUEST.set(request.id)
        return request

    def id_for(self, scope: Scope) -> str:
        """The id that a trusted proxy gave the request, if it is sane; else one of our own."""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                text = str(value, "latin-1")
                if _SANE_ID.fullmatch(text) and is_trusted(scope, self._trusted):
                    return text
                break
        return f"{self._start}-{next(self._numbers):x}"

    def known_canvas(self, name: str) -> str:
        """The name if it is that of a canvas, else none."""
        return name if self._is_canvas(name) else ""

    def known_tile(self, scope: Scope, status: int, size: int) -> None:
        """A known tile was answered on the spot: it is counted, and has no id."""
        self.traffic.answered(TILE, status)
        if self.has_lines:
            _write(scope["method"], TILE, status, size, 0.0, {})

    def note(self, method: str, request: Request, seconds: float, session: int = 0) -> None:
        """Write a request's line, if that is wanted."""
        if self.has_lines:
            about = {"canvas": request.canvas, "session": session}
            _write(method, request.route, request.status, request.bytes, seconds, about)


def _write(
    method: str, route: str, status: int, size: int, seconds: float, about: dict[str, object]
) -> None:
    fields = {
        "method": method if method in _METHODS else "other",
        "route": route,
        "status": status,
        "bytes": size,
        "seconds": round(seconds, 6),
    }
    logger.info("%s %s %d, %d bytes, %.4f s", *fields.values(), extra={**about, "fields": fields})
