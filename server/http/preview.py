"""What a link to a canvas shows elsewhere: its title, and a picture of it (Open Graph)."""

from collections.abc import Iterator
from html import escape
from urllib.parse import urlencode

from server.http.regions import Region, Scale
from tiles.geometry import level_count
from tiles.log.base import CanvasInfo

_TITLE = b"<title>Tilecast</title>"
_SIDE_MAX = 1200
"""Pixels along the picture's longer side: what previews show large."""
_DESCRIPTION = "A live, shared pixel canvas of {width} × {height} pixels"


def with_preview(page: bytes, base: str, name: str, info: CanvasInfo) -> bytes:
    """The viewer's page with the canvas's title, and meta elements for whoever shows links to it.

    ``base`` is the server's address as its reader sees it, without a slash at the end.
    """
    title = f"{info.title} · Tilecast" if info.title else "Tilecast"
    head = [f"<title>{escape(title)}</title>"]
    for key, value in _properties(base, name, info):
        head.append(f'<meta property="{key}" content="{escape(value)}" />')
    head.append('<meta name="twitter:card" content="summary_large_image" />')
    return page.replace(_TITLE, "\n    ".join(head).encode(), 1)


def _properties(base: str, name: str, info: CanvasInfo) -> Iterator[tuple[str, str]]:
    region = Region((0, 0, info.width - 1, info.height - 1), _scale(info))
    width, height = region.size
    x0, y0, x1, y1 = region.box
    level, times = region.scale
    scale = f"1/{1 << level}" if level else str(times)
    query = urlencode({"x0": x0, "y0": y0, "x1": x1, "y1": y1, "scale": scale}, safe="/")
    yield "og:type", "website"
    yield "og:site_name", "Tilecast"
    yield "og:title", info.title or name
    yield "og:description", _DESCRIPTION.format(width=info.width, height=info.height)
    yield "og:url", f"{base}/c/{name}"
    yield "og:image", f"{base}/c/{name}/region.png?{query}"
    yield "og:image:type", "image/png"
    yield "og:image:width", str(width)
    yield "og:image:height", str(height)


def _scale(info: CanvasInfo) -> Scale:
    """Small canvases are enlarged, large ones reduced."""
    side = max(info.width, info.height)
    if side <= _SIDE_MAX:
        return Scale(0, min(_SIDE_MAX // side, 64))
    level = ((side - 1) // _SIDE_MAX).bit_length()
    return Scale(min(level, level_count(info.width, info.height) - 1), 1)
