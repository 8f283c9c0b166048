"""What of a node's own commits is decided, and who waits for that at the end."""

from tests.log_rigs import WAIT_S
from tiles.shared.deciding import Deciding


def test_what_is_decided_is_told_once_the_fold_holds_it() -> None:
    """CLU-11: by the fold's commits, in their order."""
    deciding = Deciding()
    deciding.add(1, 1, "")
    deciding.add(2, 0, "")
    deciding.add(3, 4, "{}")
    assert list(deciding.written(0)) == []
    assert list(deciding.written(2)) == [(1, "")]
    assert list(deciding.written(3)) == [(4, "{}")]


def test_the_end_waits_for_what_is_decided_and_not_for_the_rest() -> None:
    """CLU-17: what a lost stream had decided before is written, and told."""
    deciding = Deciding()
    deciding.add(1, 3, "")
    assert not deciding.done(5)
    deciding.end()
    assert not deciding.done(5)
    deciding.told(3)
    assert deciding.done(5)
    deciding.wait(5, WAIT_S)
