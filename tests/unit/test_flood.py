"""What is a flood, and what is not."""

import random
from collections.abc import Callable

import pytest

from protocol.errors import CloseCode, ProtocolError
from server.allowance import Allowance, OverBudget
from server.bucket import Bucket, Rate
from server.flood import Flood, FloodLimits

LIMITS = FloodLimits(rejections=100, messages_per_second=10, unacked=50)


def closes(act: Callable[[], object]) -> bool:
    """Whether the connection is closed with 4429."""
    try:
        act()
    except ProtocolError as error:
        return error.close_code is CloseCode.FLOOD
    return False


def until_closed(flood: Flood, over: OverBudget, most: int = 10_000) -> int:
    """How many rejections, a millisecond apart, are put up with; at most so many."""
    for count in range(most):
        now = count / 1000
        if closes(lambda: flood.rejected(1000, over, now)):  # noqa: B023
            return count
    return most


@pytest.mark.parametrize("retry_ms", [0, 20, 500, 5000])
def test_who_goes_on_over_budget_is_closed(retry_ms: int) -> None:
    """LIM-3: after those on their way and the number that is put up with, whatever was told."""
    flood = Flood(LIMITS, 0)
    flood.welcomed(0)
    assert until_closed(flood, OverBudget(retry_ms, insists=True)) == 150
    flood = Flood(LIMITS, 0)
    assert until_closed(flood, OverBudget(retry_ms, insists=False)) == 10_000


@pytest.mark.parametrize("retry_ms", [0, 20, 500, 5000])
def test_who_pauses_as_told_is_not(retry_ms: int) -> None:
    """LIM-3: the longest that was told, at most a second, begins the count afresh."""
    flood = Flood(LIMITS, 0)
    flood.welcomed(0)
    now = 0.0
    for _ in range(50):
        for _ in range(50):
            flood.rejected(1000, OverBudget(retry_ms, insists=True), now)
        now += min(retry_ms / 1000 or 1, 1)


def test_what_is_sent_again_never_counts() -> None:
    """LIM-3: the first ``max_unacked`` messages after each WELCOME, rejected one and all."""
    flood = Flood(LIMITS._replace(unacked=1000, rejections=1), 0)
    for handled in range(0, 10_000, 1000):
        flood.welcomed(handled)
        for number in range(handled + 1, handled + 1001):
            flood.rejected(number, OverBudget(500, insists=True), 0)


def test_without_limit() -> None:
    """LIM-3, LIM-4: 0 means no limit."""
    flood = Flood(FloodLimits(0, 0, 10), 0)
    assert until_closed(flood, OverBudget(500, insists=True)) == 10_000
    for _ in range(100_000):
        flood.said(lambda: 0.0)


class Painter:
    """A session that draws as much as it may have on its way, among others of its address."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.shared = Bucket(Rate(2000, 500), 0)
        own, tried = Bucket(Rate(1000, 250), 0), Bucket(Rate(2000, 500), 0)
        self.allowance = Allowance(own, tried, self.shared)
        self.flood = Flood(LIMITS, 0)
        self.flood.welcomed(0)
        self.now = 0.0
        self.handled = self.rejections = 0

    def draw(self, pixels: int) -> int:
        """One message; the milliseconds to wait if it is rejected. The others take theirs."""
        self.handled += 1
        try:
            self.allowance.require(pixels, self.now)
            self.allowance.take(pixels, self.now)
        except OverBudget as over:
            self.rejections += 1
            self.flood.rejected(self.handled, over, self.now)
            return over.retry_ms or 1000
        finally:
            theirs = self.rng.choice((0, 0, 5, 100))
            if self.shared.wait_s(theirs, self.now) == 0:
                self.shared.take(theirs, self.now)
        return 0

    def pass_time(self, seconds: float) -> None:
        """Nothing comes from it meanwhile."""
        self.now += seconds


@pytest.mark.parametrize("seed", range(10))
def test_a_client_that_waits_as_told_is_never_closed(seed: int) -> None:
    """LIM-3: it hears of a REJECT when all is sent that may be on its way, and begins again when
    the last ``retry_ms`` is over; it doesn't look at BUDGET."""
    painter = Painter(seed)
    rng = painter.rng
    while painter.now < 60:
        told = [
            painter.draw(rng.choice((1, 1, 5, 60, 900, 1001)))
            for _ in range(rng.randint(1, LIMITS.unacked))
        ]
        painter.pass_time(rng.uniform(0.001, 0.5) + max(told) / 1000)
    assert painter.rejections > 150


@pytest.mark.parametrize("seed", range(10))
def test_a_client_that_keeps_to_its_budget_is_never_closed(seed: int) -> None:
    """LIM-3: it draws what BUDGET told a moment ago, again and again, though others of its address
    had it meanwhile; it doesn't look at ``retry_ms``."""
    painter = Painter(seed)
    rng = painter.rng
    while painter.now < 60:
        told = painter.allowance.budget(painter.now).pixels
        there = int(max(0, painter.shared.level(painter.now)))
        painter.shared.take(rng.randrange(1 + there), painter.now)
        painter.pass_time(rng.uniform(0.001, 0.01))
        for _ in range(min(told, LIMITS.unacked)):
            painter.draw(1)
    assert painter.rejections > 150


@pytest.mark.parametrize("gap_s", [0.0, 0.001, 0.02, 0.1])
def test_a_bot_that_goes_on_and_on_is_closed(gap_s: float) -> None:
    """LIM-3: also if it always waits a little, as long as its messages are on their way."""
    painter = Painter(1)

    def go_on() -> None:
        while painter.now < 60 and painter.handled < 100_000:
            for _ in range(LIMITS.unacked):
                painter.draw(5)
            painter.pass_time(gap_s)

    assert closes(go_on)
    assert painter.rejections > 150


def test_messages_a_second() -> None:
    """LIM-4: ten seconds' worth at once, and then as many as the rate."""
    flood = Flood(LIMITS, 0)
    now = 0.0
    for _ in range(100):
        flood.said(lambda: 0.0)
    for _ in range(1000):
        now += 0.1001
        flood.said(lambda: now)  # noqa: B023
    assert any(closes(lambda: flood.said(lambda: now)) for _ in range(100))


def test_a_rest_gives_no_more_than_a_burst() -> None:
    """LIM-4: whoever said nothing for a day may say as much as at the start, and not a day's."""
    flood = Flood(LIMITS, 0)
    for _ in range(100):
        flood.said(lambda: 0.0)
    day_s = 86_400.0
    for _ in range(100):
        flood.said(lambda: day_s)
    assert any(closes(lambda: flood.said(lambda: day_s)) for _ in range(3))
