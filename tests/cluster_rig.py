"""A cluster as real processes on loopback: NATS servers, and nodes with folders of their own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.nats_rig import NatsProcess, one_server
from tests.process import ServerProcess


class Cluster:
    """One NATS server and some nodes, all running."""

    def __init__(self, nats: NatsProcess, nodes: Sequence[ServerProcess]) -> None:
        self.nats = nats
        self.nodes = nodes
        self.troubled = False
        """Whether a test made trouble, which the nodes log."""

    def ws(self, node: int, canvas: str = "main") -> str:
        """A canvas's WebSocket address on a node."""
        return self.nodes[node].ws(canvas)


@contextmanager
def cluster(folder: Path, nodes: int, *flags: str) -> Iterator[Cluster]:
    """Nodes with these flags; those that still run at the end have to stop well."""
    with one_server(folder / "nats") as nats:
        all_flags = ("--cluster", nats.url, *flags)
        servers = [ServerProcess(folder / f"node{i}", *all_flags) for i in range(nodes)]
        try:
            for server in servers:
                server.start()
            made = Cluster(nats, servers)
            yield made
            for server in servers:
                if server.running and made.troubled:
                    assert server.stop()[0] == 0
                elif server.running:
                    server.stop_well()
        finally:
            for server in servers:
                if server.running:
                    server.kill()
