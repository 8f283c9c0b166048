"""Conditional requests (RFC 9110, section 13): entity tags, and whether one is asked for."""

import re

_TAGS = re.compile(r'[\s,]*(?:W/)?"(?P<tag>[\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')


def quote(tag: str) -> str:
    """A strong entity tag as it stands in a header."""
    return f'"{tag}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether If-None-Match names the tag: in a list, as ``*``, or weakly (section 13.1.2)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    position = 0
    while found := _TAGS.match(if_none_match, position):
        if found["tag"] == tag:
            return True
        position = found.end()
    return False
