"""The JSON at the end of WELCOME: what a client shows and has to keep to."""

from collections.abc import Iterable
from typing import Self

from pydantic import BaseModel

from server.setting_types import Colour
from server.settings import Settings
from tiles.log.base import CanvasInfo


class WelcomeLimits(BaseModel):
    """The settings that bound what a client may do; meaning as in ``docs/settings.md``."""

    budget_pixels: int
    budget_refill: int
    max_message_pixels: int
    max_message_tiles: int
    max_unacked: int
    flood_rejections: int
    flood_messages_per_second: int
    max_viewport_tiles: int
    viewport_tiles_per_second: int
    max_cursors: int
    cursor_interval_ms: int
    presence_interval_ms: int
    clock_interval_s: float

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits as they are set."""
        return cls(**{name: getattr(settings, name) for name in cls.model_fields})


class WelcomeInfo(BaseModel):
    """``rejected`` are (n, code) of the refused among a session's last 256 drawing messages."""

    title: str
    palette: tuple[Colour, ...] | None
    frozen: bool
    limits: WelcomeLimits
    rejected: list[tuple[int, int]]


def welcome_info(
    info: CanvasInfo, settings: Settings, rejected: Iterable[tuple[int, int]]
) -> bytes:
    """WELCOME.info for one session."""
    model = WelcomeInfo(
        title=info.title,
        palette=info.palette,
        frozen=info.frozen,
        limits=WelcomeLimits.of(settings),
        rejected=list(rejected),
    )
    return model.model_dump_json().encode()
