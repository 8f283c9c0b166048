"""The models of what HTTP takes and gives."""

import unicodedata
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from server.setting_types import CANVAS_NAME, COLOUR, CanvasName, Colour, HexColour
from tiles.geometry import CANVAS_MAX, level_count
from tiles.log.base import CanvasInfo

TITLE_MAX = 200
"""Characters of a title."""
PALETTE_MAX = 256
"""Colours of a palette."""


def check_title(title: str) -> str:
    """The title, if it is one line of text. Raises ValueError."""
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in title):
        raise ValueError("a title has no control characters")
    return title


def check_palette(palette: tuple[Colour, ...]) -> tuple[Colour, ...]:
    """The palette, each colour once. Raises ValueError."""
    return tuple(dict.fromkeys(palette))


_CHANNEL = {"type": "integer", "minimum": 0, "maximum": 255}
ShownColour = Annotated[
    HexColour,
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": f"^(?:{COLOUR.pattern})$"},
                {"type": "array", "items": _CHANNEL, "minItems": 3, "maxItems": 3},
            ]
        },
        mode="validation",
    ),
    PlainSerializer(lambda colour: "#{:02x}{:02x}{:02x}".format(*colour), return_type=str),
]
Title = Annotated[str, Field(max_length=TITLE_MAX), AfterValidator(check_title)]
Palette = Annotated[
    tuple[ShownColour, ...],
    Field(min_length=1, max_length=PALETTE_MAX),
    AfterValidator(check_palette),
]
Name = Annotated[
    CanvasName, WithJsonSchema({"type": "string", "pattern": f"^(?:{CANVAS_NAME.pattern})$"})
]
Side = Annotated[int, Field(ge=1, le=CANVAS_MAX)]


class CanvasSummary(BaseModel):
    """A canvas's lasting settings. Sizes are in pixels; colours are ``#rrggbb``."""

    name: Name
    title: Title
    width: Side
    height: Side
    levels: int = Field(description="Levels of the tile pyramid, the canvas itself included.")
    background: ShownColour
    palette: Palette | None = Field(description="The colours allowed; null: all.")
    frozen: bool = Field(description="Whether nobody may draw but its moderators.")

    @classmethod
    def of(cls, name: str, info: CanvasInfo) -> Self:
        """The summary of a canvas."""
        return cls(
            name=name,
            title=info.title,
            width=info.width,
            height=info.height,
            levels=level_count(info.width, info.height),
            background=info.background,
            palette=info.palette,
            frozen=info.frozen,
        )


class CanvasDetails(CanvasSummary):
    """A canvas's settings, and how far its drawing has come."""

    seq: int = Field(description="Number of the last drawing message that is durable.")
    epoch: int

    @classmethod
    def of_log(cls, name: str, info: CanvasInfo, seq: int, epoch: int) -> Self:
        """The details of a canvas."""
        return cls(**CanvasSummary.of(name, info).__dict__, seq=seq, epoch=epoch)


class CanvasList(BaseModel):
    """Every canvas of the server, by name, and the one that is shown at ``/``."""

    default: str
    canvases: list[CanvasSummary]


class CanvasStats(BaseModel):
    """A canvas in figures, at this moment.

    Beside workers or in a cluster ``sessions``, ``subscriptions`` and ``stale`` are of all of them
    together, those of others up to two seconds old. The rest is of the one that answers.
    """

    sessions: int = Field(description="Connections, over all workers and nodes.")
    subscriptions: int = Field(
        description="Session–tile pairs that are live, over all workers and nodes."
    )
    stale: int = Field(
        description="Session–tile pairs that are owed a snapshot, over all workers and nodes."
    )
    seq: int = Field(description="Number of the last drawing message.")
    durable_seq: int = Field(description="Drawing up to here would survive a power cut.")
    epoch: int
    tiles: int = Field(description="Level-0 tiles in the memory of the process that answers.")
    overview_tiles: int = Field(description="Tiles of higher levels in its memory.")
    memory_bytes: int = Field(description="Memory that its tiles take, of every level, in bytes.")
    unsaved_tiles: int = Field(
        description="Tiles in its memory that changed since they were saved."
    )
    identities: int = Field(
        description="Sessions that it has in memory, connected to it or not any more."
    )
    read_only: bool = Field(description="It rejects drawing, since storage is in trouble.")


class NewCanvas(BaseModel):
    """What a canvas is made from. ``image`` is the file that it starts as, base64."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    title: Title = ""
    width: Side
    height: Side
    background: ShownColour
    palette: Palette | None = None
    frozen: bool = False
    image: Base64Bytes | None = None

    def info(self) -> CanvasInfo:
        """The settings that the log keeps."""
        return CanvasInfo(
            width=self.width,
            height=self.height,
            background=self.background,
            title=self.title,
            palette=self.palette,
            frozen=self.frozen,
        )


class CanvasChange(BaseModel):
    """What is to change of a canvas; the rest stays. ``palette`` null allows all colours."""

    model_config = ConfigDict(extra="forbid")

    title: Title | None = None
    palette: Palette | None = None
    frozen: bool | None = None

    def apply(self, info: CanvasInfo) -> CanvasInfo:
        """``info`` with the changes."""
        named = self.model_fields_set
        return CanvasInfo(
            width=info.width,
            height=info.height,
            background=info.background,
            title=self.title if self.title is not None else info.title,
            palette=self.palette if "palette" in named else info.palette,
            frozen=self.frozen if self.frozen is not None else info.frozen,
        )


class Ready(BaseModel):
    """The server takes requests; until it does, the answer is a problem."""

    ready: Literal[True] = True
