"""``docs/settings.md``, made from the settings themselves.

python -m server.settings_page            writes it
python -m server.settings_page --check    1 if it isn't up to date
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic.fields import FieldInfo

from server.cli_flags import shown_default
from server.settings import Settings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"

_HEAD = """\
# Settings

<!-- Made by `python -m server.settings_page` from server/settings.py. -->

Every setting is a flag of `tilecast serve` (`--budget-pixels 100000`), a variable of the
environment (`TILECAST_BUDGET_PIXELS=100000`) and a key in `tilecast.toml`
(`budget_pixels = 100000`), of the working directory or named by `--config`. A flag comes before
the environment, that before the file, that before the default. A key that is no setting is an
error, as is a value out of bounds: exit code 2.

Names end in their unit: `_s` seconds, `_ms` milliseconds, `_bytes`, `_days`; `_pixels` and `_tiles`
count those. A list is written with commas (`a,b`; `none` is the empty one), in the file as an array
too; its flag may be given several times.
"""


def page() -> str:
    """The text of the page."""
    return "\n".join([_HEAD, *_tables(), ""])


def _tables() -> Iterator[str]:
    headings = dict(Settings.GROUPS)
    for name, field in Settings.model_fields.items():
        if name in headings:
            yield f"## {headings[name]}\n"
            yield "| setting | default | bounds | meaning |"
            yield "|---|---|---|---|"
        flag = "--" + name.replace("_", "-")
        about = str(field.description).replace("|", "\\|")
        default = shown_default(field)
        yield f"| `{name}`<br>`{flag}` | `{default}` | {_bounds(field)} | {about} |"
        if _is_last_of_group(name):
            yield ""


def _is_last_of_group(name: str) -> bool:
    names = list(Settings.model_fields)
    after = names.index(name) + 1
    return after < len(names) and names[after] in dict(Settings.GROUPS)


def _bounds(field: FieldInfo) -> str:
    """The numbers that a setting may take, in words."""
    limits = {
        sign: value
        for rule in field.metadata
        for sign in ("ge", "gt", "le", "lt")
        if (value := getattr(rule, sign, None)) is not None
    }
    words = {"ge": "from", "gt": "over", "le": "to", "lt": "under"}
    return " ".join(f"{words[sign]} {value:,}" for sign, value in limits.items())


def main(arguments: Sequence[str]) -> int:
    """Write the page, or compare it."""
    if list(arguments) == ["--check"]:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
