"""What a drawing message costs, whether it is refused and what it paints: plain loops.

Written from the design page alone ("Drawing" and "Cost"), sharing nothing with ``tiles`` or
``protocol``, to hold them to the page. A message is either a dict with a ``type`` (the test
vectors' form, bytes and points expanded) or an object whose class has the type's name and whose
attributes have the fields' names.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

Point = tuple[int, int]
Colour = tuple[int, int, int]

TILE_SIDE = 64

OUT_OF_BOUNDS = 1
BAD_VALUE = 2
TOO_LARGE = 7

_SIZE_MAX = 64
_POINTS_MAX = 4096
_PATCH_PIXELS_MAX = 65_536
_FIELDS = {
    "Pixel": ("x", "y", "r", "g", "b"),
    "Stroke": ("size", "r", "g", "b", "points"),
    "Rect": ("line", "x0", "y0", "x1", "y1", "r", "g", "b"),
    "Patch": ("x0", "y0", "x1", "y1", "data"),
}


def fields(message: object) -> dict[str, Any]:
    """The message as a dict with its ``type``; TypeError for what doesn't draw."""
    if isinstance(message, Mapping):
        if message.get("type") not in _FIELDS:
            raise TypeError(f"not a drawing message: {message!r}")
        return dict(message)
    kind = type(message).__name__
    if kind not in _FIELDS:
        raise TypeError(f"not a drawing message: {message!r}")
    return {"type": kind} | {name: getattr(message, name) for name in _FIELDS[kind]}


def cost(message: object) -> int:
    """What the message costs, in pixels, known before it is rasterised or inflated.

    Meant for messages whose values are in range.
    """
    m = fields(message)
    if m["type"] == "Pixel":
        return 1
    if m["type"] == "Stroke":
        size, points = m["size"], m["points"]
        return int(size * (size + len(points) - 1 + _steps(points)))
    across, down = m["x1"] - m["x0"] + 1, m["y1"] - m["y0"] + 1
    if m["type"] == "Patch" or m["line"] == 0:
        return int(across * down)
    hole = max(0, across - 2 * m["line"]) * max(0, down - 2 * m["line"])
    return int(across * down - hole)


def refusal(
    message: object,
    width: int,
    height: int,
    *,
    max_message_pixels: int = 1_048_576,
    max_message_tiles: int = 4_096,
) -> int | None:
    """The REJECT code for drawing the message on a canvas of that size, None if it is accepted.

    A bad value (2) goes before out of bounds (1), that before too large (7); a PATCH's stream is
    looked at after all these.
    """
    m = fields(message)
    if not _values_in_range(m):
        return BAD_VALUE
    if any(not (0 <= x < width and 0 <= y < height) for x, y in _corners(m)):
        return OUT_OF_BOUNDS
    pixels_max = _PATCH_PIXELS_MAX if m["type"] == "Patch" else max_message_pixels
    if cost(m) > min(pixels_max, max_message_pixels):
        return TOO_LARGE
    if m["type"] == "Patch" and _inflated(m) is None:
        return BAD_VALUE  # so few pixels can't touch too many tiles
    if _tiles_at_most(m) > max_message_tiles:
        touched = tiles(pixels(m, width, height))
        return TOO_LARGE if len(touched) > max_message_tiles else None
    return None


def pixels(message: object, width: int, height: int) -> dict[Point, Colour]:
    """Every pixel that an accepted message paints on a canvas of that size, and its colour."""
    m = fields(message)
    if m["type"] == "Patch":
        return _patch_pixels(m)
    colour = (int(m["r"]), int(m["g"]), int(m["b"]))
    if m["type"] == "Pixel":
        return {(m["x"], m["y"]): colour}
    if m["type"] == "Rect":
        return dict.fromkeys(_rect_pixels(m), colour)
    return dict.fromkeys(_stroke_pixels(m, width, height), colour)


