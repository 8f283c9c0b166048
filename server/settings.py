"""Every setting of the server, declared once: name, default, bounds and what it means.

A setting comes from, first to last: a command line flag (``--budget-pixels``), the environment
(``TILECAST_BUDGET_PIXELS``), ``tilecast.toml`` (``budget_pixels = …``), its default
(:mod:`server.settings_loading`).
``docs/settings.md`` is generated from here (:mod:`server.settings_page`).
"""

from pathlib import Path
from typing import ClassVar

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from protocol.messages import NO_LIMIT
from server.setting_types import (
    CanvasName,
    HexColour,
    NatsServers,
    Networks,
    Origins,
    RootPath,
    WorkerCount,
)
from tiles.geometry import CANVAS_MAX

ENV_PREFIX = "TILECAST_"


class Settings(BaseSettings):
    """The settings; immutable. Numbers carry their unit in the name, or in the description."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, validate_default=True
    )

    GROUPS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("host", "Where it listens"),
        ("data", "Canvases"),
        ("workers", "Many nodes"),
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

    workers: WorkerCount = Field(
        0,
        ge=0,
        le=64,
        description="Processes that serve behind the port together, over a NATS server that is "
        "started for them, or those of `cluster`; `auto`: as many as processors, at least 2; 0: "
        "this one alone.",
    )
    cluster: NatsServers = Field(
        (),
        description="NATS servers, such as `nats://10.0.0.5:4222`: the canvases are their streams, "
        "which all nodes share, and `data` is this node's own.",
    )
    replicas: int = Field(
        0,
        ge=0,
        le=5,
        description="NATS servers that keep a new canvas; 0: as many as `cluster` names, up to 3.",
    )
    nats_credentials: Path | None = Field(
        None, description="File of the JWT and key that NATS knows this node by."
    )
    nats_ca: Path | None = Field(None, description="Certificates that NATS is trusted by, PEM.")
    nats_certificate: Path | None = Field(
        None, description="This node's own certificate for NATS, PEM."
    )
    nats_key: Path | None = Field(None, description="The key of that certificate, PEM.")
    snapshot_interval_s: float = Field(
        3600.0,
        gt=0,
        le=86_400 * 7,
        description="Longest time until a canvas that changed has a new snapshot, for nodes that "
        "begin anew.",
    )
    snapshot_entries: int = Field(
        100_000,
        ge=1,
        le=2**31 - 1,
        description="Entries of a canvas's stream past its newest snapshot after which another is "
        "made; the stream is trimmed behind the one before.",
    )
    snapshot_bytes: int = Field(
        268_435_456,
        ge=1_048_576,
        description="Bytes of a canvas's stream past its newest snapshot after which another is "
        "made.",
    )
    history_keep_days: float = Field(
        30.0,
        ge=0,
        le=36_500,
        description="Days of history that snapshots hold: who painted what, and when. What is "
        "shown doesn't depend on it.",
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
        34, ge=1, le=10_000, description="Shortest time between two positions of one cursor."
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
    log_format: str = Field(
        "text",
        pattern="^(text|json)$",
        description="How lines of the log are written: `text`, or one `json` object each.",
    )
    access_log: bool = Field(
        False, description="Log a line for each HTTP request and each WebSocket that ended."
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
        """The constructor looks at its arguments alone."""
        return (init_settings,)
