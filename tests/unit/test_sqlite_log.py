"""What the log in SQLite promises about its file: how it is made, told, checked and kept small."""

import threading
from pathlib import Path

import apsw
import pytest

from tests.log_rigs import INFO, SESSION, WAIT_S, Drawing, Recorder, SqliteRig, all_batches
from tiles.log import schema
from tiles.log.base import Author, CanvasInfo, Commit, LogError, SavedTile
from tiles.log.schema import APPLICATION_ID, FORMAT_VERSION, decode_info, encode_info
from tiles.log.sqlite import SqliteLog, create
from tiles.log.store import WAL_CHECKPOINT_PAGES
from tiles.log.writer import PIECE_TILES_MAX


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A new canvas."""
    path = tmp_path / "canvases" / "main.sqlite"
    create(path, INFO)
    return path


def written(path: Path, *lengths: int, checkpoint_seq: int | None = None) -> Drawing:
    """Write batches of these lengths, one a commit, and stop."""
    log = SqliteLog(path)
    drawing = Drawing(log.open().seq)
    log.start(Recorder())
    for length in lengths:
        log.append(drawing.commit(length))
    if checkpoint_seq is not None:
        log.checkpoint([], checkpoint_seq)
    assert log.close(WAIT_S)
    return drawing


def execute(path: Path, statement: str) -> None:
    """Change a file behind the log's back."""
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


def test_create_makes_folder_and_file(path: Path) -> None:
    """The file is one that SQLite and ``file`` know, with nothing of its making left beside it."""
    connection = apsw.Connection(str(path))
    assert connection.pragma("application_id") == APPLICATION_ID
    assert connection.pragma("user_version") == FORMAT_VERSION
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("integrity_check") == "ok"
    connection.close()
    assert {file.name for file in path.parent.iterdir()} == {"main.sqlite", "main.sqlite.lock"}


def test_create_refuses_an_existing_canvas(path: Path) -> None:
    """It is left as it was."""
    before = path.read_bytes()
    with pytest.raises(LogError, match="exists"):
        create(path, CanvasInfo(1, 1))
    assert path.read_bytes() == before


def test_create_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a canvas is never seen as one."""
    monkeypatch.setattr(schema, "TABLES", schema.TABLES + "CREATE TABLE meta (again);")
    with pytest.raises(LogError, match="can't be made"):
        create(tmp_path / "main.sqlite", INFO)
    assert [file.name for file in tmp_path.iterdir()] == ["main.sqlite.lock"]


def test_create_says_where_it_can_not(tmp_path: Path) -> None:
    """A folder that is a file is an error that names the path."""
    (tmp_path / "canvases").write_text("a file")
    with pytest.raises(LogError, match=r"canvases/main\.sqlite"):
        create(tmp_path / "canvases" / "main.sqlite", INFO)


def test_opening_nothing_makes_nothing(tmp_path: Path) -> None:
    """A missing canvas is an error, and stays missing."""
    with pytest.raises(LogError, match="no canvas"):
        SqliteLog(tmp_path / "main.sqlite").open()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no database" * 999])
def test_opening_a_file_of_another_kind(tmp_path: Path, content: bytes) -> None:
    """It is named, and left as it was."""
    path = tmp_path / "main.sqlite"
    path.write_bytes(content)
    with pytest.raises(LogError, match=r"main\.sqlite"):
        SqliteLog(path).open()
    assert path.read_bytes() == content


def test_opening_another_program_s_database(tmp_path: Path) -> None:
    """Its tables may look alike; its application_id doesn't."""
    path = tmp_path / "main.sqlite"
    execute(path, schema.TABLES)
    with pytest.raises(LogError, match="not a canvas"):
        SqliteLog(path).open()


