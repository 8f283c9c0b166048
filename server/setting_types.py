"""What settings may be: how each kind is written, checked and read."""

import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

CANVAS_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
COLOUR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.ASCII | re.IGNORECASE)

Colour = tuple[int, int, int]
Network = IPv4Network | IPv6Network


def parse_colour(text: str) -> Colour:
    """(r, g, b) of ``#rrggbb`` or ``#rgb``. Raises ValueError."""
    if not COLOUR.fullmatch(text):
        raise ValueError(f"{text!r} is no colour: it takes #rrggbb or #rgb")
    digits = text[1:]
    if len(digits) == 3:  # noqa: PLR2004  the short form doubles each digit
        digits = "".join(digit * 2 for digit in digits)
    r, g, b = bytes.fromhex(digits)
    return r, g, b


def check_canvas_name(name: str) -> str:
    """The name, if a canvas may be called that. Raises ValueError."""
    if not CANVAS_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no canvas name: it takes 1 to 64 of a-z, 0-9, _ and -, "
            "the first a letter or a digit"
        )
    return name


def _split(value: object) -> object:
    """A list as it is written on one line: by commas or blanks; ``none`` is the empty one."""
    if not isinstance(value, str):
        return value
    parts = [part for part in re.split(r"[,\s]+", value) if part]
    return [] if parts == ["none"] else parts


def _colour(value: object) -> object:
    return parse_colour(value) if isinstance(value, str) else value


def _origin(value: str) -> str:
    if value != "*" and not re.fullmatch(r"https?://[^/?#\s]+", value):
        raise ValueError(f"{value!r} is no origin: it takes scheme://host[:port], or *")
    return value.lower()


def _root_path(value: str) -> str:
    if value and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ValueError(f"{value!r} is no path: it takes /a or /a/b, without a slash at the end")
    return value


def _nats_server(value: str) -> str:
    if not re.fullmatch(r"(nats|tls)://[^/?#\s]+", value):
        raise ValueError(f"{value!r} is no NATS server: it takes nats://host[:port], or tls://")
    return value


def _workers(value: object) -> object:
    return max(2, len(os.sched_getaffinity(0))) if value == "auto" else value


def _several(value: int) -> int:
    if value == 1:
        raise ValueError("one process needs no others: it takes 0 for that, or 2 and more")
    return value


NatsServers = Annotated[
    tuple[Annotated[str, AfterValidator(_nats_server)], ...], NoDecode, BeforeValidator(_split)
]
WorkerCount = Annotated[int, AfterValidator(_several), BeforeValidator(_workers)]
CanvasName = Annotated[str, AfterValidator(check_canvas_name)]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_split)
]
Networks = Annotated[
    tuple[Annotated[Network, BeforeValidator(lambda value: ip_network(value, strict=False))], ...],
    NoDecode,
    BeforeValidator(_split),
]
_Channel = Annotated[int, Field(ge=0, le=255)]
HexColour = Annotated[tuple[_Channel, _Channel, _Channel], NoDecode, BeforeValidator(_colour)]
RootPath = Annotated[str, AfterValidator(_root_path)]
