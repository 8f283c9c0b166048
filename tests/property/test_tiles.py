"""The canvas's parts over random input: pyramid, replay, areas, PNG."""

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from PIL import Image

from protocol.messages import Drawing, Pixel, Rect, Stroke
from tiles.canvas import Canvas
from tiles.geometry import TILE, key, level_count, parent, tile_box, tile_range, tiles_across, unkey
from tiles.payload import decode_payload, encode_payload
from tiles.png import encode_png, encode_webp, enlarge
from tiles.pyramid import Pyramid, halve
from tiles.raster import rasterise
from tiles.snapshot import Snapshots
from tiles.subscriptions import Areas

WIDTH, HEIGHT = 300, 200
BACKGROUND = (10, 200, 33)
byte = st.integers(0, 255)
xs, ys = st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1)


def rect(line: int, xa: int, xb: int, ya: int, yb: int, r: int, g: int, b: int) -> Rect:
    """An upright RECT through two corners."""
    return Rect(line, min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb), r, g, b)


drawings: st.SearchStrategy[Drawing] = st.one_of(
    st.builds(Pixel, xs, ys, byte, byte, byte),
    st.builds(rect, st.integers(0, 9), xs, xs, ys, ys, byte, byte, byte),
    st.builds(
        Stroke,
        st.integers(1, 64),
        byte,
        byte,
        byte,
        st.lists(st.tuples(xs, ys), min_size=1, max_size=5).map(tuple),
    ),
)
boxes = st.tuples(xs, ys, xs, ys).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)
images = npst.arrays(np.uint8, st.tuples(st.integers(1, 70), st.integers(1, 70), st.just(3)))


def painted(messages: list[Drawing]) -> tuple[Canvas, Pyramid]:
    """A canvas with its pyramid, after so many messages."""
    canvas = Canvas(WIDTH, HEIGHT, BACKGROUND)
    pyramid = Pyramid(canvas)
    for seq, message in enumerate(messages, 1):
        pyramid.mark(canvas.paint(rasterise(message, WIDTH, HEIGHT), seq))
    return canvas, pyramid


@given(st.lists(drawings, max_size=6), st.lists(drawings, max_size=6), st.data())
def test_a_level_is_the_mean_of_the_one_below(
    before: list[Drawing], after: list[Drawing], data: st.DataObject
) -> None:
    """LVL-1, LVL-2: whatever was asked for in between, and in however small steps."""
    canvas, pyramid = painted(before)
    asked = st.integers(1, pyramid.levels - 1)
    for level in data.draw(st.lists(asked, max_size=3)):
        pyramid.advance(key(level, 0, 0), data.draw(st.integers(1, 5)), set())
    for seq, message in enumerate(after, len(before) + 1):
        pyramid.mark(canvas.paint(rasterise(message, WIDTH, HEIGHT), seq))
    side = TILE << (pyramid.levels - 1)
    mean = canvas.region((0, 0, side - 1, side - 1))
    for level in range(1, pyramid.levels):
        mean = halve(mean)
        for ty in range(tiles_across(HEIGHT, level)):
            for tx in range(tiles_across(WIDTH, level)):
                part = mean[ty * TILE : (ty + 1) * TILE, tx * TILE : (tx + 1) * TILE]
                assert np.array_equal(pyramid.tile(key(level, tx, ty)), part)


@given(st.lists(drawings, min_size=1, max_size=8))
def test_a_level_tile_has_the_seq_of_what_touched_it_last(messages: list[Drawing]) -> None:
    """LVL-2: so a tile that a known seq covers needs no snapshot."""
    canvas, pyramid = painted(messages)
    top = key(pyramid.levels - 1, 0, 0)
    assert pyramid.seq(top) == max(canvas.seq(tile) for tile in canvas.keys())
    assert not pyramid.is_dirty(top)