@pytest.mark.parametrize(
    ("version", "text"), [(FORMAT_VERSION + 1, "newer release"), (0, "damaged")]
)
def test_opening_another_format(path: Path, version: int, text: str) -> None:
    """A newer format is told as such, and the lock is free afterwards."""
    execute(path, f"PRAGMA user_version = {version}")
    with pytest.raises(LogError, match=text):
        SqliteLog(path).open()
    execute(path, f"PRAGMA user_version = {FORMAT_VERSION}")
    SqliteLog(path).open()


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        ("DELETE FROM log WHERE first_seq = 4", "goes on at seq 6 where 4 is due"),
        ("UPDATE log SET last_seq = 4 WHERE first_seq = 4", "goes on at seq 6 where 5 is due"),
        ("UPDATE log SET last_seq = 6 WHERE first_seq = 4", "goes on at seq 6 where 7 is due"),
        ("DELETE FROM log WHERE first_seq = 3", "goes on at seq 4 where 3 is due"),
        ("DELETE FROM log WHERE first_seq > 1", "ends at seq 1, but reached 2"),
        ("DELETE FROM meta WHERE key = 'epoch'", "has no 'epoch'"),
        ("UPDATE meta SET value = '{}' WHERE key = 'info'", "settings can't be read"),
        ("DROP TABLE log", "can't be opened"),
    ],
)
def test_damage_is_found_when_opening(path: Path, damage: str, text: str) -> None:
    """A gap after the checkpoints, or what else is missing, is named with its place."""
    written(path, 1, 1, 1, 2, 1, checkpoint_seq=2)
    execute(path, damage)
    with pytest.raises(LogError, match=text):
        SqliteLog(path).open()


def test_rows_before_the_checkpoints_may_be_gone(path: Path) -> None:
    """A log that was cut off below its tiles, or has none at all, is whole."""
    written(path, 1, 1, 1, 2, 1, checkpoint_seq=4)
    execute(path, "DELETE FROM log WHERE last_seq < 4")
    log = SqliteLog(path)
    assert log.open().seq == 6
    assert log.close(WAIT_S)
    execute(path, "DELETE FROM log")
    log = SqliteLog(path)
    assert log.open().seq == 4
    log.start(recorder := Recorder())
    log.append(Drawing(4).commit(1))
    recorder.wait_durable(1)
    assert log.close(WAIT_S)
    assert SqliteLog(path).open().seq == 5


def test_one_file_after_a_clean_stop(path: Path) -> None:
    """The write-ahead log is in the file again, so that copying it is a backup."""
    written(path, 5, 5)
    assert not path.with_name(path.name + "-wal").exists()


def test_each_author_is_stored_once(path: Path) -> None:
    """Many rows of a few authors, over more than one life of the log."""
    authors = [Author(SESSION, f"name {n}", b"", "") for n in range(3)]
    for _ in range(2):
        log = SqliteLog(path)
        drawing = Drawing(log.open().seq)
        log.start(Recorder())
        for ticket in range(1, 31):
            batch = drawing.batch(1, authors[ticket % 3])
            log.append(Commit(ticket, [batch], []))
        assert log.close(WAIT_S)
    connection = apsw.Connection(str(path))
    assert connection.execute("SELECT count(*) FROM authors").get == 3
    assert connection.execute("SELECT count(*) FROM log").get == 60
    connection.close()


def test_info_round_trips() -> None:
    """Settings as JSON, with keys of later releases ignored."""
    for info in (INFO, CanvasInfo(1, 65536), CanvasInfo(2, 2, palette=(), title='"\n')):
        text = encode_info(info)
        assert decode_info(text) == info
        assert decode_info(text[:-1] + ',"later":[1]}') == info


def test_the_write_ahead_log_stays_short(path: Path) -> None:
    """Also under a reader that takes its time between pieces."""
    log = SqliteLog(path)
    drawing = Drawing(log.open().seq)
    log.start(recorder := Recorder())
    log.append(drawing.commit(*[1] * 2000))
    recorder.wait_durable(1)
    reader = log.read(0)
    next(reader)
    wal = path.with_name(path.name + "-wal")
    longest = 0
    for ticket in range(2, 80):
        log.append(drawing.commit(*[200] * 200))
        recorder.wait_durable(ticket)
        longest = max(longest, wal.stat().st_size)
    assert path.stat().st_size > 4 * longest
    assert longest < 3 * WAL_CHECKPOINT_PAGES * 4096
    next(reader)
    assert log.close(WAIT_S)


