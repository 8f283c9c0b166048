"""The figures of several processes as one: each sample labelled by whose it is."""

import json
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

LABEL = "worker"


class Merged(Collector):
    """Families of ``parts``, by the label's value; an empty one leaves samples as they are."""

    def __init__(self, parts: Mapping[str, Iterable[Metric]]) -> None:
        self._parts = parts

    def collect(self) -> Iterator[Metric]:
        """Each family once, with the samples of all."""
        families: dict[str, Metric] = {}
        for worker, part in self._parts.items():
            more = {LABEL: worker} if worker else {}
            for metric in part:
                family = families.get(metric.name)
                if family is None:
                    family = Metric(metric.name, metric.documentation, metric.type, metric.unit)
                    families[metric.name] = family
                for sample in metric.samples:
                    family.add_sample(sample.name, {**sample.labels, **more}, sample.value)
        yield from families.values()


def pack(families: Iterable[Metric]) -> bytes:
    """Families for :func:`unpack` in another process: what they mean, and each sample's value."""
    return json.dumps(
        [
            [
                metric.name,
                metric.documentation,
                metric.type,
                metric.unit,
                [[sample.name, sample.labels, sample.value] for sample in metric.samples],
            ]
            for metric in families
        ]
    ).encode()


def unpack(data: bytes) -> list[Metric]:
    """What :func:`pack` packed. Raises ValueError."""
    metrics = []
    for name, documentation, kind, unit, samples in json.loads(data):
        metric = Metric(name, documentation, kind, unit)
        for sample in samples:
            metric.add_sample(*sample)
        metrics.append(metric)
    return metrics
