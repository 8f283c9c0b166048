"""The real server as whoever runs it sees it: its log, its health, what it tells its manager."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from protocol.errors import CloseCode
from protocol.messages import Pixel
from tests.e2e.conftest import Launch
from tests.peer import Peer
from tests.process import ServerProcess

DOCKERFILE = Path(__file__).resolve().parents[2] / "Dockerfile"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server that logs each request in JSON; whoever it runs for is told how it is."""
    server = ServerProcess(tmp_path, "--log-format", "json", "--access-log")
    yield server
    if server.running:
        server.kill()


def lines(server: ServerProcess) -> list[dict[str, Any]]:
    """Its log; every line has to be an object."""
    return [json.loads(line) for line in server.log.splitlines()]


async def test_a_log_for_programs(server: ServerProcess) -> None:
    """OPS-3: every line is an object; a WebSocket's tells its session when it is over."""
    server.start()
    async with Peer(server.ws()) as peer:
        client = peer.welcome.client
        await peer.draw(Pixel(1, 1, 1, 1, 1))
        await peer.durable()
    kept = HTTPConnection("127.0.0.1", server.port)
    for _ in range(2):
        kept.request("GET", "/c/main/tiles/0/0/0.png")
        size = len(kept.getresponse().read())
    kept.close()
    code, _ = server.stop()
    assert code == 0
    found = lines(server)
    assert all({"ts", "level", "logger", "msg"} <= line.keys() for line in found)
    access = [line for line in found if line["logger"] == "server.access"]
    (socket_line,) = [line for line in access if line["route"] == "websocket"]
    assert (socket_line["status"], socket_line["session"]) == (101, client)
    assert socket_line["canvas"] == "main"
    made, known = [line for line in access if line["route"] == "tile"]
    assert made["bytes"] == known["bytes"] == size
    assert made["request"] != socket_line["request"]
    assert "request" not in known  # it was answered on the spot
    (opened,) = [line for line in found if line["logger"] == "server.canvases"]
    assert (opened["level"], opened["canvas"]) == ("info", "main")


def test_what_a_manager_is_told(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPS-5: it is ready when its canvases are open, and stops when it is asked to."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(address))
        manager.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        server.start()
        assert manager.recv(100) == b"READY=1"
        assert server.get("/readyz")
        server.stop()
        assert manager.recv(100) == b"STOPPING=1"


def test_a_manager_that_is_gone(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OPS-5: nobody who listens is no reason not to run."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    server.start()
    assert server.get("/readyz")


def test_the_containers_health_check(launch: Launch) -> None:
    """OPS-5: it says that a server lives that does."""
    server = launch()
    (command,) = [
        json.loads(line.strip().removeprefix("CMD "))
        for line in DOCKERFILE.read_text().splitlines()
        if line.startswith("    CMD ")
    ]
    environment = {**os.environ, "TILECAST_PORT": str(server.port)}
    assert (
        subprocess.run([sys.executable, *command[1:]], env=environment, check=False).returncode == 0
    )


async def test_who_is_not_let_in_is_counted(launch: Launch) -> None:
    """OPS-1: a full server's refusals by close code, refused upgrades by status."""
    server = launch("--max-connections", "1")
    async with (
        Peer(server.ws()),
        Peer(server.ws(), hello=False) as late,
        Peer(server.ws(), hello=False, subprotocols=("other",)) as stranger,
    ):
        assert await late.closed() == CloseCode.TRY_LATER
        assert await stranger.closed() == CloseCode.BAD_VERSION
    for url, origin in ((server.ws(), "https://evil.example"), (server.ws("nowhere"), None)):
        with pytest.raises(InvalidStatus):
            await Peer(url, origin=origin).open()
    told = server.get("/metrics").decode()
    for line in (
        'tilecast_closes_total{canvas="main",code="1013"} 1.0',
        'tilecast_closes_total{canvas="main",code="4406"} 1.0',
        'tilecast_connections_total{canvas="main"} 1.0',
        'tilecast_http_requests_total{route="websocket",status="101"} 3.0',
        'tilecast_http_requests_total{route="websocket",status="403"} 1.0',
        'tilecast_http_requests_total{route="websocket",status="404"} 1.0',
    ):
        assert f"{line}\n" in told
