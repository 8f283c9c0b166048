"""A canvas's file as a snapshot: of one moment, compact, with as long a history as is wanted."""

import threading
from contextlib import closing
from pathlib import Path

import apsw
import numpy as np
import pytest

from tests.canvas_file import TIME_MS, CanvasFile, drawings, painted, session_id
from tests.log_rigs import Drawing, Recorder
from tests.whole_canvas import whole_canvas
from tiles.authorship import Search, last_painting
from tiles.log.backup import backup
from tiles.log.base import Batch, CanvasInfo, DamagedError, LogError, Mark, SessionCount
from tiles.log.check import check, silent
from tiles.log.schema import connect, transaction, write_mark
from tiles.log.snapshot_file import (
    DAY_MS,
    StoppedError,
    begin_life,
    kept_from,
    look,
    reach,
    source_epoch,
    take,
)
from tiles.log.sqlite import SqliteLog, create

TOTAL, SAVED = 900, 600
MARK = Mark(77, 5, 12345)


@pytest.fixture
def file(tmp_path: Path) -> CanvasFile:
    """A canvas of 900 messages, of which checkpoints hold 600; message n is of TIME_MS + n."""
    file = CanvasFile(tmp_path / "main.sqlite3")
    drawn = drawings(np.random.default_rng(3), TOTAL)
    file.write(drawn[:SAVED], save="all")
    file.write(drawn[SAVED:])
    return file


def follow_stream(path: Path) -> None:
    """Have a file look like a node's fold."""
    with closing(connect(path)) as connection, transaction(connection):
        write_mark(connection, MARK)
        connection.execute("UPDATE sessions SET claim = 6553600, client = 3")


def test_how_far_it_has_come(file: CanvasFile) -> None:
    """CLU-30: the place of a file that is written to, told without copying it."""
    epoch = look(file.path).epoch
    assert reach(file.path) == (epoch, Mark())
    with closing(connect(file.path)) as connection:
        with transaction(connection):
            write_mark(connection, MARK)
        with transaction(connection):
            write_mark(connection, Mark(78, 5, 1))
            assert reach(file.path) == (epoch, MARK), "what is committed"
        assert reach(file.path) == (epoch, Mark(78, 5, 1))
    for content in (b"", b"no canvas" * 999):
        file.path.write_bytes(content)
        with pytest.raises(LogError):
            reach(file.path)
    file.path.unlink()
    with pytest.raises(LogError):
        reach(file.path)


def rows(path: Path) -> list[Batch]:
    """The log's rows."""
    log = SqliteLog(path, keeps_epoch=True)
    log.open()
    try:
        return list(log.read(0))
    finally:
        log.close(5)


def count(path: Path, session: int) -> SessionCount | None:
    """A session's count."""
    log = SqliteLog(path, keeps_epoch=True)
    log.open()
    try:
        return log.session(session_id(session))
    finally:
        log.close(5)


