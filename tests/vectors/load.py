"""Reads the shared test vectors; README.md beside this file says what is in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

Json = Any
Fields = dict[str, Any]
Colour = tuple[int, int, int]
Run = tuple[int, int, int, Colour]
"""The pixels x0 to x1 of row y, both included: (y, x0, x1, colour)."""

_BYTES_FIELDS = frozenset({"session", "info", "payload", "data"})


@cache
def load(file: str) -> dict[str, list[Fields]]:
    """The vectors of ``file`` ("codec", "raster", "pyramid") by section, compact forms expanded.

    Bytes are ``bytes``, ``points`` and ``known`` tuples of tuples of int.
    """
    path = Path(__file__).with_name(f"{file}.json")
    sections: dict[str, list[Fields]] = json.loads(path.read_text(encoding="utf-8"))
    return {section: [_vector(v) for v in vectors] for section, vectors in sections.items()}


def names(vectors: list[Fields]) -> list[str]:
    """The vectors' names, in order: what pytest calls ``ids``."""
    return [vector["name"] for vector in vectors]


def runs(vector: Fields) -> Iterator[Run]:
    """What a ``painted`` vector of raster.json paints; ValueError for a ``sample``."""
    message = vector["message"]
    if "pixels" in vector:
        for x, y, r, g, b in vector["pixels"]:
            yield y, x, x, (r, g, b)
        return
    r, g, b = vector.get("colour") or (message["r"], message["g"], message["b"])
    if "rows" in vector:
        for y, x0, x1 in vector["rows"]:
            yield y, x0, x1, (r, g, b)
    elif "picture" in vector:
        left, top = vector.get("at", (0, 0))
        for down, row in enumerate(vector["picture"]):
            for right, mark in enumerate(row):
                if mark == "#":
                    yield top + down, left + right, left + right, (r, g, b)
    else:
        raise ValueError(f"{vector['name']} lists no pixels")


def _vector(raw: Fields) -> Fields:
    vector = {key: _expand(value) for key, value in raw.items()}
    if "hex" in vector:
        vector["hex"] = _bytes(vector["hex"])
    if "message" in vector:
        vector["message"] = _message(vector["message"])
    for key in "messages", "paint":
        if key in vector:
            vector[key] = [_message(message) for message in vector[key]]
    return vector


def _expand(value: Json) -> Json:
    if isinstance(value, dict):
        if value.keys() == {"repeat", "times"}:
            return _expand(value["repeat"]) * value["times"]
        return {key: _expand(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_expand(inner) for inner in value]
    return value


def _bytes(value: str | list[str]) -> bytes:
    return bytes.fromhex(value if isinstance(value, str) else "".join(value))


def _message(raw: Fields) -> Fields:
    message = dict(raw)
    for key in message.keys() & _BYTES_FIELDS:
        message[key] = _bytes(message[key])
    for key in message.keys() & {"points", "known"}:
        message[key] = tuple(tuple(entry) for entry in message[key])
    return message