def tiles(painted: Mapping[Point, Colour]) -> set[Point]:
    """The level-0 tiles (tx, ty) that hold one of those pixels."""
    return {(x // TILE_SIDE, y // TILE_SIDE) for x, y in painted}


def line(start: Point, end: Point) -> Iterator[Point]:
    """The m + 1 pixels from one point to the next, m = max(|Δx|, |Δy|)."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    m = max(abs(dx), abs(dy))
    if m == 0:
        yield start
        return
    for k in range(m + 1):
        along_x = (2 * k * abs(dx) + m) // (2 * m)
        along_y = (2 * k * abs(dy) + m) // (2 * m)
        yield (
            start[0] + (along_x if dx > 0 else -along_x),
            start[1] + (along_y if dy > 0 else -along_y),
        )


@cache
def disc(size: int) -> list[tuple[int, int]]:
    """The disc's rows within its square: of row j the first and the last i of the disc."""
    rows = []
    for j in range(size):
        inside = [
            i for i in range(size) if (2 * i + 1 - size) ** 2 + (2 * j + 1 - size) ** 2 <= size**2
        ]
        rows.append((inside[0], inside[-1]))
    return rows


def _steps(points: tuple[Point, ...]) -> int:
    total = 0
    for i in range(1, len(points)):
        (x0, y0), (x1, y1) = points[i - 1], points[i]
        total += max(abs(x1 - x0), abs(y1 - y0))
    return total


def _values_in_range(m: Mapping[str, Any]) -> bool:
    if m["type"] == "Stroke":
        return 1 <= m["size"] <= _SIZE_MAX and 1 <= len(m["points"]) <= _POINTS_MAX
    if m["type"] in ("Rect", "Patch"):
        return bool(m["x0"] <= m["x1"] and m["y0"] <= m["y1"])
    return True


def _corners(m: Mapping[str, Any]) -> list[Point]:
    if m["type"] == "Pixel":
        return [(m["x"], m["y"])]
    if m["type"] == "Stroke":
        return list(m["points"])
    return [(m["x0"], m["y0"]), (m["x1"], m["y1"])]


def _tiles_at_most(m: Mapping[str, Any]) -> int:
    """The tiles of the message's bounding box: no message touches more."""
    margin = m["size"] if m["type"] == "Stroke" else 0
    xs = [x for x, _ in _corners(m)]
    ys = [y for _, y in _corners(m)]
    across = (max(xs) + margin) // TILE_SIDE - (min(xs) - margin) // TILE_SIDE + 1
    down = (max(ys) + margin) // TILE_SIDE - (min(ys) - margin) // TILE_SIDE + 1
    return int(across * down)


def _rect_pixels(m: Mapping[str, Any]) -> Iterator[Point]:
    x0, x1, line = m["x0"], m["x1"], m["line"]
    for y in range(m["y0"], m["y1"] + 1):
        if line == 0 or min(y - m["y0"], m["y1"] - y) < line:
            columns = [*range(x0, x1 + 1)]
        else:
            left = range(x0, min(x0 + line - 1, x1) + 1)
            right = range(max(x1 - line + 1, left.stop), x1 + 1)
            columns = [*left, *right]
        for x in columns:
            yield x, y


def _stroke_pixels(m: Mapping[str, Any], width: int, height: int) -> Iterator[Point]:
    points = m["points"]
    centres = {points[0]}
    for i in range(1, len(points)):
        centres.update(line(points[i - 1], points[i]))
    half = m["size"] // 2
    # Row by row instead of disc by disc, as discs along a line share nearly all their pixels.
    runs: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for x, y in centres:
        for j, (first, last) in enumerate(disc(m["size"])):
            runs[y - half + j].add((x - half + first, x - half + last))
    for y, row in runs.items():
        if not 0 <= y < height:
            continue
        done = 0
        for first, last in sorted(row):
            for x in range(max(first, done), min(last, width - 1) + 1):
                yield x, y
            done = max(done, last + 1)


def _inflated(m: Mapping[str, Any]) -> bytes | None:
    """The RGBA rows of a PATCH, None if its stream isn't what the page asks for."""
    due = 4 * cost(m)
    inflater = zlib.decompressobj()
    try:
        rgba = inflater.decompress(m["data"], due + 1)
    except zlib.error:
        return None
    if len(rgba) != due or not inflater.eof or inflater.unused_data:
        return None
    for at in range(3, due, 4):
        if rgba[at] not in (0, 255):
            return None
    return rgba


def _patch_pixels(m: Mapping[str, Any]) -> dict[Point, Colour]:
    rgba = _inflated(m)
    if rgba is None:
        raise ValueError("the stream of this PATCH is bad")
    painted = {}
    at = 0
    for y in range(m["y0"], m["y1"] + 1):
        for x in range(m["x0"], m["x1"] + 1):
            if rgba[at + 3] == 255:
                painted[x, y] = (rgba[at], rgba[at + 1], rgba[at + 2])
            at += 4
    return painted
