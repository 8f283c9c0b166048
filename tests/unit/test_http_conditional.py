"""If-None-Match, as RFC 9110 section 13.1.2 has it."""

from time import process_time

import pytest

from server.http.conditional import is_named, matches, quote


@pytest.mark.parametrize(
    "header",
    ['"a-1"', 'W/"a-1"', '"x", "a-1"', '"x","a-1","y"', " * ", "*", ', "a-1"', '"x" , W/"a-1" '],
)
def test_matching(header: str) -> None:
    """The tag itself, weakly, in a list, or any."""
    assert matches(header, "a-1")


@pytest.mark.parametrize(
    "header",
    ["", "a-1", '"a-11"', '"A-1"', '"x", "y"', 'w/"a-1"', '"a-1', '"x" "a-1"', '"*"', "*x"],
)
def test_not_matching(header: str) -> None:
    """Another tag, no tag, or what isn't a list of tags."""
    assert not matches(header, "a-1")


@pytest.mark.parametrize(
    ("lines", "named"),
    [
        ((), False),
        (('"a-1"',), True),
        (('"x"', '"a-1"'), True),
        (('"a-1"', '"x"'), True),
        (('"x"', "", 'W/"y", W/"a-1"'), True),
        (('"x"', '"y"'), False),
        (('"x', 'a-1"'), False),
    ],
)
def test_several_lines(lines: tuple[str, ...], named: bool) -> None:
    """HTTP-2: they are one list, wherever among the headers they stand (section 5.3)."""
    headers = [(b"host", b'"a-1"')]
    for line in lines:
        headers += [(b"if-none-match", line.encode()), (b"accept", b"*/*")]
    assert is_named(headers, "a-1") is named


def test_a_hostile_header_takes_no_time() -> None:
    """HTTP-9: as much white space as a request's head holds; squared it would be half a minute."""
    started = process_time()
    assert not matches('"x",' + " " * 60_000 + "y", "a-1")
    assert process_time() - started < 1


def test_quote() -> None:
    """A strong tag."""
    assert quote("a-1") == '"a-1"'
    assert matches(quote("a-1"), "a-1")
