"""``/c/{canvas}/region.png``: any rectangle of the canvas as one image."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from server.http.conditional import is_named, quote
from server.http.context import ContextOf, LiveHub
from server.http.description import problems
from server.http.large_answer import LargeAnswer
from server.http.regions import Region, parse_scale
from server.http.tile_answers import CACHE_LIVE, SEQ_HEADER
from server.problems import Unprocessable
from tiles.geometry import CANVAS_MAX

router = APIRouter(tags=["images"])

Coordinate = Annotated[int, Query(ge=0, lt=CANVAS_MAX, description="Canvas pixels; inclusive.")]


@router.get(
    "/c/{canvas}/region.png",
    summary="PNG of a rectangle",
    response_class=Response,
    responses={
        200: {"content": {"image/png": {}}, "description": "The image."},
        304: {"description": "It is still the one that If-None-Match names."},
        **problems(404, 422, 503, s422="No such rectangle, or too large."),
    },
)
async def region(
    request: Request,
    context: ContextOf,
    hub: LiveHub,
    x0: Coordinate,
    y0: Coordinate,
    x1: Coordinate,
    y1: Coordinate,
    scale: Annotated[
        str,
        Query(description="1 to 64 enlarges each pixel; 1/2, 1/4, … is the mean of 2 × 2, 4 × 4."),
    ] = "1",
) -> Response:
    """The rectangle with both corners; what lies off the canvas shows the background."""
    if x0 > x1 or y0 > y1:
        raise Unprocessable("x0 and y0 are the upper left corner, x1 and y1 the lower right one.")
    wanted = Region((x0, y0, x1, y1), parse_scale(scale, hub.pyramid.levels))
    width, height = wanted.size
    if width * height > context.settings.max_region_pixels:
        raise Unprocessable(
            f"The image would have {width} × {height} pixels, "
            f"at most {context.settings.max_region_pixels:,} are made."
        )
    images = context.region_images
    before, seq = await images.version(hub, wanted), hub.seq
    tag = f"{hub.epoch:x}-{before:x}"
    headers = {"ETag": quote(tag), SEQ_HEADER: str(seq), "Cache-Control": CACHE_LIVE}
    if is_named(request.headers.raw, tag):
        return Response(status_code=304, headers=headers)
    pieces = await images.png(hub, wanted)
    if await images.version(hub, wanted) != before:
        # Its slices are of different times: no tag may stand for it.
        headers = {SEQ_HEADER: str(seq), "Cache-Control": "no-store"}
    return LargeAnswer(pieces, headers, "image/png", images.outgoing)
