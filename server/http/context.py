"""What every route works with: the canvases, and the canvas that its path names."""

from typing import Annotated, cast

from fastapi import Depends, Path, Request

from server.canvases import Canvases
from server.cluster.figures import ClusterFigures
from server.http.access import Access
from server.http.activity_answers import ActivityAnswers
from server.http.regions import RegionImages
from server.http.tile_images import TileImages
from server.http.traffic import Traffic
from server.http.workshop import Workshop
from server.hub import Hub
from server.loop_lag import LoopLag
from server.metrics import Figures, ServerFigures
from server.problems import NotFound, Unavailable
from server.settings import Settings
from server.workers.siblings import Siblings


class Context:
    """The parts of one server, made when it starts; ``app.state.context``."""

    def __init__(
        self,
        settings: Settings,
        canvases: Canvases,
        tile_images: TileImages,
        region_images: RegionImages,
        searches: Workshop,
    ) -> None:
        self.settings = settings
        self.canvases = canvases
        self.tile_images = tile_images
        self.region_images = region_images
        self.searches = searches
        """Where the log is searched."""
        self.activity_answers = ActivityAnswers()
        traffic = Traffic()
        self.access = Access(settings, traffic, lambda name: canvases.find(name) is not None)
        self.loop_lag = LoopLag()
        self.siblings: Siblings | None = None
        """The other processes behind this one's port."""
        self.figures = Figures(
            ServerFigures(canvases, settings, self.loop_lag),
            ClusterFigures(canvases),
            traffic.families,
        )


def _context(request: Request) -> Context:
    return cast("Context", request.app.state.context)


def live_hub(canvases: Canvases, name: str) -> Hub:
    """The canvas of that name.

    Raises :class:`server.problems.NotFound`, :class:`server.problems.Unavailable`.
    """
    hub = canvases.find(name)
    if hub is not None:
        return hub
    if canvases.stopping:
        raise Unavailable("The server is stopping.", retry_s=5)
    if canvases.awaited(name):
        raise Unavailable("The canvas is being opened.")
    raise NotFound(f"There is no canvas {name!r}.")


def _hub(
    request: Request,
    canvas: Annotated[str, Path(description="The canvas's name.", examples=["main"])],
) -> Hub:
    return live_hub(_context(request).canvases, canvas)


ContextOf = Annotated[Context, Depends(_context)]
LiveHub = Annotated[Hub, Depends(_hub)]
