"""``/c/{canvas}/tiles/…``: the canvas as an XYZ pyramid of PNG and WebP images.

These routes see the requests that :func:`server.http.tile_answers.answer_at_once` has left.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from server.http.description import problems
from server.http.tile_answers import answer
from server.http.tile_path import ImageFormat
from server.http.tilegrid import SIZES
from tiles.geometry import CANVAS_MAX


async def tile(request: Request) -> Response:
    """The image holds every drawing message up to its `X-Tile-Seq`."""
    status, headers, body = await answer(request.app.state.context, request.scope)
    response = Response(body, status)
    response.raw_headers = headers
    return response


class _PlainRoute(APIRoute):
    """A route whose endpoint takes the request as it is; what it reads of it is only described."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself: FastAPI's own handler costs several times what a tile does."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


router = APIRouter(tags=["images"], route_class=_PlainRoute)

_ABOUT = {
    "canvas": "The canvas's name.",
    "size": "Pixels along the image's side: 64, 256 or 512.",
    "z": "0 shows the whole canvas in one image.",
    "x": "Images from the left edge.",
    "y": "Images from the upper edge.",
    "v": "An ETag without its quotes: if it is current and durable, never expires.",
}
_LAST = CANVAS_MAX // min(SIZES) - 1
_SCHEMAS: dict[str, dict[str, Any]] = {
    "canvas": {"type": "string"},
    "size": {"type": "integer", "enum": list(SIZES)},
    "z": {"type": "integer", "minimum": 0, "maximum": _LAST.bit_length()},
    "x": {"type": "integer", "minimum": 0, "maximum": _LAST},
    "y": {"type": "integer", "minimum": 0, "maximum": _LAST},
    "v": {"type": "string"},
}


def _parameter(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query" if name == "v" else "path",
        "required": name != "v",
        "description": _ABOUT[name],
        "schema": _SCHEMAS[name],
    }


def _add_route(path: str, names: str, about: str, format: ImageFormat) -> None:
    router.add_api_route(
        path,
        tile,
        methods=["GET"],
        summary=about,
        name=about,
        response_class=Response,
        responses={
            200: {"content": {format.media_type: {}}, "description": "The image."},
            304: {"description": "It is still the one that If-None-Match names."},
            **problems(404, 503, s404="There is no such canvas, or it is outside the pyramid."),
        },
        openapi_extra={"parameters": [_parameter(name) for name in names.split()]},
    )


def _add_routes() -> None:
    for suffix, doubled in (("", ""), ("@2x", ", doubled")):
        for format in ImageFormat:
            about = f"{format.value.upper()} tile{doubled}"
            image = f"{{z}}/{{x}}/{{y}}{suffix}.{format.value}"
            folder = "/c/{canvas}/tiles"
            _add_route(f"{folder}/{image}", "canvas z x y v", f"{about}, 256 pixels", format)
            _add_route(
                f"{folder}/{{size}}/{image}", "canvas size z x y v", f"{about}, any size", format
            )


_add_routes()
