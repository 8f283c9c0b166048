"""What a node of a cluster tells to Prometheus."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import Metric

from server.exposition import counter, gauge, single

if TYPE_CHECKING:
    from server.canvases import Canvases


class ClusterFigures:
    """The families of a node; none where the server is no node. A source of figures."""

    def __init__(self, canvases: "Canvases") -> None:
        self._canvases = canvases

    def __call__(self) -> Iterator[Metric]:
        """The families of now."""
        node = self._canvases.node
        if node is None:
            return
        yield gauge("cluster_up", "1 while NATS is connected.", (), single(node.link.up))
        yield counter(
            "cluster_connects",
            "Connections made to NATS, the first included.",
            (),
            single(node.link.connects),
        )
        yield counter(
            "cluster_bus_dropped_messages",
            "Cursors, presence and the like that could not be sent to other nodes.",
            (),
            single(node.bus.dropped),
        )
        hubs = list(self._canvases.all())
        yield gauge(
            "cluster_behind_entries",
            "Entries of the canvas's stream that this node has not applied, as far as it knows.",
            ("canvas",),
            [((hub.name,), hub.behind) for hub in hubs],
        )
        yield counter(
            "cluster_reopened",
            "Times that a canvas was begun anew, since its stream wasn't what it had been.",
            (),
            single(self._canvases.reopened),
        )
