"""Under which address the client sees the server."""

from collections.abc import Iterable
from ipaddress import ip_address

from starlette.requests import Request

from server.settings import Network


def base_url(request: Request, trusted: Iterable[Network]) -> str:
    """Scheme, host and root path, without a slash at the end.

    ``X-Forwarded-Proto`` counts only from a proxy in ``trusted``.
    """
    scheme = request.url.scheme
    forwarded = request.headers.get("x-forwarded-proto", "").strip().lower()
    if forwarded in {"http", "https"} and _is_trusted(request, trusted):
        scheme = forwarded
    return f"{scheme}://{request.url.netloc}{request.scope.get('root_path', '')}"


def _is_trusted(request: Request, trusted: Iterable[Network]) -> bool:
    if request.client is None:
        return False
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return False
    return any(address in network for network in trusted)
