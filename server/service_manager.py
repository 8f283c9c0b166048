"""Tells a service manager how the server is: systemd's notification protocol (sd_notify(3))."""

import os
import socket
from contextlib import suppress


def tell(state: str) -> None:
    """Send ``READY=1``, ``STOPPING=1`` or the like; nothing happens where nobody asked for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # an abstract one
        address = f"\0{address[1:]}"
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.setblocking(False)
        manager.sendto(state.encode(), address)
