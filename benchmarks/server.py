"""The real ``tilecast serve``, as a process of its own on the server's core."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

from benchmarks.cores import bound_to, server_cores
from benchmarks.usage import cpu_seconds, resident_bytes

_COMMAND = Path(sys.executable).parent / "tilecast"
_READY = re.compile(rb"http://127\.0\.0\.1:(\d+)/")
_READY_WITHIN_S = 300.0
_STOP_WITHIN_S = 30.0


class ServerError(Exception):
    """The server didn't start or stop as it should; the text holds its log."""


class TilecastServer:
    """A server over ``folder``/data; it can be started again after its end.

    ``flags`` are those of ``tilecast serve``; all other settings keep their defaults.
    """

    def __init__(self, folder: Path, *flags: str) -> None:
        self.port = 0
        self._folder = folder
        self._flags = flags
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> float:
        """Start and wait for the line that says it is ready; seconds since before the exec."""
        began = time.monotonic()
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("TILECAST_")
        }
        data = str(self._folder / "data")
        with self._log.open("ab") as log, bound_to(server_cores()):
            self._process = subprocess.Popen(
                [_COMMAND, "serve", "--port", str(self.port), "--data", data, *self._flags],
                cwd=self._folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        said = b""
        while (found := _READY.search(said)) is None:
            left = max(0.0, began + _READY_WITHIN_S - time.monotonic())
            ready, _, _ = select.select([self._process.stdout], [], [], left)
            chunk = os.read(self._process.stdout.fileno(), 4096) if ready else b""
            if not chunk:
                self.kill()
                raise ServerError(f"the server didn't get ready:\n{self.log()}")
            said += chunk
        took = time.monotonic() - began
        self.port = int(found[1])
        return took

    @property
    def ports(self) -> tuple[int]:
        """Where it listens."""
        return (self.port,)

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None, "it doesn't run"
        return self._process.pid

    def cpu_seconds(self) -> float:
        """CPU time that it has used."""
        return cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        """Its resident memory."""
        return resident_bytes(self.pid)

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None, "it doesn't run"
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._process = None

    def stop(self) -> None:
        """Stop it well. Raises :class:`ServerError`."""
        assert self._process is not None, "it doesn't run"
        assert self._process.stdout is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerError(f"the server didn't stop:\n{self.log()}") from None
        self._process.stdout.close()
        self._process = None
        if code != 0:
            raise ServerError(f"the server ended with {code}:\n{self.log()}")

    def log(self) -> str:
        """The end of what it wrote to standard error."""
        return self._log.read_text(errors="replace")[-4000:]

    def get(self, path: str) -> bytes:
        """What an HTTP path answers. Raises ``urllib.error.HTTPError``."""
        with urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as response:
            content: bytes = response.read()
            return content

    def stats(self) -> dict[str, Any]:
        """The canvas's figures."""
        stats: dict[str, Any] = json.loads(self.get("/c/main/stats"))
        return stats

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        if error is None:
            self.stop()
        else:
            self.kill()
            print(self.log(), file=sys.stderr)
