"""What the log in SQLite keeps when the disk fails, hangs or loses power, or the process dies."""

import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.log_rigs import INFO, SESSION, WAIT_S, Drawing, Recorder, SqliteRig, all_batches
from tiles.log.base import CanvasInfo, LogError, SavedTile
from tiles.log.sqlite import SqliteLog, create

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SqliteRig]:
    """A canvas over a disk that can fail."""
    rig = SqliteRig(tmp_path)
    yield rig
    rig.dispose()


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("on_write", apsw.SQLITE_FULL),
        ("on_write", apsw.SQLITE_IOERR_WRITE),
        ("on_sync", apsw.SQLITE_IOERR_FSYNC),
    ],
    ids=["disk full", "write error", "sync error"],
)
@pytest.mark.parametrize("reopened", [False, True], ids=["at once", "after retries"])
def test_trouble_and_recovery(rig: SqliteRig, call: str, code: int, reopened: bool) -> None:
    """No false durable, nothing lost, nothing twice, no restart; reading goes on throughout."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    faults = threading.Semaphore(0)
    rig.vfs.after_fault = faults.release
    setattr(rig.vfs, call, code)
    for _ in range(20):
        log.append(drawing.commit(1, 2))
    recorder.wait_troubles(1)
    if reopened:
        for _ in range(6):
            assert faults.acquire(timeout=WAIT_S)
    assert recorder.tickets == [1]
    assert all_batches(log) == drawing.batches[:1]
    count = log.session(SESSION)
    assert count is not None
    assert count.handled == 1
    rig.heal()
    recorder.wait_troubles(2)
    error, over = recorder.troubles
    assert isinstance(error, type(apsw.exception_for(code)))
    assert over is None
    assert recorder.tickets[-1] == 21
    assert all_batches(log) == drawing.batches
    log.append(drawing.commit(1))
    recorder.wait_durable(22)
    assert len(recorder.troubles) == 2
    assert log.close(WAIT_S)
    recovered = rig.log().open()
    assert (recovered.seq, recovered.clean) == (drawing.seq, True)


@pytest.mark.parametrize("full", [False, True], ids=["alone", "then disk full"])
def test_a_sync_that_failed_is_not_believed_later(rig: SqliteRig, full: bool) -> None:
    """What a failed fsync dropped is written again before anybody is told that it is durable.

    The file still reads as written, so opening it again finds the commit; the disk never got it.
    """
    log, _, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    rig.vfs.suffix = "-wal"
    rig.vfs.on_sync = apsw.SQLITE_IOERR_FSYNC
    log.append(drawing.commit(2))
    recorder.wait_troubles(1)
    if full:
        rig.vfs.on_write = apsw.SQLITE_FULL
        faults = threading.Semaphore(0)
        rig.vfs.after_fault = faults.release
        for _ in range(4):
            assert faults.acquire(timeout=WAIT_S)
        assert all_batches(log) == drawing.batches[:1]
    rig.heal()
    recorder.wait_durable(2)
    after = rig.folder / "after"
    after.mkdir()
    rig.vfs.cut_power(after)
    log = SqliteLog(after / rig.path.name)
    assert log.open().seq == drawing.seq
    assert all_batches(log) == drawing.batches


def test_a_sync_that_failed_is_not_believed_by_the_next_process(rig: SqliteRig) -> None:
    """Nor is it after a crash: what open returns would survive a power cut."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    rig.vfs.suffix = "-wal"
    rig.vfs.on_sync = apsw.SQLITE_IOERR_FSYNC
    log.append(drawing.commit(2))
    recorder.wait_troubles(1)
    assert not log.close(0)
    log.close(WAIT_S)
    rig.heal()
    seq = rig.log().open().seq
    after = rig.folder / "after"
    after.mkdir()
    rig.vfs.cut_power(after)
    assert SqliteLog(after / rig.path.name).open().seq == seq


