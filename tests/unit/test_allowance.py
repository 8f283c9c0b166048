"""What a session may paint, alone and with the others of its address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import encode
from protocol.errors import RejectCode
from protocol.messages import NO_LIMIT, Reject
from server.allowance import AddressBuckets, Allowance, OverBudget
from server.bucket import Bucket, Rate

HOME = b"home"


def allowance(own: Rate, shared: Bucket | None) -> Allowance:
    """A new session's, which may try as often as it likes."""
    return Allowance(Bucket(own, 0), Bucket(Rate(1e12, 1e12), 0), shared)


def shortage(painter: Allowance, pixels: int, now: float) -> OverBudget | None:
    """Why so many pixels can't be had now, if so."""
    try:
        painter.require(pixels, now)
    except OverBudget as over:
        return over
    return None


@given(
    st.integers(1, 1000),
    st.integers(1, 1000),
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 1200), st.floats(0, 1)), max_size=40),
)
def test_many_sessions_of_one_address(
    burst: int, refill: int, factor: int, asked: list[tuple[int, int, float]]
) -> None:
    """RAS-6, LIM-2: none gets more than its budget, all together no more than their address's.

    What they are told to wait is enough if the others wait too.
    """
    own, shared = Rate(burst, refill), Rate(factor * burst, factor * refill)
    addresses = AddressBuckets(shared)
    sessions = [allowance(own, addresses.enter(HOME, 0)) for _ in range(5)]
    now = 0.0
    taken = [0] * 5
    for who, pixels, pause in asked:
        now += pause
        painter = sessions[who]
        over = shortage(painter, pixels, now)
        assert painter.holds(pixels, now) == (over is None)
        if over is not None:
            assert over.code is RejectCode.RATE
            assert (over.retry_ms == 0) == (pixels > burst)
            if over.retry_ms:
                painter.require(pixels, now + over.retry_ms / 1000 + 1e-6)
            continue
        painter.take(pixels, now)
        taken[who] += pixels
        assert taken[who] <= burst + refill * now + 1e-6
        assert sum(taken) <= factor * (burst + refill * now) + 1e-6
        budget = painter.budget(now)
        assert 0 <= budget.pixels <= burst
        if budget.pixels:
            painter.require(budget.pixels, now)
        full = painter.budget(now + budget.refill_ms / 1000 + 1e-6)
        assert (full.pixels, full.refill_ms) == (burst, 0)


def test_a_new_session_is_no_way_around() -> None:
    """LIM-2: its own budget is full, its address's is not; it is told the tighter of both."""
    addresses = AddressBuckets(Rate(200, 10))
    for _ in range(2):
        painter = allowance(Rate(100, 10), addresses.enter(HOME, 0))
        painter.take(100, 0)
        addresses.leave(HOME, 0)
    newcomer = allowance(Rate(100, 10), addresses.enter(HOME, 0))
    over = shortage(newcomer, 50, 0)
    assert over is not None
    assert over.retry_ms == 5000
    assert newcomer.budget(0).pixels == 0
    assert newcomer.budget(0).refill_ms == 10_000
    elsewhere = allowance(Rate(100, 10), addresses.enter(b"elsewhere", 0))
    assert shortage(elsewhere, 100, 0) is None


def test_addresses_that_are_gone_are_forgotten() -> None:
    """LIM-2: once their bucket is as full as a new one, and nobody is connected."""
    addresses = AddressBuckets(Rate(100, 10))
    addresses.enter(b"idle", 0)
    addresses.leave(b"idle", 1)
    assert len(addresses) == 0
    bucket = addresses.enter(HOME, 0)
    assert addresses.enter(HOME, 0) is bucket
    bucket.take(100, 0)
    addresses.leave(HOME, 1)
    addresses.sweep(20)
    assert addresses.enter(HOME, 20) is bucket  # somebody was connected all the while
    bucket.take(100, 20)
    addresses.leave(HOME, 20)
    addresses.leave(HOME, 20)
    addresses.sweep(25)
    assert len(addresses) == 1
    addresses.sweep(31)
    assert len(addresses) == 0


def test_without_limit() -> None:
    """RAS-6, LIM-2: neither of the two, or the session's alone."""
    free, bounded = Rate(0, 0), Rate(100, 10)
    nothing = allowance(free, Bucket(free, 0))
    assert nothing.unlimited
    assert nothing.budget(0).pixels == NO_LIMIT
    assert shortage(nothing, 10**9, 0) is None
    alone = allowance(bounded, Bucket(free, 0))
    assert not alone.unlimited
    assert alone.budget(0).pixels == 100


@pytest.mark.parametrize("pixels", [2**32 - 2, 10**9])
def test_a_wait_beyond_measure(pixels: int) -> None:
    """RAS-6: it fits its field, however long it takes."""
    painter = allowance(Rate(2**32 - 2, 1), None)
    painter.take(2**32 - 2, 0)
    over = shortage(painter, pixels, 0)
    assert over is not None
    assert encode(Reject(1, over.code, over.retry_ms))
    assert encode(painter.budget(0))


def test_who_keeps_trying_is_told_to_wait_longer() -> None:
    """LIM-3: a second more at most, and no longer once it has paused for that."""
    painter = Allowance(Bucket(Rate(10, 100), 0), Bucket(Rate(80, 800), 0))
    painter.take(10, 0)
    refusals = [shortage(painter, 1, 0) for _ in range(2000)]
    waits = [over.retry_ms for over in refusals if over is not None]
    assert waits[:71] == [10] * 71
    assert waits == sorted(waits)
    assert waits[-1] == 1000
    assert [over.insists for over in refusals if over is not None] == [False] * 71 + [True] * 1929
    painter.take(10, 1.5)
    over = shortage(painter, 1, 1.5)
    assert over is not None
    assert (over.retry_ms, over.insists) == (10, False)
