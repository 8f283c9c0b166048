"""Every setting of the server, declared once: name, default, bounds and what it means.

A setting comes from, first to last: a command line flag (``--budget-pixels``), the environment
(``TILECAST_BUDGET_PIXELS``), ``tilecast.toml`` (``budget_pixels = …``), its default.
``docs/settings.md`` is generated from here (:mod:`server.settings_page`).
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from protocol.messages import NO_LIMIT
from tiles.geometry import CANVAS_MAX

CONFIG_FILE = Path("tilecast.toml")
ENV_PREFIX = "TILECAST_"
CANVAS_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
COLOUR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.ASCII | re.IGNORECASE)

Colour = tuple[int, int, int]
Network = IPv4Network | IPv6Network


class SettingsError(Exception):
    """The configuration can't be used; the text names the setting and what is wrong with it."""


def parse_colour(text: str) -> Colour:
    """(r, g, b) of ``#rrggbb`` or ``#rgb``. Raises ValueError."""
    if not COLOUR.fullmatch(text):
        raise ValueError(f"{text!r} is no colour: it takes #rrggbb or #rgb")
    digits = text[1:]
    if len(digits) == 3:  # noqa: PLR2004  the short form doubles each digit
        digits = "".join(digit * 2 for digit in digits)
    r, g, b = bytes.fromhex(digits)
    return r, g, b


def check_canvas_name(name: str) -> str:
    """The name, if a canvas may be called that. Raises ValueError."""
    if not CANVAS_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no canvas name: it takes 1 to 64 of a-z, 0-9, _ and -, "
            "the first a letter or a digit"
        )
    return name


def _split(value: object) -> object:
    """A list as it is written on one line: by commas or blanks; ``none`` is the empty one."""
    if not isinstance(value, str):
        return value
    parts = [part for part in re.split(r"[,\s]+", value) if part]
    return [] if parts == ["none"] else parts


def _colour(value: object) -> object:
    return parse_colour(value) if isinstance(value, str) else value


def _origin(value: str) -> str:
    if value != "*" and not re.fullmatch(r"https?://[^/?#\s]+", value):
        raise ValueError(f"{value!r} is no origin: it takes scheme://host[:port], or *")
    return value.lower()


def _root_path(value: str) -> str:
    if value and not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+", value):
        raise ValueError(f"{value!r} is no path: it takes /a or /a/b, without a slash at the end")
    return value


CanvasName = Annotated[str, AfterValidator(check_canvas_name)]
Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_split)
]
Networks = Annotated[
    tuple[Annotated[Network, BeforeValidator(lambda value: ip_network(value, strict=False))], ...],
    NoDecode,
    BeforeValidator(_split),
]
_Channel = Annotated[int, Field(ge=0, le=255)]
HexColour = Annotated[tuple[_Channel, _Channel, _Channel], NoDecode, BeforeValidator(_colour)]
RootPath = Annotated[str, AfterValidator(_root_path)]


