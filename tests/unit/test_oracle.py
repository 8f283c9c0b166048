"""The naive oracle against the hand-drawn vectors, and its history against itself."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from tests.oracle import drawing
from tests.oracle.canvas import Canvas, RefusedError, levels, shrink
from tests.oracle.drawing import Colour, Point
from tests.vectors.load import load, names, runs

RASTER, PYRAMID = load("raster"), load("pyramid")
PAINTED, REJECTED = RASTER["painted"], RASTER["rejected"]
WHITE = (255, 255, 255)


@pytest.mark.parametrize("vector", PAINTED, ids=names(PAINTED))
def test_paints_the_vectors_pixels(vector: dict[str, Any]) -> None:
    """The oracle accepts what is accepted, at its cost, and paints what was drawn by hand."""
    message, (width, height) = vector["message"], vector["canvas"]
    assert drawing.refusal(message, width, height) is None
    assert drawing.cost(message) == vector["cost"]
    painted = drawing.pixels(message, width, height)
    if "tiles" in vector:
        assert len(drawing.tiles(painted)) == vector["tiles"]
    if "sample" in vector:
        assert len(painted) == vector["sample"]["count"]
        assert all((x, y) in painted for x, y in vector["sample"]["painted"])
        assert not any((x, y) in painted for x, y in vector["sample"]["blank"])
        return
    expected = {(x, y): colour for y, x0, x1, colour in runs(vector) for x in range(x0, x1 + 1)}
    assert painted == expected


@pytest.mark.parametrize("vector", REJECTED, ids=names(REJECTED))
def test_refuses_with_the_vectors_code(vector: dict[str, Any]) -> None:
    """The oracle refuses what is refused, with the same code."""
    message, (width, height) = vector["message"], vector["canvas"]
    assert drawing.refusal(message, width, height) == vector["reject"]
    with pytest.raises(RefusedError) as caught:
        Canvas(width, height).apply(1, message)
    assert caught.value.code == vector["reject"]


def stamped_one_by_one(size: int, points: list[Point], width: int, height: int) -> set[Point]:
    """A stroke in the page's own words: each pixel of each line stamped with the whole disc."""
    centres = [points[0]]
    for start, end in pairwise(points):
        centres += drawing.line(start, end)
    painted = set()
    for x, y in centres:
        for j in range(size):
            for i in range(size):
                inside = (2 * i + 1 - size) ** 2 + (2 * j + 1 - size) ** 2 <= size**2
                at = (x - size // 2 + i, y - size // 2 + j)
                if inside and 0 <= at[0] < width and 0 <= at[1] < height:
                    painted.add(at)
    return painted


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 33, 64])
def test_row_by_row_is_disc_by_disc(size: int) -> None:
    """The oracle's one shortcut, painting a stroke's rows at once, changes nothing."""
    rng = random.Random(size)
    for _ in range(6):
        points = [(rng.randrange(50), rng.randrange(40)) for _ in range(rng.randint(1, 4))]
        message = {"type": "Stroke", "size": size, "r": 1, "g": 2, "b": 3, "points": points}
        painted = drawing.pixels(message, 50, 40)
        assert painted.keys() == stamped_one_by_one(size, points, 50, 40)


def test_rect_is_what_lies_near_its_edge() -> None:
    """An outline is what lies less than its thickness from an edge, and costs just that."""
    for across in range(1, 9):
        for down in range(1, 9):
            for line in range(6):
                rect = {"type": "Rect", "line": line, "x0": 3, "y0": 2, "r": 0, "g": 0, "b": 0}
                rect |= {"x1": 2 + across, "y1": 1 + down}
                painted = {
                    (x, y)
                    for x in range(3, 3 + across)
                    for y in range(2, 2 + down)
                    if line == 0 or min(x - 3, 2 + across - x, y - 2, 1 + down - y) < line
                }
                assert drawing.pixels(rect, 20, 20).keys() == painted
                assert drawing.cost(rect) == len(painted)


def test_messages_may_be_objects() -> None:
    """The oracle takes any object whose class and attributes have the messages' names."""

    class Pixel:
        x, y, r, g, b = 1, 2, 3, 4, 5

    assert drawing.pixels(Pixel(), 9, 9) == {(1, 2): (3, 4, 5)}
    for other in ({"type": "Hello"}, object()):
        with pytest.raises(TypeError, match="not a drawing message"):
            drawing.cost(other)


@pytest.mark.parametrize("vector", PYRAMID["levels"], ids=names(PYRAMID["levels"]))
def test_levels(vector: dict[str, Any]) -> None:
    """The oracle counts levels as the vectors do."""
    assert levels(*vector["canvas"]) == vector["levels"]


@pytest.mark.parametrize("vector", PYRAMID["means"], ids=names(PYRAMID["means"]))
def test_means(vector: dict[str, Any]) -> None:
    """The oracle's mean of four pixels is the vectors'."""
    upper = bytes(vector["of"][0]) + bytes(vector["of"][1])
    lower = bytes(vector["of"][2]) + bytes(vector["of"][3])
    quarter = (upper * 32 + lower * 32) * 32
    assert shrink([quarter] * 4) == bytes(vector["mean"]) * (64 * 64)


