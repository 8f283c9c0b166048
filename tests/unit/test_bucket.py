"""The token bucket behind every rate."""

import math

from hypothesis import given
from hypothesis import strategies as st

from server.bucket import Bucket, Rate


@given(
    st.integers(1, 1000),
    st.integers(1, 1000),
    st.lists(st.tuples(st.integers(1, 1200), st.floats(0, 3)), max_size=30),
)
def test_it_never_gives_more_than_burst_and_refill(
    burst: int, refill: int, asked: list[tuple[int, float]]
) -> None:
    """LIM-1: and what it says to wait is enough, and no more than it takes."""
    bucket = Bucket(Rate(burst, refill), 0)
    now = taken = 0.0
    for tokens, pause in asked:
        now += pause
        wait_s = bucket.wait_s(tokens, now)
        assert math.isinf(wait_s) == (tokens > burst)
        if wait_s:
            if not math.isinf(wait_s):
                assert bucket.wait_s(tokens, now + wait_s + 1e-6) == 0
                assert bucket.wait_s(tokens, now + 0.9 * wait_s) > 0
            continue
        bucket.take(tokens, now)
        taken += tokens
        assert taken <= burst + refill * now + 1e-6
        assert 0 <= bucket.level(now) <= burst
        assert bucket.is_full(now + burst / refill + 1e-6)


@given(st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 1)), min_size=1, max_size=30))
def test_who_pays_afterwards_is_held_to_the_rate_too(costs: list[tuple[int, float]]) -> None:
    """LIM-1: a cost that is known only when it is done is made up for before the next."""
    bucket = Bucket(Rate(100, 1000), 0)
    now = taken = 0.0
    for tokens, pause in costs:
        now += pause
        now += bucket.wait_s(1, now) + 1e-6
        assert taken <= 100 + 1000 * now
        bucket.take(tokens, now)
        taken += tokens


def test_without_limit() -> None:
    """LIM-1: 0 means no limit, for the burst as for the refill."""
    for rate in (Rate(0, 0), Rate(0, 5), Rate(5, 0)):
        bucket = Bucket(rate, 0)
        assert bucket.wait_s(10**9, 0) == 0
        bucket.take(10**9, 0)
        assert math.isinf(bucket.level(0))
        assert bucket.is_full(0)


def test_a_clock_that_is_asked_late_loses_nothing() -> None:
    """LIM-1: a time just before the last one gives no negative refill."""
    bucket = Bucket(Rate(10, 10), 5.0)
    bucket.take(10, 5.0)
    assert bucket.wait_s(1, 4.0) > 0
    assert bucket.level(6.0) == 10
