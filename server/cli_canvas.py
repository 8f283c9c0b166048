"""``tilecast canvas create|list|info|set``."""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from server.canvas_admin import administer
from server.cli_flags import add_flags, settings_of
from server.control import ControlError
from server.datafolder import DataFolderError
from server.image_import import IMAGE_MAX_BYTES, ImageError, Picture
from server.schemas import CanvasChange, CanvasDetails, CanvasSummary, NewCanvas
from server.setting_types import check_canvas_name
from server.settings_loading import SettingsError
from tiles.log.base import LogError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

M = TypeVar("M", bound=BaseModel)

FAILURES: tuple[type[Exception], ...] = (ControlError, DataFolderError, ImageError, LogError)

_PALETTE_FILE_MAX_BYTES = 65_536


def add_command(commands: "Commands") -> None:
    """Add the commands to the parser."""
    canvas = commands.add_parser(
        "canvas",
        help="make, list and change canvases",
        description="Make, list and change canvases, beside a running server or without one.",
    )
    parts = canvas.add_subparsers(metavar="COMMAND", required=True)
    _add_create(parts)
    _add_list(parts)
    _add_info(parts)
    _add_set(parts)


def _add_create(parts: "Commands") -> None:
    parser = parts.add_parser("create", help="make a canvas")
    parser.add_argument("name", type=_name, metavar="NAME")
    parser.add_argument("--title", default="", help="what the viewer shows above it")
    parser.add_argument("--palette", type=_palette, help=_PALETTE_HELP)
    parser.add_argument("--frozen", action="store_true", help="nobody but moderators may draw")
    parser.add_argument(
        "--from",
        dest="image",
        type=Path,
        metavar="IMAGE",
        help="draw this image on it; the canvas gets its size if no other is given",
    )
    add_flags(parser, ("data", "width", "height", "background"))
    parser.set_defaults(run=_create)


def _add_list(parts: "Commands") -> None:
    parser = parts.add_parser("list", help="list the canvases")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_flags(parser, ("data",))
    parser.set_defaults(run=_list)


def _add_info(parts: "Commands") -> None:
    parser = parts.add_parser("info", help="show a canvas's settings")
    parser.add_argument("name", type=_name, metavar="NAME")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_flags(parser, ("data",))
    parser.set_defaults(run=_info)


def _add_set(parts: "Commands") -> None:
    parser = parts.add_parser("set", help="change a canvas's settings")
    parser.add_argument("name", type=_name, metavar="NAME")
    parser.add_argument("--title", help="what the viewer shows above it")
    parser.add_argument("--palette", type=_palette, help=f"{_PALETTE_HELP}; none: all colours")
    parser.add_argument(
        "--frozen",
        action=argparse.BooleanOptionalAction,
        help="whether nobody but moderators may draw",
    )
    add_flags(parser, ("data",))
    parser.set_defaults(run=_set)


_PALETTE_HELP = "colours allowed: a list such as '#000,#f80', or a file that holds one"


def _name(text: str) -> str:
    try:
        return check_canvas_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _palette(text: str) -> list[str]:
    """The colours of a list, or of a file; none for ``none``."""
    if text == "none":
        return []
    if "#" not in text or Path(text).is_file():
        try:
            with Path(text).open(encoding="utf-8") as file:
                text = file.read(_PALETTE_FILE_MAX_BYTES)
        except (OSError, UnicodeDecodeError) as error:
            raise argparse.ArgumentTypeError(f"{text} can't be read: {error}") from None
    colours = [part for part in re.split(r"[,\s]+", text) if part]
    # Palette files often leave the # out.
    return [f"#{part.removeprefix('#')}" for part in colours]


def _create(options: argparse.Namespace) -> None:
    settings = settings_of(options)
    width, height, image = settings.width, settings.height, None
    if options.image is not None:
        image = _read_image(options.image)
        picture = Picture(image)
        if "setting_width" not in options:
            width = picture.width
        if "setting_height" not in options:
            height = picture.height
    values: dict[str, Any] = {
        "name": options.name,
        "title": options.title,
        "width": width,
        "height": height,
        "background": settings.background,
        "palette": options.palette or None,
        "frozen": options.frozen,
    }
    new = _validated(NewCanvas, values)
    if image is not None:
        new = new.model_copy(update={"image": image})
    with administer(settings.data, makes=True) as admin:
        made = admin.create(new)
    print(f"{made.name}: {made.width} × {made.height} pixels")


def _read_image(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(IMAGE_MAX_BYTES + 1)
    except OSError as error:
        raise ImageError(f"{path}: {error.strerror}") from None


def _list(options: argparse.Namespace) -> None:
    with administer(settings_of(options).data) as admin:
        canvases = admin.list()
    if options.json:
        print(TypeAdapter(list[CanvasSummary]).dump_json(canvases, indent=2).decode())
        return
    width = max((len(canvas.name) for canvas in canvases), default=0)
    for canvas in canvases:
        size = f"{canvas.width} × {canvas.height}"
        frozen = "  frozen" if canvas.frozen else ""
        print(f"{canvas.name:<{width}}  {size:<15}  {canvas.title}{frozen}".rstrip())


def _info(options: argparse.Namespace) -> None:
    with administer(settings_of(options).data) as admin:
        details = admin.details(options.name)
    print(details.model_dump_json(indent=2) if options.json else _lines(details))


def _lines(details: CanvasDetails) -> str:
    values = details.model_dump(mode="json")
    values["palette"] = " ".join(values["palette"]) if values["palette"] else "all colours"
    values["frozen"] = "yes" if details.frozen else "no"
    return "\n".join(f"{name + ':':<12}{value}".rstrip() for name, value in values.items())


def _set(options: argparse.Namespace) -> None:
    values: dict[str, Any] = {}
    if options.title is not None:
        values["title"] = options.title
    if options.palette is not None:
        values["palette"] = options.palette or None
    if options.frozen is not None:
        values["frozen"] = options.frozen
    if not values:
        raise SettingsError("nothing to change: give --title, --palette or --[no-]frozen")
    change = _validated(CanvasChange, values)
    with administer(settings_of(options).data) as admin:
        admin.change(options.name, change)


def _validated(model: type[M], values: dict[str, Any]) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{first['loc'][0]}: {message}") from None