class Settings(BaseSettings):
    """The settings; immutable. Numbers carry their unit in the name, or in the description."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, validate_default=True
    )

    GROUPS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("host", "Where it listens"),
        ("data", "Canvases"),
        ("max_connections", "Who may connect"),
        ("budget_pixels", "Limits on drawing"),
        ("max_viewport_tiles", "Limits on watching"),
        ("head_timeout_s", "Connections"),
        ("flush_ceiling_ms", "Fan-out"),
        ("commit_interval_ms", "Storage"),
        ("http_work_max", "HTTP"),
        ("shutdown_timeout_s", "Running"),
    )
    """The first setting of each group, in order, and the group's heading in the documents."""

    host: str = Field("127.0.0.1", description="Address to listen on; `0.0.0.0` or `::` is all.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    root_path: RootPath = Field(
        "", description="Path under which a reverse proxy shows the server, such as `/art`."
    )
    trusted_proxies: Networks = Field(
        (),
        description="Networks of reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` "
        "are believed.",
    )

    data: Path = Field(Path("data"), description="Folder that holds the canvases.")
    canvas: CanvasName = Field(
        "main", description="The default canvas; made at the start if it doesn't exist."
    )
    width: int = Field(1024, ge=1, le=CANVAS_MAX, description="Width of a new canvas, in pixels.")
    height: int = Field(1024, ge=1, le=CANVAS_MAX, description="Height of a new canvas, in pixels.")
    background: HexColour = Field(
        (255, 255, 255), description="Background of a new canvas, `#rrggbb`."
    )

    max_connections: int = Field(
        10_000, ge=0, description="WebSocket connections at once; 0: no limit."
    )
    max_connections_per_address: int = Field(
        0, ge=0, description="WebSocket connections at once from one address; 0: no limit."
    )
    allow_origin: Origins = Field(
        (),
        description="Origins besides the server's own whose pages may connect by WebSocket; "
        "`*`: any.",
    )
    allow_framing: Origins = Field(
        ("*",),
        description="Origins whose pages may show the viewer in a frame; `*`: any, `none`: nobody.",
    )

    budget_pixels: int = Field(
        16_777_216,
        ge=0,
        lt=NO_LIMIT,
        description="Pixels that one session may paint in a burst; 0: no limit.",
    )
    budget_refill: int = Field(
        1_048_576,
        ge=0,
        lt=NO_LIMIT,
        description="Pixels a second that a session's budget grows again; 0: no limit.",
    )
    budget_sessions_per_address: int = Field(
        8,
        ge=0,
        le=10_000,
        description="The sessions of one address may together paint as much as so many with a "
        "full budget each; 0: no limit.",
    )
    max_message_pixels: int = Field(
        1_048_576, ge=1, le=2**32 - 1, description="Pixels that one drawing message may cost."
    )
    max_message_tiles: int = Field(
        4096, ge=1, le=2**20, description="Tiles that one drawing message may touch."
    )
    max_unacked: int = Field(
        65_536,
        ge=1,
        le=2**20,
        description="Messages that a client may hold as not yet durable, and send again at once.",
    )
    flood_rejections: int = Field(
        10_000,
        ge=0,
        le=2**31 - 1,
        description="Drawing messages rejected as over budget (REJECT 3) without a pause between, "
        "besides the `max_unacked` that may have been on their way, after which a session is "
        "closed with 4429; 0: no limit.",
    )
    flood_messages_per_second: int = Field(
        2000,
        ge=0,
        le=10_000_000,
        description="CURSORs, PRESENCEs, VIEWPORTs and FOLLOWs a second that one session may send, "
        "ten seconds' worth at once; beyond it is closed with 4429; 0: no limit.",
    )

    max_viewport_tiles: int = Field(
        4096, ge=1, le=65_535, description="Tiles that one viewport may hold."
    )
    viewport_tiles_per_second: int = Field(
        8192,
        ge=0,
        le=10_000_000,
        description="Tiles a second that may come into one session's viewport, four of the largest "
        "viewports at once; the next viewport is applied later; 0: no limit.",
    )
    snapshot_bytes_per_second: int = Field(
        8_388_608,
        ge=0,
        le=2**31 - 1,
        description="Bytes a second of tiles that one session is sent as snapshots, one of the "
        "largest viewports at once; the next come later; 0: no limit.",
    )
    max_cursors: int = Field(
        64, ge=0, le=1024, description="Other people's cursors that one session hears of."
    )
    cursor_interval_ms: int = Field(
        33, ge=1, le=10_000, description="Shortest time between two positions of one cursor."
    )
    presence_interval_ms: int = Field(
        250,
        ge=0,
        le=60_000,
        description="Shortest time between two changes of a client's name or colour being told.",
    )
    presence_linger_ms: int = Field(
        2000,
        ge=0,
        le=60_000,
        description="Time after which somebody whose viewport no longer overlaps counts as gone.",
    )
    overview_interval_ms: int = Field(
        250, ge=10, le=60_000, description="Shortest time between two TILEs of one overview tile."
    )

    head_timeout_s: float = Field(
        10.0,
        gt=0,
        le=300,
        description="Time from connecting, or from a request's first byte, to its headers' end.",
    )
    body_timeout_s: float = Field(
        10.0,
        gt=0,
        le=300,
        description="Time in which 64 KiB of a request's body have to come, or the rest of it.",
    )
    hello_timeout_s: float = Field(5.0, gt=0, le=300, description="Time from the upgrade to HELLO.")
    ping_interval_s: float = Field(10.0, gt=0, le=300, description="Time between two pings.")
    ping_timeout_s: float = Field(
        10.0, gt=0, le=300, description="Time that a client has to answer a ping."
    )
    pings_per_second: int = Field(
        4, ge=1, le=1000, description="Pings a second of one client that are answered."
    )
    clock_interval_s: float = Field(
        5.0, gt=0, le=5, description="Longest time between two CLOCKs to one session."
    )
    slow_reader_bytes: int = Field(
        131_072,
        ge=4096,
        description="Unsent bytes from which a session's changed tiles become stale and nothing "
        "more is queued for it.",
    )
    slow_reader_timeout_s: float = Field(
        10.0, gt=0, le=600, description="Time after which a session that reads nothing is closed."
    )

    flush_ceiling_ms: int = Field(
        16, ge=1, le=1000, description="Longest time that a flush waits under load."
    )
    overview_bytes_per_second: int = Field(
        262_144,
        ge=0,
        description="Bytes a second of changed overview tiles that one zoomed-out session is sent; "
        "0: no limit.",
    )
    memory_budget_bytes: int = Field(
        536_870_912,
        ge=1_048_576,
        description="Memory that the tiles of all canvases may take, compressed ones included; "
        "beyond it those leave that nobody wanted lately. In bytes.",
    )

    commit_interval_ms: int = Field(
        20,
        ge=0,
        le=1000,
        description="Shortest time from one sync of the log to the next, unless much waits: the "
        "longer, the less drawing costs, and the later it is durable.",
    )
    checkpoint_interval_s: float = Field(
        10.0, gt=0, le=3600, description="Time between two checkpoints of the changed tiles."
    )
    checkpoint_step_tiles: int = Field(
        64, ge=1, le=4096, description="Tiles that a checkpoint compresses before it yields."
    )
    session_keep_days: float = Field(
        30.0, gt=0, le=3650, description="Days for which a session's count of messages is kept."
    )

    http_work_max: int = Field(
        2, ge=1, le=64, description="Tile images made at the same time; regions: one."
    )
    http_queue_max: int = Field(
        1024,
        ge=0,
        le=100_000,
        description="Requests waiting for an image to be made; more are answered 503.",
    )
    http_wait_max_s: float = Field(
        10.0, gt=0, le=300, description="Longest wait for an image to be begun, then it is 503."
    )
    http_cache_bytes: int = Field(
        33_554_432, ge=0, description="Encoded tile images kept in memory, in bytes."
    )
    max_region_pixels: int = Field(
        16_777_216, ge=1, le=2**28, description="Pixels of the largest region image."
    )

    shutdown_timeout_s: float = Field(
        5.0, gt=0, le=60, description="Time that a clean stop may take."
    )
    log_level: str = Field(
        "info",
        pattern="^(debug|info|warning|error)$",
        description="Least level of what is logged: `debug`, `info`, `warning` or `error`.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The constructor looks at its arguments alone; the rest is :func:`load_settings`'s."""
        return (init_settings,)


def load_settings(flags: Mapping[str, object], config: Path | None = None) -> Settings:
    """The settings from flags, environment and file.

    ``flags`` holds the settings that were given on the command line. ``config`` is the file to
    read; without it ``tilecast.toml`` of the working directory, if there is one. Raises
    :class:`SettingsError`.
    """
    environment = EnvSettingsSource(Settings, env_ignore_empty=True)()
    layers = (
        (_read_file(config), f"{config or CONFIG_FILE}: "),
        (environment, "environment: "),
        (flags, ""),
    )
    values: dict[str, object] = {}
    origin: dict[str, str] = {}
    for layer, where in layers:
        values.update(layer)
        origin.update(dict.fromkeys(layer, where))
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError("; ".join(_complaints(error, origin))) from None


def _read_file(config: Path | None) -> dict[str, object]:
    path = config or CONFIG_FILE
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        if config is None:
            return {}
        raise SettingsError(f"{config}: there is no such file") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None


def _complaints(error: ValidationError, origin: Mapping[str, str]) -> Iterator[str]:
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "extra_forbidden":
            yield f"{origin.get(name, '')}there is no setting {name}"
        else:
            message = problem["msg"].removeprefix("Value error, ")
            yield f"{origin.get(name, '')}{name}: {message}"
