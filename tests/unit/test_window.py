"""How much of snapshots may be on its way over one line."""

from hypothesis import given
from hypothesis import strategies as st

from server.window import FIRST_BYTES, LEAST_BYTES, MOST_BYTES, Window

TILE_BYTES = 12_307
"""A TILE that can't be compressed."""


def carry(bytes_per_s: float, seconds: float, latency_s: float = 0.0) -> tuple[Window, float]:
    """A line that is owed tiles all the time: its window, and the bytes that it carried."""
    window, now, free_at, carried = Window(), 0.0, 0.0, 0
    while now < seconds:
        answer_at = None
        while window.room > 0:
            free_at = max(now, free_at) + TILE_BYTES / bytes_per_s
            carried += TILE_BYTES
            if window.give(TILE_BYTES, now):
                answer_at = free_at + latency_s
        assert answer_at is not None
        now = answer_at
        window.reached(now)
    return window, carried


def test_a_slow_line_has_a_second_of_it_before_it() -> None:
    """FAN-10: what is on its way is a tile and about what the line takes in a second."""
    for bytes_per_s in (4_000, 8_000, 16_000, 100_000):
        window, carried = carry(bytes_per_s, 60)
        assert 0.3 * bytes_per_s < window.size < 1.5 * bytes_per_s + 1
        assert carried > 0.6 * 60 * bytes_per_s


def test_a_fast_line_soon_has_all_it_takes() -> None:
    """FAN-10: however far away it is."""
    window, carried = carry(50e6, 1, latency_s=0.1)
    assert window.size == MOST_BYTES
    assert carried > 10e6
    window, _ = carry(100e6, 0.01)
    assert window.size == MOST_BYTES


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 100_000), st.floats(0, 20))))
def test_who_has_no_room_is_asked(steps: list[tuple[bool, int, float]]) -> None:
    """FAN-10: nobody waits for an answer to what wasn't asked, and the window has its bounds."""
    window, now, asked = Window(), 0.0, False
    assert window.size == FIRST_BYTES
    for answered, count, passed_s in steps:
        now += passed_s
        if answered:
            window.reached(now)
            asked = False
        elif window.room > 0:
            asked |= window.give(count, now)
        assert window.room > 0 or asked
        assert LEAST_BYTES <= window.size <= MOST_BYTES


def test_who_answers_no_pings_is_sent_what_its_system_takes() -> None:
    """FAN-10: after five seconds in which nothing of it was left; a late answer counts."""
    window = Window()
    while window.room > 0:
        asked = window.give(TILE_BYTES, 0.0)
    assert asked
    assert not window.unanswered(4.0, lambda: 0)
    assert not window.unanswered(9.0, lambda: 1)
    assert window.room <= 0
    assert window.unanswered(9.0, lambda: 0)
    assert not window.unanswered(9.5, lambda: 0), "it is told once"
    for _ in range(100):
        assert not window.give(TILE_BYTES, 10.0)
        assert window.room > 0
    window.reached(20.0)
    assert window.size < FIRST_BYTES
    assert window.room > 0
    assert not window.unanswered(90.0, lambda: 0)
