"""From a drawing message to the pixels of each tile that it paints; exact to the pixel.

The definition stands in ``docs/spec.md`` (RAS rules) and is held by ``tests/vectors/raster.json``,
which the viewer's rasteriser passes too.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, TypeGuard

import numpy as np
import numpy.typing as npt

from protocol.errors import RejectCode
from protocol.messages import Drawing, Patch, Pixel, Rect, Stroke
from tiles.deflate import InflateError, inflate
from tiles.geometry import (
    CANVAS_MAX,
    TILE,
    Rectangle,
    clip,
    split_spans,
    tile_at,
    tile_box,
    tile_range,
    within,
)

STROKE_SIZE_MAX = 64
STROKE_POINTS_MAX = 4096
PATCH_PIXELS_MAX = 65_536
_LEAVE, _SET = 0, 255
_SPARSE = 512
"""With up to so many pixels a tile on average, a stroke's are listed instead of masked."""

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
_RGB = np.dtype("V3")


class DrawError(Exception):
    """A drawing message that can't be drawn, with the REJECT code that says why."""

    def __init__(self, code: RejectCode) -> None:
        super().__init__(code.name)
        self.code = code


class DrawLimits(NamedTuple):
    """Bounds on one drawing message, whoever sends it."""

    max_message_pixels: int = 1_048_576
    max_message_tiles: int = 4096


class Paint(NamedTuple):
    """What a message does to one tile.

    ``where`` is two slices, indexed [y, x], a (64, 64) mask with at least one pixel set, or
    *places*, 64 y + x, of which the last counts where they repeat; ``colour`` is uint8, (3,) or one
    per pixel.
    """

    tile: int
    where: tuple[slice, slice] | Mask | Ints
    colour: Bytes

    def onto(self, pixels: Bytes) -> None:
        """Paint the tile's (64, 64, 3) uint8 ``pixels``."""
        # A pixel as one item takes a sixth of the time that it takes as three.
        rgb, colour = pixels.view(_RGB), self.colour.view(_RGB)
        if self._lists_places(self.where):
            rgb.put(self.where, colour)
        else:
            rgb[..., 0][self.where] = colour[..., 0]

    def cover(self, mask: Mask) -> None:
        """Set what is painted in a (64, 64) mask."""
        if self._lists_places(self.where):
            mask.put(self.where, True)
        else:
            mask[self.where] = True

    @staticmethod
    def _lists_places(where: tuple[slice, slice] | Mask | Ints) -> TypeGuard[Ints]:
        return not isinstance(where, tuple) and where.ndim == 1


def cost(message: Drawing) -> int:
    """Pixels that a message is charged for; known before anything is rasterised or inflated."""
    match message:
        case Pixel():
            return 1
        case Stroke(size=size, points=points):
            steps = sum(max(abs(bx - ax), abs(by - ay)) for (ax, ay), (bx, by) in pairwise(points))
            return size * (size + len(points) - 1 + steps)
        case Rect():
            width, height = message.x1 - message.x0 + 1, message.y1 - message.y0 + 1
            inner = 0
            if message.line:
                inner = max(0, width - 2 * message.line) * max(0, height - 2 * message.line)
            return width * height - inner
        case Patch():
            return (message.x1 - message.x0 + 1) * (message.y1 - message.y0 + 1)


def check(message: Drawing, width: int, height: int, limits: DrawLimits) -> int:
    """The message's :func:`cost`, if it may be drawn on a canvas of that size.

    Raises :class:`DrawError`: bad value first, then out of bounds, then too large. What only
    :func:`rasterise` can see (a PATCH's stream, the number of tiles) is left to it.
    """
    match message:
        case Pixel(x=x, y=y):
            inside = x < width and y < height
        case Stroke(size=size, points=points):
            if not (1 <= size <= STROKE_SIZE_MAX and 1 <= len(points) <= STROKE_POINTS_MAX):
                raise DrawError(RejectCode.BAD_VALUE)
            inside = all(x < width and y < height for x, y in points)
        case Rect() | Patch():
            if message.x0 > message.x1 or message.y0 > message.y1:
                raise DrawError(RejectCode.BAD_VALUE)
            inside = message.x1 < width and message.y1 < height
    if not inside:
        raise DrawError(RejectCode.OUT_OF_BOUNDS)
    pixels = cost(message)
    if pixels > limits.max_message_pixels:
        raise DrawError(RejectCode.TOO_LARGE)
    if isinstance(message, Patch) and pixels > PATCH_PIXELS_MAX:
        raise DrawError(RejectCode.TOO_LARGE)
    return pixels


def bounds(message: Drawing, width: int, height: int) -> Rectangle:
    """The smallest rectangle of canvas pixels known to hold all that a checked message paints."""
    match message:
        case Pixel(x=x, y=y):
            return x, y, x, y
        case Stroke(size=size, points=points):
            before, after = stamp_reach(size)
            xs, ys = zip(*points, strict=True)
            box = (min(xs) - before, min(ys) - before, max(xs) + after, max(ys) + after)
            clipped = clip(box, width, height)
            assert clipped is not None, "a checked stroke lies on the canvas"
            return clipped
        case Rect() | Patch():
            return message.x0, message.y0, message.x1, message.y1


