"""``tiles.log.check``: a sound canvas is found well, and damage of every kind is found."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import numpy as np
import pytest

from tests.canvas_file import CanvasFile, drawings
from tests.log_rigs import Recorder
from tiles.log.base import CanvasInfo, DamagedError
from tiles.log.check import check
from tiles.log.findings import Part
from tiles.log.schema import FORMAT_VERSION
from tiles.log.sqlite import SqliteLog, create
from tiles.log.wal import wal_end, wal_of
from tiles.recovery import recover

SAVED = 500
TOTAL = 900


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a canvas: saved whole at one seq, in part at later ones, then killed."""
    folder = tmp_path_factory.mktemp("sound")
    made = CanvasFile(folder / "main.sqlite3")
    drawn = drawings(np.random.default_rng(1), TOTAL)
    made.write(drawn[:SAVED], save="all")
    made.write(drawn[SAVED:600], save="some")
    made.write(drawn[600:700])
    made.write(drawn[700:], save="some", clean=False)
    return folder


@pytest.fixture
def canvas(sound: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    shutil.copytree(sound, tmp_path / "data")
    return tmp_path / "data" / "main.sqlite3"


def execute(path: Path, statement: str) -> None:
    """Change the file."""
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("room", [2, 4, 1000])
def test_a_sound_canvas_is_well(canvas: Path, room: int) -> None:
    """CHK-1: nothing is found, and nothing changed, however little memory there is."""
    before = contents(canvas.parent)
    findings, found = check(canvas, room_tiles=room)
    assert findings.well, findings.problems
    assert (findings.whole_seq, findings.end_seq, findings.sessions) == (TOTAL, TOTAL, 3)
    assert found.checkpoint_seq == SAVED
    assert contents(canvas.parent) == before


def test_a_blank_canvas_is_well(tmp_path: Path) -> None:
    """CHK-1: as it is made, and as a server leaves it that nobody drew on."""
    path = tmp_path / "main.sqlite3"
    create(path, CanvasInfo(65_536, 65_536))
    assert check(path)[0].well
    log = SqliteLog(path)
    log.open()
    log.start(Recorder())
    assert log.close(10)
    assert check(path)[0].well


def test_a_file_of_an_old_format_is_well(canvas: Path) -> None:
    """CHK-1: without checksums, the rows are held to what else is known of them."""
    execute(canvas, "ALTER TABLE log DROP COLUMN checksum; PRAGMA user_version = 2")
    findings, _ = check(canvas)
    assert findings.well, findings.problems
    execute(canvas, "UPDATE log SET messages = zeroblob(8) WHERE first_seq = 1")
    assert check(canvas)[0].has(Part.LOG)


def test_a_file_of_an_old_format_gets_checksums(tmp_path: Path) -> None:
    """LOG-6, CHK-1: rows written from the next open on have them, and no later one lacks it."""
    made = CanvasFile(tmp_path / "main.sqlite3")
    drawn = drawings(np.random.default_rng(2), 200)
    made.write(drawn[:100], save="all")
    execute(made.path, "ALTER TABLE log DROP COLUMN checksum; PRAGMA user_version = 2")
    made.write(drawn[100:])
    connection = apsw.Connection(str(made.path))
    (unsure,) = connection.execute(
        "SELECT max(last_seq) FROM log WHERE checksum IS NULL"
    ).fetchall()
    assert unsure == (100,)
    assert connection.pragma("user_version") == FORMAT_VERSION
    connection.close()
    assert check(made.path)[0].well
    execute(made.path, "UPDATE log SET checksum = NULL WHERE first_seq > 150")
    assert "has no checksum" in check(made.path)[0].problems[0].text


@pytest.mark.parametrize(
    ("damage", "part", "text"),
    [
        ("UPDATE tiles SET data = x'010203' WHERE key = 0", Part.CHECKPOINTS, "differs"),
        ("UPDATE tiles SET data = x'0102' WHERE key = 1", Part.CHECKPOINTS, "can't be decoded"),
        ("DELETE FROM tiles WHERE key = 2", Part.CHECKPOINTS, "is missing"),
        ("UPDATE tiles SET seq = 1 WHERE key = 3", Part.CHECKPOINTS, "touches it"),
        ("UPDATE tiles SET seq = 5000 WHERE key = 3", Part.LOG, "but reached 5000"),
        ("UPDATE tiles SET data = x'010203' WHERE key = 3 << 20", Part.CHECKPOINTS, "the mean"),
        ("DELETE FROM tiles WHERE key = 3 << 20", Part.CHECKPOINTS, "is missing"),
        ("INSERT INTO tiles VALUES (99, 1, x'010203')", Part.CHECKPOINTS, "no such tile"),
        ("UPDATE meta SET value = 0 WHERE key = 'epoch'", Part.CHECKPOINTS, "epoch is 0"),
        ("DELETE FROM meta WHERE key = 'checkpoint_seq'", Part.CHECKPOINTS, "is None"),
        ("UPDATE log SET messages = zeroblob(8) WHERE first_seq = 1", Part.LOG, "checksum"),
        ("UPDATE log SET x0 = x0 + 1 WHERE first_seq = 1", Part.LOG, "checksum"),
        ("UPDATE log SET time_ms = 1 WHERE first_seq = 1", Part.LOG, "checksum"),
        ("DELETE FROM log WHERE first_seq BETWEEN 2 AND 100", Part.LOG, "is due here"),
        ("UPDATE log SET last_seq = last_seq + 1 WHERE first_seq = 1", Part.LOG, "checksum"),
        ("DELETE FROM log WHERE first_seq > 800", Part.LOG, "but reached"),
        ("DELETE FROM authors WHERE id = 1", Part.AUTHORS, "author 1 is missing"),
        ("UPDATE sessions SET handled = 100, rejected = x''", Part.SESSIONS, "100 handled"),
        ("UPDATE sessions SET rejected = x'00'", Part.SESSIONS, "can't be read"),
        ("UPDATE meta SET value = '{}' WHERE key = 'info'", Part.SETTINGS, "can't be read"),
        ("DROP TABLE sessions", Part.FILE, "no such table"),
        ("PRAGMA application_id = 1", Part.FILE, "not a canvas"),
    ],
)
def test_damage_is_found(canvas: Path, damage: str, part: Part, text: str) -> None:
    """CHK-1, CHK-2: of the log, the counts, the checkpoints and the marks; and nothing changes."""
    execute(canvas, damage)
    before = contents(canvas.parent)
    findings, _ = check(canvas)
    assert [problem for problem in findings.problems if problem.part is part]
    assert text in " ".join(problem.text for problem in findings.problems)
    assert contents(canvas.parent) == before


def test_an_overview_that_the_tail_has_painted_may_be_older(canvas: Path) -> None:
    """CHK-1: but for the quadrants that the tail didn't touch."""
    connection = apsw.Connection(str(canvas))
    stale = connection.execute(
        "SELECT count(*) FROM tiles WHERE key >> 20 = 1 AND seq <= ?", (SAVED,)
    ).get
    connection.close()
    assert stale
    assert check(canvas)[0].well


def test_a_torn_end_of_the_write_ahead_log_is_no_damage(canvas: Path) -> None:
    """CHK-3: what wasn't whole was never said to be durable; it is told."""
    wal = wal_of(canvas)
    whole = wal_end(canvas)
    wal.write_bytes(wal.read_bytes()[: _frame_start(whole.frames - 1) + 50])
    findings, _ = check(canvas)
    assert findings.well, findings.problems
    with wal.open("r+b") as file:  # the last transaction's last page, torn
        file.truncate(_frame_start(whole.frames))
    findings, _ = check(canvas)
    assert findings.well
    assert "never whole was dropped" in findings.notes[0]
    log = SqliteLog(canvas)
    assert any("never whole was dropped" in note for note in log.open().notes)
    log.close(0)


def _frame_start(frame: int) -> int:
    return 32 + frame * (24 + 4096)


@pytest.mark.parametrize("place", ["header", "first frame", "page"])
def test_a_damaged_write_ahead_log_is_found(canvas: Path, place: str) -> None:
    """CHK-3: durable transactions after the damage aren't taken for a torn end."""
    at = {"header": 9, "first frame": _frame_start(0) + 20, "page": _frame_start(1) + 2000}[place]
    flip(wal_of(canvas), at * 8)
    findings, found = check(canvas)
    assert found.wal_damaged
    assert findings.has(Part.FILE)
    assert "write-ahead log" in findings.problems[0].text


def test_it_agrees_with_sqlite_on_where_the_write_ahead_log_ends(
    sound: Path, tmp_path: Path
) -> None:
    """CHK-3: with a bit flipped anywhere, or cut anywhere."""
    rng = random.Random(1)
    size = wal_of(sound / "main.sqlite3").stat().st_size
    used = _frame_start(wal_end(sound / "main.sqlite3").frames)
    for number in range(40):
        path = tmp_path / str(number) / "main.sqlite3"
        shutil.copytree(sound, path.parent)
        if number % 2:
            flip(wal_of(path), rng.randrange(32 * 8, 8 * used))
        else:
            with wal_of(path).open("r+b") as file:
                file.truncate(rng.randrange(33, size))
        end = wal_end(path)
        connection = apsw.Connection(str(path))
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
        frames, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
        connection.close()
        assert end.frames == max(0, frames)


def flip(file: Path, bit: int) -> None:
    """Turn one bit of a file."""
    with file.open("r+b") as stream:
        stream.seek(bit // 8)
        byte = stream.read(1)[0]
        stream.seek(bit // 8)
        stream.write(bytes((byte ^ 1 << bit % 8,)))


def test_a_start_doesn_t_replay_a_damaged_row(canvas: Path) -> None:
    """CHK-1: nor is it read for anything else."""
    execute(canvas, "UPDATE log SET time_ms = 1 WHERE first_seq > 800")
    log = SqliteLog(canvas)
    recovered = log.open()
    with pytest.raises(DamagedError, match="isn't what was written"):
        recover(log, recovered)
    log.close(0)


def test_progress_is_told(canvas: Path) -> None:
    """CHK-1: what is being looked at."""
    told: list[str] = []
    say: Callable[[str], None] = told.append
    check(canvas, say)
    assert told[:3] == ["the file's structure", "the log", "the replay of the log"]
