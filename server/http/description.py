"""What ``/openapi.json`` says of answers that are errors: problems, each where it can come."""

from http import HTTPStatus
from typing import Any

from server.problems import MEDIA_TYPE, ProblemDetails

_ABOUT = {
    HTTPStatus.BAD_REQUEST: "The body did not come to its end.",
    HTTPStatus.UNAUTHORIZED: "Without the token of the data folder.",
    HTTPStatus.NOT_FOUND: "There is no such canvas, or nothing at this place.",
    HTTPStatus.CONFLICT: "There is one of that name.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNPROCESSABLE_ENTITY: "A value is missing, wrong or too large.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Storage is in trouble.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Starting, stopping or too much to do: retry.",
}
_SCHEMA = "ProblemDetails"
_RETRY_AFTER = {
    "description": "Seconds to wait.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int, **about: str) -> Responses:
    """These statuses as a route's ``responses``; ``s404="…"`` says what one means there."""
    found: Responses = {}
    for status in statuses:
        content = {MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{_SCHEMA}"}}}
        text = about.get(f"s{status}", _ABOUT[HTTPStatus(status)])
        found[status] = {"description": text, "content": content}
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            found[status]["headers"] = {"Retry-After": _RETRY_AFTER}
    return found


def corrected(schema: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's description, without the answers that it adds and nobody gives here."""
    for operations in schema["paths"].values():
        for operation in operations.values():
            answers = operation["responses"]
            if MEDIA_TYPE not in answers.get("422", {}).get("content", {MEDIA_TYPE: None}):
                del answers["422"]
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas[_SCHEMA] = ProblemDetails.model_json_schema()
    return schema
