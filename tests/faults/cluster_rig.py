"""Three NATS servers and three nodes as processes, with a line of the test's between any two."""

import asyncio
import secrets
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from server.cluster import streams
from server.cluster.link import Link, LinkOptions
from server.cluster.nats_config import NatsConfig
from tests.faults.cluster_lines import Line, Lines
from tests.nats_rig import NatsProcess, distinct_ports, start_all
from tests.process import ServerProcess
from tiles.shared.stream import StreamError

SIDE = 256
CANVAS = "main"
NODES = NATS_SERVERS = 3
ANSWER_S = 0.5
"""NATS is asked again whether it is well if it hasn't said so by then."""
WELL_WITHIN_S = 60.0
_NOBODY = "127.0.0.1:1"
_FLAGS = (
    *("--width", str(SIDE), "--height", str(SIDE), "--budget-pixels", "0"),
    *("--max-connections-per-address", "0"),
    # Tiles are being saved at nearly every moment, a few at a time.
    *("--checkpoint-interval-s", "0.1", "--checkpoint-step-tiles", "2"),
)


@dataclass(frozen=True, slots=True)
class _LinedConfig(NatsConfig):
    """A server that knows the others by lines alone, and tells nobody of any other address."""

    cluster_port: int = 0
    routes: tuple[str, ...] = ()

    def text(self) -> str:
        routes = ", ".join(f'"nats://{route}"' for route in self.routes)
        return NatsConfig.text(self) + (
            f'cluster {{ name: lined, host: "{self.host}", port: {self.cluster_port}, '
            f'advertise: "{_NOBODY}", no_advertise: true, routes: [{routes}] }}\n'
        )


class ClusterRig:
    """The processes and the lines. Use as a context manager; all is up once it is entered.

    ``doors`` are the clients' lines to each node, ``links`` each node's lines to each NATS server,
    ``routes`` the lines between NATS servers, by (who dials, who is dialled).
    """

    def __init__(self, folder: Path) -> None:
        self._lines = Lines()
        token = secrets.token_hex(8)
        free = distinct_ports()
        ports = [(next(free), next(free)) for _ in range(NATS_SERVERS)]
        self._lines.__enter__()
        self.routes: dict[tuple[int, int], Line] = {
            (one, other): self._lines.to(ports[other][1])
            for one in range(NATS_SERVERS)
            for other in range(NATS_SERVERS)
            if one != other
        }
        self.nats = [
            NatsProcess(
                _LinedConfig(
                    f"n{number}",
                    folder / f"nats{number}",
                    token,
                    port=port,
                    cluster_port=cluster_port,
                    routes=tuple(
                        f"127.0.0.1:{line.port}"
                        for (one, _), line in self.routes.items()
                        if one == number
                    ),
                )
            )
            for number, (port, cluster_port) in enumerate(ports)
        ]
        self.links = [
            [self._lines.to(server.config.port) for server in self.nats] for _ in range(NODES)
        ]
        self.nodes = [
            ServerProcess(
                folder / f"node{number}",
                *_FLAGS,
                "--cluster",
                ",".join(f"nats://{token}@127.0.0.1:{line.port}" for line in lines),
                port=next(free),
            )
            for number, lines in enumerate(self.links)
        ]
        self.doors = [self._lines.to(node.port) for node in self.nodes]

    def __enter__(self) -> Self:
        try:
            start_all(self.nats)
            with ThreadPoolExecutor(NODES) as pool:
                list(pool.map(ServerProcess.start, self.nodes))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        for node in self.nodes:
            if node.running:
                with suppress(AssertionError):
                    node.resume()
                node.kill()
        for server in self.nats:
            server.dispose()
        self._lines.__exit__(None, None, None)

    # -- what there is -------------------------------------------------------------------------

    def urls(self, first: int) -> list[str]:
        """Where clients dial: the nodes in turn, from one of them on."""
        doors = [self.doors[(first + number) % NODES] for number in range(NODES)]
        return [self.url(door) for door in doors]

    @staticmethod
    def url(door: Line) -> str:
        """A node's canvas, through its door."""
        return f"ws://127.0.0.1:{door.port}/c/{CANVAS}/ws"

    def fold(self, node: int) -> Path:
        """The file of a node's own fold."""
        return self.nodes[node].folder / "data" / "folds" / f"{CANVAS}.sqlite3"

    def lose_fold(self, node: int) -> None:
        """Delete all that a node, which doesn't run, has stored."""
        assert not self.nodes[node].running
        shutil.rmtree(self.nodes[node].folder / "data")

    def assert_all_run(self) -> None:
        """Nobody has ended but those who were killed and started again."""
        for number, node in enumerate(self.nodes):
            assert node.running, f"node {number} has ended:\n{node.log[-2000:]}"
        for server in self.nats:
            process = server._process
            assert process is not None, "a NATS server was left dead"
            assert process.poll() is None, server.log[-2000:]

    def descriptors(self, node: int) -> int:
        """How many files and sockets a node has open."""
        return int(psutil.Process(self.nodes[node]._running().pid).num_fds())

    def link(self) -> Link:
        """A link of the test's own, which no fault but a server's end touches."""
        return Link(LinkOptions(tuple(server.url for server in self.nats), silence_s=1.0))


async def leader(link: Link) -> int:
    """Which NATS server leads the canvas's stream; as soon as there is one."""
    end = time.monotonic() + WELL_WITHIN_S
    while True:
        try:
            seen = await streams.state(link, CANVAS, ANSWER_S)
        except StreamError:
            await asyncio.sleep(0.05)
        else:
            if seen.leader:
                return int(seen.leader[1:])
        assert time.monotonic() < end, "no server leads the stream"
