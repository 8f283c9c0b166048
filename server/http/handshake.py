"""Whether a request for an upgrade is a WebSocket handshake (RFC 6455, section 4.2.1).

What isn't one goes the way of every request, so that it gets the answer that its path has.
"""

from collections.abc import Iterable
from http import HTTPStatus

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidHeader, InvalidUpgrade
from websockets.http11 import Request
from websockets.server import ServerProtocol

from server.problems import Problem

_VERSION_HEADER, _VERSION = "Sec-WebSocket-Version", "13"
_HEADERS = {"Upgrade": "websocket", "Connection": "Upgrade", _VERSION_HEADER: _VERSION}
_JUDGE = ServerProtocol()
"""Asked about requests alone: no connection is its own."""
_PATH = "/"
"""Nothing is judged by it."""


def is_handshake(method: str, http_version: str, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether `websockets` takes it for one; ``headers`` are as ASGI has them."""
    return method == "GET" and http_version == "1.1" and _fault(headers) is None


def problem(headers: Iterable[tuple[bytes, bytes]]) -> Problem:
    """The answer to a GET of a WebSocket's path that is no handshake.

    426 tells what to speak, and which version (section 4.2.2); 400 what is wrong with a handshake
    of that version.
    """
    match _fault(headers):
        case InvalidUpgrade():
            pass  # it asks for something else
        case InvalidHeader(name=name) if name != _VERSION_HEADER:
            return Problem(HTTPStatus.BAD_REQUEST, f"{name} is missing or wrong.")
    return Problem(
        HTTPStatus.UPGRADE_REQUIRED,
        f"This is a WebSocket endpoint, version {_VERSION}; it speaks tilecast.v1.",
        _HEADERS,
    )


def _fault(headers: Iterable[tuple[bytes, bytes]]) -> InvalidHandshake | None:
    lines = Headers()
    try:
        for name, value in headers:
            lines[str(name, "latin-1")] = str(value, "latin-1")
        _JUDGE.process_request(Request(_PATH, lines))
    except InvalidHandshake as error:
        return error
    return None
