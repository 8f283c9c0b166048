"""Command line flags from the settings: one for each, under the same name with hyphens."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from server.settings import Settings
from server.settings_loading import load_settings

_DESTINATION = "setting_"


def add_flags(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Add ``--config`` and the flags of these settings."""
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="settings file (default: tilecast.toml in the working directory, if there is one)",
    )
    headings = dict(Settings.GROUPS)
    wanted, group = set(names), None
    for name, field in Settings.model_fields.items():
        if name in headings:
            group = parser.add_argument_group(headings[name])
        if name in wanted and group is not None:
            _add_flag(group, name, field)


def add_canvases(parser: argparse.ArgumentParser, do: str) -> None:
    """Add ``--canvas``, into ``canvases``: which of a folder's canvases to ``do`` something to.

    It isn't the setting of that name, which says what canvas is shown first.
    """
    parser.add_argument(
        "--canvas",
        dest="canvases",
        action="append",
        metavar="NAME",
        help=f"{do} this canvas alone; may be given more than once (default: all)",
    )


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings, with the flags that were given. Raises SettingsError."""
    flags = {
        name.removeprefix(_DESTINATION): ",".join(value) if isinstance(value, list) else value
        for name, value in vars(options).items()
        if name.startswith(_DESTINATION)
    }
    return load_settings(flags, options.config)


def shown_default(field: FieldInfo) -> str:
    """A setting's default as it would be written."""
    return _shown(field.default)


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        if value and all(isinstance(part, int) for part in value):
            return "#{:02x}{:02x}{:02x}".format(*value)
        return ",".join(map(str, value)) or "none"
    return "''" if value == "" else str(value)


def _add_flag(group: "argparse._ArgumentGroup", name: str, field: FieldInfo) -> None:
    flag = "--" + name.replace("_", "-")
    about = f"{field.description} (default: {shown_default(field)})"
    common: dict[str, Any] = {
        "dest": _DESTINATION + name,
        "default": argparse.SUPPRESS,
        "help": about.replace("`", "").replace("%", "%%"),
    }
    if field.annotation is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, **common)
    elif is_list(field):
        group.add_argument(flag, action="append", metavar="VALUE", **common)
    else:
        group.add_argument(flag, metavar="VALUE", **common)


def is_list(field: FieldInfo) -> bool:
    """Whether a setting takes any number of values."""
    annotation: Any = field.annotation
    return get_origin(annotation) is tuple and get_args(annotation)[-1:] == (...,)
