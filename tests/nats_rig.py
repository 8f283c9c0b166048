"""NATS servers as real processes on loopback, to be talked to, paused and killed."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from server.cluster import streams
from server.cluster.link import Link
from server.cluster.nats_config import (
    Cluster,
    NatsConfig,
    find_binary,
    free_port,
    ports_file,
    read_port,
)
from tiles.shared.stream import StreamError

READY_WITHIN_S = 30.0
POLL_S = 0.005


class NatsProcess:
    """A server over a folder. It can be started again on the same folder and port after its end."""

    def __init__(self, config: NatsConfig) -> None:
        self.config = config
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False
        config.folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """Its address, with the token."""
        return f"nats://{self.config.token}@{self.config.host}:{self.config.port}"

    @property
    def log(self) -> str:
        """All that it said, over all starts."""
        return (self.config.folder / "log").read_text(errors="replace")

    def launch(self, text: str = "") -> None:
        """Start the process, and don't wait for it; ``text`` is its configuration, if another."""
        assert self._process is None, "it runs already"
        file = self.config.folder / "nats.conf"
        file.write_text(text or self.config.text())
        with (self.config.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [find_binary(), "--config", file], stdin=subprocess.DEVNULL, stderr=log
            )

    def wait_until_ready(self) -> None:
        """Wait until it takes connections."""
        assert self._process is not None, "it doesn't run"
        said = ports_file(self.config.folder, find_binary(), self._process.pid)
        end = time.monotonic() + READY_WITHIN_S
        while read_port(said) is None:
            assert self._process.poll() is None, f"it ended:\n{self.log}"
            assert time.monotonic() < end, f"it isn't ready:\n{self.log}"
            time.sleep(POLL_S)

    def start(self) -> None:
        """Start, and wait until it is ready."""
        self.launch()
        self.wait_until_ready()

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it cleanly."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """Let it do nothing, its connections staying open, until :meth:`resume`."""
        assert self._process is not None, "it doesn't run"
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)  # all of its threads
        self._paused = True

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None, "it doesn't run"
        self._process.send_signal(signal.SIGCONT)
        self._paused = False

    def dispose(self) -> None:
        """End it if it runs."""
        if self._process is not None:
            self.kill()

    def save_store(self) -> None:
        """Keep a copy of what it stores now; it must not run."""
        assert self._process is None, "it runs"
        shutil.copytree(self.config.folder / "store", self.config.folder / "saved")

    def restore_store(self) -> None:
        """Put that copy in place of what it stores; it must not run."""
        assert self._process is None, "it runs"
        shutil.rmtree(self.config.folder / "store")
        shutil.copytree(self.config.folder / "saved", self.config.folder / "store")

    def forget_store(self) -> None:
        """Lose all that it stores; it must not run."""
        assert self._process is None, "it runs"
        shutil.rmtree(self.config.folder / "store")

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None, "it doesn't run"
        if self._paused:
            self.resume()
        self._process.send_signal(number)
        self._process.wait(READY_WITHIN_S)
        self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.dispose()


def one_server(folder: Path, *, sync_interval: str = "always") -> NatsProcess:
    """A server by itself, not started yet."""
    token = secrets.token_hex(8)
    return NatsProcess(
        NatsConfig("alone", folder, token, port=free_port(), sync_interval=sync_interval)
    )


def start_all(servers: Sequence[NatsProcess]) -> None:
    """Start servers that need each other, and wait until all are ready."""
    for server in servers:
        server.launch()
    for server in servers:
        server.wait_until_ready()


class NatsTrio:
    """Three servers that are one cluster. Use as a context manager."""

    def __init__(self, folder: Path, *, sync_interval: str = "always") -> None:
        token = secrets.token_hex(8)
        ports = distinct_ports()
        routes = [next(ports) for _ in range(3)]
        urls = tuple(f"nats://127.0.0.1:{port}" for port in routes)
        self.servers = [
            NatsProcess(
                NatsConfig(
                    f"n{number}",
                    folder / f"n{number}",
                    token,
                    port=next(ports),
                    sync_interval=sync_interval,
                    cluster=Cluster("tilecast", port, urls),
                )
            )
            for number, port in enumerate(routes, 1)
        ]

    @property
    def urls(self) -> tuple[str, ...]:
        """The addresses of all."""
        return tuple(server.url for server in self.servers)

    def named(self, name: str) -> NatsProcess:
        """A server by its name."""
        return next(server for server in self.servers if server.config.name == name)

    def __enter__(self) -> Self:
        try:
            start_all(self.servers)
        except BaseException:
            self.dispose()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.dispose()

    def dispose(self) -> None:
        """End all that run."""
        for server in self.servers:
            server.dispose()


async def create_stream(link: Link, canvas: str, epoch: int, replicas: int) -> None:
    """Make a stream as soon as the servers can: they elect who decides that first."""
    end = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            await streams.create(link, canvas, epoch, replicas)
        except StreamError:
            assert time.monotonic() < end, "the servers don't agree"
        else:
            return


async def leader_of(link: Link, canvas: str) -> str:
    """The name of the server that leads a canvas's stream, as soon as there is one."""
    end = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            found = (await streams.state(link, canvas)).leader
        except StreamError:
            found = ""
        if found:
            return found
        assert time.monotonic() < end, "no server leads the stream"


def distinct_ports() -> Iterator[int]:
    """Free ports, none twice."""
    seen = {0}
    while True:
        port = free_port()
        if port not in seen:
            seen.add(port)
            yield port
