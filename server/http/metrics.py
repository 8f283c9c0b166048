"""Figures for Prometheus."""

import asyncio

from fastapi import APIRouter, Request, Response
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from server.http.context import ContextOf

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
    figures: Collector = context.figures.read()
    if context.siblings is not None:
        figures = await context.siblings.merged(figures)
    text = await asyncio.to_thread(encode, figures)
    return Response(text, headers={"Content-Type": media_type, "Cache-Control": "no-store"})