class Painter(Recorder):
    """Draws a random group of commits whenever the last one is durable.

    On the log's own thread, where the syncs are too: so a seed fixes what goes into which
    transaction, and how many syncs there are, whatever else the machine is at.
    """

    def __init__(self, log: SqliteLog, chance: random.Random, commits: int) -> None:
        super().__init__()
        self.drawing = Drawing()
        self.ends = {0: 0, 1: 1}
        self._log = log
        self._chance = chance
        self._commits = commits

    def paint(self) -> None:
        """Append a commit, and sometimes a pass of tiles."""
        chance, drawing = self._chance, self.drawing
        commit = drawing.commit(*[chance.randint(1, 3) for _ in range(chance.randint(1, 4))])
        self.ends[commit.ticket] = drawing.seq
        self._log.append(commit)
        if chance.random() < 0.1:
            tiles = [SavedTile(key, drawing.seq, chance.randbytes(900)) for key in range(40)]
            self._log.checkpoint(tiles, drawing.seq)

    def durable(self, ticket: int) -> None:
        """Append the next group."""
        super().durable(ticket)
        if ticket == self.drawing.ticket:
            for _ in range(min(self._chance.randint(1, 6), self._commits - ticket)):
                self.paint()


@pytest.mark.parametrize("seed", range(4))
def test_power_cuts(rig: SqliteRig, seed: int) -> None:
    """Whatever of the unsynced writes a cut leaves, all that was told durable is there."""
    chance = random.Random(seed)
    log = rig.log()
    recovered = log.open()
    painter = Painter(log, chance, commits=120)
    drawing, ends = painter.drawing, painter.ends
    cuts: list[tuple[Path, int]] = []

    def cut() -> None:
        told = painter.tickets[-1] if painter.tickets else 0
        if told == 120 or chance.random() < 0.15:
            folder = rig.folder / f"cut{len(cuts)}"
            folder.mkdir()
            rig.vfs.cut_power(folder, chance if chance.random() < 0.7 else None)
            cuts.append((folder, told))

    rig.vfs.before_sync = cut
    log.start(painter)
    log.append(drawing.commit(1))
    painter.wait_durable(120)
    assert log.close(WAIT_S)
    rig.vfs.before_sync = None
    assert sum(told < 120 for _, told in cuts) > 3
    assert cuts[-1][1] == 120
    for folder, told in cuts:
        copy = SqliteLog(folder / rig.path.name)
        found = copy.open()
        assert found.seq >= ends[told]
        assert found.seq in ends.values()
        assert found.checkpoint_seq <= found.seq
        assert all(tile.seq <= found.seq for tile in copy.tiles())
        held = [batch for batch in drawing.batches if batch.last_seq <= found.seq]
        assert all_batches(copy) == held
        # A cut in the midst of the stop may find it clean; then nothing was lost.
        assert (found.epoch == recovered.epoch) == found.clean
        assert found.seq == drawing.seq or not found.clean
        if found.seq:
            count = copy.session(SESSION)
            assert count is not None
            assert count.handled == found.seq
        copy.close(WAIT_S)


@pytest.mark.parametrize("seed", range(4))
def test_faults_come_and_go(rig: SqliteRig, seed: int) -> None:
    """Errors of every kind at any place: in the end all is there once, and was never promised."""
    chance = random.Random(seed)
    log, _, recorder = rig.opened()
    drawing = Drawing()
    for ticket in range(1, 151):
        if chance.random() < 0.2:
            rig.vfs.suffix = chance.choice(["", "-wal", ".sqlite"])
            if chance.random() < 0.5:
                rig.vfs.on_write = chance.choice([apsw.SQLITE_FULL, apsw.SQLITE_IOERR_WRITE])
            else:
                rig.vfs.on_sync = apsw.SQLITE_IOERR_FSYNC
        log.append(drawing.commit(*[chance.randint(1, 3) for _ in range(chance.randint(1, 4))]))
        if chance.random() < 0.2:
            tiles = [SavedTile(key, drawing.seq, chance.randbytes(900)) for key in range(80)]
            log.checkpoint(tiles, drawing.seq)
        if chance.random() < 0.4:
            rig.heal()
            recorder.wait_durable(ticket)
    rig.heal()
    recorder.wait_durable(150)
    assert recorder.tickets == sorted(set(recorder.tickets))
    assert all_batches(log) == drawing.batches
    assert log.close(WAIT_S)
    assert [error is None for error in recorder.troubles] == [
        bool(n % 2) for n in range(len(recorder.troubles))
    ]
    assert rig.log().open().seq == drawing.seq


def test_a_failing_file_sync_is_trouble_and_passes(rig: SqliteRig) -> None:
    """Copying the write-ahead log into the file fails: told, and done again."""
    log, _, recorder = rig.opened()
    rig.vfs.suffix = ".sqlite"
    rig.vfs.on_sync = apsw.SQLITE_IOERR_FSYNC
    drawing = Drawing()
    log.checkpoint([SavedTile(key, 0, bytes(3000)) for key in range(1500)], 0)
    recorder.wait_troubles(1)
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    assert len(recorder.troubles) == 1
    rig.heal()
    recorder.wait_troubles(2)
    assert log.close(WAIT_S)
    log = rig.log()
    assert log.open().seq == 1
    assert sum(1 for _ in log.tiles()) == 1500


