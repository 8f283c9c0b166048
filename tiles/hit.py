"""Whether a drawing message paints one pixel, found out without rasterising all of it."""

from itertools import pairwise

from protocol.messages import Drawing, Patch, Pixel, Rect, Stroke
from tiles.deflate import inflate
from tiles.raster import stamp_reach

_SET = 255
_CHANNELS = 4


def paints(message: Drawing, x: int, y: int) -> bool:
    """Whether a message that can be drawn paints pixel (x, y) of its canvas."""
    match message:
        case Pixel():
            return (message.x, message.y) == (x, y)
        case Rect():
            return _in_box(message, x, y) and not _in_hole(message, x, y)
        case Patch():
            return _in_box(message, x, y) and _is_set(message, x, y)
        case Stroke():
            return _is_stamped(message, x, y)


def _in_box(message: Rect | Patch, x: int, y: int) -> bool:
    return message.x0 <= x <= message.x1 and message.y0 <= y <= message.y1


def _in_hole(rect: Rect, x: int, y: int) -> bool:
    line = rect.line
    across = rect.x0 + line <= x <= rect.x1 - line
    return line > 0 and across and rect.y0 + line <= y <= rect.y1 - line


def _is_set(patch: Patch, x: int, y: int) -> bool:
    width, height = patch.x1 - patch.x0 + 1, patch.y1 - patch.y0 + 1
    rows = inflate(patch.data, width * height * _CHANNELS)
    place = (y - patch.y0) * width + x - patch.x0
    return rows[place * _CHANNELS + _CHANNELS - 1] == _SET


def _is_stamped(stroke: Stroke, x: int, y: int) -> bool:
    before, after = stamp_reach(stroke.size)
    points = stroke.points
    for (ax, ay), (bx, by) in pairwise(points) if len(points) > 1 else [points * 2]:
        low, high = (ax, bx) if ax < bx else (bx, ax)
        if not low - before <= x <= high + after:
            continue
        low, high = (ay, by) if ay < by else (by, ay)
        if not low - before <= y <= high + after:
            continue
        # Discs and lines are the same with their axes exchanged.
        if abs(bx - ax) < abs(by - ay):
            found = _is_on_segment(ay, ax, by - ay, bx - ax, stroke.size, y, x)
        else:
            found = _is_on_segment(ax, ay, bx - ax, by - ay, stroke.size, x, y)
        if found:
            return True
    return False


def _is_on_segment(ax: int, ay: int, dx: int, dy: int, size: int, x: int, y: int) -> bool:
    """Whether a disc on one of a line's pixels holds (x, y); ``dx`` is its longer side."""
    before, _ = stamp_reach(size)
    right, down = (1 if dx >= 0 else -1), (1 if dy >= 0 else -1)
    m, rise = abs(dx), abs(dy)
    level = (x - ax) * right
    for k in range(max(0, level - before), min(m, level + before) + 1):
        i = 2 * (x - ax - right * k + before) + 1 - size
        j = 2 * (y - ay - down * ((2 * k * rise + m) // (2 * m or 1)) + before) + 1 - size
        if i * i + j * j <= size * size:
            return True
    return False
