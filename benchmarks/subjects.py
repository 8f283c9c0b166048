"""Who is measured: Tilecast, and whatever else delivers pixels to those who look at them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from benchmarks.cluster import TilecastCluster
from benchmarks.cores import server_cores
from benchmarks.peers import start as peers
from benchmarks.peers.dialects import DIALECTS
from benchmarks.server import TilecastServer
from benchmarks.usage import cpu_seconds
from benchmarks.views import HOT_CANVAS

TILECAST_DIALECT = "benchmarks.load.tilecast:TilecastDialect"


class Running(Protocol):
    """A server that is up."""

    @property
    def ports(self) -> Sequence[int]:
        """Where it listens, on the loopback: of each of its nodes."""

    def cpu_seconds(self) -> float:
        """CPU time that it has used."""


class Subject(NamedTuple):
    """One kind of server: its name, how clients speak to it, how it is started."""

    name: str
    dialect: str
    """As :func:`benchmarks.load.worker.dialect_maker` takes it."""
    broadcasts: bool
    checks: bool
    """Whether the dialect can look closely: :class:`benchmarks.load.dialect.Checking`."""
    start: Callable[[Path], AbstractContextManager[Running]]


def tilecast(canvas: tuple[int, int] = HOT_CANVAS, *flags: str) -> Subject:
    """Tilecast with a canvas of this size; ``flags`` only where a row says which and why."""
    width, height = canvas

    def start(folder: Path) -> AbstractContextManager[Running]:
        size = ("--width", str(width), "--height", str(height))
        return TilecastServer(folder, *size, *flags)

    return Subject("Tilecast", TILECAST_DIALECT, False, True, start)


def cluster(nodes: int, canvas: tuple[int, int] = HOT_CANVAS) -> Subject:
    """So many nodes of Tilecast and one NATS server, all on the server's core."""
    width, height = canvas

    def start(folder: Path) -> AbstractContextManager[Running]:
        size = ("--width", str(width), "--height", str(height))
        return TilecastCluster(folder, nodes, *size)

    name = f"cluster of {nodes}"
    return Subject(name, TILECAST_DIALECT, False, True, start)


EACH_CHANGE = {
    "fastapi": "FastAPI, broadcast",
    "ws-each": "Node ws, rooms",
    "socketio": "Socket.IO, rooms",
}
"""Peers that send each change by itself, by kind: how the report calls them."""
BATCHING = {"ws-batched": "Node ws, rooms, 16 ms", "nats": "NATS over WebSocket"}
"""Peers that gather changes before they send; NATS joins what waits for a client into one write."""
_FLOOR = "C loop, same frames"
PEERS = {
    kind: name for kind in peers.KINDS for name in [(EACH_CHANGE | BATCHING).get(kind)] if name
}
"""All peers that do the job, in the report's order."""


def peer(kind: str) -> Subject:
    """One of :data:`PEERS`."""
    return _peer(kind, PEERS[kind], None)


def floor(what: peers.Floor) -> Subject:
    """The C loop that writes such frames so often to everybody, whatever happens."""
    return _peer("floor", _FLOOR, what)


class _RunningPeer:
    def __init__(self, pid: int, port: int) -> None:
        self.ports = (port,)
        self._pid = pid

    def cpu_seconds(self) -> float:
        """CPU time that it and its children have used."""
        return cpu_seconds(self._pid)


def _peer(kind: str, name: str, what: peers.Floor | None) -> Subject:
    @contextmanager
    def start(folder: Path) -> Iterator[Running]:
        folder.mkdir(parents=True, exist_ok=True)
        running = peers.start(kind, folder, floor=what, cpus=server_cores())
        try:
            yield _RunningPeer(running.process.pid, running.port)
        finally:
            running.stop()

    dialect = DIALECTS[kind]
    where = f"{dialect.__module__}:{dialect.__qualname__}"
    return Subject(name, where, dialect.broadcasts, False, start)
