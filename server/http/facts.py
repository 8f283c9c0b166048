"""Facts about the canvases and the server: lists, figures, health."""

from fastapi import APIRouter, Request, Response

from server.http.context import ContextOf, LiveHub
from server.http.description import problems
from server.problems import Unavailable
from server.schemas import CanvasList, CanvasStats, CanvasSummary, Ready

router = APIRouter(tags=["facts"])


@router.get("/c/{canvas}/stats", summary="A canvas in figures", responses=problems(404, 503))
async def stats(context: ContextOf, hub: LiveHub, response: Response) -> CanvasStats:
    """How many watch, how far the drawing has come, what is in memory."""
    response.headers["Cache-Control"] = "no-store"
    return CanvasStats.model_validate(context.canvases.stats(hub))


@router.get("/api/canvases", summary="All canvases", responses=problems(503))
async def canvases(context: ContextOf, response: Response) -> CanvasList:
    """Every canvas, and which one is shown at ``/``."""
    if not context.canvases.opened:
        raise Unavailable("The canvases are being opened.")
    response.headers["Cache-Control"] = "no-store"
    return CanvasList(
        default=context.canvases.default,
        canvases=[CanvasSummary.of(hub.name, hub.info) for hub in context.canvases.all()],
    )


@router.get("/healthz", summary="Liveness")
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Readiness",
    responses=problems(503, s503="Starting or stopping."),
)
async def readyz(request: Request) -> Ready:
    """Every canvas is open."""
    context = getattr(request.app.state, "context", None)
    trouble = "The server is starting." if context is None else context.canvases.trouble()
    if trouble:
        raise Unavailable(trouble)
    return Ready()
