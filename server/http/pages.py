"""The viewer: ``/`` and ``/c/{canvas}``, and the files that they load."""

import re
from http import HTTPStatus
from typing import cast

from fastapi import APIRouter, Request, Response

from server.http import handshake
from server.http.conditional import is_named, quote
from server.http.context import Context, ContextOf, LiveHub
from server.http.origin import base_url
from server.http.preview import with_preview
from server.http.viewer_files import INDEX, ViewerFile, load_viewer, prepare
from server.hub import Hub
from server.problems import NotFound, Problem
from server.settings import Settings

router = APIRouter(include_in_schema=False)

_NO_GZIP = re.compile(r"(?:gzip|\*)\s*;\s*q=0(?:\.0*)?\s*(?:,|$)")


def page_policy(settings: Settings) -> str:
    """The viewer's Content-Security-Policy: files of its own, sockets and images of its own."""
    framing = " ".join(settings.allow_framing) or "'none'"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "manifest-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            f"frame-ancestors {framing}",
        )
    )


def _files(request: Request) -> dict[str, ViewerFile]:
    """The viewer's files; one that is built while the server runs is found too."""
    state = request.app.state
    if not getattr(state, "viewer_files", None):
        state.viewer_files = load_viewer(request.scope.get("root_path", ""))
    return cast("dict[str, ViewerFile]", state.viewer_files)


def _send(request: Request, file: ViewerFile, policy: str = "default-src 'none'") -> Response:
    accepts = request.headers.get("accept-encoding", "").lower()
    zipped = file.gzipped is not None and "gzip" in accepts and not _NO_GZIP.search(accepts)
    # Two encodings are two representations, and a strong tag is for one.
    tag = f"{file.tag}-gzip" if zipped else file.tag
    headers = {
        "ETag": quote(tag),
        "Cache-Control": file.cache_control,
        "Content-Security-Policy": policy,
        "Vary": "Accept-Encoding",
    }
    if is_named(request.headers.raw, tag):
        return Response(status_code=304, headers=headers)
    body = file.content
    if zipped and file.gzipped is not None:
        body = file.gzipped
        headers["Content-Encoding"] = "gzip"
    return Response(body, 200, headers, file.media_type)


def _page(request: Request, context: Context, hub: Hub | None) -> Response:
    settings = context.settings
    file = _files(request).get(INDEX)
    if file is None:
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "The viewer is not built. In the source tree, `make serve` builds and serves it, "
            "`python -m scripts.viewer_build` builds it alone.",
        )
    if hub is not None:
        base = base_url(request, settings.trusted_proxies)
        file = prepare(INDEX, with_preview(file.content, base, hub.name, hub.info))
    response = _send(request, file, page_policy(settings))
    if not settings.allow_framing:
        response.headers["X-Frame-Options"] = "DENY"
    return response


@router.get("/")
async def default_page(request: Request, context: ContextOf) -> Response:
    """The default canvas's viewer."""
    canvases = context.canvases
    return _page(request, context, canvases.find(canvases.default))


@router.get("/c/{canvas}")
async def canvas_page(request: Request, context: ContextOf, hub: LiveHub) -> Response:
    """A canvas's viewer."""
    return _page(request, context, hub)


@router.get("/c/{canvas}/ws")
async def no_handshake(request: Request, _: LiveHub) -> Response:
    """What speaks HTTP here gets told what to speak, or what is wrong with its handshake."""
    raise handshake.problem(request.headers.raw)


@router.get("/assets/{path:path}")
async def asset(request: Request, path: str) -> Response:
    """A file that the page loads."""
    return _send_named(request, f"assets/{path}")


@router.get("/{stem}.{suffix}")
async def root_file(request: Request, stem: str, suffix: str) -> Response:
    """A file that is looked for at the root: an icon, a manifest."""
    return _send_named(request, f"{stem}.{suffix}")


def _send_named(request: Request, path: str) -> Response:
    found = _files(request).get(path)
    if found is None or path == INDEX:
        raise NotFound("There is nothing at this path.")
    return _send(request, found)
