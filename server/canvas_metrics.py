"""What each canvas has to tell to Prometheus."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client.metrics_core import Metric

from protocol.errors import CloseCode, RejectCode
from server.exposition import counter, gauge, histogram
from server.histogram import Histogram
from server.hub import Hub


class _Figure(NamedTuple):
    """One number of each canvas."""

    name: str
    help: str
    value: Callable[[Hub], float]


class _Distribution(NamedTuple):
    """One histogram of each canvas."""

    name: str
    help: str
    value: Callable[[Hub], Histogram]


_GAUGES = (
    _Figure("sessions", "Connections.", lambda hub: len(hub.sessions)),
    _Figure("identities", "Sessions in memory, connected or not.", lambda hub: hub.identities),
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
    _Figure(
        "rasterising_messages",
        "Dear drawing messages that wait for being rasterised, or are in work.",
        lambda hub: hub.ordering.rasterising,
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
)
_COUNTERS = (
    _Figure("connections", "Connections that were let in.", lambda hub: hub.counts.connections),
    _Figure("drawing_messages", "Drawing messages since the canvas was made.", lambda hub: hub.seq),
    _Figure("received_frames", "Frames that clients sent.", lambda hub: hub.counts.received_frames),
    _Figure(
        "received_bytes",
        "Payload of the frames that clients sent.",
        lambda hub: hub.counts.received_bytes,
    ),
    _Figure(
        "delivered_messages",
        "Drawing messages given to live sessions, once for each message and session.",
        lambda hub: hub.fanout.delivered_messages,
    ),
    _Figure(
        "sent_bytes",
        "Written to sessions by flushes, heads of frames included.",
        lambda hub: hub.fanout.sent_bytes,
    ),
    _Figure("evicted_tiles", "Tiles that left memory.", lambda hub: hub.pyramid.residents.evicted),
    _Figure(
        "checkpoints",
        "Passes of checkpoints that came to their end.",
        lambda hub: hub.checkpointer.passes,
    ),
)
_HISTOGRAMS = (
    _Distribution(
        "flush_seconds",
        "Time that a flush took, with the writes that it led to.",
        lambda hub: hub.fanout.flush_times,
    ),
    _Distribution(
        "commit_seconds",
        "Time from handing a commit to the log until it was known to be durable.",
        lambda hub: hub.journal.commit_times,
    ),
)


def canvas_families(hubs: Sequence[Hub]) -> Iterator[Metric]:
    """The families of all canvases, labelled by ``canvas``."""
    labels = ("canvas",)
    for figure in _GAUGES:
        yield gauge(
            figure.name, figure.help, labels, [((hub.name,), figure.value(hub)) for hub in hubs]
        )
    for figure in _COUNTERS:
        yield counter(
            figure.name, figure.help, labels, [((hub.name,), figure.value(hub)) for hub in hubs]
        )
    for distribution in _HISTOGRAMS:
        yield histogram(
            distribution.name,
            distribution.help,
            labels,
            [((hub.name,), distribution.value(hub)) for hub in hubs],
        )
    yield _by_code(
        "rejects", "Drawing messages refused, by REJECT code.", hubs, RejectCode, _rejects
    )
    yield _by_code(
        "closes",
        "Connections that the server closed or didn't let in, by close code.",
        hubs,
        CloseCode,
        _closes,
    )


def _rejects(hub: Hub) -> Mapping[int, int]:
    return hub.counts.rejects


def _closes(hub: Hub) -> Mapping[int, int]:
    return hub.counts.closes


def _by_code(
    name: str,
    text: str,
    hubs: Sequence[Hub],
    codes: Iterable[int],
    counts: Callable[[Hub], Mapping[int, int]],
) -> Metric:
    """Every code there is, also those that never came, so that the first of it is a rise."""
    values = [
        ((hub.name, str(int(code))), counts(hub).get(code, 0)) for hub in hubs for code in codes
    ]
    return counter(name, text, ("canvas", "code"), values)
