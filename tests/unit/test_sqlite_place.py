"""What the log in SQLite does when its files are moved away, deleted or replaced while in use."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.log_rigs import WAIT_S, Drawing, SqliteRig, all_batches
from tiles.log.base import LogError, SavedTile
from tiles.log.place import Place, VanishedError


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SqliteRig]:
    """A canvas over a disk that is well."""
    rig = SqliteRig(tmp_path)
    yield rig
    rig.dispose()


def wal_of(path: Path) -> Path:
    """The write-ahead log beside a file."""
    return path.with_name(path.name + "-wal")


@pytest.mark.parametrize("which", ["file", "file and log", "folder"])
def test_files_that_are_moved_away_and_put_back(rig: SqliteRig, which: str) -> None:
    """LOG-8: meanwhile nothing is durable, and who reads goes on."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    assert all_batches(log) == drawing.batches
    away = rig.folder / "away"
    if which == "folder":
        moves = [(rig.path.parent, away)]
    else:
        away.mkdir()
        files = [rig.path] if which == "file" else [rig.path, wal_of(rig.path)]
        moves = [(file, away / file.name) for file in files]
    for here, there in moves:
        here.rename(there)
    log.append(drawing.commit(2))
    recorder.wait_troubles(1)
    assert isinstance(recorder.troubles[0], VanishedError)
    assert recorder.tickets == [1]
    assert all_batches(log)[:1] == drawing.batches[:1]
    for here, there in moves:
        there.rename(here)
    recorder.wait_troubles(2)
    assert recorder.tickets[-1] == 2
    assert all_batches(log) == drawing.batches
    assert log.close(WAIT_S)
    assert rig.log().open().seq == drawing.seq


def test_a_write_ahead_log_that_is_deleted(rig: SqliteRig) -> None:
    """LOG-8: what it held was durable; the connection still has it, and saves it."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    for ticket in range(1, 6):
        log.append(drawing.commit(1))
        recorder.wait_durable(ticket)
    wal_of(rig.path).unlink()
    log.append(drawing.commit(3))
    recorder.wait_troubles(2)
    error, over = recorder.troubles
    assert isinstance(error, VanishedError)
    assert over is None
    assert recorder.tickets[-1] == 6
    log.append(drawing.commit(1))
    recorder.wait_durable(7)
    copy = rig.folder / "copy"
    shutil.copytree(rig.path.parent, copy, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
    rig.path = copy / rig.path.name
    found = rig.log()
    assert found.open().seq == drawing.seq
    assert all_batches(found) == drawing.batches
    assert log.close(WAIT_S)


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_another_file_in_its_place_is_never_written(rig: SqliteRig, suffix: str) -> None:
    """LOG-8: a copy may lack what was durable; the one that was there, put back, will do."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    file = rig.path.with_name(rig.path.name + suffix)
    there = rig.folder / "there"
    file.rename(there)
    shutil.copy(there, file)
    before = file.read_bytes()
    log.append(drawing.commit(1))
    recorder.wait_troubles(1)
    assert isinstance(recorder.troubles[0], VanishedError)
    assert "replaced" in str(recorder.troubles[0])
    assert file.read_bytes() == before
    assert recorder.tickets == [1]
    there.rename(file)
    recorder.wait_durable(2)
    assert log.close(WAIT_S)
    assert rig.log().open().seq == drawing.seq


def test_a_file_that_is_gone_is_not_closed_as_clean(rig: SqliteRig) -> None:
    """LOG-8, LOG-4: nor are tiles saved in what no start would find."""
    log, first, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    away = rig.folder / "away"
    rig.path.rename(away)
    log.checkpoint([SavedTile(1, 1, bytes(10))], 1)
    recorder.wait_troubles(1)
    assert not log.close(0.2)
    log.close(WAIT_S)
    with pytest.raises(LogError, match="no canvas"):
        rig.log().open()
    away.rename(rig.path)
    again = rig.log()
    recovered = again.open()
    assert (recovered.seq, recovered.clean) == (1, False)
    assert recovered.epoch != first.epoch


def test_what_cannot_be_asked_for_is_trouble(tmp_path: Path) -> None:
    """LOG-8: a path through what isn't a folder any more, say."""
    file = tmp_path / "a" / "main.sqlite3"
    file.parent.mkdir()
    apsw.Connection(str(file)).close()
    file.touch()
    place = Place(file)
    place.check_file()
    shutil.rmtree(file.parent)
    file.parent.touch()
    with pytest.raises(VanishedError, match="put it back"):
        place.check_file()
