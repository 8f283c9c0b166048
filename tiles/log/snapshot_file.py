"""A canvas's file as one that another log begins from: compact, and without the oldest history.

It is made of a file that may be written to meanwhile, as of one moment. Its checkpoints and the
rows past them are the canvas; rows before them are history, and are kept as far as that is wanted.
"""

import os
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import apsw

from tiles.log.base import CanvasInfo, DamagedError, LogError, Mark
from tiles.log.check import reading
from tiles.log.schema import (
    APPLICATION_ID,
    FORMAT_VERSION,
    TABLES,
    check_identity,
    connect,
    decode_info,
    leave_stream,
    read_mark,
    read_meta,
    transaction,
    write_meta,
)
from tiles.log.store import last_seq

DAY_MS = 24 * 3600 * 1000
_PAGE_BYTES = 4096
_PROGRESS_STEPS = 50_000
_SUFFIXES = ("-wal", "-shm", "-journal")
_SOURCE = "source_epoch"

GoesOn = Callable[[], bool]
"""Asked every few milliseconds of a long piece of work; where it says no that ends."""


class StoppedError(LogError):
    """The work was told to end."""


class Facts(NamedTuple):
    """What such a file holds: everything up to ``seq``, rows of the log past ``begins`` alone."""

    epoch: int
    mark: Mark
    seq: int
    begins: int
    info: CanvasInfo


def always() -> bool:
    """A :data:`GoesOn` of work that nobody ends."""
    return True


def kept_from(keep_days: float, now_ms: int | None = None) -> int:
    """The time from which so many days of history are kept, in ms of Unix time."""
    now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    return now_ms - int(keep_days * DAY_MS) if keep_days else now_ms + DAY_MS


def take(
    path: Path, target: Path, *, since_ms: int | None = None, goes_on: GoesOn = always
) -> Facts:
    """Write what the file at ``path`` holds now into the new file ``target``, durably.

    Rows of the log that were drawn before ``since_ms`` are left out (None: none are) as far as the
    checkpoints hold them, and with them the names of those who drew nothing else. Raises
    :class:`tiles.log.base.LogError`, and leaves no file then.
    """
    discard(target)
    try:
        _fill(path, target, since_ms, goes_on)
        facts = look(target)
        _sync(target)
    except BaseException as error:
        discard(target)
        if isinstance(error, apsw.InterruptError):
            raise StoppedError("the snapshot was not finished") from None
        if isinstance(error, apsw.CorruptError | apsw.NotADBError):
            raise DamagedError(f"{path} is damaged: {error}") from error
        if isinstance(error, apsw.Error | OSError):
            raise LogError(f"{path} can't be copied to {target}: {error}") from error
        raise
    return facts


def look(path: Path) -> Facts:
    """What a file that nobody writes holds. Raises :class:`tiles.log.base.LogError`."""
    try:
        with reading(path) as connection:
            through = read_meta(connection, "checkpoint_seq")
            first: Any = connection.execute("SELECT min(first_seq) FROM log").get
            return Facts(
                read_meta(connection, "epoch"),
                read_mark(connection),
                last_seq(connection, through, path),
                through if first is None else first - 1,
                decode_info(read_meta(connection, "info")),
            )
    except (apsw.Error, OSError) as error:
        raise DamagedError(f"{path} can't be read: {error}") from error


def reach(path: Path) -> tuple[int, Mark]:
    """The epoch of a file that may be written to meanwhile, and how far it has come.

    Raises :class:`tiles.log.base.LogError`.
    """
    try:
        with closing(connect(path, readonly=True)) as connection:
            connection.execute("BEGIN")
            return read_meta(connection, "epoch"), read_mark(connection)
    except (apsw.Error, OSError) as error:
        raise LogError(f"{path} can't be read: {error}") from error


