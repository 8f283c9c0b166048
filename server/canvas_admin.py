"""What ``tilecast canvas`` does: on the data folder's files, or by the server that holds them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter

from server.canvas_store import FolderStore
from server.control import Control, call, read_control
from server.datafolder import DataFolder, DataFolderError, InUseError
from server.schemas import CanvasChange, CanvasDetails, CanvasSummary, NewCanvas
from server.workers.folder import WorkerFolder
from tiles.log.base import LogError

_CLOSE_TIMEOUT_S = 10.0
_PATH = "/api/admin/canvases"


class CanvasAdmin(Protocol):
    """The canvases of one data folder.

    Methods raise :class:`server.datafolder.DataFolderError`, :class:`server.control.ControlError`,
    :class:`server.image_import.ImageError` or :class:`tiles.log.base.LogError`.
    """

    def list(self) -> list[CanvasSummary]:
        """Every canvas, in order of name."""

    def details(self, name: str) -> CanvasDetails:
        """One canvas, and how far its drawing has come."""

    def create(self, new: NewCanvas) -> CanvasSummary:
        """Make a canvas."""

    def change(self, name: str, change: CanvasChange) -> CanvasSummary:
        """Change a canvas's settings."""


@contextmanager
def administer(data: Path, *, makes: bool = False) -> Iterator[CanvasAdmin]:
    """The way to the canvases of a folder: its files, or the server that has them open.

    With ``makes`` the folder is made where there is none; a mistyped one is nothing to look into.
    """
    if not makes and not data.is_dir():
        raise DataFolderError(f"there is no data folder at {data}")
    folder = DataFolder(data)
    try:
        folder.acquire()
    except InUseError:
        yield RemoteAdmin(read_control(data))
        return
    try:
        workers = WorkerFolder(data)
        if workers.holds_canvases:
            raise workers.held_in_nats("start that, and this command acts through it")
        yield LocalAdmin(folder)
    finally:
        folder.release()


class LocalAdmin:
    """No server runs: a :class:`CanvasAdmin` on the files."""

    def __init__(self, folder: DataFolder) -> None:
        self._folder = folder

    def list(self) -> list[CanvasSummary]:
        """See :class:`CanvasAdmin`."""
        return [self.details(name) for name in self._folder.names()]

    def details(self, name: str) -> CanvasDetails:
        """See :class:`CanvasAdmin`."""
        log = self._folder.log(self._known(name))
        recovered = log.open()
        log.close(_CLOSE_TIMEOUT_S)
        return CanvasDetails.of_log(name, recovered.info, recovered.seq, recovered.epoch)

    def create(self, new: NewCanvas) -> CanvasSummary:
        """See :class:`CanvasAdmin`."""
        FolderStore(self._folder).create(new.name, new.info(), new.image)
        return CanvasSummary.of(new.name, new.info())

    def change(self, name: str, change: CanvasChange) -> CanvasSummary:
        """See :class:`CanvasAdmin`."""
        log = self._folder.log(self._known(name))
        info = change.apply(log.open().info)
        try:
            log.update(info)
        finally:
            closed = log.close(_CLOSE_TIMEOUT_S)
        if not closed:
            raise LogError(f"the canvas {name} could not be closed")
        return CanvasSummary.of(name, info)

    def _known(self, name: str) -> str:
        if name not in self._folder.names():
            raise DataFolderError(f"there is no canvas {name} in {self._folder.path}")
        return name


class RemoteAdmin:
    """A server runs: a :class:`CanvasAdmin` that asks it."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def list(self) -> list[CanvasSummary]:
        """See :class:`CanvasAdmin`."""
        answer = call(self._control, "GET", _PATH)
        return TypeAdapter(list[CanvasSummary]).validate_python(answer)

    def details(self, name: str) -> CanvasDetails:
        """See :class:`CanvasAdmin`."""
        return CanvasDetails.model_validate(call(self._control, "GET", f"{_PATH}/{name}"))

    def create(self, new: NewCanvas) -> CanvasSummary:
        """See :class:`CanvasAdmin`."""
        return CanvasSummary.model_validate(call(self._control, "POST", _PATH, new))

    def change(self, name: str, change: CanvasChange) -> CanvasSummary:
        """See :class:`CanvasAdmin`."""
        answer = call(self._control, "PATCH", f"{_PATH}/{name}", change)
        return CanvasSummary.model_validate(answer)
