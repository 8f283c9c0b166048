"""``tilecast backup``: the copy of one canvas, and the command around it."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import apsw
import numpy as np
import pytest

from protocol.codec import encode
from protocol.messages import Pixel
from server.cli import main
from tests.canvas_file import CanvasFile, drawings
from tests.log_rigs import Drawing, Recorder
from tests.process import COMMAND
from tiles.log.backup import backup
from tiles.log.base import Author, Batch, CanvasInfo, LogError
from tiles.log.check import check, silent
from tiles.log.sqlite import SqliteLog, create
from tiles.log.store import WAL_CHECKPOINT_PAGES
from tiles.log.wal import wal_of

WAIT_S = 20.0


def nobody(_done: int, _total: int) -> None:
    """Nobody is told how far it has come."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with two canvases, one of them left by a killed server."""
    folder = tmp_path / "data"
    drawn = drawings(np.random.default_rng(5), 400)
    CanvasFile(folder / "main.sqlite3").write(drawn, save="all")
    killed = CanvasFile(folder / "town.sqlite3")
    killed.write(drawn[:200], save="all")
    killed.write(drawn[200:300], clean=False)
    (folder / "salt").write_bytes(bytes(range(32)))
    return folder


class Painting(Drawing):
    """Commits of pixels."""

    def batch(self, count: int = 1, author: Author | None = None) -> Batch:
        """The next ``count`` pixels."""
        made = super().batch(count, author)
        pixels = (Pixel(seq % 999, seq % 700, 1, 2, 3) for seq in range(count))
        return replace(made, messages=b"".join(map(encode, pixels)), box=(0, 0, 999, 699))


def generation(wal: Path) -> bytes:
    """What tells one filling of a write-ahead log from the next: its salts."""
    with wal.open("rb") as file:
        return file.read(24)[16:]


def test_commits_go_on_while_it_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BAK-2: each piece holds nobody up, and the write-ahead log begins anew afterwards."""
    monkeypatch.setattr("tiles.log.backup.PIECE_PAGES", 16)
    path = tmp_path / "main.sqlite3"
    create(path, CanvasInfo(1000, 700))
    log = SqliteLog(path)
    log.open()
    log.start(recorder := Recorder())
    painting = Painting()

    def commit(count: int) -> None:
        for _ in range(count):
            log.append(painting.commit(*[400] * 20))
        recorder.wait_durable(painting.ticket)

    commit(10)
    before = painting.seq
    pieces: list[tuple[int, int]] = []

    def copied(done: int, total: int) -> None:
        pieces.append((done, total))
        commit(5)  # from the middle of the copy: it is durable before the next piece

    assert backup(path, tmp_path / "copy.sqlite3", silent, copied) == before
    assert len(pieces) > 3
    assert pieces[0][0] == 16 * 4096
    assert pieces[-1][0] == pieces[-1][1]
    during = generation(wal_of(path))
    for _ in range(WAL_CHECKPOINT_PAGES // 10):
        commit(1)  # 16 pages and more
        if generation(wal_of(path)) != during:
            break
    else:
        pytest.fail("the write-ahead log only grows")
    assert log.close(WAIT_S)


def test_the_copy_is_of_one_moment(data: Path, tmp_path: Path) -> None:
    """BAK-1, BAK-3: one sound file, whatever the original is in, and not clean."""
    for name, seq in (("main", 400), ("town", 300)):
        copy = tmp_path / f"{name}.sqlite3"
        assert backup(data / copy.name, copy, silent, nobody) == seq
        assert check(copy)[0].well
        assert not wal_of(copy).exists()
        log = SqliteLog(copy)
        recovered = log.open()
        assert (recovered.seq, recovered.clean) == (seq, False)
        log.close(0)


def test_the_command(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """BAK-1, CLI-1: all canvases and the folder's salt, or those that are named."""
    arguments = ["backup", "--data", str(data)]
    assert main([*arguments, str(tmp_path / "all")]) == 0
    assert sorted(file.name for file in (tmp_path / "all").iterdir()) == [
        "main.sqlite3",
        "salt",
        "town.sqlite3",
    ]
    assert (tmp_path / "all" / "salt").read_bytes() == bytes(range(32))
    assert capsys.readouterr().out.startswith("main: seq 400, ")
    (tmp_path / "one").mkdir()
    assert main([*arguments, str(tmp_path / "one"), "--canvas", "town"]) == 0
    assert sorted(file.name for file in (tmp_path / "one").iterdir()) == ["salt", "town.sqlite3"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--data", "data", "there"), "there isn't empty"),
        (("--data", "data", "new", "--canvas", "nix"), "there is no canvas nix in data"),
        (("--data", "nowhere", "new"), "there is no data folder at nowhere"),
        (("--data", "empty", "new"), "there is no canvas in empty"),
    ],
)
def test_what_is_refused(
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    text: str,
) -> None:
    """BAK-4, CLI-1: it says so, and nothing is made."""
    monkeypatch.chdir(data.parent)
    Path("there").mkdir()
    Path("there/file").touch()
    Path("empty").mkdir()
    assert main(["backup", *arguments]) == 1
    assert text in capsys.readouterr().err
    assert not Path("new").exists()
    assert [file.name for file in Path("there").iterdir()] == ["file"]


@pytest.mark.parametrize("made_before", [False, True])
def test_no_room(data: Path, tmp_path: Path, made_before: bool) -> None:
    """BAK-4: a file that can't be written leaves nothing behind, not even the first canvas's."""
    dest = tmp_path / "copy"
    if made_before:
        dest.mkdir()
    main_bytes = (data / "main.sqlite3").stat().st_size
    shutil.copy(data / "main.sqlite3", data / "a.sqlite3")
    connection = apsw.Connection(str(data / "main.sqlite3"))
    connection.execute("CREATE TABLE ballast (x); INSERT INTO ballast VALUES (zeroblob(300000))")
    connection.close()
    limit = main_bytes + 100_000
    failed = subprocess.run(
        ["sh", "-c", f"ulimit -f {limit // 512} && exec {COMMAND} backup {dest} --data {data}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert failed.returncode == 1
    assert failed.stdout.startswith("a: seq 400")
    assert "can't be copied" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert list(dest.iterdir()) == [] if made_before else not dest.exists()


def test_a_damaged_canvas_is_not_copied(data: Path, tmp_path: Path) -> None:
    """BAK-4: who relies on the copy would find out too late."""
    connection = apsw.Connection(str(data / "main.sqlite3"))
    connection.execute("UPDATE log SET messages = zeroblob(8) WHERE first_seq = 1")
    connection.close()
    with pytest.raises(LogError, match="is damaged: log: seq 1"):
        backup(data / "main.sqlite3", tmp_path / "copy.sqlite3", silent, nobody)
    assert not list(tmp_path.glob("*copy*"))
