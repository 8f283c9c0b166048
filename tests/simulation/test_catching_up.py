"""A node that stood still has much to apply, and other things to do."""

from collections.abc import Callable
from unittest.mock import patch

from protocol.codec import encode
from protocol.messages import NEW_SESSION, VERSION, Hello, Pixel
from tests.simulation.pair import Pair
from tiles.shared.fold import Applied, Fold

_ENTRIES = 200


def test_a_pause_is_made_up_for_a_little_at_a_time() -> None:
    """Thousands of entries may wait: the loop turns after every few of them (SES-9, CLU-70)."""
    pair = Pair()
    session, notepad = pair.join(0)
    pair.say(session, Hello(VERSION, NEW_SESSION, ""))
    late = pair.world.servers[1].process
    assert late is not None
    late.freeze(0.02 * _ENTRIES)
    for number in range(_ENTRIES):
        session.receive(encode(Pixel(number, 1, 9, 9, 9)))
        pair.pass_time(0.01)
    assert pair.hub(0).seq == _ENTRIES
    assert pair.hub(1).seq == 0
    turns: list[int] = []
    apply = Fold.apply

    def counted(fold: Fold, told: Callable[[Applied], None]) -> None:
        applied: list[Applied] = []

        def note(one: Applied) -> None:
            applied.append(one)
            told(one)

        apply(fold, note)
        turns.append(len(applied))

    with patch.object(Fold, "apply", counted):
        pair.pass_time(0.02 * _ENTRIES)
    assert pair.hub(1).seq == _ENTRIES
    assert sum(turns) >= _ENTRIES
    assert max(turns) <= 16
    assert notepad.closed is None
    pair.world.verdict.settle()