def assert_shows(path: Path, file: CanvasFile) -> None:
    """The file stands for what was drawn, at every level."""
    expected = painted(file.drawn)
    log = SqliteLog(path, keeps_epoch=True)
    recovered = log.open()
    try:
        found = whole_canvas(log, recovered)
        assert recovered.seq == len(file.drawn)
        for y in range(0, file.info.height, 64):
            for x in range(0, file.info.width, 64):
                tile = (y // 64 << 16) | x // 64
                assert np.array_equal(found.tile(tile), expected.tile(tile))
    finally:
        log.close(5)


@pytest.mark.parametrize(
    ("since_ms", "begins"),
    [(None, 0), (TIME_MS, 0), (kept_from(0), SAVED), (TIME_MS + TOTAL, SAVED)],
    ids=["all of it", "from the first row", "none", "none that is old"],
)
def test_history_is_kept_as_asked(
    file: CanvasFile, tmp_path: Path, since_ms: int | None, begins: int
) -> None:
    """CLU-31: rows past the checkpoints are always there, older ones as far as they are wanted."""
    snapshot = tmp_path / "snapshot"
    facts = take(file.path, snapshot, since_ms=since_ms)
    assert (facts.seq, facts.begins, facts.info) == (TOTAL, begins, file.info)
    assert facts == look(snapshot)
    findings, _ = check(snapshot, silent)
    assert findings.well, findings.problems
    assert rows(snapshot) == [row for row in rows(file.path) if row.last_seq > begins]
    assert_shows(snapshot, file)
    for session in range(3):
        assert count(snapshot, session) == count(file.path, session)


def test_the_row_at_the_edge_is_kept(file: CanvasFile, tmp_path: Path) -> None:
    """CLU-31: history begins with the first row that is young enough, and has no gap."""
    everything = rows(file.path)
    edge = everything[len(everything) // 3]
    facts = take(file.path, tmp_path / "snapshot", since_ms=edge.time_ms)
    assert facts.begins == edge.first_seq - 1
    assert rows(tmp_path / "snapshot") == everything[len(everything) // 3 :]


def test_who_is_not_in_the_history_is_not_named(tmp_path: Path) -> None:
    """CLU-31: with the rows go the names of those who drew nothing else; the rest keep theirs."""
    file, snapshot = CanvasFile(tmp_path / "main.sqlite3"), tmp_path / "snapshot"
    drawn = drawings(np.random.default_rng(1), 3000)
    file.write([one for one in drawn if one.session == 0], save="all")
    file.write([one for one in drawn if one.session == 1])
    take(file.path, snapshot, since_ms=kept_from(0))
    with closing(connect(snapshot, readonly=True)) as connection:
        assert connection.execute("SELECT session FROM authors").fetchall() == [(session_id(1),)]
    assert snapshot.stat().st_size < file.path.stat().st_size
    assert count(snapshot, 0) == count(file.path, 0)


def test_how_long_is_days() -> None:
    """CLU-31: 0 keeps nothing, whatever the clocks of those who drew."""
    assert kept_from(30, 100 * DAY_MS) == 70 * DAY_MS
    assert kept_from(0.5, 100 * DAY_MS) == 99 * DAY_MS + DAY_MS // 2
    assert kept_from(0, 100 * DAY_MS) > 100 * DAY_MS


def test_while_it_is_written_to(tmp_path: Path) -> None:
    """CLU-31: a snapshot is of one moment, whatever is committed meanwhile."""
    path = tmp_path / "main.sqlite3"
    create(path, CanvasInfo(1000, 700))
    log = SqliteLog(path)
    drawing = Drawing(log.open().seq)
    log.start(recorder := Recorder())
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            log.append(drawing.commit(1, 2, 1))
            recorder.wait_durable(drawing.ticket)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seqs = []
        for number in range(20):
            before = drawing.seq
            facts = take(path, tmp_path / f"{number}")
            with closing(connect(tmp_path / f"{number}", readonly=True)) as connection:
                (handled,) = connection.execute("SELECT handled FROM sessions").fetchone() or (0,)
            assert facts.seq == handled, "counts and rows are of one moment"
            assert facts.seq % 4 == 0, "and commits are whole"
            assert facts.seq >= before - 4
            seqs.append(facts.seq)
    finally:
        stop.set()
        writer.join()
        log.close(5)
    assert seqs == sorted(seqs)
    assert seqs[-1] > seqs[0]


def test_work_that_is_stopped(file: CanvasFile, tmp_path: Path) -> None:
    """CLU-32: who isn't to make it any more ends soon, and leaves nothing."""
    with closing(connect(file.path)) as connection, transaction(connection):
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) "
            "INSERT INTO sessions SELECT randomblob(16), 1, x'', 1, 0, 0 FROM n"
        )
    asked = []

    def goes_on() -> bool:
        asked.append(True)
        return len(asked) < 3

    with pytest.raises(StoppedError):
        take(file.path, tmp_path / "snapshot", goes_on=goes_on)
    assert len(asked) == 3
    assert not list(tmp_path.glob("snapshot*"))


def test_no_snapshot_of_what_is_no_canvas(file: CanvasFile, tmp_path: Path) -> None:
    """CLU-31: nothing is left of one that can't be made."""
    target = tmp_path / "snapshot"
    with pytest.raises(LogError, match="there is no canvas"):
        take(tmp_path / "nothing", target)
    (tmp_path / "text").write_bytes(b"not a database" * 100)
    with pytest.raises(DamagedError):
        take(tmp_path / "text", target)
    with closing(apsw.Connection(str(file.path))) as connection:
        connection.execute("PRAGMA user_version = 3")
    with pytest.raises(LogError, match="older format"):
        take(file.path, target)
    assert not target.exists()


def test_another_life(file: CanvasFile, tmp_path: Path) -> None:
    """CLU-36: another epoch, no place in any stream, nobody's claim; counts and rows stay."""
    before = rows(file.path)
    counts = [count(file.path, session) for session in range(3)]
    follow_stream(file.path)
    seed = tmp_path / "seed"
    assert take(file.path, seed).mark == MARK
    begin_life(seed, 42, 41)
    facts = look(seed)
    assert (facts.epoch, facts.mark, facts.seq) == (42, Mark(), TOTAL)
    assert source_epoch(seed) == 41
    assert source_epoch(file.path) == source_epoch(tmp_path / "nothing") == 0
    assert [file.name for file in tmp_path.glob("seed*")] == ["seed"], "it is one file"
    assert rows(seed) == before
    assert [count(seed, session) for session in range(3)] == counts
    assert_shows(seed, file)


def test_backup_of_a_fold(file: CanvasFile, tmp_path: Path) -> None:
    """CLU-39: the copy follows no stream, and nobody in it has claimed anything."""
    counts = [count(file.path, session) for session in range(3)]
    follow_stream(file.path)
    copy = tmp_path / "copy.sqlite3"
    backup(file.path, copy, silent, lambda done, total: None)
    assert look(copy).mark == Mark()
    assert look(file.path).mark == MARK
    assert [count(copy, session) for session in range(3)] == counts


def test_search_ends_where_the_log_begins(file: CanvasFile, tmp_path: Path) -> None:
    """CLU-31: what isn't held is told apart from what nobody painted."""
    snapshot = tmp_path / "snapshot"
    take(file.path, snapshot, since_ms=kept_from(0))
    for path, begins in ((file.path, 0), (snapshot, SAVED)):
        log = SqliteLog(path, keeps_epoch=True)
        log.open()
        try:
            nobody = last_painting(log, (319, 319), TOTAL, lambda: True)
            assert nobody == Search(None, begins)
            # All of it was painted before anything that is held.
            assert last_painting(log, (319, 319), 50, lambda: True) == Search(
                None, 50 if begins else 0
            )
        finally:
            log.close(5)
