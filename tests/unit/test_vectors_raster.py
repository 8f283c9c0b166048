"""The rasteriser against the shared vectors: what is painted, what it costs, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from protocol.messages import Drawing
from tests.vectors import build
from tests.vectors.load import Fields, load, names, runs
from tiles.geometry import TILE, unkey
from tiles.raster import DrawError, DrawLimits, check, cost, rasterise

VECTORS = load("raster")
PAINTED, REJECTED = VECTORS["painted"], VECTORS["rejected"]

Tiles = dict[tuple[int, int], npt.NDArray[np.int16]]
UNPAINTED = -1


def expected_tiles(vector: Fields) -> Tiles:
    """The vector's pixels by tile: (64, 64, 3), -1 where nothing is painted."""
    tiles: Tiles = {}
    for y, x0, x1, colour in runs(vector):
        for tx in range(x0 // TILE, x1 // TILE + 1):
            tile = tiles.setdefault((tx, y // TILE), np.full((TILE, TILE, 3), UNPAINTED, np.int16))
            left = tx * TILE
            tile[y % TILE, max(x0 - left, 0) : min(x1 - left, TILE - 1) + 1] = colour
    return tiles


def painted_tiles(vector: Fields) -> Tiles:
    """What the rasteriser paints, in the same form."""
    message = build.drawing(vector["message"])
    width, height = vector["canvas"]
    check(message, width, height, DrawLimits())
    tiles: Tiles = {}
    for paint in rasterise(message, width, height):
        level, tx, ty = unkey(paint.tile)
        assert level == 0
        tile = tiles.setdefault((tx, ty), np.full((TILE, TILE, 3), UNPAINTED, np.int16))
        pixels, mask = np.zeros((TILE, TILE, 3), np.uint8), np.zeros((TILE, TILE), np.bool_)
        paint.onto(pixels)
        paint.cover(mask)
        assert mask.any()
        tile[mask] = pixels[mask]
    return tiles


@pytest.mark.parametrize("vector", PAINTED, ids=names(PAINTED))
def test_cost(vector: dict[str, Any]) -> None:
    """The cost follows from the message alone."""
    assert cost(build.drawing(vector["message"])) == vector["cost"]


@pytest.mark.parametrize("vector", PAINTED, ids=names(PAINTED))
def test_paints_exactly_these_pixels(vector: dict[str, Any]) -> None:
    """Exact to the pixel, clipped to the canvas, and no tile is named that isn't painted."""
    painted = painted_tiles(vector)
    assert len(painted) == vector.get("tiles", len(painted))
    if "sample" in vector:
        assert_sample(painted, vector)
        return
    expected = expected_tiles(vector)
    assert painted.keys() == expected.keys()
    for tile, content in expected.items():
        np.testing.assert_array_equal(painted[tile], content, err_msg=str(tile))


def assert_sample(painted: Tiles, vector: Fields) -> None:
    """The count of pixels is right, and those named are painted or not."""
    message, sample = vector["message"], vector["sample"]
    count = sum(int((content[..., 0] != UNPAINTED).sum()) for content in painted.values())
    assert count == sample["count"]
    colour = [message["r"], message["g"], message["b"]]
    for x, y in sample["painted"]:
        assert painted[x // TILE, y // TILE][y % TILE, x % TILE].tolist() == colour
    for x, y in sample["blank"]:
        tile = painted.get((x // TILE, y // TILE))
        assert tile is None or tile[y % TILE, x % TILE].tolist() == [UNPAINTED] * 3


@pytest.mark.parametrize("vector", REJECTED, ids=names(REJECTED))
def test_is_refused_with_its_code(vector: dict[str, Any]) -> None:
    """What can't be drawn has a REJECT code, from the check or, at the latest, from drawing."""
    message = build.drawing(vector["message"])
    width, height = vector["canvas"]
    with pytest.raises(DrawError) as caught:
        check_and_draw(message, width, height)
    assert caught.value.code == vector["reject"]


def check_and_draw(message: Drawing, width: int, height: int) -> None:
    """Both steps in which a message may be refused."""
    check(message, width, height, DrawLimits())
    rasterise(message, width, height)


def test_names_are_unique() -> None:
    """A failing vector is found by its name."""
    for vectors in VECTORS.values():
        assert len(set(names(vectors))) == len(vectors)
