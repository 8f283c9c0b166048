"""``tilecast canvas …`` without a server: on the files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from server.cli import main
from server.datafolder import DataFolder

Run = Callable[..., str]


def exit_code(*arguments: str) -> object:
    """What the process would end with; argparse ends it itself."""
    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory of the test's own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command that goes well; what it prints."""

    def run(*arguments: str) -> str:
        assert main(["canvas", *arguments]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return run


@pytest.fixture
def fail(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that fails with an exit code; its complaint, one line."""

    def fail(code: int, *arguments: str) -> str:
        assert exit_code("canvas", *arguments) == code
        out, err = capsys.readouterr()
        assert out == ""
        lines: list[str] = err.splitlines()
        assert lines[-1].startswith("tilecast")
        return lines[-1]

    return fail


def info(run: Run, name: str) -> Any:
    """A canvas's settings."""
    return json.loads(run("info", name, "--json"))


def test_create_list_info_set(run: Run) -> None:
    """CLI-1: what is made is listed, shown and changed."""
    assert "wall: 300 × 200" in run("create", "wall", "--width", "300", "--height", "200")
    run("create", "b", "--title", "Zweite", "--palette", "#000,#fff", "--background", "#000")
    assert run("list").splitlines() == ["b     1024 × 1024      Zweite", "wall  300 × 200"]
    shown = info(run, "b")
    assert (shown["title"], shown["palette"]) == ("Zweite", ["#000000", "#ffffff"])
    assert (shown["background"], shown["frozen"], shown["seq"]) == ("#000000", False, 0)
    assert "title:      Zweite" in run("info", "b")
    run("set", "b", "--title", "", "--palette", "none", "--frozen")
    shown = info(run, "b")
    assert (shown["title"], shown["palette"], shown["frozen"]) == ("", None, True)
    run("set", "b", "--no-frozen")
    assert info(run, "b")["frozen"] is False
    assert json.loads(run("list", "--json"))[1]["name"] == "wall"


def test_from_image(run: Run, tmp_path: Path) -> None:
    """The canvas takes the image's size, unless another is given."""
    pixels = np.random.default_rng(3).integers(0, 256, (70, 90, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    run("create", "a", "--from", "image.png")
    shown = info(run, "a")
    assert (shown["width"], shown["height"], shown["seq"]) == (90, 70, 1)
    run("create", "b", "--from", "image.png", "--width", "100")
    shown = info(run, "b")
    assert (shown["width"], shown["height"]) == (100, 70)
    # What changed nothing but was opened keeps its epoch.
    assert info(run, "b")["epoch"] == shown["epoch"]


def test_palette_file(run: Run, tmp_path: Path) -> None:
    """One colour a line, with or without #."""
    (tmp_path / "nes.hex").write_text("000000\nfcfcfc\n#f80\n\nfcfcfc\n")
    run("create", "a", "--palette", "nes.hex")
    assert info(run, "a")["palette"] == ["#000000", "#fcfcfc", "#ff8800"]


def test_what_fails(run: Run, fail: Callable[..., str], tmp_path: Path) -> None:
    """CLI-1: 1 for what can't be done, and the reason on one line."""
    run("create", "a", "--width", "10", "--height", "10")
    assert "there is a canvas a already" in fail(1, "create", "a")
    assert "there is no canvas b" in fail(1, "info", "b")
    assert "there is no canvas b" in fail(1, "set", "b", "--title", "x")
    assert "no.png" in fail(1, "create", "c", "--from", "no.png")
    (tmp_path / "text.png").write_text("no image")
    assert "no image" in fail(1, "create", "c", "--from", "text.png")
    Image.new("RGB", (20, 20)).save(tmp_path / "large.png")
    assert "larger than the canvas" in fail(1, "create", "c", "--from", "large.png", "--width", "9")
    (tmp_path / "file").write_text("")
    assert "file" in fail(1, "list", "--data", "file/data")
    (tmp_path / "data" / "broken.sqlite3").write_text("this is no database, but long enough")
    assert "broken" in fail(1, "info", "broken")


def test_a_folder_that_is_not_there(fail: Callable[..., str], tmp_path: Path) -> None:
    """CLI-1, CLI-2: to look into it is a failure, and makes none."""
    for arguments in (("list",), ("list", "--json"), ("info", "a"), ("set", "a", "--title", "x")):
        complaint = fail(1, *arguments, "--data", "typo/data")
        assert "there is no data folder at typo/data" in complaint
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_canvases(run: Run, tmp_path: Path) -> None:
    """CLI-1: is well, and lists none."""
    (tmp_path / "data").mkdir()
    assert run("list") == ""


def test_wrong_usage(run: Run, fail: Callable[..., str]) -> None:
    """CLI-1: 2 for a command line that can't be meant."""
    run("create", "a")
    for arguments in (
        ("create",),
        ("create", "A"),
        ("create", "b", "--width", "0"),
        ("create", "b", "--title", "x" * 201),
        ("create", "b", "--palette", "#00"),
        ("create", "b", "--palette", "no-file"),
        ("create", "b", "--background", "red"),
        ("set", "a"),
        ("set", "a", "--title", "a\nb"),
        ("set", "a", "--width", "2000"),
        ("burn", "a"),
        (),
    ):
        fail(2, *arguments)
    assert run("list").splitlines() == ["a  1024 × 1024"]


def test_a_folder_in_use(fail: Callable[..., str], tmp_path: Path) -> None:
    """CLI-2: what holds the folder and can't be asked is not got around."""
    with DataFolder(tmp_path / "data"):
        assert "in use" in fail(1, "list")
        assert "in use" in fail(1, "create", "a")