def test_a_file_that_lost_what_was_durable_stays_in_trouble(rig: SqliteRig) -> None:
    """Nothing is written over a file that isn't as it was left."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(1))
    log.append(drawing.commit(1))
    recorder.wait_durable(2)
    rig.fail()
    log.append(drawing.commit(1))
    recorder.wait_troubles(1)
    other = apsw.Connection(str(rig.path))
    other.execute("DELETE FROM log WHERE first_seq = 2")
    other.close()
    syncs = threading.Semaphore(0)
    rig.vfs.before_sync = syncs.release
    rig.heal()
    # Each try to open it again syncs its write-ahead log first: the second follows a refusal.
    for _ in range(2):
        assert syncs.acquire(timeout=WAIT_S)
    with pytest.raises(LogError):
        log.update(CanvasInfo(9, 9))
    assert not log.close(0.05)
    assert recorder.tickets[-1] == 2
    assert len(recorder.troubles) == 1


def test_a_disk_that_hangs(rig: SqliteRig) -> None:
    """Close and update return in time; the listener hears nothing of what comes after."""
    log, first, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    hung, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        hung.set()
        go_on.wait(WAIT_S)

    rig.vfs.before_sync = hang
    log.append(drawing.commit(1))
    assert hung.wait(WAIT_S)
    assert all_batches(log) == drawing.batches[:1]
    assert not log.close(0.05)
    with pytest.raises(LogError, match="in use"):
        rig.log().open()
    rig.vfs.before_sync = None
    go_on.set()
    log.close(WAIT_S)
    assert recorder.tickets == [1]
    second = rig.log().open()
    assert second.seq == 2
    assert second.epoch != first.epoch


def test_an_update_waits_so_long_only(rig: SqliteRig) -> None:
    """A hanging disk makes it an error, not a hanging caller."""
    log = SqliteLog(rig.path, update_timeout_s=0.05, vfs=rig.vfs.name)
    log.open()
    log.start(Recorder())
    go_on = threading.Event()

    def hang() -> None:
        go_on.wait(WAIT_S)

    rig.vfs.before_sync = hang
    with pytest.raises(LogError, match="within"):
        log.update(CanvasInfo(9, 9))
    go_on.set()
    assert log.close(WAIT_S)


def test_reading_while_storage_fails(rig: SqliteRig) -> None:
    """A reader gets what was durable, or an error that it can show; never half of it."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(*[1] * 700))
    recorder.wait_durable(1)
    stop = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not stop.is_set():
            try:
                batches = all_batches(log)
            except LogError:
                continue
            if batches != drawing.batches[: len(batches)] or len(batches) < 700:
                wrong.append(batches)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for ticket in range(2, 12):
            rig.vfs.on_sync = apsw.SQLITE_IOERR_FSYNC
            log.append(drawing.commit(1))
            recorder.wait_troubles(2 * (ticket - 1) - 1)
            rig.heal()
            recorder.wait_durable(ticket)
            recorder.wait_troubles(2 * (ticket - 1))
    finally:
        stop.set()
        thread.join()
    assert wrong == []


@pytest.mark.crash
def test_kill_9(tmp_path: Path) -> None:
    """What a process said was durable before it was killed is there, round after round."""
    path = tmp_path / "main.sqlite"
    create(path, INFO)
    chance = random.Random(9)
    seq = 0
    for _ in range(6):
        command = [sys.executable, "-m", "tests.log_appender", str(path)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"open %d\n" % seq
            for _ in range(chance.randint(1, 60)):
                child.stdout.readline()
            child.kill()
            told = [line for line in child.stdout.read().split(b"\n") if line]
        log = SqliteLog(path)
        found = log.open()
        ticket, rest = divmod(found.seq - seq, 3)
        assert rest == 0
        assert ticket >= int(told[-1]) if told else ticket >= 1
        assert not found.clean
        assert [batch.first_seq for batch in log.read(0)] == [
            start + offset for start in range(1, found.seq, 3) for offset in (0, 1)
        ]
        count = log.session(SESSION)
        assert count is not None
        assert count.handled == found.seq
        assert all(tile.seq <= found.seq for tile in log.tiles())
        seq = found.seq
        assert log.close(WAIT_S)
