"""``tilecast check``: what it says, and with which exit code."""

import json
from pathlib import Path

import apsw
import numpy as np
import pytest

from server.cli import main
from server.datafolder import DataFolder
from tests.canvas_file import CanvasFile, drawings


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with two canvases."""
    for name in ("main", "town"):
        made = CanvasFile(tmp_path / "data" / f"{name}.sqlite3")
        made.write(drawings(np.random.default_rng(6), 300), save="all")
    return tmp_path / "data"


def harm(data: Path, statement: str) -> None:
    """Damage the canvas ``town``."""
    connection = apsw.Connection(str(data / "town.sqlite3"))
    connection.execute(statement)
    connection.close()


def check(data: Path, *flags: str) -> int:
    """Run the command; its exit code."""
    return main(["check", "--data", str(data), *flags])


def test_all_well(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CHK-2, CLI-1: a line for each canvas; or for those that are named."""
    assert check(data) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("main: seq 300, 300 messages, ")
    assert lines[0].endswith(" 3 sessions: well")
    assert check(data, "--canvas", "town") == 0
    assert capsys.readouterr().out.startswith("town: ")


def test_damage_is_told_and_repaired(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CHK-2, CHK-4: 1 for what is wrong, with what a repair would do; 0 once it is repaired."""
    harm(data, "UPDATE tiles SET data = x'010203' WHERE key = 0")
    assert check(data) == 1
    told = capsys.readouterr()
    assert "town: seq 300, 300 messages" in told.out
    assert "checkpoints: tile 0, 0 of level 0: it differs from the replay of the log" in told.out
    assert "--repair would lose no message" in told.out
    assert told.err.endswith("tilecast: not well: town\n")
    assert check(data, "--repair") == 0
    told = capsys.readouterr()
    assert "repaired: 1 checkpoints were rebuilt from the log" in told.out
    assert "well now, seq 300" in told.out
    assert check(data) == 0


def test_a_cut_is_told_before_it_is_made(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CHK-4: how much would go; the file that holds it stays, and isn't taken for a canvas."""
    harm(data, "UPDATE log SET time_ms = 1 WHERE first_seq > 200")
    assert check(data, "--json") == 1
    values = json.loads(capsys.readouterr().out)
    assert [one["well"] for one in values] == [True, False]
    seq = values[1]["seq"]
    assert values[1]["lost_messages"] == 300 - seq
    assert values[1]["problem_counts"].keys() == {"log"}
    assert check(data) == 1
    said = capsys.readouterr().out
    assert f"--repair would cut the log after seq {seq}: {300 - seq} messages would go" in said
    assert check(data, "--repair", "--json") == 0
    values = json.loads(capsys.readouterr().out)
    assert (values[1]["well"], values[1]["seq"]) == (True, seq)
    assert DataFolder(data).names() == ["main", "town"]
    assert len(list(data.glob("town.sqlite3.damaged-*"))) == 1


def test_what_can_t_be_repaired(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CHK-4: it says so, exits with 1 and leaves the file as it is."""
    harm(data, "UPDATE meta SET value = '{}' WHERE key = 'info'")
    before = (data / "town.sqlite3").read_bytes()
    assert check(data, "--repair") == 1
    assert "not repaired: without its settings" in capsys.readouterr().out
    assert (data / "town.sqlite3").read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("--data", "nowhere"), "there is no data folder at nowhere"),
        (("--canvas", "nix"), "there is no canvas nix"),
    ],
)
def test_nothing_to_check(
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: tuple[str, str],
    text: str,
) -> None:
    """CLI-1: 1, and no folder is made."""
    monkeypatch.chdir(data.parent)
    assert main(["check", *flags]) == 1
    assert text in capsys.readouterr().err
    assert not Path("nowhere").exists()


def test_beside_another(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CHK-2, CLI-2: while somebody holds the folder, a copy is the way."""
    with DataFolder(data):
        assert check(data) == 1
    assert "`tilecast backup DEST` copies it" in capsys.readouterr().err