def test_checkpoints_let_commits_pass(path: Path) -> None:
    """A commit that comes during a pass is durable after one piece of it more."""
    log = SqliteLog(path)
    log.open()
    drawing = Drawing()
    tiles = [SavedTile(key, 0, bytes(1000)) for key in range(4000)]
    saved: list[int] = []

    class Drawer(Recorder):
        def durable(self, ticket: int) -> None:
            saved.append(sum(1 for _ in log.tiles()))
            if ticket == 1:
                log.checkpoint(tiles, 0)
            if ticket < 5:
                log.append(drawing.commit(1))
            super().durable(ticket)

    log.start(recorder := Drawer())
    log.append(drawing.commit(1))
    recorder.wait_durable(5)
    assert log.close(WAIT_S)
    assert saved == [n * PIECE_TILES_MAX for n in range(5)]
    log = SqliteLog(path)
    log.open()
    assert list(log.tiles()) == tiles
    assert log.close(WAIT_S)


def test_a_listener_that_raises_stops_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and writing goes on."""

    class Broken(Recorder):
        def durable(self, ticket: int) -> None:
            super().durable(ticket)
            raise RuntimeError("from the listener")

    log = SqliteLog(path)
    log.open()
    log.start(recorder := Broken())
    drawing = Drawing()
    for ticket in (1, 2, 3):
        log.append(drawing.commit(1))
        recorder.wait_durable(ticket)
    assert log.close(WAIT_S)
    assert "from the listener" in caplog.text
    assert recorder.troubles == []


def test_another_s_lock_is_waited_for(path: Path) -> None:
    """Somebody's SQLite shell in the middle of a write delays a commit and is no trouble."""
    waited: list[int] = []

    class Waiting(apsw.VFS):
        def xSleep(self, microseconds: int) -> int:
            waited.append(microseconds)
            if len(waited) == 5:
                other.execute("ROLLBACK")
            return microseconds

    vfs = Waiting("waiting", "")
    log = SqliteLog(path, vfs="waiting")
    log.open()
    log.start(recorder := Recorder())
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    log.append(Drawing().commit(1))
    recorder.wait_durable(1)
    assert recorder.events == [1]
    assert len(waited) == 5
    other.close()
    assert log.close(WAIT_S)
    vfs.unregister()


def test_reads_from_many_threads(tmp_path: Path) -> None:
    """More readers than connections, while the writer goes on: each sees a whole prefix."""
    rig = SqliteRig(tmp_path)
    log, _, recorder = rig.opened()
    drawing = Drawing()
    wrong: list[object] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            batches = all_batches(log)
            if batches != drawing.batches[: len(batches)] or log.session(b"nobody") is not None:
                wrong.append(batches)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for ticket in range(1, 101):
            log.append(drawing.commit(1, 3))
            recorder.wait_durable(ticket)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        rig.dispose()
    assert wrong == []


def test_a_file_of_format_1_lacks_overviews_until_a_pass_is_through(path: Path) -> None:
    """LOG-6: it is read, and from then on it is of this format, which older releases refuse."""
    execute(path, "DELETE FROM meta WHERE key = 'overviews'; PRAGMA user_version = 1")
    for through, overviews in ((None, False), (5, False), (None, True)):
        log = SqliteLog(path)
        recovered = log.open()
        assert recovered.overviews is overviews
        drawing = Drawing(recovered.seq)
        log.start(Recorder())
        log.append(drawing.commit(5))
        log.checkpoint([SavedTile(3, 5, b"abc")], through)
        assert log.close(WAIT_S)
    connection = apsw.Connection(str(path))
    assert connection.pragma("user_version") == FORMAT_VERSION
    connection.close()
