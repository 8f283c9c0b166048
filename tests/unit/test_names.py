"""Names as they are shown to others."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.names import NAME_MAX_BYTES, clean_name

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
RAINBOW_FLAG = "\U0001f3f3\ufe0f\u200d\U0001f308"
DOCTOR = "\U0001f469\U0001f3fd\u200d\u2695\ufe0f"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Ann",
        "Jean-Luc O'Hara 3",
        "Čapek",
        "日本語",
        "שלום",
        "مرحبا",
        "ไทยน้ำ",
        "Nguyễn Thị",
        FAMILY,
        RAINBOW_FLAG,
        DOCTOR,
        "a" * 64,
    ],
)
def test_what_stays(name: str) -> None:
    """LIM-6: names in any script, and emoji of several parts."""
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("  Ann \t\n  Lee\u3000", "Ann Lee"),
        ("A\x00n\x1b[31mn\x7f\x9b", "An[31mn"),
        ("abc\u202edef\u202c", "abcdef"),
        ("\u2066a\u2067b\u2068c\u2069", "abc"),
        ("\u200ea\u200fb\u061cc", "abc"),
        ("ad\u200bmin\ufeff\u2060\u00ad", "admin"),
        ("a\u200db", "ab"),
        (f"\u200d{FAMILY}\u200d", FAMILY),
        ("e\u0301", "é"),
        ("\u212bngstro\u0308m", "Ångström"),
        ("\u3164\u2800\u115f", ""),
        ("\u200b\u200b", ""),
        ("\ufe0f\u0301", ""),
        ("\u2028\u2029", ""),
        ("\ue000\ufffe\U000e0041", ""),
        ("Z" + "\u0335" * 20, "Z" + "\u0335" * 4),
    ],
)
def test_what_goes(name: str, shown: str) -> None:
    """LIM-6: controls, directions, what can't be seen, too many marks; spaces are one."""
    assert clean_name(name) == shown


MARKS = "\u0301\u0335\u0345\u0344\ufe0f"
HIDDEN = "\u200d\u200b\u202e\u3164"
PICTURES = "\u2665\U0001f469\U0001f3fd"
ODD = st.sampled_from([*"aZ é\u0958\ufb1d", *MARKS, *HIDDEN, *PICTURES])


@given(st.text(st.one_of(ODD, st.characters()), max_size=70))
def test_any_name(name: str) -> None:
    """LIM-6: what comes out is short, holds nothing hidden, and would be left as it is."""
    shown = clean_name(name)
    assert len(shown.encode()) <= NAME_MAX_BYTES
    assert clean_name(shown) == shown
    assert unicodedata.is_normalized("NFC", shown)
    assert shown == shown.strip()
    assert "  " not in shown
    hidden = {
        character
        for character in shown
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    }
    assert hidden <= {"\u200d"}
