"""A look at everything in a canvas's file but its checkpoints: is the file sound, the log whole?

It reads a file that may hold anything, and goes on past what is wrong as far as that makes sense.
"""

import struct
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from protocol.codec import decode_steps
from protocol.errors import ProtocolError, RejectCode
from protocol.messages import Drawing, Patch, PixelRun
from protocol.types import Sender
from tiles.geometry import CANVAS_MAX, CANVAS_TILES_MAX, Rectangle, holds, level_count
from tiles.log.base import REJECTIONS_KEPT, CanvasInfo, LogError
from tiles.log.checksum import row_checksum
from tiles.log.findings import Findings, Part, Say
from tiles.log.schema import (
    EPOCH_MAX,
    decode_info,
    has_overviews,
    read_meta,
    unpack_rejections,
)
from tiles.log.stored_rows import LogRow, Unreadable, check_kinds, log_rows
from tiles.log.wal import wal_end
from tiles.pixel_run import Pixels
from tiles.raster import DrawError, DrawLimits, bounds, check, rasterise

_SAY_EVERY_S = 1.0
_PROGRESS_STEPS = 20_000
_COUNT_MAX = 2**32 - 1
_CHANNEL_MAX = 255
_NO_LIMITS = DrawLimits(1 << 62, 1 << 62)  # what is in the log was within the limits of its day


@dataclass(slots=True)
class Survey:
    """What the file holds, as far as it is whole.

    The log begins after ``base_seq``, which is 0 unless rows below the checkpoints are gone.
    ``sound_authors`` are those of every row that was read, ``lost`` how many messages of each
    stand after the part that is whole, or None where nobody can say.
    """

    info: CanvasInfo | None = None
    checkpoint_seq: int = 0
    overviews: bool = False
    base_seq: int = 0
    whole_seq: int = 0
    drawn: dict[int, int] = field(default_factory=dict)
    """Messages of each author in the part that is whole."""
    lost: dict[int, int] | None = None
    authors: dict[int, bytes] = field(default_factory=dict)
    """The session of each author."""
    nameless: set[int] = field(default_factory=set)
    """Authors of rows who can't be read."""
    misnamed: list[int] = field(default_factory=list)
    """Authors whose name isn't text."""
    wal_damaged: bool = False
    """The write-ahead log held durable transactions that can't be used."""
    implausible: list[bytes] = field(default_factory=list)
    """Sessions whose counts can't be right."""


class Ticker:
    """Says how far something has come, about once a second."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._next = time.monotonic() + _SAY_EVERY_S

    def __call__(self, text: str) -> None:
        """Say it, if it is time."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _SAY_EVERY_S
            self._say(text)


def survey(connection: apsw.Connection, path: Path, findings: Findings, say: Say) -> Survey:
    """Look at the file, and add what is wrong to ``findings``."""
    found = Survey()
    _look_at_wal(path, findings, found)
    _look_at_structure(connection, findings, say)
    _look_at_settings(connection, findings, found)
    if found.info is None:
        return found
    _look_at_log(connection, findings, found, say)
    _look_at_authors(connection, findings, found)
    _look_at_sessions(connection, findings, found)
    return found


def _look_at_wal(path: Path, findings: Findings, found: Survey) -> None:
    try:
        end = wal_end(path)
    except OSError as error:
        findings.add(Part.FILE, f"the write-ahead log can't be read: {error.strerror}")
        return
    found.wal_damaged = end.damaged
    if end.damaged:
        findings.add(Part.FILE, str(end))
    elif end.dropped_frames:
        findings.notes.append(str(end))


def _look_at_structure(connection: apsw.Connection, findings: Findings, say: Say) -> None:
    """SQLite's own check of every page, index and row format."""
    began = time.monotonic()
    tick = Ticker(say)

    def progress() -> bool:
        tick(f"the file's structure, {time.monotonic() - began:.0f} s")
        return False

    say("the file's structure")
    connection.set_progress_handler(progress, _PROGRESS_STEPS)
    try:
        for (text,) in connection.execute("PRAGMA integrity_check"):
            for line in str(text).splitlines():
                if line != "ok":
                    findings.add(Part.FILE, line)
    except Unreadable as error:
        findings.add(Part.FILE, f"it can't be read: {error}")
    finally:
        connection.set_progress_handler(None)


def _look_at_settings(connection: apsw.Connection, findings: Findings, found: Survey) -> None:
    try:
        info = decode_info(read_meta(connection, "info"))
        _check_info(info)
        found.info = info
    except (LogError, TypeError, ValueError, *Unreadable) as error:
        findings.add(Part.SETTINGS, str(error))
        return
    for key, low, high in (
        ("epoch", 1, EPOCH_MAX),
        ("clean", 0, 1),
        ("checkpoint_seq", 0, EPOCH_MAX),
    ):
        value: Any = None
        with suppress(LogError, *Unreadable):
            value = read_meta(connection, key)
        if not isinstance(value, int) or not low <= value <= high:
            findings.add(Part.CHECKPOINTS, f"{key} is {value!r}, not {low} to {high}")
        elif key == "checkpoint_seq":
            found.checkpoint_seq = value
    with suppress(*Unreadable):
        found.overviews = has_overviews(connection)


