"""``tilecast serve`` as a process: its start, its end, and commands beside it."""

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from protocol.codec import decode, encode
from protocol.messages import NEW_SESSION, SUBPROTOCOL, VERSION, Hello, Notice, Viewport
from protocol.types import Sender
from server.cli import main

READY = re.compile(r"Tilecast is ready: (http://(?:127\.0\.0\.1|\[::1\]):\d+)/\n")
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = 5


class Server:
    """A server process on a free port."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "server.cli", "serve", "--port", "0", *arguments]
        root = str(Path(__file__).resolve().parents[2])
        self.log = folder / "log.txt"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": root},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        found = READY.fullmatch(self.process.stdout.readline())
        assert found, self.log.read_text()
        self.url = found[1]

    def get(self, path: str) -> Any:
        """GET some JSON."""
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return json.load(answer)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)

    def close(self) -> None:
        """End it, however it stands."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Starts servers in a folder, and ends them with the test."""
    monkeypatch.chdir(tmp_path)
    with ExitStack() as stack:

        def start(*arguments: str) -> Server:
            server = Server(tmp_path, *arguments)
            stack.callback(server.close)
            return server

        yield start


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself, in the working directory."""
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.run(
        [sys.executable, "-m", "server.cli", *arguments],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_start_and_stop(servers: Any, tmp_path: Path, number: int) -> None:
    """CLI-1, CLI-3: the address when it is ready; a clean end, and nothing is left running."""
    server = servers()
    assert server.get("/readyz") == {"ready": True}
    epoch = server.get("/c/main/stats")["epoch"]
    control = tmp_path / "data" / "server.json"
    assert stat.S_IMODE(control.stat().st_mode) == 0o600
    assert json.loads(control.read_text())["pid"] == server.process.pid
    assert server.stop(number) == 0
    assert server.process.stdout.read() == ""
    assert "Traceback" not in server.log.read_text()
    assert not control.exists()
    # A clean stop keeps the epoch.
    assert servers().get("/c/main/stats")["epoch"] == epoch


def test_a_crash_changes_the_epoch(servers: Any) -> None:
    """CLI-2: what a killed server left behind is in nobody's way."""
    server = servers()
    epoch = server.get("/c/main/stats")["epoch"]
    server.stop(signal.SIGKILL)
    assert run("canvas", "list").returncode == 0
    assert servers().get("/c/main/stats")["epoch"] != epoch


def test_settings_reach_the_server(servers: Any, tmp_path: Path) -> None:
    """SET-1: from flag, environment and file."""
    (tmp_path / "tilecast.toml").write_text('background = "#102030"\n')
    server = servers("--canvas", "wall", "--width", "70", "--height", "50", "--host", "localhost")
    assert server.get("/api/canvases") == {
        "default": "wall",
        "canvases": [
            {
                "name": "wall",
                "title": "",
                "width": 70,
                "height": 50,
                "levels": 2,
                "background": "#102030",
                "palette": None,
                "frozen": False,
            }
        ],
    }


def test_two_servers_on_one_folder(servers: Any) -> None:
    """CLI-1, CLI-2: the second one says so and fails."""
    server = servers()
    second = run("serve", "--port", "0")
    assert second.returncode == 1
    assert second.stdout == ""
    assert "data is in use by another Tilecast" in second.stderr.splitlines()[-1]
    assert "Traceback" not in second.stderr
    assert server.get("/readyz") == {"ready": True}


def test_a_taken_port(servers: Any, tmp_path: Path) -> None:
    """CLI-1: one line, and the folder is free again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        failed = run("serve", "--port", str(port))
    assert failed.returncode == 1
    assert f"can't listen on 127.0.0.1:{port}" in failed.stderr.splitlines()[-1]
    assert "Traceback" not in failed.stderr
    servers()


def test_a_damaged_canvas(servers: Any, tmp_path: Path) -> None:
    """CLI-1: a canvas that can't be opened keeps the server from starting, and is named."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "old.sqlite3").write_text("this is no database at all, only words")
    failed = run("serve", "--port", "0")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert "the canvas old can't be opened" in failed.stderr.splitlines()[-1]
    assert "Traceback" not in failed.stderr


