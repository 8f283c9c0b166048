"""What the operating system still holds of what a socket was given."""

import asyncio
import fcntl
import struct
import termios

_INT = struct.Struct("@i")


def unacknowledged_bytes(transport: asyncio.Transport) -> int:
    """What this system took and the peer's hasn't; 0 where that isn't told, or no longer."""
    sock = transport.get_extra_info("socket")
    if sock is None:
        return 0
    try:
        count: int = _INT.unpack(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, _INT.pack(0)))[0]
    except (OSError, ValueError):
        return 0
    return count
