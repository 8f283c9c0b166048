"""Brings a damaged canvas back to what its log says, as far as that is whole.

Where the log and SQLite's own structure are sound, what is wrong beside them is put right in place,
in one transaction. Otherwise a new file is built from the log's whole part, and the old one stays
beside it under another name. Either way the canvas gets a new epoch at its next start.
"""

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import apsw

from tiles.log.base import LogError, SavedTile
from tiles.log.check import reading, silent
from tiles.log.checkpoints import ROOM_TILES, Verification
from tiles.log.checksum import row_checksum
from tiles.log.findings import Findings, Part, Say
from tiles.log.salvage import salvaged_rows
from tiles.log.schema import (
    EPOCH_MAX,
    connect,
    create,
    new_epoch,
    pack_rejections,
    read_meta,
    sync_folder,
    transaction,
    unpack_rejections,
    upgrade,
    write_meta,
)
from tiles.log.session_counts import cut_back
from tiles.log.stored_rows import LogRow, Unreadable, check_kinds, log_rows
from tiles.log.survey import Survey, levels_of
from tiles.log.wal import wal_of

_SESSION_BYTES = 16
_SAVE = (
    "INSERT INTO tiles VALUES (?, ?, ?) "
    "ON CONFLICT DO UPDATE SET seq = excluded.seq, data = excluded.data"
)
_ADD_ROW = "INSERT OR IGNORE INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_SESSION = (
    "INSERT OR IGNORE INTO sessions (session, handled, rejected, seen_ms) VALUES (?, ?, ?, ?)"
)
_ADD_AUTHOR = "INSERT OR IGNORE INTO authors VALUES (?, ?, ?, ?, ?)"


def repair(
    path: Path,
    findings: Findings,
    found: Survey,
    say: Say = silent,
    room_tiles: int = ROOM_TILES,
) -> list[str]:
    """Put right what :func:`tiles.log.check.check` found; what was done, line by line.

    Nobody else may have the canvas open. Raises :class:`tiles.log.base.LogError` where nothing can
    be done, and leaves the file as it is then.
    """
    if findings.well:
        return []
    if found.info is None:
        raise LogError("without its settings a canvas can't be repaired: restore a backup")
    if found.base_seq and findings.has(Part.FILE, Part.LOG, Part.CHECKPOINTS):
        raise LogError(
            f"its log begins at seq {found.base_seq + 1}, so nothing can be rebuilt from it: "
            "restore a backup"
        )
    try:
        if findings.has(Part.FILE, Part.LOG):
            return _Rebuild(path, findings, found, say, room_tiles).run()
        return _mend(path, findings, found, say, room_tiles)
    except (OSError, *Unreadable) as error:
        raise LogError(f"it can't be repaired: {error}") from error


class _Writer:
    """A :class:`tiles.log.checkpoints.Mender` that writes what is right."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.tiles: set[int] = set()

    def wrong(self, tile: int, text: str, right: SavedTile | None) -> None:
        """See :class:`tiles.log.checkpoints.Mender`."""
        del text
        self.tiles.add(tile)
        if right is None:
            self._connection.execute("DELETE FROM tiles WHERE key = ?", (tile,))
        else:
            self._connection.execute(_SAVE, (right.key, right.seq, right.data))


def _mend(path: Path, findings: Findings, found: Survey, say: Say, room_tiles: int) -> list[str]:
    """The log is whole: write anew what is wrong beside it."""
    assert found.info is not None
    done = []
    connection = connect(path)
    try:
        with transaction(connection):
            upgrade(connection)
            if _mend_marks(connection, found):
                done.append("the marks of where the checkpoints stand were set anew")
            _mend_authors(connection, found)
            if findings.has(Part.AUTHORS):
                done.append(f"{findings.counts[Part.AUTHORS]} authors are nameless now")
            for session in found.implausible:
                connection.execute("DELETE FROM sessions WHERE session = ?", (session,))
            if found.implausible:
                done.append(f"{len(found.implausible)} sessions were forgotten")
            if findings.has(Part.CHECKPOINTS):
                writer = _Writer(connection)
                levels = levels_of(found.info)
                Verification(connection, found, levels, writer, say, room_tiles).run()
                done.append(f"{len(writer.tiles)} checkpoints were rebuilt from the log")
    finally:
        connection.close()
    return done


def _mend_marks(connection: apsw.Connection, found: Survey) -> bool:
    """Whether one of the marks made no sense; the next start's epoch is a new one in any case."""
    write_meta(connection, "clean", 0)
    wrong = False
    if not _is_within(connection, "epoch", 1, EPOCH_MAX):
        write_meta(connection, "epoch", new_epoch())
        wrong = True
    if not _is_within(connection, "checkpoint_seq", 0, EPOCH_MAX):
        # What they hold isn't known: all of them are brought to the end of the log.
        found.checkpoint_seq, found.overviews = found.whole_seq, True
        write_meta(connection, "checkpoint_seq", found.whole_seq)
        write_meta(connection, "overviews", 1)
        wrong = True
    return wrong