def test_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLI-1: 2, before anything is touched."""
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ("serve", "--port", "x"),
        ("serve", "--no-such-flag"),
        ("serve", "--config", "no.toml"),
        ("fly",),
        (),
    ):
        failed = run(*arguments)
        assert failed.returncode == 2
        assert failed.stdout == ""
        assert "Traceback" not in failed.stderr
    assert list(tmp_path.iterdir()) == []


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """CLI-1: help and version go well."""
    for arguments in (["--version"], ["--help"], ["serve", "--help"], ["canvas", "set", "--help"]):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 0
    assert "tilecast " in capsys.readouterr().out


def test_canvas_commands_beside_a_server(servers: Any, tmp_path: Path) -> None:
    """CLI-2: they act through the server, and what they did is there after it."""
    server = servers()
    Image.new("RGB", (300, 100), (9, 8, 7)).save(tmp_path / "image.png")
    made = run("canvas", "create", "second", "--from", "image.png", "--title", "Zweite")
    assert (made.returncode, made.stderr) == (0, "")
    assert [c["name"] for c in server.get("/api/canvases")["canvases"]] == ["main", "second"]
    assert server.get("/c/second/stats")["seq"] == 2
    assert run("canvas", "set", "second", "--palette", "#000", "--frozen").returncode == 0
    changed = server.get("/api/canvases")["canvases"][1]
    assert (changed["palette"], changed["frozen"]) == (["#000000"], True)
    again = run("canvas", "create", "second")
    assert (again.returncode, again.stdout) == (1, "")
    assert "there is a canvas second already" in again.stderr
    beside = run("canvas", "info", "second", "--json")
    missing = run("canvas", "info", "third")
    assert missing.returncode == 1
    assert "There is no canvas 'third'." in missing.stderr
    assert server.stop() == 0
    after = run("canvas", "info", "second", "--json")
    assert json.loads(after.stdout) == json.loads(beside.stdout)
    assert json.loads(after.stdout)["title"] == "Zweite"


def test_websockets_are_refused_with_a_problem(servers: Any) -> None:
    """HTTP-5: an unknown canvas is told before the upgrade."""
    server = servers()
    request = urllib.request.Request(
        f"{server.url}/c/nothing/ws",
        headers={
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 404
    with refused.value as answer:
        assert answer.headers["content-type"] == "application/problem+json"


def hear(client: ClientConnection, told: list[object]) -> None:
    """Collect what the server says until the connection ends."""
    while True:
        frame = client.recv(10)
        assert isinstance(frame, bytes)
        told += decode(frame, Sender.SERVER)


def test_stop_with_clients_connected(servers: Any) -> None:
    """CLI-3: neither an idle connection nor a client that reads nothing keeps it from ending."""
    server = servers()
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))):
        address, spoken = f"ws://{host}:{port}/c/main/ws", [Subprotocol(SUBPROTOCOL)]
        with connect(address, subprotocols=spoken) as client:
            client.send(encode(Hello(VERSION, NEW_SESSION, "")) + encode(Viewport(0, 0, 0, 9, 9)))
            client.recv(10)
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            told: list[object] = []
            with pytest.raises(ConnectionClosed) as closed:
                hear(client, told)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
            assert any(isinstance(message, Notice) for message in told)
        assert server.process.wait(STOP_TIMEOUT_S) == 0
        assert time.monotonic() - started < STOP_TIMEOUT_S


def test_a_large_image_beside_a_server(servers: Any, tmp_path: Path) -> None:
    """CLI-2: an upload of megabytes is not taken for a long head."""
    pixels = np.random.default_rng(5).integers(0, 256, (1000, 1100, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    server = servers()
    made = run("canvas", "create", "noise", "--from", "noise.png")
    assert (made.returncode, made.stderr) == (0, "")
    address = f"{server.url}/c/noise/region.png?x0=0&y0=0&x1=1099&y1=999"
    with urllib.request.urlopen(address, timeout=10) as answer, Image.open(answer) as image:
        assert (np.asarray(image) == pixels).all()


LOADED = """
import sys
from server.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    print(*sorted(sys.modules), sep="\\n", file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("command", "others"),
    [
        ("serve", {"nats", "server.cluster.node", "server.workers.parent", "server.cli_migrate"}),
        ("check", {"nats", "server.serve"}),
        ("migrate", {"server.cli_serve"}),
    ],
)
def test_what_a_command_loads(command: str, others: set[str]) -> None:
    """CLI-5: not what it takes another command, or a cluster, for; all of them know its help."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, command, "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"usage: tilecast {command}" in done.stdout
    loaded = set(done.stderr.split())
    assert f"server.cli_{command}" in loaded
    assert not loaded & others
