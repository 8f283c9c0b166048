"""The socket that a server listens on: alone, or behind one port with others (SO_REUSEPORT)."""

import socket
from typing import Any

BACKLOG = 2048
_ALL = "::"
_USER_TIMEOUT_MS = 30_000
_NOTSENT_BYTES = 65_536
"""What the system takes of bytes that can't go out yet. The rest waits where its session sees that
it does; by default megabytes of what is out of date lie in the system for each slow reader."""

Address = tuple[socket.AddressFamily, tuple[Any, ...]]


class ListenError(Exception):
    """The address can't be had; the text says why."""


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that listens; ``shared`` with those of :func:`reserve`'s kind. Raises ListenError.

    The system spreads connections over the sockets that share a port, by a hash of both addresses.
    """
    try:
        family, address = _resolve(host, port)
        listener = socket.create_server(
            address,
            family=family,
            backlog=BACKLOG,
            reuse_port=shared,
            dualstack_ipv6=_is_dual(address),
        )
    except OSError as error:
        raise _refused(host, port, error) from None
    # Connections inherit it: a peer that takes nothing for so long is gone.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _NOTSENT_BYTES)
    return listener


def reserve(host: str, port: int) -> socket.socket:
    """A socket that has the port, so that others can share it, and doesn't listen itself.

    Raises :class:`ListenError`, also where somebody else has the port and would share it.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ListenError("this system lets no processes share a port (SO_REUSEPORT)")
    try:
        family, address = _resolve(host, port)
        holder = socket.socket(family)
        try:
            if family == socket.AF_INET6:
                holder.setsockopt(
                    socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not _is_dual(address))
                )
            # What the last server's connections leave behind for a minute is no hindrance.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(address)
            # Nobody else has it. From now on it is for those alone who are to share it.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        except BaseException:
            holder.close()
            raise
    except OSError as error:
        raise _refused(host, port, error) from None
    return holder


def url_of(listener: socket.socket) -> str:
    """The address that a browser on this machine takes."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", _ALL: "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _resolve(host: str, port: int) -> Address:
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    return family, address[:2]


def _is_dual(address: tuple[Any, ...]) -> bool:
    """Whether it is all addresses, those of IPv4 too, where the system can do that."""
    return address[0] == _ALL and socket.has_dualstack_ipv6()


def _refused(host: str, port: int, error: OSError) -> ListenError:
    shown = f"[{host}]" if ":" in host else host
    return ListenError(f"can't listen on {shown}:{port}: {error.strerror}")
