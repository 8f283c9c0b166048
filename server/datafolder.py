"""The folder that holds the canvases: one file each, and a lock, since one process writes there."""

import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from server.setting_types import CANVAS_NAME
from tiles.log.base import CanvasInfo, LogError
from tiles.log.lock import FileLock
from tiles.log.schema import sync_folder
from tiles.log.sqlite import SqliteLog, create

_SUFFIX = ".sqlite3"
_SALT_BYTES = 32


class DataFolderError(Exception):
    """The folder can't be used, or a canvas in it; the text says which and why."""


class InUseError(DataFolderError):
    """Another process holds the folder: a server, or a command that is making a canvas."""


class ExistsError(DataFolderError):
    """There is a canvas of that name already."""


class DataFolder:
    """The canvases of one folder, held by this process from :meth:`acquire` to :meth:`release`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path / "server")

    def acquire(self) -> None:
        """Make the folder where there is none, and take its lock.

        Raises :class:`InUseError` if another process has it, :class:`DataFolderError` otherwise.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataFolderError(
                f"the data folder {self.path} can't be made: {error.strerror}"
            ) from None
        self.hold()
        self._clear_drafts()

    def hold(self) -> None:
        """Take the lock of a folder that is there, and change nothing in it.

        Raises :class:`InUseError` if another process has it, :class:`DataFolderError` otherwise.
        """
        try:
            self._lock.acquire()
        except LogError as error:
            if isinstance(error.__cause__, BlockingIOError):
                raise InUseError(
                    f"the data folder {self.path} is in use by another Tilecast"
                ) from None
            raise DataFolderError(str(error)) from None

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def names(self) -> list[str]:
        """The canvases there are, in order of name."""
        found = (file.name.removesuffix(_SUFFIX) for file in self.path.glob(f"*{_SUFFIX}"))
        return sorted(name for name in found if CANVAS_NAME.fullmatch(name))

    def chosen(self, names: Sequence[str] | None) -> list[str]:
        """The canvases of these names, or all; each is there. Raises :class:`DataFolderError`."""
        if not self.path.is_dir():
            raise DataFolderError(f"there is no data folder at {self.path}")
        there = self.names()
        for name in names or ():
            if name not in there:
                raise DataFolderError(f"there is no canvas {name} in {self.path}")
        chosen = list(dict.fromkeys(names)) if names else there
        if not chosen:
            raise DataFolderError(f"there is no canvas in {self.path}")
        return chosen

    def log(self, name: str, commit_interval_s: float = 0.0) -> SqliteLog:
        """The log of a canvas, not yet open."""
        return SqliteLog(self.file(name), commit_interval_s=commit_interval_s)

    def create(
        self, name: str, info: CanvasInfo, fill: Callable[[SqliteLog], None] | None = None
    ) -> None:
        """Make a canvas. ``fill`` gets its log before the canvas has its name, to draw in it.

        So a canvas is there whole or not at all. Raises :class:`ExistsError`,
        :class:`DataFolderError`, and what ``fill`` raises.
        """
        file = self.file(name)
        if file.exists():
            raise ExistsError(f"there is a canvas {name} already")
        draft = self.path / f".draft-{secrets.token_hex(8)}" / file.name
        try:
            create(draft, info)
            if fill is not None:
                fill(SqliteLog(draft))
            draft.rename(file)
            sync_folder(self.path)
        except (LogError, OSError) as error:
            raise DataFolderError(f"the canvas {name} can't be made: {error}") from None
        finally:
            shutil.rmtree(draft.parent, ignore_errors=True)

    def salt(self) -> bytes:
        """A secret of this folder that hashed addresses are keyed with; made when first asked for.

        Raises :class:`DataFolderError`.
        """
        file = self.path / "salt"
        try:
            if not file.exists():
                write_private(file, secrets.token_bytes(_SALT_BYTES))
                sync_folder(self.path)  # what is hashed with it goes into logs that are durable
            return file.read_bytes()[:_SALT_BYTES]
        except OSError as error:
            raise DataFolderError(f"{file}: {error.strerror}") from None

    def file(self, name: str) -> Path:
        """Where a canvas is kept, or would be."""
        return self.path / f"{name}{_SUFFIX}"

    def _clear_drafts(self) -> None:
        for draft in self.path.glob(".draft-*"):
            shutil.rmtree(draft, ignore_errors=True)


def write_private(file: Path, content: bytes) -> None:
    """Replace a file, whole, by one that nobody else can read. Raises OSError."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
