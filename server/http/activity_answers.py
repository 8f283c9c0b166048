"""Answers on recent activity, each made once for all who ask about the same time."""

import time
from typing import Annotated

from pydantic import BaseModel, Field

from server.activity import CELLS_MAX
from server.hub import Hub

_FRESH_S = 2.0

CellCounts = Annotated[list[int], Field(min_length=3, max_length=3)]


class ActivityFacts(BaseModel):
    """Where drawing messages touched a canvas in the last minutes."""

    minutes: int = Field(description="Whole minutes counted, beside the one that runs.")
    level: int = Field(description="Level of the tiles that are counted.")
    span: int = Field(description="Canvas pixels on a side of such a tile.")
    cells: Annotated[list[CellCounts], Field(max_length=CELLS_MAX)] = Field(
        description="Column and row of each tile that was drawn on, and how often: once for each "
        "drawing message and 64-pixel tile. Row by row."
    )


class ActivityAnswers:
    """The last answers as JSON. Making one of 4,096 places takes milliseconds, and many ask."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, int], tuple[float, bytes]] = {}

    def get(self, hub: Hub, minutes: int) -> bytes:
        """The answer for a canvas, at most two seconds old."""
        now = time.monotonic()
        self._made = {key: made for key, made in self._made.items() if now - made[0] < _FRESH_S}
        made = self._made.get((hub.name, minutes))
        if made is None:
            made = self._made[hub.name, minutes] = now, _body(hub, minutes)
        return made[1]


def _body(hub: Hub, minutes: int) -> bytes:
    activity = hub.activity
    facts = ActivityFacts.model_construct(
        minutes=minutes,
        level=activity.level,
        span=activity.span,
        cells=[list(cell) for cell in activity.recent(minutes)],
    )
    return facts.model_dump_json().encode()
