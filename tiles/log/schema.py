"""The SQLite file of one canvas: its tables, how it is made, and how it is told from others."""

import json
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from tiles.log.base import CanvasInfo, LogError, Mark
from tiles.log.lock import FileLock

APPLICATION_ID = 0x54434C47
"""``TCLG``, in the SQLite header, where ``file`` and :func:`check_identity` look for it."""

FORMAT_VERSION = 4
"""The ``user_version`` that this code writes, and the newest it reads.

In format 1 only level 0 was checkpointed; up to format 2 rows of the log had no checksum; up to
format 3 sessions had no claims. Such a file is of the newest format from its next open on
(:func:`upgrade`).
"""

EPOCH_MAX = 2**53 - 1

# Tables are STRICT: a value of the wrong type is an error when it is written, not when it is read.
# Authors stand apart, since a row of one pixel is smaller than the name of who set it. ``messages``
# and ``data`` come late, so that a scan of the other columns doesn't touch overflow pages.
# ``checksum`` (:mod:`tiles.log.checksum`) is NULL in rows of older formats.
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE authors (
    id INTEGER PRIMARY KEY, session BLOB NOT NULL, name TEXT NOT NULL, address BLOB NOT NULL,
    subject TEXT NOT NULL, UNIQUE (session, name, address, subject)
) STRICT;
CREATE TABLE log (
    first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, author INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, x0 INTEGER NOT NULL, y0 INTEGER NOT NULL, x1 INTEGER NOT NULL,
    y1 INTEGER NOT NULL, messages BLOB NOT NULL, checksum INTEGER
) STRICT;
CREATE TABLE sessions (
    session BLOB PRIMARY KEY, handled INTEGER NOT NULL, rejected BLOB NOT NULL,
    seen_ms INTEGER NOT NULL, claim INTEGER NOT NULL DEFAULT 0, client INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE TABLE tiles (key INTEGER PRIMARY KEY, seq INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
"""

_PAGE_BYTES = 4096
_CACHE_KIB = 8192
_WAL_KEPT_BYTES = 16 * 1024 * 1024
_BUSY_TIMEOUT_MS = 1000
_REJECTION = struct.Struct("<IB")
_MARK = ("place", "clients", "check")


def create(path: Path, info: CanvasInfo, epoch: int | None = None) -> None:
    """Make the file of a new, blank canvas, durably; its folder is made where there is none.

    ``epoch`` is a shared stream's; otherwise it gets one of its own.

    The file is built under another name and moved in place whole, so that no crash leaves half a
    canvas. Raises :class:`LogError` if it exists or can't be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path):
            if path.exists():
                raise LogError(f"{path} exists already")
            try:
                _build(draft, info, epoch or new_epoch())
                draft.rename(path)
            finally:
                for suffix in ("", "-wal", "-shm", "-journal"):
                    draft.with_name(draft.name + suffix).unlink(missing_ok=True)
        sync_folder(path.parent)
        sync_folder(path.parent.parent)
    except (OSError, apsw.Error) as error:
        raise LogError(f"{path} can't be made: {error}") from error


def _build(draft: Path, info: CanvasInfo, epoch: int) -> None:
    connection = apsw.Connection(str(draft))
    try:
        connection.pragma("page_size", _PAGE_BYTES)
        connection.pragma("synchronous", "EXTRA")
        connection.execute("BEGIN")
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", FORMAT_VERSION)
        connection.execute(TABLES)
        for key, value in (
            ("info", encode_info(info)),
            ("epoch", epoch),
            ("clean", 1),
            ("checkpoint_seq", 0),
            ("overviews", 1),
        ):
            write_meta(connection, key, value)
        connection.execute("COMMIT")
        connection.pragma("journal_mode", "wal")
    finally:
        connection.close()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def connect(
    path: Path,
    *,
    readonly: bool = False,
    vfs: str | None = None,
    immutable: bool = False,
    lenient: bool = False,
) -> apsw.Connection:
    """Open the file as it is and check that it is a canvas's.

    ``immutable``: nobody writes it, and it has no write-ahead log; not even a lock is left beside
    it then. ``lenient``: to read what is left of a file that is cut short.

    Raises :class:`LogError` for a file of another kind or of a newer version, ``apsw.Error`` for
    what SQLite finds wrong.
    """
    flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE
    name = str(path)
    if immutable:
        name = f"file:{quote(name)}?immutable=1"
        flags |= apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(name, flags=flags, vfs=vfs)
    try:
        connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
        # The file may have come from a stranger: nothing in its schema may run functions.
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, int(not lenient))
        connection.pragma("writable_schema", int(lenient))
        check_identity(connection, path)
        connection.pragma("cache_size", -_CACHE_KIB)
        if readonly:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        else:
            connection.pragma("synchronous", "FULL")
            connection.pragma("journal_size_limit", _WAL_KEPT_BYTES)
            if connection.pragma("journal_mode", "wal") != "wal":
                raise LogError(f"{path}: SQLite can't keep a write-ahead log there")
    except BaseException:
        with suppress(apsw.Error):
            connection.close(force=True)
        raise
    return connection


def check_identity(connection: apsw.Connection, path: Path) -> None:
    """Raise :class:`LogError` unless the file is a canvas of a version that is spoken here."""
    if connection.pragma("application_id") != APPLICATION_ID:
        raise LogError(f"{path} is not a canvas: its application_id is another's")
    version = connection.pragma("user_version")
    if version > FORMAT_VERSION:
        raise LogError(
            f"{path} was written by a newer release: its format is {version}, "
            f"this release reads up to {FORMAT_VERSION}"
        )
    if version < 1:
        raise LogError(f"{path} is damaged: its format is {version}")


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[apsw.Connection]:
    """A write transaction: committed, and so durable, at the end; rolled back on an error.

    When COMMIT itself fails, nobody can know whether it took effect.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with suppress(apsw.Error):
            if not connection.get_autocommit():
                connection.execute("ROLLBACK")
        raise


def new_epoch() -> int:
    """A random epoch, 1 to 2^53 - 1."""
    return secrets.randbelow(EPOCH_MAX) + 1


def read_meta(connection: apsw.Connection, key: str) -> Any:
    """A value of the ``meta`` table; raises :class:`LogError` where it is missing."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise LogError(f"{connection.filename} is damaged: it has no {key!r}")
    return row[0]


def read_mark(connection: apsw.Connection) -> Mark:
    """How much of a shared stream the file holds; nothing where it follows none."""
    rows = connection.execute("SELECT key, value FROM meta WHERE key IN (?, ?, ?)", _MARK)
    found: dict[str, Any] = dict(rows)
    return Mark(*(found.get(key, 0) for key in _MARK))


def write_mark(connection: apsw.Connection, mark: Mark) -> None:
    """Store how much of a shared stream the file holds."""
    for key, value in zip(_MARK, (mark.place, mark.clients, mark.check), strict=True):
        write_meta(connection, key, value)


def leave_stream(connection: apsw.Connection) -> None:
    """Within a transaction: the file follows no stream any more, and nobody's claim counts."""
    write_mark(connection, Mark())
    connection.execute("UPDATE sessions SET claim = 0, client = 0")


def has_overviews(connection: apsw.Connection) -> bool:
    """Whether the checkpoints are of all levels; those of a file of format 1 aren't yet."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'overviews'").fetchone()
    return row is not None and bool(row[0])


def has_checksums(connection: apsw.Connection) -> bool:
    """Whether rows of the log have checksums; those of older formats haven't."""
    return _has_column(connection, "log", "checksum")


def _has_column(connection: apsw.Connection, table: str, column: str) -> bool:
    return any(name == column for _, name, *_ in connection.execute(f"PRAGMA table_info({table})"))


def upgrade(connection: apsw.Connection) -> None:
    """Make a file of an older format one of the newest, within a transaction."""
    if not has_checksums(connection):
        connection.execute("ALTER TABLE log ADD COLUMN checksum INTEGER")
    if not _has_column(connection, "sessions", "claim"):
        for column in ("claim", "client"):
            connection.execute(
                f"ALTER TABLE sessions ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0"
            )
    connection.pragma("user_version", FORMAT_VERSION)


def write_meta(connection: apsw.Connection, key: str, value: int | str) -> None:
    """Set a value of the ``meta`` table."""
    connection.execute(
        "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        (key, value),
    )


def encode_info(info: CanvasInfo) -> str:
    """A canvas's settings as JSON."""
    return json.dumps(
        {
            "width": info.width,
            "height": info.height,
            "background": info.background,
            "title": info.title,
            "palette": info.palette,
            "frozen": info.frozen,
        },
        separators=(",", ":"),
    )


def decode_info(text: str) -> CanvasInfo:
    """The settings from their JSON; unknown keys are ignored. Raises :class:`LogError`."""
    try:
        values = json.loads(text)
        palette = values["palette"]
        return CanvasInfo(
            width=values["width"],
            height=values["height"],
            background=_colour(values["background"]),
            title=values["title"],
            palette=None if palette is None else tuple(_colour(colour) for colour in palette),
            frozen=values["frozen"],
        )
    except (ValueError, TypeError, KeyError) as error:
        raise LogError(f"the canvas's settings can't be read: {error!r}") from error


def _colour(values: list[int]) -> tuple[int, int, int]:
    red, green, blue = values
    return red, green, blue


def pack_rejections(rejected: tuple[tuple[int, int], ...]) -> bytes:
    """(n u32, code u8) pairs, little-endian, 5 bytes each."""
    return b"".join(_REJECTION.pack(n, code) for n, code in rejected)


def unpack_rejections(packed: bytes) -> tuple[tuple[int, int], ...]:
    """The inverse of :func:`pack_rejections`."""
    return tuple((n, code) for n, code in _REJECTION.iter_unpack(packed))
