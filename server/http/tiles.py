"""``/c/{canvas}/tiles/…``: the canvas as an XYZ pyramid of PNG and WebP images."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from server.http.conditional import matches, quote
from server.http.context import ContextOf, LiveHub
from server.http.tile_images import ImageFormat, TileImage
from server.http.tilegrid import DEFAULT_SIZE, SIZES, TileGrid
from server.problems import NotFound, ProblemDetails

router = APIRouter(tags=["images"])

CACHE_LIVE = "public, max-age=1"
CACHE_OVERVIEW = "public, max-age=2, stale-while-revalidate=30"
CACHE_FOREVER = "public, max-age=31536000, immutable"
SEQ_HEADER = "X-Tile-Seq"

Zoom = Annotated[int, Path(description="0 shows the whole canvas in one image.")]
Column = Annotated[int, Path(description="Images from the left edge.")]
Row = Annotated[int, Path(description="Images from the upper edge.")]
Version = Annotated[
    str | None,
    Query(description="An ETag without its quotes: if it is current and durable, never expires."),
]


async def _respond(
    request: Request, context: ContextOf, hub: LiveHub, image: TileImage, v: str | None
) -> Response:
    grid = TileGrid(image.size, hub.info.width, hub.info.height)
    if not grid.holds(image.zoom, image.x, image.y):
        raise NotFound(
            f"There is no tile {image.zoom}/{image.x}/{image.y}: zoom goes to {grid.max_zoom}."
        )
    version = await context.tile_images.version(hub, image)
    tag = f"{hub.epoch:x}-{version:x}"
    if matches(request.headers.get("if-none-match"), tag):
        seq, status, body = hub.seq, 304, b""
    else:
        encoded = await context.tile_images.encoded(hub, image, version)
        version, seq, body = encoded
        tag, status = f"{hub.epoch:x}-{version:x}", 200
    cache = CACHE_LIVE if grid.level(image.zoom) == 0 else CACHE_OVERVIEW
    if v == tag and version <= hub.durable_seq:
        cache = CACHE_FOREVER
    headers = {"ETag": quote(tag), SEQ_HEADER: str(seq), "Cache-Control": cache}
    return Response(body, status, headers, image.format.media_type)


def _endpoint(times: int, format: ImageFormat) -> Callable[..., Awaitable[Response]]:
    async def tile(
        request: Request,
        context: ContextOf,
        hub: LiveHub,
        z: Zoom,
        x: Column,
        y: Row,
        v: Version = None,
    ) -> Response:
        image = TileImage(DEFAULT_SIZE, z, x, y, times, format)
        return await _respond(request, context, hub, image, v)

    return tile


def _sized_endpoint(times: int, format: ImageFormat) -> Callable[..., Awaitable[Response]]:
    async def sized_tile(
        request: Request,
        context: ContextOf,
        hub: LiveHub,
        size: Annotated[int, Path(description="Pixels along the image's side: 64, 256 or 512.")],
        z: Zoom,
        x: Column,
        y: Row,
        v: Version = None,
    ) -> Response:
        if size not in SIZES:
            raise NotFound(f"Tiles are {', '.join(map(str, SIZES))} pixels wide.")
        return await _respond(request, context, hub, TileImage(size, z, x, y, times, format), v)

    return sized_tile


def _add_routes() -> None:
    # `{y}` would match `5@2x` too, so the doubled images come first.
    for suffix, times in (("@2x", 2), ("", 1)):
        for format in ImageFormat:
            ending = f"{suffix}.{format.value}"
            doubled = ", doubled" if times > 1 else ""
            name = f"{format.value.upper()} tile{doubled}"
            for path, endpoint, about in (
                (f"/{{z}}/{{x}}/{{y}}{ending}", _endpoint, f"{name}, 256 pixels"),
                (f"/{{size}}/{{z}}/{{x}}/{{y}}{ending}", _sized_endpoint, f"{name}, any size"),
            ):
                router.add_api_route(
                    f"/c/{{canvas}}/tiles{path}",
                    endpoint(times, format),
                    methods=["GET"],
                    summary=about,
                    name=about,
                    response_class=Response,
                    responses={
                        200: {"content": {format.media_type: {}}, "description": "The image."},
                        304: {"description": "It is still the one that If-None-Match names."},
                        404: {"model": ProblemDetails, "description": "Outside the pyramid."},
                        503: {"model": ProblemDetails, "description": "Too much to do: retry."},
                    },
                )


_add_routes()
