"""``/c/{canvas}/activity``: where the canvas was drawn on lately."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from server.activity import MINUTES_MAX
from server.http.activity_answers import ActivityFacts
from server.http.context import ContextOf, LiveHub
from server.http.description import problems

router = APIRouter(tags=["facts"])

_CACHE = "public, max-age=5"
_MINUTES = 10


@router.get(
    "/c/{canvas}/activity",
    summary="Where the canvas was drawn on lately",
    response_model=ActivityFacts,
    responses=problems(404, 422, 503),
)
async def activity(
    context: ContextOf,
    hub: LiveHub,
    minutes: Annotated[
        int, Query(ge=1, le=MINUTES_MAX, description="How far back it goes.")
    ] = _MINUTES,
) -> Response:
    """Counts by tile of the lowest level that has at most 4,096; they begin with the server."""
    body = context.activity_answers.get(hub, minutes)
    return Response(body, media_type="application/json", headers={"Cache-Control": _CACHE})
