"""Under which address the client sees the server."""

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Scope

from server.address import Network, is_trusted


def base_url(request: Request, trusted: Iterable[Network]) -> str:
    """Scheme, host and root path, without a slash at the end."""
    scheme = seen_scheme(request.scope, trusted)
    return f"{scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"


def seen_scheme(scope: Scope, trusted: Iterable[Network]) -> str:
    """``http`` or ``https``; ``X-Forwarded-Proto`` counts only from a proxy in ``trusted``."""
    forwarded = Headers(scope=scope).get("x-forwarded-proto", "").strip().lower()
    if forwarded in {"http", "https"} and is_trusted(scope, trusted):
        return forwarded
    return str(scope["scheme"])
