"""``/api/admin/canvases``: what ``tilecast canvas`` does beside a running server.

Whoever has the token of ``{data}/server.json`` may; that is, who may read the data folder.
"""

import hmac
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from server.http.context import ContextOf, LiveHub
from server.http.description import problems
from server.image_import import IMAGE_MAX_BYTES
from server.problems import Problem, Unavailable
from server.schemas import CanvasChange, CanvasDetails, CanvasSummary, NewCanvas

M = TypeVar("M", bound=BaseModel)

_CREATE_MAX_BYTES = IMAGE_MAX_BYTES * 4 // 3 + 65_536
_CHANGE_MAX_BYTES = 65_536


_bearer = HTTPBearer(auto_error=False, description="The token of `{data}/server.json`.")


def _authorise(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    token = getattr(request.app.state, "control_token", None)
    given = credentials.credentials.strip() if credentials else ""
    if token is None or not hmac.compare_digest(given.encode(), token.encode()):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "This takes the token of the data folder.",
            {"WWW-Authenticate": "Bearer"},
        )


def _body(model: type[BaseModel]) -> dict[str, Any]:
    """The description of a body that :func:`_read` reads."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


router = APIRouter(
    prefix="/api/admin/canvases",
    tags=["administration"],
    dependencies=[Depends(_authorise)],
    responses=problems(401, 503),
)


async def _read(request: Request, model: type[M], max_bytes: int) -> M:
    """The request's body as a model; read by hand, so that nobody's is read before the token's."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise Problem(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is over {max_bytes:,} bytes."
                )
    except ClientDisconnect:  # nobody reads the answer
        raise Problem(HTTPStatus.BAD_REQUEST, "The body did not come to its end.") from None
    try:
        return model.model_validate_json(bytes(body))
    except ValidationError as error:
        complaints = error.errors(include_url=False, include_input=False)
        raise RequestValidationError(
            [{**problem, "loc": ("body", *problem["loc"])} for problem in complaints]
        ) from None


@router.get("", summary="All canvases, to who may change them")
async def list_canvases(context: ContextOf) -> list[CanvasSummary]:
    """Every canvas."""
    return [CanvasSummary.of(hub.name, hub.info) for hub in context.canvases.all()]


@router.post(
    "",
    summary="Make a canvas",
    status_code=HTTPStatus.CREATED,
    responses=problems(400, 409, 413, 422, 500),
    openapi_extra=_body(NewCanvas),
)
async def create_canvas(request: Request, context: ContextOf, response: Response) -> CanvasSummary:
    """Make the canvas that the body describes (:class:`NewCanvas`), and open it."""
    if trouble := context.canvases.trouble():
        raise Unavailable(trouble)
    new = await _read(request, NewCanvas, _CREATE_MAX_BYTES)
    info = await context.canvases.create(new.name, new.info(), new.image)
    response.headers["Location"] = f"/c/{new.name}"
    return CanvasSummary.of(new.name, info)


@router.get("/{canvas}", summary="One canvas", responses=problems(404))
async def canvas_details(hub: LiveHub) -> CanvasDetails:
    """One canvas, with how far its drawing has come."""
    return CanvasDetails.of_log(hub.name, hub.info, seq=hub.durable_seq, epoch=hub.epoch)


@router.patch(
    "/{canvas}",
    summary="Change a canvas",
    responses=problems(400, 404, 413, 422, 500),
    openapi_extra=_body(CanvasChange),
)
async def change_canvas(request: Request, context: ContextOf, hub: LiveHub) -> CanvasSummary:
    """Change a canvas as the body says (:class:`CanvasChange`), at once."""
    change = await _read(request, CanvasChange, _CHANGE_MAX_BYTES)
    await context.canvases.change(hub, change)
    return CanvasSummary.of(hub.name, hub.info)
