"""A server process that can be asked for a recount: the test's side of ``recount_server``."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from tests.process import ServerProcess

_ROOT = Path(__file__).resolve().parents[2]
_ANSWER_WITHIN_S = 60.0


class RecountedServer(ServerProcess):
    """The real server, and questions to it that no client may ask."""

    def __init__(self, folder: Path, *flags: str, port: int = 0) -> None:
        # A Unix socket's path has little room; what a test's folder is called may be long.
        self._socket = Path(f"/tmp/tilecast-{os.getpid()}-{id(self):x}.socket")
        launcher = (sys.executable, "-m", "tests.faults.recount_server", str(self._socket))
        super().__init__(folder, *flags, port=port, command=launcher)

    def end(self) -> None:
        """Kill it, if it still runs."""
        if self.running:
            self.kill()

    def recount(self) -> dict[str, Any]:
        """Stats as they are; raises AssertionError if any set, index or count is wrong."""
        answer = self._ask("recount")
        assert not answer["wrong"], answer["wrong"]
        stats: dict[str, Any] = answer["stats"]
        return stats

    def assert_no_trace(self) -> None:
        """Nothing in the server is left of those who were connected."""
        left = self._ask("traces")["left"]
        assert not left, left

    def keep_garbage(self) -> None:
        """From here on nothing looks for garbage in cycles."""
        self._ask("keep garbage")

    def assert_no_garbage(self) -> None:
        """Nothing of a connection was garbage in a cycle since then."""
        left = self._ask("garbage")["left"]
        assert not left, left

    def late_ms(self) -> list[float]:
        """By how much the loop's own timer was late since the last time, each 5 ms."""
        late: list[float] = self._ask("lateness")["late_ms"]
        return late

    @property
    def process(self) -> psutil.Process:
        """The process, to be looked at."""
        return psutil.Process(self._running().pid)

    @property
    def cpu_seconds(self) -> float:
        """CPU time that the server has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    @property
    def sockets(self) -> int:
        """TCP connections that it holds, whatever their state."""
        connections = self.process.net_connections("tcp")
        return sum(one.status != psutil.CONN_LISTEN for one in connections)

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        super()._reap(process)
        self._socket.unlink(missing_ok=True)

    def _ask(self, command: str) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as window:
            window.settimeout(_ANSWER_WITHIN_S)
            window.connect(str(self._socket))
            window.sendall(command.encode() + b"\n")
            with window.makefile("rb") as answers:
                answer: dict[str, Any] = json.loads(answers.readline())
        return answer
