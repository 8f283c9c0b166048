"""What becomes of a session's count when the log loses its last messages."""

from collections.abc import Sequence

from tiles.log.base import REJECTIONS_KEPT

Rejections = Sequence[tuple[int, int]]


def cut_back(
    handled: int, rejected: Rejections, lost: int
) -> tuple[int, tuple[tuple[int, int], ...]] | None:
    """The count, and the rejections left, once the last ``lost`` of the drawn messages are gone.

    ``handled`` counts drawn and rejected messages alike; ``rejected`` are the last
    :data:`tiles.log.base.REJECTIONS_KEPT` of the latter as (number, code). ``None`` where those
    that are kept don't reach back far enough to tell one from the other.
    """
    refused = {number for number, _ in rejected}
    known_from = min(refused, default=1) if len(refused) >= REJECTIONS_KEPT else 1
    number = handled
    while lost:
        if number < known_from:
            return None
        if number not in refused:
            lost -= 1
        number -= 1
    return number, tuple((n, code) for n, code in rejected if n <= number)
