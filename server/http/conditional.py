"""Conditional requests (RFC 9110, section 13): entity tags, and whether one is asked for."""

import re
from collections.abc import Iterable

_TAGS = re.compile(r'[\s,]*(?:W/)?"(?P<tag>[\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')


def quote(tag: str) -> str:
    """A strong entity tag as it stands in a header."""
    return f'"{tag}"'


def is_named(headers: Iterable[tuple[bytes, bytes]], tag: str) -> bool:
    """Whether a request's If-None-Match names the tag; ``headers`` are as ASGI has them.

    Several lines of it are one list (section 5.3).
    """
    lines = [value for name, value in headers if name == b"if-none-match"]
    if not lines:
        return False
    asked = b", ".join(lines).decode("latin-1")
    return asked == quote(tag) or matches(asked, tag)


def matches(if_none_match: str, tag: str) -> bool:
    """Whether If-None-Match names the tag: in a list, as ``*``, or weakly (section 13.1.2)."""
    if if_none_match.strip() == "*":
        return True
    position = 0
    while found := _TAGS.match(if_none_match, position):
        if found["tag"] == tag:
            return True
        position = found.end()
    return False
