"""The real `tilecast serve`, as a process of its own, to be talked to, stopped and killed."""

import io
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import psutil
from PIL import Image

from tiles.log.base import CanvasInfo
from tiles.log.sqlite import create
from tiles.raster import Bytes

COMMAND = Path(sys.executable).parent / "tilecast"
READY = re.compile(rb"http://127\.0\.0\.1:(\d+)/")
READY_WITHIN_S = 30.0
STOP_WITHIN_S = 5.0
"""What the design promises for a clean stop; the processes of a busy machine get as much again."""
TROUBLE = re.compile(
    r"Traceback|^\S+ \S+ (?:ERROR|CRITICAL) |never retrieved|never awaited|Exception in", re.M
)


class NotReady(Exception):
    """The server ended, or took too long, before it said that it is ready."""


class ServerProcess:
    """A server over a data folder. It can be started again on the same folder after its end.

    ``command`` is what takes the flags of ``tilecast serve``.
    """

    def __init__(
        self,
        folder: Path,
        *flags: str,
        port: int = 0,
        command: Sequence[str] = (str(COMMAND), "serve"),
    ) -> None:
        self.folder = folder
        self.port = port
        """0: a free one, known once the server is ready; kept over restarts."""
        self._flags = flags
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "server.log"
        folder.mkdir(parents=True, exist_ok=True)

    # -- life ----------------------------------------------------------------------------------

    def launch(self) -> None:
        """Start the process, and don't wait for it."""
        assert self._process is None, "it runs already"
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("TILECAST_")
        }
        data = str(self.folder / "data")
        flags = ("--port", str(self.port), "--data", data, *self._flags)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, *flags],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )

    def start(self) -> float:
        """Start, and wait until it is ready; how many seconds that took."""
        began = time.monotonic()
        self.launch()
        try:
            self.wait_until_ready()
        except NotReady:
            self.kill()
            raise
        return time.monotonic() - began

    def wait_until_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Wait for the line that names the address. Raises :class:`NotReady`."""
        process = self._running()
        assert process.stdout is not None
        said = b""
        end = time.monotonic() + within_s
        while (found := READY.search(said)) is None:
            left = max(0.0, end - time.monotonic())
            if not select.select([process.stdout], [], [], left)[0]:
                raise NotReady(f"not within {within_s} s:\n{self.log}")
            chunk = os.read(process.stdout.fileno(), 4096)
            if not chunk:
                raise NotReady(f"it ended with {process.wait()}:\n{self.log}")
            said += chunk
        self.port = int(found[1])

    def kill(self) -> None:
        """End it as a crash would."""
        process = self._running()
        process.kill()
        self._reap(process)

    def pause(self) -> None:
        """Let it do nothing, its connections staying open, until :meth:`resume`."""
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._running().send_signal(signal.SIGCONT)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Ask it to stop and wait; its exit code, and how many seconds that took."""
        process = self._running()
        began = time.monotonic()
        process.send_signal(number)
        try:
            code = process.wait(2 * STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        took = time.monotonic() - began
        self._reap(process)
        return code, took

    def stop_well(self) -> None:
        """Stop, and hold the server to a clean end and a log without trouble."""
        code, took = self.stop()
        assert code == 0, f"it ended with {code}:\n{self.log}"
        assert took < STOP_WITHIN_S, f"stopping took {took:.1f} s"
        self.assert_log_clean()

    @property
    def running(self) -> bool:
        """Whether there is a process that hasn't ended."""
        return self._process is not None and self._process.poll() is None

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it doesn't run"
        return self._process

    def _reap(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        self._process = None

    # -- what it says --------------------------------------------------------------------------

    @property
    def log(self) -> str:
        """All that it wrote to standard error, over all starts."""
        return self._log.read_text(errors="replace")

    def assert_log_clean(self) -> None:
        """Nothing failed that nobody expected."""
        found = TROUBLE.search(self.log)
        assert found is None, f"the log holds {found[0]!r}:\n{self.log[-8000:]}"

    @property
    def memory_bytes(self) -> int:
        """Its resident memory."""
        return int(psutil.Process(self._running().pid).memory_info().rss)

    @property
    def http(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def ws(self, canvas: str = "main") -> str:
        """A canvas's WebSocket address."""
        return f"ws://127.0.0.1:{self.port}/c/{canvas}/ws"

    def get(self, path: str) -> bytes:
        """What an HTTP path answers. Raises ``urllib.error.HTTPError``."""
        with urlopen(self.http + path, timeout=10) as response:
            content: bytes = response.read()
            return content

    def stats(self, canvas: str = "main") -> dict[str, Any]:
        """A canvas's figures."""
        stats: dict[str, Any] = json.loads(self.get(f"/c/{canvas}/stats"))
        return stats

    def region(self, x0: int, y0: int, x1: int, y1: int, scale: str = "1") -> Bytes:
        """What ``region.png`` shows of a canvas rectangle: (height, width, 3) uint8."""
        path = f"/c/main/region.png?x0={x0}&y0={y0}&x1={x1}&y1={y1}&scale={scale}"
        with Image.open(io.BytesIO(self.get(path))) as image:
            return np.asarray(image.convert("RGB"))

    # -- its folder ----------------------------------------------------------------------------

    def canvas_file(self, canvas: str = "main") -> Path:
        """The file that holds a canvas."""
        return self.folder / "data" / f"{canvas}.sqlite3"

    def make_canvas(self, name: str, info: CanvasInfo) -> None:
        """Make a canvas; the server must not run."""
        assert self._process is None, "it runs already"
        create(self.canvas_file(name), info)
