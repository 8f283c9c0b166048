"""Metric families for Prometheus from the figures that the server's parts keep.

Names have the base unit at their end (``_seconds``, ``_bytes``); the exposition adds ``_total`` to
a counter's. Helps are sentences.
"""

from collections.abc import Callable, Iterable, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from server.histogram import Histogram

PREFIX = "tilecast_"

Source = Callable[[], Iterable[Metric]]
"""Gives its families of the moment. Called on the event loop: it takes microseconds."""
Values = Iterable[tuple[Sequence[str], float]]
"""Numbers by the values of their labels."""


def gauge(name: str, text: str, labels: Sequence[str], values: Values) -> Metric:
    """Numbers that go up and down."""
    family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for of, value in values:
        family.add_metric(of, float(value))
    return family


def counter(name: str, text: str, labels: Sequence[str], values: Values) -> Metric:
    """Numbers that rise from the server's start."""
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for of, value in values:
        family.add_metric(of, float(value))
    return family


def histogram(
    name: str,
    text: str,
    labels: Sequence[str],
    values: Iterable[tuple[Sequence[str], Histogram]],
) -> Metric:
    """Distributions."""
    family = HistogramMetricFamily(PREFIX + name, text, labels=labels)
    for of, value in values:
        family.add_metric(of, value.buckets(), value.sum)
    return family


def single(value: float) -> Values:
    """A number of the whole server, which has no labels."""
    return [((), value)]