def stamp_reach(size: int) -> tuple[int, int]:
    """How far a stroke's disc reaches before and after its point, in pixels."""
    before = size >> 1
    return before, size - 1 - before


def rasterise(
    message: Drawing, width: int, height: int, max_tiles: int = DrawLimits().max_message_tiles
) -> list[Paint]:
    """What a checked message paints, tile by tile; a tile may come more than once.

    Raises :class:`DrawError`: a PATCH whose stream is wrong is a bad value, more than ``max_tiles``
    tiles are too large.
    """
    match message:
        case Pixel(x=x, y=y):
            column, row = within(x, y)
            where = (slice(row, row + 1), slice(column, column + 1))
            return [Paint(tile_at(x, y), where, _colour(message))]
        case Rect():
            paints = [
                Paint(tile, _slices(part, tile), _colour(message))
                for part in _rect_parts(message)
                for tile in _tiles(part, max_tiles)
            ]
            if len({paint.tile for paint in paints}) > max_tiles:
                raise DrawError(RejectCode.TOO_LARGE)
            return paints
        case Patch():
            return list(_patch_paints(message, max_tiles))
        case Stroke():
            return _stroke_paints(message, width, height, max_tiles)


def _colour(message: Pixel | Rect | Stroke) -> Bytes:
    return np.array((message.r, message.g, message.b), np.uint8)


def _tiles(box: Rectangle, max_tiles: int) -> Iterator[int]:
    tiles = tile_range(0, box)
    if tiles.total > max_tiles:
        raise DrawError(RejectCode.TOO_LARGE)
    return tiles.keys()


def _slices(box: Rectangle, tile: int) -> tuple[slice, slice]:
    """The part of ``box`` inside a tile that it touches, as [y, x] slices."""
    left, top, right, bottom = tile_box(tile)
    x0, y0, x1, y1 = box
    return (
        slice(max(y0, top) - top, min(y1, bottom) - top + 1),
        slice(max(x0, left) - left, min(x1, right) - left + 1),
    )


def _rect_parts(rect: Rect) -> list[Rectangle]:
    """The disjoint filled rectangles that a RECT is made of: itself, or an outline's four sides."""
    x0, y0, x1, y1, line = rect.x0, rect.y0, rect.x1, rect.y1, rect.line
    if line == 0 or 2 * line > x1 - x0 or 2 * line > y1 - y0:
        return [(x0, y0, x1, y1)]
    inner_top, inner_bottom = y0 + line, y1 - line
    return [
        (x0, y0, x1, inner_top - 1),
        (x0, inner_top, x0 + line - 1, inner_bottom),
        (x1 - line + 1, inner_top, x1, inner_bottom),
        (x0, inner_bottom + 1, x1, y1),
    ]


def _patch_paints(patch: Patch, max_tiles: int) -> Iterator[Paint]:
    box = (patch.x0, patch.y0, patch.x1, patch.y1)
    width, height = patch.x1 - patch.x0 + 1, patch.y1 - patch.y0 + 1
    try:
        rows = inflate(patch.data, width * height * 4)
    except InflateError:
        raise DrawError(RejectCode.BAD_VALUE) from None
    rgba = np.frombuffer(rows, np.uint8).reshape(height, width, 4)
    alpha = rgba[..., 3]
    chosen = alpha == _SET
    if not (chosen | (alpha == _LEAVE)).all():
        raise DrawError(RejectCode.BAD_VALUE)
    for tile in _tiles(box, max_tiles):
        where = _slices(box, tile)
        left, top = tile_box(tile)[:2]
        source = tuple(
            slice(part.start + near - first, part.stop + near - first)
            for part, near, first in zip(where, (top, left), (patch.y0, patch.x0), strict=True)
        )
        part = chosen[source]
        if part.all():
            yield Paint(tile, where, rgba[source][..., :3])
        elif part.any():
            mask = np.zeros((TILE, TILE), np.bool_)
            mask[where] = part
            yield Paint(tile, mask, rgba[source][..., :3][part])


def _stroke_paints(stroke: Stroke, width: int, height: int, max_tiles: int) -> list[Paint]:
    x, y, segment = _polyline(np.array(stroke.points, np.int64))
    y, start, end = _sweep(x, y, segment, stroke.size)
    start, end = np.maximum(start, 0), np.minimum(end, width)
    keep = (y >= 0) & (y < height) & (start < end)
    tile, row, first, last = split_spans(y[keep], start[keep], end[keep])
    keys, slot = _slots(tile)
    if len(keys) > max_tiles:
        raise DrawError(RejectCode.TOO_LARGE)
    colour = _colour(stroke)
    sparse = int((last - first).sum()) <= len(keys) * _SPARSE
    pixels = (_listed if sparse else _masked)(slot, row, first, last, len(keys))
    return [Paint(key, where, colour) for key, where in zip(keys.tolist(), pixels, strict=True)]


