"""The server's figures for Prometheus, read where they are kept when somebody asks.

No label has a value that a client made: canvases are the administrator's; codes, services, routes
and statuses ours. A part that has more to tell gives :class:`Figures` a source of its own.
"""

import importlib.metadata
import platform
from collections.abc import Iterable, Iterator

from prometheus_client import ProcessCollector
from prometheus_client.core import InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from server.canvas_metrics import canvas_families
from server.canvases import Canvases
from server.exposition import PREFIX, Source, counter, gauge, histogram, single
from server.loop_lag import LoopLag
from server.settings import Settings


class Reading(Collector):
    """The families of one moment, to be written as text elsewhere than on the event loop.

    The process's own are read there.
    """

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield from self._families
        yield from ProcessCollector(registry=None).collect()


class Figures:
    """All that one server tells."""

    def __init__(self, *sources: Source) -> None:
        self._sources = list(sources)

    def add(self, source: Source) -> None:
        """Have one more part tell."""
        self._sources.append(source)

    def read(self) -> Reading:
        """The figures of now."""
        return Reading(family for source in self._sources for family in source())


class ServerFigures:
    """What is the whole server's, and its canvases'. A :data:`server.exposition.Source`."""

    def __init__(self, canvases: Canvases, settings: Settings, lag: LoopLag) -> None:
        self._canvases = canvases
        self._max_connections = settings.max_connections
        self._lag = lag
        self._build = {
            "version": importlib.metadata.version("tilecast"),
            "python": platform.python_version(),
        }

    def __call__(self) -> Iterator[Metric]:
        """The families of now."""
        canvases = self._canvases
        yield InfoMetricFamily(PREFIX + "build", "What runs here.", self._build)
        yield gauge("ready", "1 when every canvas is up.", (), single(canvases.ready))
        yield gauge(
            "max_connections",
            "Connections that are let in at once; 0 is no limit.",
            (),
            single(self._max_connections),
        )
        yield histogram(
            "event_loop_lag_seconds",
            "By how much the event loop missed the time of a timer, ten times a second.",
            (),
            [((), self._lag.lateness)],
        )
        yield from canvas_families(list(canvases.all()))
        yield from self._memory()
        yield from self._services()

    def _memory(self) -> Iterator[Metric]:
        memory = self._canvases.memory
        if memory is None:
            return
        for name, text, value in (
            ("memory_budget_bytes", "What tiles may take.", memory.budget_bytes),
            ("memory_used_bytes", "What all tiles take.", memory.used_bytes),
            ("memory_unsaved_bytes", "What unsaved tiles take.", memory.unsaved_bytes),
        ):
            yield gauge(name, text, (), single(value))

    def _services(self) -> Iterator[Metric]:
        labels = ("canvas", "service")
        services = list(self._canvases.supervisor or ())
        yield counter(
            "service_restarts",
            "Failures that the service came back from.",
            labels,
            [((service.canvas, service.name), service.restarts) for service in services],
        )
        yield gauge(
            "service_up",
            "0 between failure and restart.",
            labels,
            [((service.canvas, service.name), service.up) for service in services],
        )
