"""What a flush is made of, over random input: runs of pixels, subscribers, audiences, viewports."""

from itertools import compress

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.codec import encode
from protocol.messages import Pixel, PixelRun
from server.audience import audiences
from tiles.canvas import Canvas
from tiles.geometry import tile_range
from tiles.pixel_run import Pixels
from tiles.raster import rasterise
from tiles.subscriptions import TileSubscribers

SIDE = 201
side = st.integers(0, 400)
boxes = st.tuples(side, side, side, side).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)
pixels = st.builds(Pixel, *[st.integers(0, SIDE - 1)] * 5)
toggles = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 40)), max_size=150)


@given(toggles)
def test_tile_subscribers_against_a_set_of_pairs(toggles: list[tuple[int, int]]) -> None:
    """FAN-6: a few subscribers of a tile and many alike."""
    live = TileSubscribers()
    pairs: set[tuple[int, int]] = set()
    for tile, subscriber in toggles:
        assert live.holds(tile, subscriber) == ((tile, subscriber) in pairs)
        if (tile, subscriber) in pairs:
            live.remove((tile,), subscriber)
        else:
            live.add((tile,), subscriber)
        pairs ^= {(tile, subscriber)}
        assert {int(who) for who in live.of(tile)} == {who for at, who in pairs if at == tile}
    assert live.pairs == len(pairs)
    assert set(live.tiles()) == {tile for tile, _ in pairs}
    for who in range(41):
        assert live.tiles_of(who) == {where for where, subscriber in pairs if subscriber == who}


@given(toggles, st.lists(st.sets(st.integers(0, 3), max_size=3), min_size=1, max_size=20))
@example([*((0, n) for n in range(30)), (1, 40), (2, 5)], [{0, 1}, {0, 2}, {1, 2}, {0}, {2}])
def test_audiences_against_plain_loops(
    toggles: list[tuple[int, int]], touched: list[set[int]]
) -> None:
    """FAN-9: everybody gets just the pieces that touch a live tile of theirs, once."""
    live = TileSubscribers()
    pairs = set(toggles)
    for tile, subscriber in sorted(pairs):
        live.add((tile,), subscriber)
    pieces = [sorted(tiles) for tiles in touched]
    got = {
        slot: list(compress(range(len(pieces)), chosen))
        for chosen, slots in audiences(pieces, live, 41)
        for slot in slots
    }
    due = {
        slot: [n for n, tiles in enumerate(pieces) if any((tile, slot) in pairs for tile in tiles)]
        for slot in range(41)
    }
    assert got == {slot: numbers for slot, numbers in due.items() if numbers}
    shared = [tuple(chosen) for chosen, _ in audiences(pieces, live, 41)]
    assert len(shared) == len(set(shared))


@given(st.tuples(st.integers(0, 2), boxes), st.tuples(st.integers(0, 2), boxes))
def test_what_a_move_of_the_viewport_costs(
    one: tuple[int, tuple[int, int, int, int]], other: tuple[int, tuple[int, int, int, int]]
) -> None:
    """VIEW-5: what enters is found from the rectangles alone."""
    new, old = tile_range(*one), tile_range(*other)
    assert list(new.keys_outside(old)) == [tile for tile in new.keys() if not old.holds(tile)]
    assert list(new.keys_outside(None)) == list(new.keys())


@given(st.lists(pixels, min_size=1, max_size=80))
def test_runs_of_pixels_paint_what_single_ones_do(drawn: list[Pixel]) -> None:
    """RUN-1: the same pixels, and each tile gets its messages in their order."""
    singly, at_once = Canvas(SIDE, SIDE, (10, 200, 33)), Canvas(SIDE, SIDE, (10, 200, 33))
    data: dict[int, bytes] = {}
    for seq, pixel in enumerate(drawn, 1):
        (tile,) = singly.paint(rasterise(pixel, SIDE, SIDE), seq)
        data[tile] = data.get(tile, b"") + encode(pixel)
    run = Pixels(PixelRun(b"".join(map(encode, drawn))))
    parts = run.by_tile()
    at_once.paint([part.paint for part in parts], len(drawn))
    assert {part.paint.tile: part.data for part in parts} == data
    whole = (0, 0, SIDE - 1, SIDE - 1)
    assert np.array_equal(singly.region(whole), at_once.region(whole))
    xs, ys = [pixel.x for pixel in drawn], [pixel.y for pixel in drawn]
    assert run.bounds == (min(xs), min(ys), max(xs), max(ys))