def _is_within(connection: apsw.Connection, key: str, low: int, high: int) -> bool:
    try:
        value = read_meta(connection, key)
    except LogError:
        return False
    return isinstance(value, int) and low <= value <= high


def _mend_authors(connection: apsw.Connection, found: Survey) -> None:
    connection.execute(
        "UPDATE authors SET name = 'author ' || id, subject = '' "
        "WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(found.misnamed),),
    )
    for number in found.nameless:
        connection.execute(_ADD_AUTHOR, (number, _nobody(number), "", b"", ""))


def _nobody(number: int) -> bytes:
    """The session of an author who can't be read; no client has it."""
    return number.to_bytes(_SESSION_BYTES, "big")


def _add_row(connection: apsw.Connection, row: LogRow) -> None:
    head = row.first_seq, row.last_seq, row.author, row.time_ms
    checksum = row_checksum(*head, row.box, row.messages)
    connection.execute(_ADD_ROW, (*head, *row.box, row.messages, checksum))


class _Rebuild:
    """Makes a new file of the log's whole part, and puts it in the place of the old one."""

    def __init__(
        self, path: Path, findings: Findings, found: Survey, say: Say, room_tiles: int
    ) -> None:
        assert found.info is not None
        self._path = path
        self._findings = findings
        self._found = found
        self._info = found.info
        self._say = say
        self._room = room_tiles
        self._done: list[str] = []

    def run(self) -> list[str]:
        """Build, swap, and tell what was done."""
        draft = self._path.parent / f".draft-{secrets.token_hex(8)}" / self._path.name
        try:
            create(draft, self._info)
            with reading(self._path, lenient=True) as old:
                self._fill(old, draft)
            kept = self._swap(draft)
        finally:
            shutil.rmtree(draft.parent, ignore_errors=True)
        return [*self._account(kept), *self._done]

    def _account(self, kept: Path) -> list[str]:
        whole, end = self._found.whole_seq, self._findings.end_seq
        lines = [f"a new file was made; the old one is {kept}"]
        if end > whole:
            lines.append(
                f"the log ends at seq {whole} now, and once reached {end}: the {end - whole} "
                f"messages from seq {whole + 1} on are not on the canvas any more"
            )
        elif self._found.wal_damaged:
            lines.append(f"what the write-ahead log held past seq {whole} is not on the canvas")
        return lines

    def _fill(self, old: apsw.Connection, draft: Path) -> None:
        new = connect(draft)
        try:
            # A draft that a crash interrupts is thrown away: it needs no journal worth the name.
            new.pragma("journal_mode", "memory")
            new.pragma("synchronous", "OFF")
            with transaction(new):
                self._copy_log(old, new)
                self._salvage(new)
                self._copy_marks(old, new)
                self._copy_authors(old, new)
                self._copy_sessions(old, new)
                self._make_checkpoints(new)
            new.pragma("journal_mode", "wal")
        finally:
            new.close()
        _sync_file(draft)

    def _copy_marks(self, old: apsw.Connection, new: apsw.Connection) -> None:
        with suppress(LogError, *Unreadable):
            if _is_within(old, "epoch", 1, EPOCH_MAX):
                write_meta(new, "epoch", read_meta(old, "epoch"))
        write_meta(new, "clean", 0)
        write_meta(new, "checkpoint_seq", self._found.whole_seq)

    def _copy_log(self, old: apsw.Connection, new: apsw.Connection) -> None:
        whole = self._found.whole_seq
        self._say("copying the log")
        for row in log_rows(old, 0) if whole else ():
            _add_row(new, row)
            if row.last_seq >= whole:
                return

    def _salvage(self, new: apsw.Connection) -> None:
        """Go on where the log's b-tree ends with rows that stand in the file's pages."""
        found, findings = self._found, self._findings
        self._say("looking for more of the log in the file's pages")
        whole = found.whole_seq
        for row in salvaged_rows(self._path):
            if row.first_seq > whole:
                _add_row(new, row)
        for row in log_rows(new, whole):
            if row.first_seq != found.whole_seq + 1 or row.last_seq < row.first_seq:
                break
            found.whole_seq = row.last_seq
            total = row.last_seq - row.first_seq + 1
            found.drawn[row.author] = found.drawn.get(row.author, 0) + total
        new.execute("DELETE FROM log WHERE first_seq > ?", (found.whole_seq,))
        if found.whole_seq > whole:
            self._done.append(f"seq {whole + 1} to {found.whole_seq} were found in its pages")
            # Who lost what is known if nobody did.
            found.lost = {} if found.whole_seq >= findings.end_seq else None
        findings.end_seq = max(findings.end_seq, found.whole_seq)
        if not found.whole_seq and (findings.end_seq or findings.has(Part.LOG)):
            raise LogError("the beginning of its log can't be read: restore a backup")

    def _copy_authors(self, old: apsw.Connection, new: apsw.Connection) -> None:
        wanted = set(self._found.drawn)
        with suppress(*Unreadable):
            for row in old.execute(
                "SELECT id, session, CAST(name AS BLOB), address, CAST(subject AS BLOB) "
                "FROM authors"
            ):
                check_kinds(row, (int, bytes, bytes, bytes, bytes), f"author {row[0]}")
                number, session, name, address, subject = row
                if number in wanted:
                    texts = name.decode(errors="replace"), subject.decode(errors="replace")
                    new.execute(_ADD_AUTHOR, (number, session, texts[0], address, texts[1]))
        missing = wanted - {number for (number,) in new.execute("SELECT id FROM authors")}
        for number in missing:
            new.execute(_ADD_AUTHOR, (number, _nobody(number), "", b"", ""))
        if missing:
            self._done.append(f"{len(missing)} authors are nameless now")

    def _copy_sessions(self, old: apsw.Connection, new: apsw.Connection) -> None:
        """Counts go back by what is lost of each session, so that its client sends that again.

        Where nobody can say whose messages are lost, every session is forgotten: a count that is
        too high would make a client drop what isn't there, one too low draw it twice.
        """
        lost = None if self._found.wal_damaged else self._lost_by_session()
        kept = looked_at = 0
        if lost is not None:
            with suppress(*Unreadable):
                for row in self._sessions(old):
                    looked_at += 1
                    session, handled, rejected, seen_ms = row
                    if session in self._found.implausible:
                        continue
                    count = cut_back(handled, unpack_rejections(rejected), lost.get(session, 0))
                    if count is not None:
                        values = (session, count[0], pack_rejections(count[1]), seen_ms)
                        new.execute(_ADD_SESSION, values)
                        kept += 1
        forgotten = max(looked_at, self._findings.sessions) - kept
        if forgotten:
            self._done.append(
                f"{forgotten} sessions were forgotten: their clients are welcomed as new ones"
            )

    def _sessions(self, old: apsw.Connection) -> Iterator[tuple[bytes, int, bytes, int]]:
        for row in old.execute("SELECT session, handled, rejected, seen_ms FROM sessions"):
            check_kinds(row, (bytes, int, bytes, int), "a session")
            yield row

    def _lost_by_session(self) -> dict[bytes, int] | None:
        found = self._found
        if found.lost is None or not found.lost.keys() <= found.authors.keys():
            return None
        lost: dict[bytes, int] = {}
        for number, total in found.lost.items():
            session = found.authors[number]
            lost[session] = lost.get(session, 0) + total
        return lost

    def _make_checkpoints(self, new: apsw.Connection) -> None:
        found = Survey(
            info=self._info,
            checkpoint_seq=self._found.whole_seq,
            overviews=True,
            whole_seq=self._found.whole_seq,
        )
        writer = _Writer(new)
        levels = levels_of(self._info)
        Verification(new, found, levels, writer, self._say, self._room).run()

    def _swap(self, draft: Path) -> Path:
        """Put the draft in the old file's place; where that is now."""
        path = self._path
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        kept = _free(path.with_name(f"{path.name}.damaged-{moment}"))
        _keep(path, kept)
        wal = wal_of(path)
        if wal.exists():
            _keep(wal, wal_of(kept))
        sync_folder(path.parent)
        # First the write-ahead log goes: beside the new file it would be taken for its own.
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        draft.replace(path)
        sync_folder(path.parent)
        return kept


def _free(path: Path) -> Path:
    """The path, or one like it that isn't taken."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free


def _keep(path: Path, kept: Path) -> None:
    """Give a file another name besides its own, or a copy where the file system has no links."""
    try:
        os.link(path, kept)
    except OSError:
        shutil.copy2(path, kept)
        _sync_file(kept)


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