@given(st.lists(drawings, min_size=1, max_size=8), st.data())
def test_replaying_over_checkpoints_changes_nothing(
    messages: list[Drawing], data: st.DataObject
) -> None:
    """TILE-2: tiles saved at any moment, then the whole log again."""
    canvas, _ = painted(messages)
    cut = data.draw(st.integers(0, len(messages)))
    saved, _ = painted(messages[:cut])
    restored = Canvas(WIDTH, HEIGHT, BACKGROUND)
    for tile in saved.keys():
        restored.load(tile, saved.seq(tile), encode_payload(saved.tile(tile)))
    for seq, message in enumerate(messages, 1):
        restored.paint(rasterise(message, WIDTH, HEIGHT), seq)
    whole = (0, 0, WIDTH - 1, HEIGHT - 1)
    assert np.array_equal(restored.region(whole), canvas.region(whole))
    assert {tile: restored.seq(tile) for tile in restored.keys()} == {
        tile: canvas.seq(tile) for tile in canvas.keys()
    }


def test_untouched_tiles_cost_nothing() -> None:
    """TILE-1: the largest canvas opens empty."""
    canvas = Canvas(65_536, 65_536, BACKGROUND)
    pyramid = Pyramid(canvas)
    assert (len(canvas), len(pyramid), pyramid.levels) == (0, 0, 11)
    assert (pyramid.tile(key(10, 0, 0)) == BACKGROUND).all()
    assert (canvas.tile(key(0, 1023, 1023)) == BACKGROUND).all()


@given(st.lists(st.tuples(st.integers(0, 9), boxes), max_size=30), boxes)
def test_areas_find_what_a_scan_finds(
    moves: list[tuple[int, tuple[int, int, int, int]]], asked: tuple[int, int, int, int]
) -> None:
    """FAN-6: the R-tree of viewports against plain loops."""
    areas: Areas[int] = Areas()
    plain: dict[int, tuple[int, int, int, int]] = {}
    for number, box in moves:
        if number in plain and box[0] & 1:
            areas.drop(number)
            del plain[number]
        else:
            areas.put(number, number, box)
            plain[number] = box
    expected = {
        number
        for number, (x0, y0, x1, y1) in plain.items()
        if x0 <= asked[2] and asked[0] <= x1 and y0 <= asked[3] and asked[1] <= y1
    }
    assert set(areas.overlapping(asked)) == expected
    assert len(areas) == len(plain)


@given(images)
def test_images_decode_to_what_was_given(pixels: np.typing.NDArray[np.uint8]) -> None:
    """PNG-1."""
    for encode in (encode_png, encode_webp):
        with Image.open(io.BytesIO(encode(pixels))) as image:
            assert np.array_equal(np.asarray(image.convert("RGB")), pixels)
    doubled = enlarge(pixels, 2)
    assert np.array_equal(doubled[::2, ::2], pixels)
    assert np.array_equal(doubled[1::2, 1::2], pixels)


@given(st.integers(1, 65_536), st.integers(1, 65_536), st.data())
def test_geometry_agrees_with_itself(width: int, height: int, data: st.DataObject) -> None:
    """LVL-1: levels end with a single tile, and a tile's box, range and parent fit each other."""
    levels = level_count(width, height)
    assert tiles_across(max(width, height), levels - 1) == 1
    assert levels == 1 or tiles_across(max(width, height), levels - 2) > 1
    level = data.draw(st.integers(0, levels - 1))
    tx = data.draw(st.integers(0, tiles_across(width, level) - 1))
    ty = data.draw(st.integers(0, tiles_across(height, level) - 1))
    tile = key(level, tx, ty)
    assert unkey(tile) == (level, tx, ty)
    assert list(tile_range(level, tile_box(tile)).keys()) == [tile]
    above, quadrant = parent(tile)
    assert unkey(above) == (level + 1, tx // 2, ty // 2)
    assert quadrant == (ty % 2) * 2 + tx % 2


@given(st.lists(drawings, min_size=1, max_size=6))
def test_snapshots_hold_the_tile_as_it_is(messages: list[Drawing]) -> None:
    """FAN-1: also when it is compressed already."""
    canvas, pyramid = painted(messages)
    snapshots = Snapshots(pyramid)
    for tile in [*canvas.keys(), key(0, 1000, 1000)] * 2:
        message = snapshots.tile(tile, 77)
        assert (message.level, message.tx, message.ty, message.seq) == (*unkey(tile), 77)
        assert message.encoding == (0 if len(message.payload) == 3 else 1)
        assert np.array_equal(decode_payload(message.payload), canvas.tile(tile))
