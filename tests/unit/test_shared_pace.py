"""How often nodes send entries: the more of them send, the less often each."""

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared_nodes import Nodes, Painter
from tiles.shared.entry import Entry, decode_entry
from tiles.shared.pace import ENTRIES_PER_S, INTERVAL_MAX_S, INTERVAL_MIN_S, Pace

BUSY_MAX = int(ENTRIES_PER_S * INTERVAL_MAX_S)
_WAY_S = 0.002
"""From a node to all nodes."""
_SETTLED_S = 3.0


def sent_in_a_second(wishes_s: list[float]) -> list[int]:
    """Entries by node in a second, once all have settled, where each has one every so often."""
    pace = Pace()  # all read the same, so one stands for all
    sent = [0] * len(wishes_s)
    # (when, what, node): an entry is sent, or all have it.
    events = [(wish * node / len(wishes_s), "send", node) for node, wish in enumerate(wishes_s)]
    heapq.heapify(events)
    while events and events[0][0] < _SETTLED_S + 1.0:
        now, what, node = heapq.heappop(events)
        if what == "send":
            sent[node] += now >= _SETTLED_S
            heapq.heappush(events, (now + _WAY_S, "seen", node))
            next_at = now + max(wishes_s[node], pace.interval_s)
            heapq.heappush(events, (next_at, "send", node))
        else:
            pace.seen(node, now)
    return sent


@given(
    busy=st.integers(0, 40),
    wishes_s=st.lists(st.floats(0.01, 5.0), max_size=20),
)
def test_all_together_send_what_each_can_take(busy: int, wishes_s: list[float]) -> None:
    """CLU-25: some 500 entries a second, shared evenly by those that would send more."""
    sent = sent_in_a_second([0.0] * busy + wishes_s)
    # Every node may have one more entry in a second than its interval says.
    assert sum(sent) <= ENTRIES_PER_S + len(sent)
    if busy:
        assert max(sent[:busy]) - min(sent[:busy]) <= 1


@pytest.mark.parametrize("busy", [1, 2])
def test_few_nodes_join_what_is_drawn_in_4_ms(busy: int) -> None:
    """CLU-25: as often as it is worth an entry."""
    assert sent_in_a_second([0.0] * busy) == [pytest.approx(1 / INTERVAL_MIN_S, abs=2)] * busy


def test_nobody_waits_for_longer_than_a_quarter_of_a_second() -> None:
    """CLU-25: past 125 busy nodes the sum grows instead."""
    sent = sent_in_a_second([0.0] * (BUSY_MAX + 75))
    assert min(sent) >= 1 / INTERVAL_MAX_S - 1


def test_a_node_that_stopped_is_soon_forgotten() -> None:
    """CLU-25: who goes on alone is held back for two seconds at the most."""
    pace = Pace()
    for node in range(50):
        for at in range(20):
            pace.seen(node, 1.0 + at / 20)
    pace.seen(0, 2.1)
    assert pace.interval_s > INTERVAL_MIN_S
    pace.seen(0, 3.2)
    assert pace.interval_s == INTERVAL_MIN_S


def test_real_logs_keep_pace_and_who_draws_rarely_is_not_held_back() -> None:
    """CLU-25: ten nodes that are painted on all the time, and one that is now and then."""
    nodes = Nodes()
    lives = nodes.started(11)
    painters = [Painter(nodes) for _ in lives]
    for painter, node in zip(painters, lives, strict=True):
        painter.go_to(node)
    nodes.run(1.0)
    assert all(painter.hear() for painter in painters)
    *busy, rare = painters

    def entries_of(seconds: float) -> list[Entry]:
        before, end = nodes.store.last, nodes.time.now + seconds
        while nodes.time.now < end:
            for painter in busy:
                painter.draw(1)
            nodes.run(_WAY_S)
        return [decode_entry(stored.data) for stored in nodes.store.entries[before:]]

    entries_of(_SETTLED_S)
    assert len(entries_of(1.0)) == pytest.approx(ENTRIES_PER_S, abs=2 * len(busy))
    rare.draw(1)
    assert rare.count is not None
    came = [offer.session for entry in entries_of(2 * _WAY_S) for offer in entry.offers]
    assert came.count(rare.count.session) == 1
