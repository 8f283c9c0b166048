"""Histograms as Prometheus has them."""

from hypothesis import given
from hypothesis import strategies as st

from server.histogram import FAST_S, SLOW_S, Histogram


@given(st.lists(st.floats(0, 20)))
def test_buckets_hold_what_is_no_greater(values: list[float]) -> None:
    """OPS-1: cumulative, bounds included, to ``+Inf``, and the sum beside."""
    histogram = Histogram(SLOW_S)
    for value in values:
        histogram.observe(value)
    *buckets, (last, total) = histogram.buckets()
    assert [float(bound) for bound, _ in buckets] == list(SLOW_S)
    assert (last, total) == ("+Inf", len(values))
    for bound, count in buckets:
        assert count == sum(value <= float(bound) for value in values)
    assert histogram.sum == sum(values)
    assert histogram.count == len(values)


def test_bounds_rise() -> None:
    """OPS-1: a search among them needs that."""
    for bounds in (FAST_S, SLOW_S):
        assert list(bounds) == sorted(set(bounds))