def _listed(slot: Ints, row: Ints, first: Ints, last: Ints, tiles: int) -> Iterator[Ints]:
    """The pixels that spans cover, by tile, as places."""
    length = last - first
    begin = np.repeat((slot * TILE + row) * TILE + first - (np.cumsum(length) - length), length)
    pixels = begin + np.arange(len(begin))
    pixels.sort()  # np.unique would keep the interpreter to itself for as long as it takes
    pixels = pixels[np.flatnonzero(np.diff(pixels, prepend=-1))]
    cuts = np.searchsorted(pixels, np.arange(tiles + 1) * TILE**2).tolist()
    places = pixels % TILE**2
    for start, end in pairwise(cuts):
        yield places[start:end]


def _masked(slot: Ints, row: Ints, first: Ints, last: Ints, tiles: int) -> npt.NDArray[np.bool_]:
    """The pixels that spans cover, as a (64, 64) mask for each tile."""
    # +1 where a span starts and -1 after its end: the running sum counts the spans over a pixel.
    edges = np.zeros(tiles * TILE * (TILE + 1), np.int32)
    line = (slot * TILE + row) * (TILE + 1)
    np.add.at(edges, line + first, 1)
    np.subtract.at(edges, line + last, 1)
    covered: npt.NDArray[np.bool_] = (
        edges.reshape(tiles, TILE, TILE + 1).cumsum(axis=2, dtype=np.int32)[..., :TILE] > 0
    )
    return covered


def _polyline(points: Ints) -> tuple[Ints, Ints, Ints]:
    """The pixels of a polyline as x, y and the number of the segment that each belongs to.

    The first point is a segment of its own; then come each segment's steps 1 to m.
    """
    delta = np.diff(points, axis=0)
    distance = np.abs(delta)
    steps = distance.max(axis=1, initial=0)
    segment = np.repeat(np.arange(len(steps)), steps)
    first = np.cumsum(steps) - steps
    k = np.arange(len(segment)) - first[segment] + 1
    m = steps[segment, None]
    along = (2 * k[:, None] * distance[segment] + m) // (2 * m)
    line = points[segment] + np.sign(delta)[segment] * along
    x, y = np.concatenate((points[:1], line)).T
    return x, y, np.concatenate((np.zeros(1, np.int64), segment + 1))


@lru_cache(maxsize=STROKE_SIZE_MAX)
def _disc(size: int) -> tuple[tuple[int, int], ...]:
    """A disc's rows, top down, as (first dx, dx after the last) from the point it is stamped on."""
    before, _ = stamp_reach(size)
    odd = 2 * np.arange(size) + 1 - size
    inside = odd[None, :] ** 2 + odd[:, None] ** 2 <= size**2
    starts: list[int] = inside.argmax(axis=1).tolist()
    return tuple((start - before, size - start - before) for start in starts)


def _sweep(x: Ints, y: Ints, segment: Ints, size: int) -> tuple[Ints, Ints, Ints]:
    """The spans (y, start, end) that a disc covers along each segment.

    A segment goes one way on both axes and moves by at most a pixel a step, and a disc's rows are
    centred: so what it covers of a row is one span, from the least start to the greatest end.
    """
    before, _ = stamp_reach(size)
    # The line's own runs: pixels of one segment in one row.
    begins = np.flatnonzero(np.diff(segment, prepend=-1) | np.diff(y, prepend=y[0] - 1))
    ends = np.append(begins[1:], len(x)) - 1
    left, right = np.minimum(x[begins], x[ends]), np.maximum(x[begins], x[ends])
    row, owner = y[begins], segment[begins]
    # Each segment's rows of spans stand together, top down, after those of the one before.
    opening = np.flatnonzero(np.diff(owner, prepend=-1))
    rows = np.diff(np.append(opening, len(row)))
    top = np.minimum(row[opening], row[np.append(opening[1:], len(row)) - 1])
    heights = rows + size - 1
    offset = np.cumsum(heights) - heights
    index = np.repeat(np.arange(len(opening)), rows)
    place = offset[index] + row - top[index]
    start = np.full(int(heights.sum()), CANVAS_MAX * 2)
    end = np.full(len(start), -CANVAS_MAX)
    for dy, (first, last) in enumerate(_disc(size)):
        here = place + dy
        start[here] = np.minimum(start[here], left + first)
        end[here] = np.maximum(end[here], right + last)
    span_owner = np.repeat(np.arange(len(opening)), heights)
    span_y = np.arange(len(start)) - offset[span_owner] + top[span_owner] - before
    return span_y, start, end


def _slots(tile: Ints) -> tuple[Ints, Ints]:
    """The distinct keys in ``tile``, ascending, and the index of each element among them."""
    lowest = int(tile.min())
    seen = np.zeros(int(tile.max()) - lowest + 1, np.bool_)
    seen[tile - lowest] = True
    keys = np.flatnonzero(seen)
    index = np.cumsum(seen) - 1
    return keys + lowest, index[tile - lowest]
