"""``/c/{canvas}/pixel/{x}/{y}``: a pixel's colour, who painted it last, and when."""

import asyncio
import re
import time
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, BeforeValidator, Field

from server.http.context import ContextOf, LiveHub
from server.http.description import problems
from server.http.imagery import copy_box, freshen
from server.hub import Hub
from server.problems import NotFound, Unavailable
from server.schemas import ShownColour
from tiles.authorship import Painting, Search, last_painting
from tiles.geometry import CANVAS_MAX, tile_at
from tiles.log.base import Log, LogError

router = APIRouter(tags=["facts"])

_SEARCH_MAX_S = 0.25
_DURABLE_MAX_S = 1.0
_DURABLE_POLL_S = 0.01
_CACHE = "public, max-age=2"
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)


def _digits(text: str) -> str:
    """A path's number is one way of writing it, and no more: ``1.0`` and ``1%0a`` are none."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("no number")
    return text


Coordinate = Annotated[
    int,
    BeforeValidator(_digits),
    Path(ge=0, lt=CANVAS_MAX, description="A canvas pixel."),
]


class Painter(BaseModel):
    """Who painted a pixel last, and when."""

    name: str | None = Field(description="What the painter was called then; null for a guest.")
    when: datetime

    @classmethod
    def of(cls, painting: Painting) -> "Painter":
        """As the log has it."""
        when = datetime.fromtimestamp(painting.time_ms / 1000, UTC)
        return cls(name=painting.name or None, when=when)


class PixelFacts(BaseModel):
    """A pixel as it is shown now, and what is known of who painted it."""

    x: int
    y: int
    colour: ShownColour
    painter: Painter | None = Field(
        description="Null where nobody painted it, or nobody was found in time."
    )
    seq: int | None = Field(
        description="Number of the drawing message that painted it last; null with `painter`."
    )
    searched_to: int = Field(
        description="Of the messages after this one none painted it since. Greater than 0 without "
        "`painter`: the search ended before it had gone through all of the log, or the history "
        "before that isn't kept."
    )


@router.get(
    "/c/{canvas}/pixel/{x}/{y}",
    summary="A pixel: its colour, who painted it last, and when",
    responses=problems(404, 503),
)
async def pixel(
    context: ContextOf, hub: LiveHub, response: Response, x: Coordinate, y: Coordinate
) -> PixelFacts:
    """Who it was is looked for in the log from its newest end, for a quarter second at most."""
    if x >= hub.info.width or y >= hub.info.height:
        raise NotFound("That is off the canvas.")
    tile = tile_at(x, y)
    async with context.searches.place():
        await freshen(hub.paging, [tile])
        # Both at one moment, so that the colour is the painter's.
        touched = hub.pyramid.version([tile])
        red, green, blue = copy_box(hub.pyramid, 0, (x, y, x, y))[0, 0].tolist()
        assert touched is not None, "nothing ran since"
        await _until_durable(hub, touched)
        found = await asyncio.to_thread(_search, context.canvases.log(hub), x, y, touched)
    response.headers["Cache-Control"] = _CACHE
    painting = found.painting
    return PixelFacts(
        x=x,
        y=y,
        colour=(red, green, blue),
        painter=Painter.of(painting) if painting else None,
        seq=painting.seq if painting else None,
        searched_to=found.searched_to,
    )


async def _until_durable(hub: Hub, seq: int) -> None:
    """Wait until the log can be asked for a message, which takes milliseconds."""
    ends = time.monotonic() + _DURABLE_MAX_S
    while hub.durable_seq < seq:
        if time.monotonic() > ends:
            raise Unavailable("What was painted there isn't stored yet.")
        await asyncio.sleep(_DURABLE_POLL_S)


def _search(log: Log, x: int, y: int, until: int) -> Search:
    ends = time.monotonic() + _SEARCH_MAX_S
    try:
        return last_painting(log, (x, y), until, lambda: time.monotonic() < ends)
    except LogError:
        raise Unavailable("Storage is in trouble.") from None
