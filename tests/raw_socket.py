"""A WebSocket by hand: it may break every rule, and reads only when told to.

It is a plain socket driven by the event loop, so that what isn't read stays in the kernel's small
buffer, as with a client that hangs.
"""

import asyncio
import base64
import os
import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Self

from protocol.codec import encode
from protocol.messages import NEW_SESSION, SUBPROTOCOL, VERSION, Hello, Message

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
WITHIN_S = 20.0


class RawSocket:
    """A connection to a server's port. Use as a context manager; entering it connects.

    ``receive_buffer_bytes`` is what the kernel takes of what isn't read; 0 leaves its default.
    """

    def __init__(self, port: int, *, receive_buffer_bytes: int = 0) -> None:
        self._port = port
        self._socket = socket.socket()
        self._socket.setblocking(False)
        if receive_buffer_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self._unread = bytearray()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, ("127.0.0.1", self._port))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    # -- opening -------------------------------------------------------------------------------

    async def upgrade(self, path: str = "/c/main/ws", *, headers: str = "") -> int:
        """Ask for a WebSocket; the HTTP status of the answer, 0 if it closes without one."""
        await self.send(self.request(path, headers))
        answer = await self.read_head()
        return int(answer.split()[1]) if answer else 0

    def request(self, path: str = "/c/main/ws", headers: str = "") -> bytes:
        """The upgrade's bytes; ``headers`` are more of its lines, each with its line end."""
        key = base64.b64encode(os.urandom(16)).decode()
        return (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n{headers}\r\n"
        ).encode()

    async def hello(self, session: bytes = NEW_SESSION) -> None:
        """Upgrade and say HELLO; nothing of what comes back after the upgrade is read."""
        assert await self.upgrade() == 101
        await self.send_messages(Hello(VERSION, session, ""))

    # -- sending -------------------------------------------------------------------------------

    async def send(self, data: bytes) -> None:
        """Send bytes as they are. Raises ``ConnectionError`` if the server has hung up."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(WITHIN_S):
            await loop.sock_sendall(self._socket, data)

    async def flood(self, data: bytes, within_s: float = WITHIN_S) -> None:
        """Send bytes as fast as the server takes them, from a thread, and then nothing more."""
        self._socket.settimeout(within_s)
        with suppress(OSError):  # hung up by either side
            await asyncio.to_thread(self._socket.sendall, data)

    async def send_messages(self, *messages: Message) -> None:
        """Send messages in one binary frame."""
        await self.send(frame(b"".join(map(encode, messages))))

    def half_close(self) -> None:
        """Send nothing more: FIN."""
        self._socket.shutdown(socket.SHUT_WR)

    def hang_up(self) -> None:
        """End both directions; a :meth:`flood` under way ends too."""
        self._socket.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Drop the connection with RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    # -- reading -------------------------------------------------------------------------------

    async def read_frame(self, within_s: float = WITHIN_S) -> tuple[int, bytes] | None:
        """The next frame as (opcode, payload); ``None`` if the connection ended."""
        async with asyncio.timeout(within_s):
            head = await self._read(2)
            if len(head) < 2:
                return None
            size = head[1] & 0x7F
            if size >= 126:
                wide = await self._read(2 if size == 126 else 8)
                size = int.from_bytes(wide, "big")
            payload = await self._read(size)
            return (head[0] & 0x0F, payload) if len(payload) == size else None

    async def read_close(self, within_s: float = WITHIN_S) -> int:
        """Read on to the close frame; its code, 1006 if the connection ends without one."""
        while (got := await self.read_frame(within_s)) is not None:
            opcode, payload = got
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big")
        return 1006

    async def read_head(self) -> bytes:
        """An HTTP answer's first line and headers; empty if the connection ended without one."""
        async with asyncio.timeout(WITHIN_S):
            while b"\r\n\r\n" not in self._unread:
                if not await self._receive():
                    return b""
        head, _, rest = bytes(self._unread).partition(b"\r\n\r\n")
        self._unread[:] = rest
        return head

    async def ended(self, within_s: float = WITHIN_S) -> None:
        """Read on until the server has hung up. Raises ``TimeoutError``."""
        async with asyncio.timeout(within_s):
            while await self._receive():
                self._unread.clear()

    async def _read(self, size: int) -> bytes:
        while len(self._unread) < size and await self._receive():
            pass
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken

    async def _receive(self) -> bool:
        try:
            data = await asyncio.get_running_loop().sock_recv(self._socket, 65_536)
        except ConnectionError:
            return False
        self._unread += data
        return bool(data)


def frame(
    payload: bytes, opcode: int = BINARY, *, final: bool = True, masked: bool = True
) -> bytes:
    """A client's frame (RFC 6455, section 5.2); the mask is zeros, which masks nothing."""
    flag = 0x80 if masked else 0
    head = bytes([opcode | (0x80 if final else 0)])
    size = len(payload)
    if size <= 125:
        head += bytes([flag | size])
    elif size <= 0xFFFF:
        head += struct.pack("!BH", flag | 126, size)
    else:
        head += struct.pack("!BQ", flag | 127, size)
    return head + (bytes(4) if masked else b"") + payload