@pytest.mark.parametrize("vector", PYRAMID["tiles"], ids=names(PYRAMID["tiles"]))
def test_tiles_of_every_level(vector: dict[str, Any]) -> None:
    """The oracle's tiles are the vectors', padding included."""
    width, height = vector["canvas"]
    canvas = Canvas(width, height, tuple(vector["background"]))
    for seq, message in enumerate(vector["paint"], 1):
        canvas.apply(seq, message)
    expected = [[tuple(vector["background"])] * 64 for _ in range(64)]
    for x0, y0, x1, y1, *colour in vector["areas"]:
        for y in range(y0, y1 + 1):
            expected[y][x0 : x1 + 1] = [tuple(colour)] * (x1 - x0 + 1)
    rows = bytes(value for row in expected for pixel in row for value in pixel)
    assert canvas.tile(vector["level"], *vector["tile"]) == rows


def some_message(rng: random.Random, width: int, height: int) -> dict[str, Any]:
    """A PIXEL, STROKE or RECT somewhere on the canvas."""
    colour = {"r": rng.randrange(256), "g": rng.randrange(256), "b": rng.randrange(256)}
    points = tuple((rng.randrange(width), rng.randrange(height)) for _ in range(rng.randint(1, 3)))
    kind = rng.choice(["Pixel", "Stroke", "Rect"])
    if kind == "Pixel":
        return {"type": kind, "x": points[0][0], "y": points[0][1]} | colour
    if kind == "Stroke":
        return {"type": kind, "size": rng.randint(1, 12), "points": points} | colour
    (x0, y0), (x1, y1) = points[0], points[-1]
    corners = {"x0": min(x0, x1), "y0": min(y0, y1), "x1": max(x0, x1), "y1": max(y0, y1)}
    return {"type": kind, "line": rng.randrange(4)} | corners | colour


def test_history_gives_every_past_tile() -> None:
    """The tile after any message is what a canvas that stopped there would hold."""
    rng = random.Random(7)
    canvas, now = Canvas(150, 100), Canvas(150, 100)
    messages = [some_message(rng, 150, 100) for _ in range(60)]
    for seq, message in enumerate(messages, 1):
        canvas.apply(2 * seq, message)
    keys = [(0, tx, ty) for tx in range(3) for ty in range(2)]
    keys += [(1, 0, 0), (1, 1, 0), (2, 0, 0)]
    asked = list(range(len(messages) + 1))
    then = []
    for seq in asked:
        if seq:
            now.apply(2 * seq, messages[seq - 1])
        then.append([now.tile(*key) for key in keys])
    rng.shuffle(asked)
    for seq in asked:
        for late in (0, 1):
            assert [canvas.tile(*key, seq=2 * seq + late) for key in keys] == then[seq]


def test_region_pixel_and_tile_agree() -> None:
    """A rectangle is its pixels; a level-0 tile is a rectangle, background in its padding."""
    rng = random.Random(8)
    canvas = Canvas(150, 100, (1, 2, 3))
    plain: dict[Point, Colour] = {}
    for seq in range(1, 40):
        plain |= canvas.apply(seq, some_message(rng, 150, 100)).pixels
    for tx in range(3):
        for ty in range(2):
            x0, y0 = tx * 64, ty * 64
            assert canvas.tile(0, tx, ty) == canvas.region(x0, y0, x0 + 63, y0 + 63)
    assert canvas.region(10, 20, 13, 21) == b"".join(
        bytes(plain.get((x, y), (1, 2, 3))) for y in (20, 21) for x in range(10, 14)
    )
    assert canvas.pixel(140, 90) == plain.get((140, 90), (1, 2, 3))


def test_touching_looks_at_pixels() -> None:
    """A message touches a rectangle where it paints a pixel of it, not where its box does."""
    canvas = Canvas(300, 300)
    outline = {"type": "Rect", "line": 1, "x0": 10, "y0": 10, "x1": 200, "y1": 200}
    frame = canvas.apply(1, outline | {"r": 0, "g": 0, "b": 0})
    canvas.apply(2, {"type": "Pixel", "x": 70, "y": 70, "r": 0, "g": 0, "b": 0})
    assert (1, 1) not in frame.tiles
    assert not frame.touches(11, 11, 199, 199)
    assert frame.touches(11, 11, 200, 12)
    assert [done.seq for done in canvas.touching(64, 64, 127, 127)] == [2]
    assert [done.seq for done in canvas.touching(0, 0, 299, 299)] == [1, 2]
    assert [done.seq for done in canvas.touching(0, 0, 299, 299, after=1)] == [2]
    assert [done.seq for done in canvas.touching(0, 0, 299, 299, through=1)] == [1]
    assert canvas.last_touch(0, 1, 1) == 2
    assert canvas.last_touch(0, 1, 1, seq=1) == 0
    assert canvas.last_touch(1, 0, 0, seq=1) == 1


def test_seq_goes_up() -> None:
    """A message is applied once, in order."""
    canvas = Canvas(10, 10)
    pixel = {"type": "Pixel", "x": 1, "y": 1, "r": 0, "g": 0, "b": 0}
    canvas.apply(5, pixel)
    with pytest.raises(ValueError, match="5 after 5"):
        canvas.apply(5, pixel)
    assert canvas.tile(0, 0, 0, seq=4) == bytes(WHITE) * 4096
