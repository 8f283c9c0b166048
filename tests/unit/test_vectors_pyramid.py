"""The pyramid against the shared vectors: level counts, 2 × 2 means, tiles of every level."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.vectors import build
from tests.vectors.load import load, names
from tiles.canvas import Canvas
from tiles.geometry import TILE, key, level_count
from tiles.pyramid import Pyramid, halve
from tiles.raster import rasterise

VECTORS = load("pyramid")


@pytest.mark.parametrize("vector", VECTORS["levels"], ids=names(VECTORS["levels"]))
def test_level_count(vector: dict[str, Any]) -> None:
    """Levels go up to the first that is one tile."""
    width, height = vector["canvas"]
    assert level_count(width, height) == vector["levels"]


@pytest.mark.parametrize("vector", VECTORS["means"], ids=names(VECTORS["means"]))
def test_mean(vector: dict[str, Any]) -> None:
    """(sum + 2) >> 2 of four pixels, channel by channel."""
    four = np.array(vector["of"], np.uint8).reshape(2, 2, 3)
    assert halve(four).tolist() == [[vector["mean"]]]


@pytest.mark.parametrize("vector", VECTORS["tiles"], ids=names(VECTORS["tiles"]))
def test_tile(vector: dict[str, Any]) -> None:
    """Level by level, with the background beyond the canvas's edge, in padding too."""
    width, height = vector["canvas"]
    r, g, b = vector["background"]
    canvas = Canvas(width, height, (r, g, b))
    pyramid = Pyramid(canvas)
    for seq, fields in enumerate(vector["paint"], 1):
        paints = rasterise(build.drawing(fields), width, height)
        pyramid.mark(canvas.paint(paints, seq))
    expected = np.empty((TILE, TILE, 3), np.uint8)
    expected[:] = vector["background"]
    for x0, y0, x1, y1, *colour in vector["areas"]:
        expected[y0 : y1 + 1, x0 : x1 + 1] = colour
    tile = pyramid.tile(key(vector["level"], *vector["tile"]))
    np.testing.assert_array_equal(tile, expected)
