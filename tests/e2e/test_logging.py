"""Nothing that a client sends gets into the log, though it sends it everywhere."""

import json
import re

from protocol.codec import encode
from protocol.messages import NEW_SESSION, VERSION, Hello, Pixel, PresenceSet
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess
from tests.raw_socket import BINARY, PING, TEXT, RawSocket, frame

MARK = "m4rk3d"
FORGED = f"{MARK}\x1b[31m\n2026-01-01 00:00:00,000 CRITICAL server: {MARK}"
ESCAPED = FORGED.replace("\n", "%0A").replace("\x1b", "%1B").replace(" ", "%20")
ODD = FORGED.replace("\n", " ").replace("\x1b", "\x80")
PLAIN = re.compile(r"[\n\x20-\x7e\xa0-\u061b\u061d-\u200a\u2010-\u2027\u2030-\ud7ff]*")


async def request(server: ServerProcess, data: bytes) -> None:
    """Send it as HTTP; it is refused, whatever it is."""
    async with RawSocket(server.port) as raw:
        await raw.send(data)
        assert (await raw.read_head()).startswith(b"HTTP/1.1 4")


async def speak(server: ServerProcess, *frames: bytes) -> None:
    """Send frames after HELLO, and read to the close."""
    async with RawSocket(server.port) as raw:
        await raw.hello()
        for data in frames:
            await raw.send(data)
        await raw.send(frame(b""))
        await raw.read_close()


async def test_nothing_a_client_sends_is_logged(launch: Launch) -> None:
    """LIM-11: not at level debug, and not where it makes the server refuse something."""
    server = launch("--log-level", "debug", "--access-log", "--trusted-proxies", "127.0.0.0/8")
    token = json.loads((server.folder / "data" / "server.json").read_bytes())["token"]
    head = f"Host: x\r\nX-Forwarded-For: {ODD}\r\nUser-Agent: {ODD}\r\nCookie: {ODD}\r\n"
    for method, path, more in (
        ("GET", f"/c/{ESCAPED}/stats?{ESCAPED}", ""),
        ("GET", f"/c/main/region.png?x0={ESCAPED}", f"Origin: {MARK}\r\n"),
        (MARK, "/", ""),
        ("POST", f"/api/admin/canvases/{ESCAPED}", f"Authorization: Bearer {MARK}\r\n"),
        ("GET", f"/c/{ESCAPED}/ws", "Upgrade: websocket\r\nConnection: Upgrade\r\n"),
    ):
        lines = f"{method} {path} HTTP/1.1\r\n{head}{more}\r\n"
        await request(server, lines.encode("latin-1"))
    for body in (f'{{"name": "{MARK}"}}', FORGED, json.dumps({"name": FORGED, "image": MARK})):
        lines = f"POST /api/admin/canvases HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        data = body.encode()
        await request(server, f"{lines}Content-Length: {len(data)}\r\n\r\n".encode() + data)
    await request(server, f"{FORGED}\r\n\r\n".encode())
    async with RawSocket(server.port) as raw:
        await raw.upgrade(f"/c/main/ws?{MARK}", headers=f"Origin: {MARK}\r\n")
    async with RawSocket(server.port) as raw:
        await raw.upgrade(headers=f"Sec-WebSocket-Extensions: {MARK}\r\nX: {ODD}\r\n")
        await raw.send_messages(Hello(VERSION, NEW_SESSION, FORGED))
        await raw.read_close()
    data = FORGED.encode()
    await speak(server, frame(data, PING), frame(data, TEXT))
    await speak(server, frame(data, BINARY))
    await speak(server, frame(encode(PresenceSet(1, 2, 3, "x")).replace(b"\x01x", b"\x01\xff")))
    async with Peer(server.ws()) as peer:
        await peer.send(PresenceSet(1, 2, 3, FORGED[:60]))
        await peer.draw(Pixel(1, 1, 1, 1, 1), Pixel(60_000, 1, 1, 1, 1))
        await peer.durable()
    server.stop_well()
    assert "seq 0" in server.log
    assert MARK not in server.log
    assert PLAIN.fullmatch(server.log)
