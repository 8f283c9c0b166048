"""Errors as ``application/problem+json`` (RFC 9457): the one table from an error to its answer."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from server.datafolder import DataFolderError, ExistsError
from server.image_import import ImageError
from tiles.log.base import LogError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class ProblemDetails(BaseModel):
    """RFC 9457. ``type`` is ``about:blank``: the status says what kind of problem it is."""

    type: str = "about:blank"
    title: str = Field(description="What the status means.")
    status: int
    detail: str = Field(description="What is the matter in this case.")
    errors: list[dict[str, Any]] | None = Field(
        None, description="For 422: what is wrong, by place."
    )


class Problem(Exception):
    """An answer that is an error, raised anywhere under a request."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


class NotFound(Problem):
    """There is nothing of that name or at that place."""

    def __init__(self, detail: str) -> None:
        super().__init__(HTTPStatus.NOT_FOUND, detail)


class Unprocessable(Problem):
    """The request is well formed and can't be done."""

    def __init__(self, detail: str) -> None:
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY, detail)


class Unavailable(Problem):
    """Not now: come back after ``retry_s`` seconds."""

    def __init__(self, detail: str, retry_s: int = 1) -> None:
        super().__init__(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": str(retry_s)})


_STATUS_OF: Mapping[type[Exception], HTTPStatus] = {
    ExistsError: HTTPStatus.CONFLICT,
    ImageError: HTTPStatus.UNPROCESSABLE_ENTITY,
    DataFolderError: HTTPStatus.INTERNAL_SERVER_ERROR,
    LogError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def answer(
    status: int,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, Any]] | None = None,
) -> Response:
    """The problem as a response; never to be cached."""
    body = ProblemDetails(
        title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors
    )
    return JSONResponse(
        body.model_dump(exclude_none=True),
        status,
        {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})},
        MEDIA_TYPE,
    )


def install(app: FastAPI) -> None:
    """Have every error under ``app`` answered as a problem."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(RequestValidationError, _invalid)
    for kind in _STATUS_OF:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(Exception, _unexpected)


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(error.status, error.detail, error.headers)


async def _known(_: Request, error: Exception) -> Response:
    status = next(_STATUS_OF[kind] for kind in type(error).__mro__ if kind in _STATUS_OF)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s", error)
    return answer(status, str(error))


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    match error.status_code:
        case HTTPStatus.NOT_FOUND:
            detail = "There is nothing at this path."
        case HTTPStatus.METHOD_NOT_ALLOWED:
            detail = f"{request.method} is not possible here."
            # HEAD is answered wherever GET is.
            headers["Allow"] = headers.get("Allow", "").replace("GET", "GET, HEAD")
        case _:
            detail = str(error.detail)
    return answer(error.status_code, detail, headers)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [_plain(problem) for problem in error.errors()]
    if any(problem["loc"][:1] == ["path"] for problem in errors):
        return answer(HTTPStatus.NOT_FOUND, "There is nothing at this path.")
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return answer(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"{where}: {first['msg']}" if where else first["msg"],
        errors=errors,
    )


def _plain(problem: Mapping[str, Any]) -> dict[str, Any]:
    """One complaint, without the input: that may be large, or a secret."""
    loc: Sequence[Any] = problem["loc"]
    message = str(problem["msg"]).removeprefix("Value error, ")
    return {"loc": list(loc), "msg": message, "type": problem["type"]}


async def _unexpected(_: Request, error: Exception) -> Response:
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR, "The server failed at this request.")
