"""Which image of which canvas a path names."""

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from server.http.tilegrid import DEFAULT_SIZE

_PATH_MAX_CHARS = 256
_PATHS_KEPT = 16_384
_PATH = re.compile(
    r"/c/([^/]+)/tiles/(?:(\d{1,3})/)?(\d{1,9})/(\d{1,9})/(\d{1,9})(@2x)?\.(png|webp)", re.ASCII
)


class ImageFormat(StrEnum):
    """How an image is encoded; the value ends its path."""

    PNG = "png"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """Its Content-Type."""
        return f"image/{self.value}"


class TileImage(NamedTuple):
    """Which image of a canvas: ``times`` is 2 for a doubled one. It may be outside the pyramid."""

    size: int
    zoom: int
    x: int
    y: int
    times: int
    format: ImageFormat


class TilePath(NamedTuple):
    """An image and the name of the canvas that it is of."""

    canvas: str
    image: TileImage


def parse_tile_path(path: str) -> TilePath | None:
    """What a decoded path below the root path names; ``None`` if that is no tile image."""
    return _parse(path) if len(path) <= _PATH_MAX_CHARS else None


@lru_cache(_PATHS_KEPT)
def _parse(path: str) -> TilePath | None:
    found = _PATH.fullmatch(path)
    if found is None:
        return None
    canvas, size, zoom, x, y, doubled, format = found.groups()
    image = TileImage(
        int(size) if size else DEFAULT_SIZE,
        int(zoom),
        int(x),
        int(y),
        2 if doubled else 1,
        ImageFormat(format),
    )
    return TilePath(canvas, image)