def begin_life(path: Path, epoch: int, source_epoch: int = 0) -> None:
    """Let the file be the beginning of another life of its canvas, under another epoch.

    Nothing of a stream is in it then: no place, and nobody's claim; sessions keep their counts.
    ``source_epoch`` is that of the stream which it went on from, if it is to be remembered. Raises
    :class:`tiles.log.base.LogError`.
    """
    try:
        connection = connect(path)
        try:
            with transaction(connection):
                write_meta(connection, "epoch", epoch)
                write_meta(connection, "clean", 1)
                write_meta(connection, _SOURCE, source_epoch)
                leave_stream(connection)
            connection.pragma("journal_mode", "delete")  # one file again
        finally:
            connection.close()
        _sync(path)
    except (apsw.Error, OSError) as error:
        raise LogError(f"{path} can't be written: {error}") from error


def source_epoch(path: Path) -> int:
    """The epoch of the stream that a canvas went on from; 0 for none, or an unreadable file."""
    with suppress(apsw.Error, OSError, LogError), reading(path) as connection:
        return int(read_meta(connection, _SOURCE))
    return 0


def discard(path: Path) -> None:
    """Remove a file, and what SQLite may have left beside it."""
    path.unlink(missing_ok=True)
    discard_beside(path)


def discard_beside(path: Path) -> None:
    """Remove what a reader leaves beside a file that was closed in good order."""
    for suffix in _SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _fill(path: Path, target: Path, since_ms: int | None, goes_on: GoesOn) -> None:
    if not path.is_file():
        raise LogError(f"there is no canvas at {path}")
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
    connection = apsw.Connection(str(target), flags=flags)
    try:
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.set_progress_handler(lambda: not goes_on(), _PROGRESS_STEPS)
        # The file is removed when anything fails, so that only its end has to be durable.
        connection.pragma("page_size", _PAGE_BYTES)
        connection.pragma("journal_mode", "off")
        connection.pragma("synchronous", "OFF")
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", FORMAT_VERSION)
        _check_source(path)
        connection.execute("ATTACH ? AS source", (f"file:{quote(str(path))}?mode=ro",))
        connection.execute("BEGIN")
        connection.execute(TABLES)
        connection.execute("INSERT INTO main.meta SELECT * FROM source.meta")
        first = _first_kept(connection, since_ms)
        connection.execute(
            "INSERT INTO main.log SELECT * FROM source.log WHERE first_seq >= ? ORDER BY first_seq",
            (first,),
        )
        for table, rows in (
            ("authors", "WHERE id IN (SELECT author FROM main.log) ORDER BY id"),
            ("sessions", "ORDER BY session"),
            ("tiles", "ORDER BY key"),
        ):
            connection.execute(f"INSERT INTO main.{table} SELECT * FROM source.{table} {rows}")
        write_meta(connection, "clean", 1)
        connection.execute("COMMIT")
    finally:
        with suppress(apsw.Error):
            connection.close(force=True)


def _check_source(path: Path) -> None:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        check_identity(connection, path)
        if connection.pragma("user_version") != FORMAT_VERSION:
            raise LogError(f"{path} is of an older format: a server has to open it first")
    finally:
        connection.close(force=True)


def _first_kept(connection: apsw.Connection, since_ms: int | None) -> int:
    """The ``first_seq`` from which rows are taken: never one past what isn't in the checkpoints."""
    if since_ms is None:
        return 0
    through: int = connection.execute(
        "SELECT value FROM main.meta WHERE key = 'checkpoint_seq'"
    ).get
    row = connection.execute(
        "SELECT first_seq, last_seq FROM source.log WHERE first_seq <= ? "
        "ORDER BY first_seq DESC LIMIT 1",
        (through + 1,),
    ).fetchone()
    tail: int = through + 1 if row is None or row[1] <= through else row[0]
    recent: Any = connection.execute(
        "SELECT first_seq FROM source.log WHERE time_ms >= ? AND first_seq < ? "
        "ORDER BY first_seq LIMIT 1",
        (since_ms, tail),
    ).get
    return tail if recent is None else recent


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
