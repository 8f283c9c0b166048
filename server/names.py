"""What others are shown as somebody's name: nothing that can't be seen, or moves what can."""

import unicodedata
from collections.abc import Iterator

NAME_MAX_BYTES = 64
"""Of a name in UTF-8, as it is sent and as it is shown."""
_MARKS_MAX = 4
"""Combining marks on one letter; more of them climb over the names of others."""
_JOINER = "\N{ZERO WIDTH JOINER}"
_EMOJI_VARIATION = "\N{VARIATION SELECTOR-16}"
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Fillers that fonts show as nothing, though they count as letters, symbols or marks."""
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co"})
"""Controls, formats (bidirectional ones and zero widths among them), surrogates, private use."""
_MARKS = frozenset({"Mn", "Me"})
_PICTURES = frozenset({"So", "Sk"})


def clean_name(name: str) -> str:
    """The name as it is shown, NFC, at most ``NAME_MAX_BYTES`` long; empty: anonymous.

    Controls and formats go, but for the joiners inside an emoji; white space of any kind and number
    is one space. A name that was cleaned stays as it is.
    """
    if name.isascii() and name.isprintable():
        return " ".join(name[:NAME_MAX_BYTES].split())
    seen = [
        " " if character.isspace() or character in _BLANKS else character
        for character in unicodedata.normalize("NFC", name)
        if character.isspace() or character == _JOINER or not _is_hidden(character)
    ]
    joined = [
        character
        for at, character in enumerate(seen)
        if character != _JOINER or _joins_pictures(seen, at)
    ]
    text = unicodedata.normalize("NFC", "".join(_with_few_marks(joined)))
    return _cut(" ".join(text.split()))


def _is_hidden(character: str) -> bool:
    code = ord(character)
    is_noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # noqa: PLR2004
    return is_noncharacter or unicodedata.category(character) in _HIDDEN


def _joins_pictures(characters: list[str], at: int) -> bool:
    """Whether the joiner at that place stands between the two pictures of an emoji."""
    before, after = characters[:at], characters[at + 1 :]
    if before and before[-1] == _EMOJI_VARIATION:
        before.pop()
    return bool(before and after) and _is_picture(before[-1]) and _is_picture(after[0])


def _with_few_marks(characters: list[str]) -> Iterator[str]:
    marks = _MARKS_MAX  # there is nothing yet that they could stand on
    for character in characters:
        if unicodedata.category(character) in _MARKS:
            marks += 1
            if marks > _MARKS_MAX:
                continue
        else:
            marks = _MARKS_MAX if character == " " else 0
        yield character


def _is_picture(character: str) -> bool:
    return unicodedata.category(character) in _PICTURES


def _cut(name: str) -> str:
    """As much of it as there is room for, and nothing at its end that joins to what isn't there."""
    whole = name.encode()[:NAME_MAX_BYTES].decode(errors="ignore")
    return whole.rstrip(" " + _JOINER)
