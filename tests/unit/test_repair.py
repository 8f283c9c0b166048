"""``tiles.log.repair``: whatever was damaged, what is left is a canvas that its log stands for."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import numpy as np
import pytest

from tests.canvas_file import REJECT_EVERY, SIDE, CanvasFile, Drawn, drawings, painted, session_id
from tests.whole_canvas import whole_canvas
from tiles.geometry import tile_range
from tiles.log.base import LogError
from tiles.log.check import check
from tiles.log.findings import Part
from tiles.log.repair import repair
from tiles.log.session_counts import cut_back
from tiles.log.sqlite import SqliteLog
from tiles.log.wal import wal_of

SAVED = 900
TOTAL = 1500
PAGE_BYTES = 4096
SEEDS = 10


class Original:
    """A sound canvas, and what was drawn on it."""

    def __init__(self, folder: Path, *, clean: bool) -> None:
        self.folder = folder
        self.drawn: list[Drawn] = drawings(np.random.default_rng(3), TOTAL)
        made = CanvasFile(folder / "main.sqlite3")
        made.write(self.drawn[:SAVED], save="all")
        made.write(self.drawn[SAVED:1200], save="some")
        made.write(self.drawn[1200:], clean=clean)

    def copy(self, folder: Path) -> Path:
        """Its file, to be damaged."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        return folder / "main.sqlite3"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """As it is after a clean stop: one file."""
    return Original(tmp_path_factory.mktemp("clean"), clean=True)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """As a killed server leaves it, with a write-ahead log."""
    return Original(tmp_path_factory.mktemp("killed"), clean=False)


def hold_to(original: Original, path: Path) -> int:
    """The canvas opens, its log is a prefix of what was drawn, its tiles are that prefix's fold.

    Returns the seq at which it ends.
    """
    log = SqliteLog(path)
    recovered = log.open()
    try:
        drawn = original.drawn[: recovered.seq]
        batches = list(log.read(0))
        assert sum(batch.last_seq - batch.first_seq + 1 for batch in batches) == recovered.seq
        for batch in batches:
            authors = {one.session for one in drawn[batch.first_seq - 1 : batch.last_seq]}
            assert {batch.author.session} <= {session_id(one) for one in authors} | {
                number.to_bytes(16, "big") for number in range(1, 4)
            }
        truth, found = painted(drawn), whole_canvas(log, recovered)
        for level in range(truth.levels):
            for tile in tile_range(level, (0, 0, SIDE - 1, SIDE - 1)).keys():
                assert np.array_equal(found.tile(tile), truth.tile(tile)), tile
        return recovered.seq
    finally:
        log.close(10)


def check_and_repair(original: Original, path: Path) -> str:
    """Hold check and repair to their promise on a file that may be damaged; how that went."""
    findings, found = check(path)
    if findings.well:
        assert hold_to(original, path) == TOTAL
        return "unharmed"
    readable = found.whole_seq
    before = {file.name: file.read_bytes() for file in path.parent.glob("main.sqlite3*")}
    try:
        done = repair(path, findings, found)
    except LogError:
        after = {file.name: file.read_bytes() for file in path.parent.glob("main.sqlite3*")}
        assert after == before, "it refused, and changed something"
        # Without its settings or the first page of its log there is no canvas to be had.
        assert found.info is None or readable == 0
        return "refused"
    assert done
    again, _ = check(path)
    assert again.well, again.problems
    seq = hold_to(original, path)
    assert seq == found.whole_seq >= readable
    if findings.has(Part.FILE, Part.LOG):
        kept = next(path.parent.glob("main.sqlite3.damaged-*Z"))
        assert kept.read_bytes() == before[path.name]
    return "whole" if seq == TOTAL else "cut"


def flip(path: Path, rng: random.Random) -> None:
    """One bit, anywhere."""
    damage(path, rng, lambda page, at: page[: at // 8] + turned(page, at) + page[at // 8 + 1 :])


def turned(page: bytes, at: int) -> bytes:
    """The byte with that bit turned."""
    return bytes((page[at // 8] ^ 1 << at % 8,))


def wipe(path: Path, rng: random.Random) -> None:
    """A page of zeros, as a disk gives that lost it."""
    damage(path, rng, lambda page, _: bytes(len(page)))


def scramble(path: Path, rng: random.Random) -> None:
    """A sector that holds something else."""
    noise = rng.randbytes(512)
    damage(path, rng, lambda page, at: page[: at // 4096 * 512] + noise + page[at // 4096 * 512 :])


def damage(path: Path, rng: random.Random, change: Callable[[bytes, int], bytes]) -> None:
    """Change a page of the file; ``change`` gets it and a bit in it."""
    content = path.read_bytes()
    start = rng.randrange(len(content) // PAGE_BYTES) * PAGE_BYTES
    page = content[start : start + PAGE_BYTES]
    changed = change(page, rng.randrange(8 * PAGE_BYTES))[:PAGE_BYTES]
    path.write_bytes(content[:start] + changed + content[start + PAGE_BYTES :])


def truncate(path: Path, rng: random.Random) -> None:
    """Its end is missing."""
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(PAGE_BYTES, len(content))])


@pytest.mark.parametrize("harm", [flip, wipe, scramble, truncate])
def test_a_damaged_file(
    clean: Original, tmp_path: Path, harm: Callable[[Path, random.Random], None]
) -> None:
    """CHK-1, CHK-4: damage anywhere is found or harmless; what is repaired is a whole prefix."""
    outcomes: dict[str, int] = {}
    for seed in range(SEEDS):
        path = clean.copy(tmp_path / "data")
        harm(path, random.Random(seed))
        outcome = check_and_repair(clean, path)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes.keys() & {"whole", "cut"}, outcomes


@pytest.mark.parametrize("harm", [flip, wipe, truncate])
def test_a_damaged_write_ahead_log(
    killed: Original, tmp_path: Path, harm: Callable[[Path, random.Random], None]
) -> None:
    """CHK-3, CHK-4: what it held up to the damage stays."""
    for seed in range(SEEDS // 2):
        path = killed.copy(tmp_path / "data")
        harm(wal_of(path), random.Random(seed))
        findings, found = check(path)
        if findings.well:
            # A torn end: SQLite drops it, as after any crash.
            assert hold_to(killed, path) == found.whole_seq
        else:
            check_and_repair(killed, path)


def test_checkpoints_are_rebuilt_in_place(clean: Original, tmp_path: Path) -> None:
    """CHK-4: from the log, which stays as it is; the epoch will be a new one."""
    path = clean.copy(tmp_path / "data")
    execute(
        path, "DELETE FROM tiles WHERE key = 5; UPDATE tiles SET data = x'0000' WHERE key % 3 = 0"
    )
    findings, found = check(path)
    assert not findings.has(Part.FILE, Part.LOG)
    assert "checkpoints were rebuilt" in repair(path, findings, found, room_tiles=3)[0]
    assert check(path)[0].well
    log = SqliteLog(path)
    assert not log.open().clean
    log.close(0)
    assert hold_to(clean, path) == TOTAL
    assert not list(path.parent.glob("*damaged*"))


def test_what_is_wrong_with_people_costs_no_drawing(clean: Original, tmp_path: Path) -> None:
    """CHK-4: authors who can't be read are nameless, sessions that can't be right forgotten."""
    path = clean.copy(tmp_path / "data")
    execute(
        path,
        "DELETE FROM authors WHERE id = 1;"
        "UPDATE authors SET name = CAST(x'ff' AS TEXT) WHERE id = 2;"
        "UPDATE sessions SET handled = 1 WHERE hex(session) LIKE '0101%'",
    )
    findings, found = check(path)
    assert findings.has(Part.AUTHORS)
    assert findings.has(Part.SESSIONS)
    assert len(repair(path, findings, found)) == 2
    assert check(path)[0].well
    assert hold_to(clean, path) == TOTAL
    log = SqliteLog(path)
    log.open()
    assert log.session(session_id(0)) is None
    assert log.session(session_id(2)) is not None
    log.close(0)


def test_counts_go_back_with_the_log(clean: Original, tmp_path: Path) -> None:
    """CHK-5: by what is lost of each session, where that is known; its client sends it again."""
    path = clean.copy(tmp_path / "data")
    # As a file of an old format: a row without a checksum whose messages can't be read.
    execute(path, "ALTER TABLE log DROP COLUMN checksum; PRAGMA user_version = 2")
    connection = apsw.Connection(str(path))
    first = connection.execute("SELECT max(first_seq) FROM log WHERE first_seq < 1400").get
    connection.execute("UPDATE log SET messages = x'ff' WHERE first_seq = ?", (first,))
    before = dict(connection.execute("SELECT session, handled FROM sessions"))
    connection.close()
    findings, found = check(path)
    assert found.whole_seq == first - 1
    lines = repair(path, findings, found)
    assert any(f"the log ends at seq {first - 1} now" in line for line in lines)
    assert not any("forgotten" in line for line in lines)
    assert hold_to(clean, path) == first - 1
    lost = [one.session for one in clean.drawn[first - 1 :]]
    log = SqliteLog(path)
    log.open()
    for session in range(3):
        count = log.session(session_id(session))
        assert count is not None
        numbers = range(count.handled + 1, before[session_id(session)] + 1)
        drawn = [number for number in numbers if number % REJECT_EVERY]
        assert len(drawn) == lost.count(session)
        assert all(number <= count.handled for number, _ in count.rejected)
    log.close(0)


def test_sessions_are_forgotten_where_nobody_can_say(clean: Original, tmp_path: Path) -> None:
    """CHK-5: a count that is too high would lose drawing without a word."""
    path = clean.copy(tmp_path / "data")
    execute(path, "UPDATE log SET author = 2 WHERE first_seq > 1400")
    findings, found = check(path)
    lines = repair(path, findings, found)
    assert any("3 sessions were forgotten" in line for line in lines)
    assert check(path)[0].sessions == 0


@pytest.mark.parametrize(
    ("handled", "rejected", "lost", "expected"),
    [
        (10, (), 0, (10, ())),
        (10, (), 3, (7, ())),
        (10, ((9, 1),), 2, (7, ())),
        (10, ((8, 1), (9, 2)), 1, (9, ((8, 1), (9, 2)))),
        (10, ((10, 1),), 1, (8, ())),
        (3, (), 4, None),
        (2000, tuple((n, 1) for n in range(1700, 1956)), 46, None),
        (2000, tuple((n, 1) for n in range(1700, 1956)), 45, (1955, None)),
    ],
)
def test_cutting_a_count_back(
    handled: int,
    rejected: tuple[tuple[int, int], ...],
    lost: int,
    expected: tuple[int, tuple[tuple[int, int], ...] | None] | None,
) -> None:
    """CHK-5: rejections count too, and those older than the ones that are kept can't be told."""
    found = cut_back(handled, rejected, lost)
    if expected is None or found is None:
        assert found is expected
    else:
        assert found[0] == expected[0]
        assert found[1] == (rejected if expected[1] is None else expected[1])


def execute(path: Path, statement: str) -> None:
    """Change the file."""
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("kind", ["internal", "leaf"])
def test_rows_that_nothing_leads_to_are_found(clean: Original, tmp_path: Path, kind: str) -> None:
    """CHK-4: without the page above them all rows are there; without their own, those before."""
    path = clean.copy(tmp_path / "data")
    connection = apsw.Connection(str(path))
    pages = [
        int(str(page))
        for (page,) in connection.execute(
            "SELECT pageno FROM dbstat WHERE name = 'log' AND pagetype = ? ORDER BY path", (kind,)
        )
    ]
    connection.close()
    assert pages
    lost = pages[len(pages) // 2]
    content = path.read_bytes()
    start = (lost - 1) * PAGE_BYTES
    path.write_bytes(content[:start] + bytes(PAGE_BYTES) + content[start + PAGE_BYTES :])
    findings, found = check(path)
    readable = found.whole_seq
    lines = repair(path, findings, found)
    seq = hold_to(clean, path)
    if kind == "internal":
        assert (readable, seq) == (0, TOTAL)
        assert f"seq 1 to {TOTAL} were found in its pages" in lines
        assert check(path)[0].sessions == 3
    else:
        assert 0 < seq == readable < TOTAL
