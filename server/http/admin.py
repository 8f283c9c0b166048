"""``/api/admin/canvases``: what ``tilecast canvas`` does beside a running server.

Whoever has the token of ``{data}/server.json`` may; that is, who may read the data folder.
"""

import hmac
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from server.http.context import ContextOf, LiveHub
from server.image_import import IMAGE_MAX_BYTES
from server.problems import Problem, Unavailable
from server.schemas import CanvasChange, CanvasDetails, CanvasSummary, NewCanvas

M = TypeVar("M", bound=BaseModel)

_CREATE_MAX_BYTES = IMAGE_MAX_BYTES * 4 // 3 + 65_536
_CHANGE_MAX_BYTES = 65_536


def _authorise(request: Request, authorization: Annotated[str, Header()] = "") -> None:
    token = getattr(request.app.state, "control_token", None)
    kind, _, given = authorization.partition(" ")
    if (
        token is None
        or kind.lower() != "bearer"
        or not hmac.compare_digest(given.strip().encode(), token.encode())
    ):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "This takes the token of the data folder.",
            {"WWW-Authenticate": "Bearer"},
        )


router = APIRouter(
    prefix="/api/admin/canvases", include_in_schema=False, dependencies=[Depends(_authorise)]
)


async def _read(request: Request, model: type[M], max_bytes: int) -> M:
    """The request's body as a model; read by hand, so that nobody's is read before the token's."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is over {max_bytes:,} bytes."
            )
    try:
        return model.model_validate_json(bytes(body))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        raise RequestValidationError(
            [{**problem, "loc": ("body", *problem["loc"])} for problem in problems]
        ) from None


@router.get("")
async def list_canvases(context: ContextOf) -> list[CanvasSummary]:
    """Every canvas."""
    return [CanvasSummary.of(hub.name, hub.info) for hub in context.canvases.all()]


@router.post("", status_code=HTTPStatus.CREATED)
async def create_canvas(request: Request, context: ContextOf, response: Response) -> CanvasSummary:
    """Make the canvas that the body describes (:class:`NewCanvas`), and open it."""
    if not context.canvases.ready:
        raise Unavailable("The canvases are being opened.")
    new = await _read(request, NewCanvas, _CREATE_MAX_BYTES)
    info = await context.canvases.create(new.name, new.info(), new.image)
    response.headers["Location"] = f"/c/{new.name}"
    return CanvasSummary.of(new.name, info)


@router.get("/{canvas}")
async def canvas_details(hub: LiveHub) -> CanvasDetails:
    """One canvas, with how far its drawing has come."""
    return CanvasDetails.of_log(hub.name, hub.info, seq=hub.durable_seq, epoch=hub.epoch)


@router.patch("/{canvas}")
async def change_canvas(request: Request, context: ContextOf, hub: LiveHub) -> CanvasSummary:
    """Change a canvas as the body says (:class:`CanvasChange`), at once."""
    change = await _read(request, CanvasChange, _CHANGE_MAX_BYTES)
    await context.canvases.change(hub, change)
    return CanvasSummary.of(hub.name, hub.info)
