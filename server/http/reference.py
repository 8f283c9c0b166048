"""``/docs``: the HTTP interface on one page, made from its OpenAPI description, without scripts."""

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

router = APIRouter(include_in_schema=False)

_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
:root { color-scheme: light dark }
h3 code { overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0 }
tr + tr { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent) }
section { margin: 2.5rem 0 }
"""


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The reference."""
    schema = request.app.openapi()
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    }
    return Response("".join(_page(schema)), headers=headers, media_type="text/html")


def _page(schema: Mapping[str, Any]) -> Iterator[str]:
    title = escape(f"{schema['info']['title']} {schema['info']['version']}")
    yield f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}: HTTP</title>"
    yield '<meta name=viewport content="width=device-width, initial-scale=1">'
    yield f"<style>{_STYLE}</style><main><h1>{title}: HTTP</h1>"
    yield f"<p>{_text(schema['info'].get('description', ''))}</p>"
    yield "<p>For tools: <a href=openapi.json>openapi.json</a>.</p>"
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            yield from _operation(f"{method.upper()} {path}", operation)
    yield "</main></html>"


def _operation(name: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<section><h2>{escape(operation['summary'])}</h2><h3><code>{escape(name)}</code></h3>"
    if "description" in operation:
        yield f"<p>{_text(operation['description'])}</p>"
    parameters = operation.get("parameters", [])
    if parameters:
        yield "<table><thead><tr><th>parameter<th>type<th>meaning</thead><tbody>"
        for parameter in parameters:
            yield (
                f"<tr><td><code>{escape(parameter['name'])}</code> ({escape(parameter['in'])})"
                f"<td>{escape(_type(parameter['schema']))}"
                f"<td>{_text(parameter.get('description', ''))}"
            )
        yield "</tbody></table>"
    yield "<table><thead><tr><th>status<th>type<th>meaning</thead><tbody>"
    for status, answer in operation["responses"].items():
        types = ", ".join(answer.get("content", {}))
        yield f"<tr><td>{status}<td>{escape(types)}<td>{_text(answer['description'])}"
    yield "</tbody></table></section>"


def _type(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"] if part.get("type") != "null")
    if "enum" in schema:
        return " or ".join(map(str, schema["enum"]))
    name = str(schema.get("type", "any"))
    return f"{name}, {schema['default']} if not given" if "default" in schema else name


def _text(text: str) -> str:
    """Escaped, with what stands between backticks as code."""
    return re.sub(r"`+([^`]+)`+", r"<code>\1</code>", escape(text))
