"""Verifies one canvas's file: SQLite's structure, the log, the counts, and every checkpoint.

It only reads. The canvas must not be open for writing meanwhile: its caller holds the lock.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw

from tiles.log.base import LogError
from tiles.log.checkpoints import ROOM_TILES, Reporter, Verification
from tiles.log.findings import Findings, Part, Say
from tiles.log.schema import connect
from tiles.log.stored_rows import Unreadable
from tiles.log.survey import Survey, levels_of, survey
from tiles.log.wal import wal_of


def silent(text: str) -> None:
    """A :data:`tiles.log.findings.Say` that nobody hears."""


def check(
    path: Path, say: Say = silent, *, replay: bool = True, room_tiles: int = ROOM_TILES
) -> tuple[Findings, Survey]:
    """What is wrong with a canvas's file, if anything, and what it holds.

    Without ``replay`` the checkpoints are not looked at. ``room_tiles`` tiles of level 0 at most
    are in memory at once, 12 KiB each. Never raises for what is in the file.
    """
    findings, found = Findings(), Survey()
    if not path.is_file():
        findings.add(Part.FILE, "there is no such file")
        return findings, found
    for lenient in (False, True):
        try:
            with reading(path, lenient=lenient) as connection:
                found = survey(connection, path, findings, say)
                if findings.has(Part.LOG):
                    findings.notes.append("checkpoints aren't compared with a log that has holes")
                elif replay and found.info is not None:
                    _verify(connection, findings, found, say, room_tiles)
        except apsw.CorruptError as error:
            # Shorter than it says, perhaps: then SQLite reads it only if it is told to.
            findings.add(Part.FILE, str(error))
        except (LogError, OSError, *Unreadable) as error:
            findings.add(Part.FILE, str(error))
            break
        else:
            break
    return findings, found


def _verify(
    connection: apsw.Connection, findings: Findings, found: Survey, say: Say, room_tiles: int
) -> None:
    assert found.info is not None
    say("the replay of the log")
    levels = levels_of(found.info)
    reporter = Reporter(findings)
    verification = Verification(connection, found, levels, reporter, say, room_tiles)
    try:
        verification.run()
    except Unreadable as error:
        findings.add(Part.FILE, f"the checkpoints can't be read: {error}")
    findings.tiles = verification.tiles


@contextmanager
def reading(path: Path, *, lenient: bool = False) -> Iterator[apsw.Connection]:
    """A connection that reads a file nobody writes, and leaves nothing beside it.

    ``lenient``: also one that is shorter than it should be. Raises
    :class:`tiles.log.base.LogError` or ``apsw.Error``.
    """
    wal = wal_of(path)
    pending = wal.exists() and wal.stat().st_size > 0
    index = path.with_name(path.name + "-shm")
    indexed = index.exists()
    connection = connect(path, readonly=True, immutable=not pending, lenient=lenient)
    try:
        yield connection
    finally:
        with suppress(apsw.Error):
            connection.close(force=True)
        if pending and not indexed:
            index.unlink(missing_ok=True)
