"""The probe's floor: a WebSocket server that hands each message on to everybody, and does no more.

    python -m benchmarks.load.echo

It prints its port. It speaks the broadcasting peer's dialect: whoever has connected is greeted with
one byte. What a probe measures against it is what the probe itself, the sockets and the wake-ups of
two processes take; the rest is the server's part.
"""

import base64
import hashlib
import select
import socket
import sys

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_GREETING = b"\x82\x01\x01"
_HEAD_BYTES = 6
"""Of a client's short frame: two bytes and the mask."""
_RECEIVE_BYTES = 4096


def _accept(listener: socket.socket) -> socket.socket:
    """Take one connection and answer its upgrade."""
    peer, _ = listener.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request = b""
    while b"\r\n\r\n" not in request:
        request += peer.recv(_RECEIVE_BYTES)
    for line in request.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"sec-websocket-key":
            key = base64.b64encode(hashlib.sha1(value.strip() + _GUID).digest())
    peer.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + key + b"\r\n\r\n" + _GREETING
    )
    return peer


def _unmasked(frames: bytes) -> list[bytes]:
    """The client's short frames as a server's."""
    found = []
    while len(frames) >= _HEAD_BYTES:
        size = frames[1] & 0x7F
        end = _HEAD_BYTES + size
        mask = (frames[2:_HEAD_BYTES] * (size // 4 + 1))[:size]
        body = int.from_bytes(frames[_HEAD_BYTES:end], "big") ^ int.from_bytes(mask, "big")
        found.append(frames[:1] + bytes((size,)) + body.to_bytes(size, "big"))
        frames = frames[end:]
    return found


def main() -> None:
    """Serve until standard input ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    poll.register(sys.stdin.fileno(), select.EPOLLIN)
    peers: dict[int, socket.socket] = {}
    while True:
        for fd, _ in poll.poll():
            if fd == sys.stdin.fileno():
                return
            if fd == listener.fileno():
                peer = _accept(listener)
                peers[peer.fileno()] = peer
                poll.register(peer.fileno(), select.EPOLLIN)
                continue
            data = peers[fd].recv(_RECEIVE_BYTES)
            if not data:
                poll.unregister(fd)
                peers.pop(fd).close()
                continue
            frames = b"".join(_unmasked(data))
            for peer in peers.values():
                peer.sendall(frames)


if __name__ == "__main__":
    main()
