"""Copies a canvas's file, consistently, while a server may be writing to it.

The copy is made page by page over a read transaction: it is the file as of one moment, and commits
go on meanwhile. Only the write-ahead log can't be begun anew until the copy is made; it grows by
what is written in that time, and is short again soon after.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import apsw

from tiles.log.base import LogError
from tiles.log.check import check
from tiles.log.findings import Say
from tiles.log.schema import (
    connect,
    leave_stream,
    read_mark,
    sync_folder,
    transaction,
    write_meta,
)

PIECE_PAGES = 512
"""Pages copied at once: 2 MiB."""

Copied = Callable[[int, int], None]
"""Told how many bytes of how many are copied."""


def backup(path: Path, copy: Path, say: Say, copied: Copied) -> int:
    """Copy the canvas at ``path`` into the new file ``copy``; the seq at which it ends.

    The copy is one file, checked but for its checkpoints, on the disk when this returns, and has a
    new epoch at its first start: what was drawn after it was made isn't there. Raises
    :class:`tiles.log.base.LogError`, and leaves no copy then.
    """
    if copy.exists():
        raise LogError(f"{copy} exists already")
    draft = copy.with_name(f".{copy.name}.draft")
    try:
        try:
            _copy(path, draft, copied)
            _mark(draft)
        except (OSError, apsw.Error) as error:
            raise LogError(f"{path} can't be copied to {copy}: {error}") from error
        findings, _ = check(draft, say, replay=False)
        if not findings.well:
            first = findings.problems[0]
            raise LogError(f"{path} is damaged: {first.part}: {first.text}; `tilecast check` it")
        try:
            _sync(draft)
            draft.rename(copy)
            sync_folder(copy.parent)
        except OSError as error:
            raise LogError(f"{copy} can't be written: {error}") from error
    except BaseException:
        for file in (copy, *(draft.with_name(draft.name + end) for end in _SUFFIXES)):
            file.unlink(missing_ok=True)
        raise
    return findings.whole_seq


_SUFFIXES = ("", "-wal", "-shm", "-journal")


def _copy(path: Path, draft: Path, copied: Copied) -> None:
    try:
        source = connect(path, readonly=True)
    except apsw.Error as error:
        raise LogError(f"{path} can't be read: {error}") from error
    target = apsw.Connection(str(draft))
    try:
        # The draft goes when anything fails, so that only its end has to be durable.
        target.pragma("journal_mode", "off")
        target.pragma("synchronous", "OFF")
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM meta").fetchall()  # from here on it is one moment
        with target.backup("main", source, "main") as pages:
            while not pages.done:
                pages.step(PIECE_PAGES)
                done = pages.page_count - pages.remaining
                size = source.pragma("page_size")
                copied(done * size, pages.page_count * size)
    finally:
        for connection in (source, target):
            with suppress(apsw.Error):
                connection.close(force=True)


def _mark(draft: Path) -> None:
    """The copy is not where the canvas went on: its next start has another epoch."""
    connection = connect(draft)
    try:
        with transaction(connection):
            write_meta(connection, "clean", 0)
            if read_mark(connection).place:  # what a node of a cluster keeps
                leave_stream(connection)
    finally:
        connection.close()  # which copies the write-ahead log into the file, and removes it


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
