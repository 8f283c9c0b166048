"""Several nodes of Tilecast on one NATS server, as processes on the server's core."""

import secrets
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.cores import bound_to, server_cores
from benchmarks.server import ServerError, TilecastServer
from benchmarks.usage import cpu_seconds
from server.cluster.nats_config import (
    NatsConfig,
    find_binary,
    free_port,
    ports_file,
    read_port,
)

_READY_WITHIN_S = 30.0
_POLL_S = 0.01


class TilecastCluster:
    """So many nodes with these flags of ``tilecast serve``; a stream with one copy, synced."""

    def __init__(self, folder: Path, nodes: int, *flags: str) -> None:
        token = secrets.token_hex(8)
        self._nats_folder = folder / "nats"
        self._config = NatsConfig("bench", self._nats_folder, token, port=free_port())
        url = f"nats://{token}@{self._config.host}:{self._config.port}"
        self._nodes = [
            TilecastServer(folder / f"node{number}", "--cluster", url, *flags)
            for number in range(nodes)
        ]
        self._nats: subprocess.Popen[bytes] | None = None
        self._stack = ExitStack()

    @property
    def ports(self) -> tuple[int, ...]:
        """Where the nodes listen."""
        return tuple(node.port for node in self._nodes)

    def cpu_seconds(self) -> float:
        """CPU time that the nodes and NATS have used."""
        return sum(node.cpu_seconds() for node in self._nodes) + self.nats_cpu_seconds()

    def nats_cpu_seconds(self) -> float:
        """CPU time that NATS has used."""
        assert self._nats is not None, "it doesn't run"
        return cpu_seconds(self._nats.pid)

    def __enter__(self) -> Self:
        with self._stack:
            self._start_nats()
            for node in self._nodes:
                self._stack.enter_context(node)
            self._stack = self._stack.pop_all()
        return self

    def _start_nats(self) -> None:
        folder = self._nats_folder
        folder.mkdir(parents=True)
        file = folder / "nats.conf"
        file.write_text(self._config.text())
        binary = find_binary()
        with (folder / "log").open("ab") as log, bound_to(server_cores()):
            nats = self._nats = subprocess.Popen(
                [binary, "--config", file], stdin=subprocess.DEVNULL, stderr=log
            )
        self._stack.callback(_end, nats)
        until = time.monotonic() + _READY_WITHIN_S
        while read_port(ports_file(folder, binary, nats.pid)) is None:
            if nats.poll() is not None or time.monotonic() > until:
                raise ServerError(f"NATS didn't get ready:\n{(folder / 'log').read_text()}")
            time.sleep(_POLL_S)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()
