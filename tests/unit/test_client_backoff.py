"""How long a client waits before it comes back."""

from client.backoff import DELAY_MAX_S, FIRST_DELAY_S, Backoff


def test_delays_double_up_to_a_ceiling_and_start_afresh() -> None:
    """The jitter takes a part of each."""
    backoff = Backoff(lambda: 1.0)
    delays = [backoff.next_s() for _ in range(9)]
    assert delays[:3] == [FIRST_DELAY_S, 2 * FIRST_DELAY_S, 4 * FIRST_DELAY_S]
    assert delays[-1] == DELAY_MAX_S
    backoff.reset()
    assert backoff.next_s() == FIRST_DELAY_S
    assert all(0 <= Backoff().next_s() <= FIRST_DELAY_S for _ in range(50))
