"""Memory for pixels: places that nobody holds are nobody's pages."""

import mmap

import pytest

from tiles.slabs import Slabs


def test_places_are_used_again() -> None:
    """TILE-3: no two tiles share one."""
    slabs = Slabs()
    taken = dict(slabs.take() for _ in range(300))
    for place, pixels in taken.items():
        pixels[:] = place % 251
    assert all((pixels == place % 251).all() for place, pixels in taken.items())
    slabs.give(7)
    again, pixels = slabs.take()
    assert again == 7
    assert pixels is taken[7]


@pytest.mark.skipif(
    not hasattr(mmap, "MADV_DONTNEED") or mmap.PAGESIZE > 4096, reason="pages stay here"
)
def test_what_is_given_back_is_the_systems() -> None:
    """TILE-3: its pages are fresh ones, all zeros; its neighbours' are theirs."""
    slabs = Slabs()
    taken = [slabs.take() for _ in range(3)]
    for _, pixels in taken:
        pixels[:] = 9
    place, given = taken[1]
    slabs.give(place)
    assert not given.any()
    assert (taken[0][1] == 9).all()
    assert (taken[2][1] == 9).all()
