"""The answers to requests for tile images: at once where the image is known, else in time.

Most requests are for a known image; what they cost is what the server can serve.
"""

from starlette.datastructures import QueryParams
from starlette.types import Scope

from server.http.answer import Answer
from server.http.conditional import is_named
from server.http.context import Context, live_hub
from server.http.middleware import OPEN_HEADERS
from server.http.tile_images import TileEntry
from server.http.tile_path import TilePath, parse_tile_path
from server.http.tilegrid import SIZES, TileGrid
from server.problems import NotFound

CACHE_LIVE = "public, max-age=1"
CACHE_OVERVIEW = "public, max-age=2, stale-while-revalidate=30"
CACHE_FOREVER = "public, max-age=31536000, immutable"
SEQ_HEADER = "X-Tile-Seq"

_LIVE, _OVERVIEW, _FOREVER = CACHE_LIVE.encode(), CACHE_OVERVIEW.encode(), CACHE_FOREVER.encode()
_SEQ = SEQ_HEADER.lower().encode()


def answer_at_once(context: Context, scope: Scope) -> Answer | None:
    """What :func:`answer` would give, if that takes no computing and no waiting."""
    if scope["method"] not in {"GET", "HEAD"}:
        return None
    path = _path(context, scope)
    hub = context.canvases.find(path.canvas) if path is not None else None
    if path is None or hub is None:
        return None
    entry = context.tile_images.current(hub, path.image)
    return None if entry is None else _answer(entry, scope)


async def answer(context: Context, scope: Scope) -> Answer:
    """The answer to a request for an image.

    Raises :class:`server.problems.NotFound`, :class:`server.problems.Unavailable`.
    """
    path = _path(context, scope)
    if path is None:
        raise NotFound("There is nothing at this path.")
    hub, image = live_hub(context.canvases, path.canvas), path.image
    if image.size not in SIZES:
        raise NotFound(f"Tiles are {', '.join(map(str, SIZES))} pixels wide.")
    grid = TileGrid(image.size, hub.info.width, hub.info.height)
    if not grid.holds(image.zoom, image.x, image.y):
        raise NotFound(
            f"There is no tile {image.zoom}/{image.x}/{image.y}: zoom goes to {grid.max_zoom}."
        )
    entry = await context.tile_images.latest(hub, image)
    given = _answer(entry, scope)
    if given is None:
        given = _answer(await context.tile_images.encoded(entry), scope)
    assert given is not None, "an encoded image is all that an answer takes"
    return given


def _path(context: Context, scope: Scope) -> TilePath | None:
    return parse_tile_path(scope["path"].removeprefix(context.settings.root_path))


def _answer(entry: TileEntry, scope: Scope) -> Answer | None:
    """304, or the image; ``None`` if it has to be encoded for that."""
    headers = [
        *OPEN_HEADERS,
        (b"etag", entry.etag),
        (_SEQ, b"%d" % entry.seq),
        (b"cache-control", _cache_control(entry, scope["query_string"])),
    ]
    if is_named(scope["headers"], entry.tag):
        return Answer(304, headers, b"")
    data = entry.data
    if data is None:
        return None
    headers.append((b"content-type", entry.image.format.media_type.encode()))
    headers.append((b"content-length", b"%d" % len(data)))
    return Answer(200, headers, data)


def _cache_control(entry: TileEntry, query: bytes) -> bytes:
    is_named = bool(query) and QueryParams(query).get("v") == entry.tag
    if is_named and entry.version <= entry.hub.durable_seq:
        return _FOREVER
    return _OVERVIEW if entry.level else _LIVE