def _check_info(info: CanvasInfo) -> None:
    """Raise TypeError or ValueError for settings that no canvas has.

    They come from JSON, so what is said of their types isn't known yet.
    """
    sides: tuple[Any, ...] = info.width, info.height
    if not all(isinstance(side, int) and 1 <= side <= CANVAS_MAX for side in sides):
        raise ValueError(f"the size is {sides}; a side takes 1 to {CANVAS_MAX} pixels")
    channels: list[Any] = [*info.background]
    for colour in info.palette or ():
        channels += colour
    if not all(isinstance(value, int) and 0 <= value <= _CHANNEL_MAX for value in channels):
        raise ValueError("a colour has parts from 0 to 255")
    words: tuple[Any, ...] = info.title, info.frozen
    if not isinstance(words[0], str) or not isinstance(words[1], bool):
        raise TypeError("the title or the frozen mark is of a wrong kind")


def _look_at_log(connection: apsw.Connection, findings: Findings, found: Survey, say: Say) -> None:
    """Row by row up to the first that isn't whole; then only who drew what is lost by that."""
    assert found.info is not None
    say("the log")
    scan = _Scan(found.info, findings, found)
    newest = _newest(connection, "SELECT last_seq FROM log ORDER BY first_seq DESC LIMIT 1")
    saved = _newest(connection, "SELECT max(seq) FROM tiles")
    tick = Ticker(say)
    try:
        for row in log_rows(connection, 0):
            scan.take(row)
            tick(f"the log, seq {row.last_seq} of {newest}")
    except Unreadable as error:
        scan.unreadable(str(error))
    scan.finish(newest, saved)


def _newest(connection: apsw.Connection, statement: str) -> int:
    """A seq, or 0 where there is none or it can't be read."""
    with suppress(*Unreadable):
        value: Any = connection.execute(statement).get
        if isinstance(value, int):
            return value
    return 0


class _Scan:
    """Goes through the log's rows in order."""

    def __init__(self, info: CanvasInfo, findings: Findings, found: Survey) -> None:
        self._info = info
        self._findings = findings
        self._found = found
        self._due: int | None = None
        self._reached = 0
        self._checksums = False
        self._broken = False
        self._lost: dict[int, int] | None = None

    def take(self, row: LogRow) -> None:
        """The next row."""
        if self._due is None:
            self._found.base_seq = self._found.whole_seq = self._begin(row)
            self._due = self._found.base_seq + 1
        wrong, sound = self._wrong(row)
        self._checksums |= row.checksum is not None
        if wrong and not self._broken:
            self._broken = True
            self._lost = {}
            self._findings.add(Part.LOG, f"seq {row.first_seq}: {wrong}")
        elif wrong:
            self._findings.add(Part.LOG, f"seq {row.first_seq}: {wrong}")
        counts = self._lost if self._broken else self._found.drawn
        if not sound:
            self._lost = None
        elif counts is not None:
            total = row.last_seq - row.first_seq + 1
            counts[row.author] = counts.get(row.author, 0) + total
        self._reached = max(self._reached, row.last_seq)
        self._due = row.last_seq + 1
        if not self._broken:
            self._found.whole_seq = row.last_seq

    def _begin(self, row: LogRow) -> int:
        """The seq before the log's first row, where rows below the checkpoints may be gone."""
        if row.first_seq == 1 or not 1 <= row.first_seq <= self._found.checkpoint_seq + 1:
            return 0
        self._findings.notes.append(
            f"the log begins at seq {row.first_seq}: checkpoints can't be compared with a replay"
        )
        return row.first_seq - 1

    def unreadable(self, error: str) -> None:
        """No further row can be read."""
        if self._due is None:
            self._due = 1
        self._findings.add(Part.LOG, f"seq {self._due}: it can't be read from here on: {error}")
        self._broken = True
        self._lost = None

    def finish(self, newest: int, saved: int) -> None:
        """That was the last row.

        ``newest`` is the seq at which the log seems to end, ``saved`` one that tiles hold.
        """
        found, findings = self._found, self._findings
        if self._due is None:
            found.base_seq = found.whole_seq = self._reached = found.checkpoint_seq
            if found.checkpoint_seq:
                findings.notes.append("the log is empty: the canvas stands in its checkpoints")
        reached = max(newest, saved, found.checkpoint_seq)
        findings.end_seq = max(self._reached, reached)
        if reached > self._reached:
            findings.add(Part.LOG, f"it ends at seq {self._reached}, but reached {reached} once")
            self._broken, self._lost = True, None
        found.lost = self._lost if self._broken else {}
        findings.whole_seq = found.whole_seq
        findings.messages = found.whole_seq - found.base_seq

    def _wrong(self, row: LogRow) -> tuple[str, bool]:
        """What is wrong with a row, if anything; and whether its author and length are right."""
        total = row.last_seq - row.first_seq + 1
        if row.first_seq != self._due:
            return f"seq {self._due} is due here", False
        if total < 1:
            return f"the row ends at seq {row.last_seq}, before it begins", False
        if row.checksum is None:
            if self._checksums:
                return "the row has no checksum", False
        elif row.checksum != row_checksum(
            row.first_seq, row.last_seq, row.author, row.time_ms, row.box, row.messages
        ):
            return "the row isn't what was written: its checksum differs", False
        return self._undrawable(row, total), True

    def _undrawable(self, row: LogRow, total: int) -> str:
        """What is wrong with a row's messages."""
        count = 0
        try:
            for message in decode_steps(row.messages, Sender.CLIENT):
                if not isinstance(message, PixelRun | Drawing):
                    return f"{type(message).__name__.upper()} is no drawing"
                count += len(message) if isinstance(message, PixelRun) else 1
                if not holds(row.box, self._bounds(message)):
                    return f"the box {row.box} doesn't hold what is painted"
        except ProtocolError as error:
            return f"its messages can't be read: {error}"
        except DrawError as error:
            return f"a message can't be drawn: {error}"
        return "" if count == total else f"{count} messages, not {total}"

    def _bounds(self, message: PixelRun | Drawing) -> Rectangle:
        """What a message paints, at most. Raises :class:`tiles.raster.DrawError`."""
        width, height = self._info.width, self._info.height
        if isinstance(message, PixelRun):
            box = Pixels(message).bounds
            if box[2] >= width or box[3] >= height:
                raise DrawError(RejectCode.OUT_OF_BOUNDS)
            return box
        check(message, width, height, _NO_LIMITS)
        if isinstance(message, Patch):
            rasterise(message, width, height, CANVAS_TILES_MAX)  # its stream is seen there alone
        return bounds(message, width, height)


