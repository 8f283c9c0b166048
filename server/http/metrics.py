"""Figures for Prometheus."""

import asyncio

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder

from server.http.context import ContextOf
from server.metrics import read

router = APIRouter(tags=["facts"])


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {
            "content": {"text/plain": {"schema": {"type": "string"}}},
            "description": "In Prometheus's text format, or OpenMetrics where that is accepted.",
        }
    },
)
async def metrics(context: ContextOf, request: Request) -> Response:
    """All canvases and background services in figures."""
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    reading = read(context.canvases, context.answers)
    text = await asyncio.to_thread(encode, reading)
    return Response(text, headers={"Content-Type": media_type, "Cache-Control": "no-store"})
