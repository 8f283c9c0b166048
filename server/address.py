"""Whose address a connection comes from, seen through trusted proxies only."""

import hashlib
import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.datastructures import Headers
from starlette.types import Scope

Network = IPv4Network | IPv6Network
_IPV6_PREFIX = 64
ADDRESS_BYTES = 8
_WITH_PORT = re.compile(r"\[([^\[\]]*)\](?::\d*)?|([^:]*):\d*")


def client_address(scope: Scope, trusted: Iterable[Network]) -> str:
    """The client's address: an IPv4 address, or the /64 of an IPv6 one.

    ``X-Forwarded-For`` counts only as far as the proxies that wrote it are in ``trusted``.
    """
    peer = scope.get("client")
    address = _parse(peer[0]) if peer else None
    if address is None:
        return "unknown"
    networks = tuple(trusted)
    hops = ",".join(Headers(scope=scope).getlist("x-forwarded-for")).split(",")
    while hops and any(address in network for network in networks):
        hop = _parse(_without_port(hops.pop().strip()))
        if hop is None:
            break
        address = hop
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _IPV6_PREFIX), strict=False))
    return str(address)


def is_trusted(scope: Scope, trusted: Iterable[Network]) -> bool:
    """Whether a connection comes from one of the proxies that are believed."""
    peer = scope.get("client")
    address = _parse(peer[0]) if peer else None
    return address is not None and any(address in network for network in trusted)


def hash_address(address: str, salt: bytes) -> bytes:
    """What the log keeps of an address: equal for equal ones, of no use without ``salt``."""
    return hashlib.blake2b(address.encode(), digest_size=ADDRESS_BYTES, key=salt).digest()


def _without_port(hop: str) -> str:
    """Some proxies name the port too: ``192.0.2.1:80``, ``[2001:db8::1]:80``."""
    match = _WITH_PORT.fullmatch(hop)
    return (match[1] or match[2] or "") if match else hop


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
