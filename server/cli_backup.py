"""``tilecast backup DEST``."""

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from server.cli_flags import add_canvases, add_flags, settings_of
from server.control import ControlError
from server.datafolder import DataFolder, DataFolderError, write_private
from server.progress import Progress
from server.workers.backup import sources
from tiles.log.base import LogError
from tiles.log.schema import sync_folder

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

FAILURES: tuple[type[Exception], ...] = (ControlError, DataFolderError, LogError)

_MIB = 1024 * 1024


def add_command(commands: "Commands") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "backup",
        help="copy the canvases of a folder, beside a running server too",
        description="Copy the canvases of a folder as they are at one moment, one file each, while "
        "a server may be writing to them. The copy holds all that was durable when the command "
        "began; `tilecast serve --data DEST` serves it, under a new epoch.",
    )
    parser.add_argument(
        "dest", type=Path, metavar="DEST", help="a folder that doesn't exist yet, or is empty"
    )
    add_canvases(parser, "copy")
    add_flags(parser, ("data",))
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    folder = DataFolder(settings_of(options).data)
    canvases = sources(folder, options.canvases)
    progress = Progress()
    made = _make_folder(options.dest)
    try:
        for canvas in canvases:
            name = canvas.name
            seq = canvas.copy(
                DataFolder(options.dest).file(name),
                lambda text, name=name: progress.say(f"{name}: {text}"),  # type: ignore[misc]
                lambda done, total, name=name: progress.say(  # type: ignore[misc]
                    f"{name}: {done // _MIB} of {total // _MIB} MiB"
                ),
            )
            size = DataFolder(options.dest).file(name).stat().st_size
            progress.end()
            print(f"{name}: seq {seq}, {size} B", flush=True)
        _copy_salt(folder, options.dest)
    except BaseException as error:
        # Half a backup would be taken for a whole one, and a second try for an overwriting.
        progress.end()
        _clear(options.dest, made=made)
        if isinstance(error, OSError):
            raise DataFolderError(f"{options.dest}: {error.strerror}") from None
        raise


def _make_folder(dest: Path) -> bool:
    """Make the folder, durably; whether it wasn't there. Raises DataFolderError."""
    try:
        if dest.is_dir():
            if any(dest.iterdir()):
                raise DataFolderError(f"{dest} isn't empty")
            return False
        dest.mkdir(parents=True)
        sync_folder(dest.parent)
    except OSError as error:
        raise DataFolderError(f"{dest} can't be made: {error.strerror}") from None
    return True


def _copy_salt(folder: DataFolder, dest: Path) -> None:
    """With it the hashes of addresses go on as they were."""
    salt = folder.path / "salt"
    if salt.exists():
        write_private(dest / "salt", salt.read_bytes())
        sync_folder(dest)


def _clear(dest: Path, *, made: bool) -> None:
    if made:
        shutil.rmtree(dest, ignore_errors=True)
        return
    for file in dest.iterdir():
        file.unlink(missing_ok=True)