def _look_at_authors(connection: apsw.Connection, findings: Findings, found: Survey) -> None:
    """Everybody who drew is there, and can be named."""
    ids = {*found.drawn, *(found.lost or ())}
    try:
        rows = connection.execute(
            "SELECT id, session, CAST(name AS BLOB), CAST(subject AS BLOB) FROM authors"
        )
        for row in rows:
            check_kinds(row, (int, bytes, bytes, bytes), f"author {row[0]}")
            number, session, name, subject = row
            try:
                name.decode(), subject.decode()
            except UnicodeDecodeError:
                findings.add(Part.AUTHORS, f"author {number}: the name is no text")
                found.misnamed.append(number)
            found.authors[number] = session
    except Unreadable as error:
        findings.add(Part.AUTHORS, f"they can't be read: {error}")
    found.nameless = ids - found.authors.keys()
    for number in sorted(found.nameless):
        findings.add(Part.AUTHORS, f"author {number} is missing")


def _look_at_sessions(connection: apsw.Connection, findings: Findings, found: Survey) -> None:
    """Every count is at least what the log holds of its session."""
    drawn: dict[bytes, int] = {}
    for counts in (found.drawn, found.lost or {}):
        for number, total in counts.items():
            session = found.authors.get(number, b"")
            drawn[session] = drawn.get(session, 0) + total
    try:
        for row in connection.execute("SELECT session, handled, rejected FROM sessions"):
            check_kinds(row, (bytes, int, bytes), "a session")
            session, handled, rejected = row
            findings.sessions += 1
            wrong = _implausible(handled, rejected, drawn.get(session, 0))
            if wrong:
                findings.add(Part.SESSIONS, f"session {session.hex()[:8]}…: {wrong}")
                found.implausible.append(session)
    except Unreadable as error:
        findings.add(Part.FILE, f"the sessions can't be read: {error}")


def _implausible(handled: int, rejected: bytes, drawn: int) -> str:
    if not 0 <= handled <= _COUNT_MAX:
        return f"{handled} messages handled"
    try:
        numbers = [n for n, _ in unpack_rejections(rejected)]
    except (ValueError, struct.error):
        return "its rejections can't be read"
    if len(numbers) > REJECTIONS_KEPT or numbers != sorted(set(numbers)):
        return "its rejections are out of order"
    if numbers and not 1 <= numbers[0] <= numbers[-1] <= handled:
        return "its rejections are of messages that it never sent"
    if handled < drawn + len(numbers):
        return f"{handled} handled, but {drawn} drawn and {len(numbers)} rejected"
    return ""


def levels_of(info: CanvasInfo) -> int:
    """How many levels the canvas has."""
    return level_count(info.width, info.height)
