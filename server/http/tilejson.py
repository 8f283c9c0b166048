"""``/c/{canvas}/tilejson.json``: the pyramid described for map libraries (TileJSON 3.0.0)."""

import math
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from server.http.context import ContextOf, LiveHub
from server.http.description import problems
from server.http.origin import base_url
from server.http.tilegrid import DEFAULT_SIZE, TileGrid
from server.schemas import CanvasSummary

router = APIRouter(tags=["images"])


class TileJson(BaseModel):
    """TileJSON 3.0.0, for raster tiles; ``tileSize`` and ``canvas`` are extensions."""

    tilejson: Literal["3.0.0"] = "3.0.0"
    name: str
    scheme: Literal["xyz"] = "xyz"
    tiles: list[str]
    minzoom: int = 0
    maxzoom: int
    bounds: tuple[float, float, float, float] = Field(
        description="Where the canvas lies if zoom 0 is taken for a Web Mercator world, in degrees."
    )
    tileSize: int = Field(description="Pixels along a tile's side.")
    canvas: CanvasSummary


def mercator_bounds(grid: TileGrid) -> tuple[float, float, float, float]:
    """West, south, east, north of the canvas in degrees, zoom 0 being the Web Mercator world."""
    world = grid.size << grid.max_zoom
    east = -180 + 360 * grid.width / world
    south, north = (
        math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / world)))) for y in (grid.height, 0)
    )
    return -180.0, south, east, north


@router.get(
    "/c/{canvas}/tilejson.json",
    summary="TileJSON",
    responses=problems(404, 422, 503),
)
async def tilejson(
    request: Request,
    response: Response,
    context: ContextOf,
    hub: LiveHub,
    size: Annotated[
        Literal["64", "256", "512"], Query(description="Pixels along a tile's side.")
    ] = "256",
) -> TileJson:
    """The pyramid of one tile size, for map libraries."""
    grid = TileGrid(int(size), hub.info.width, hub.info.height)
    folder = "" if grid.size == DEFAULT_SIZE else f"{grid.size}/"
    base = base_url(request, context.settings.trusted_proxies)
    response.headers["Cache-Control"] = "no-cache"
    return TileJson(
        name=hub.info.title or hub.name,
        tiles=[f"{base}/c/{hub.name}/tiles/{folder}{{z}}/{{x}}/{{y}}.png"],
        maxzoom=grid.max_zoom,
        bounds=mercator_bounds(grid),
        tileSize=grid.size,
        canvas=CanvasSummary.of(hub.name, hub.info),
    )
