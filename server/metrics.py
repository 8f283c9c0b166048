"""The server's figures for Prometheus, read where they are kept when somebody asks.

No label has a value that a client made: canvases are the administrator's, codes and services ours.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from protocol.errors import CloseCode, RejectCode
from server.canvases import Canvases
from server.hub import Hub


class _Figure(NamedTuple):
    """One number of each canvas. A name in ``_total`` is a counter's, any other a gauge's."""

    name: str
    help: str
    value: Callable[[Hub], float]


_FIGURES = (
    _Figure("sessions", "Connections.", lambda hub: len(hub.sessions)),
    _Figure(
        "connections_total", "Connections that were let in.", lambda hub: hub.counts.connections
    ),
    _Figure(
        "identities",
        "Sessions in memory, connected or not.",
        lambda hub: hub.identities,
    ),
    _Figure(
        "subscriptions", "Session-tile pairs that are live.", lambda hub: hub.viewing.live.pairs
    ),
    _Figure(
        "stale_tiles",
        "Session-tile pairs that are owed a snapshot.",
        lambda hub: hub.viewing.stale_pairs,
    ),
    _Figure("seq", "Number of the last drawing message.", lambda hub: hub.seq),
    _Figure(
        "durable_seq",
        "Drawing up to this number would survive a power cut.",
        lambda hub: hub.durable_seq,
    ),
    _Figure(
        "undurable_messages",
        "Drawing messages that are ordered and not durable yet.",
        lambda hub: hub.seq - hub.durable_seq,
    ),
    _Figure(
        "commits_waiting",
        "Commits that the log has and that are not durable yet.",
        lambda hub: hub.journal.waiting.commits,
    ),
    _Figure(
        "commits_waiting_bytes",
        "Drawing that is not durable yet.",
        lambda hub: hub.journal.waiting.bytes,
    ),
    _Figure("read_only", "1 while drawing is refused for storage.", lambda hub: hub.read_only),
    _Figure("tiles", "Level-0 tiles in memory.", lambda hub: len(hub.canvas)),
    _Figure("overview_tiles", "Tiles above level 0 in memory.", lambda hub: len(hub.pyramid)),
    _Figure(
        "unsaved_tiles",
        "Tiles in memory that no checkpoint holds as they are.",
        lambda hub: len(hub.pyramid.residents.unsaved),
    ),
    _Figure(
        "tile_memory_bytes",
        "Memory that tiles of every level take.",
        lambda hub: hub.pyramid.residents.bytes,
    ),
    _Figure(
        "evicted_tiles_total",
        "Tiles that left memory.",
        lambda hub: hub.pyramid.residents.evicted,
    ),
    _Figure(
        "checkpoints_total",
        "Passes of checkpoints that came to their end.",
        lambda hub: hub.checkpointer.passes,
    ),
    _Figure("flushes_total", "Flushes to sessions.", lambda hub: hub.fanout.flushes),
    _Figure("flush_seconds_total", "Time that flushes took.", lambda hub: hub.fanout.flush_s),
    _Figure(
        "sent_bytes_total",
        "Written to sessions by flushes, frames' heads included.",
        lambda hub: hub.fanout.sent_bytes,
    ),
)


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


def read(canvases: Canvases, answers: Mapping[int, int]) -> Reading:
    """The figures of now. ``answers`` counts HTTP answers by status."""
    return Reading(_families(canvases, answers))


def _families(canvases: Canvases, answers: Mapping[int, int]) -> Iterator[Metric]:
    hubs = list(canvases.all())
    yield GaugeMetricFamily(
        "tilecast_ready", "1 when every canvas is up.", value=float(canvases.ready)
    )
    for figure in _FIGURES:
        yield _by_canvas(figure, hubs)
    yield _by_code(
        "rejects", "Drawing messages refused, by REJECT code.", hubs, RejectCode, _rejects
    )
    yield _by_code("closes", "Connections that the server closed.", hubs, CloseCode, _closes)
    if canvases.memory is not None:
        memory = canvases.memory
        yield _total("memory_budget_bytes", "What tiles may take.", memory.budget_bytes)
        yield _total("memory_used_bytes", "What all tiles take.", memory.used_bytes)
        yield _total("memory_unsaved_bytes", "What unsaved tiles take.", memory.unsaved_bytes)
    yield from _services(canvases)
    counted = CounterMetricFamily("tilecast_http_answers", "HTTP answers.", labels=("status",))
    for status in sorted(answers):
        counted.add_metric((str(status),), answers[status])
    yield counted


def _by_canvas(figure: _Figure, hubs: list[Hub]) -> Metric:
    kind = CounterMetricFamily if figure.name.endswith("_total") else GaugeMetricFamily
    family = kind(f"tilecast_{figure.name}", figure.help, labels=("canvas",))
    for hub in hubs:
        family.add_metric((hub.name,), float(figure.value(hub)))
    return family


def _rejects(hub: Hub) -> Mapping[int, int]:
    return hub.counts.rejects


def _closes(hub: Hub) -> Mapping[int, int]:
    return hub.counts.closes


def _by_code(
    name: str,
    text: str,
    hubs: list[Hub],
    codes: Iterable[int],
    counts: Callable[[Hub], Mapping[int, int]],
) -> Metric:
    """Every code there is, also those that never came, so that the first of it is a rise."""
    family = CounterMetricFamily(f"tilecast_{name}", text, labels=("canvas", "code"))
    for hub in hubs:
        for code in codes:
            family.add_metric((hub.name, str(int(code))), counts(hub).get(code, 0))
    return family


def _total(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"tilecast_{name}", text, value=value)


def _services(canvases: Canvases) -> Iterator[Metric]:
    labels = ("canvas", "service")
    restarts = CounterMetricFamily(
        "tilecast_service_restarts", "Failures that the service came back from.", labels=labels
    )
    up = GaugeMetricFamily("tilecast_service_up", "0 between failure and restart.", labels=labels)
    for service in canvases.supervisor or ():
        restarts.add_metric((service.canvas, service.name), service.restarts)
        up.add_metric((service.canvas, service.name), float(service.up))
    yield restarts
    yield up
