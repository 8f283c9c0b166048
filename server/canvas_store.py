"""Where a server's canvases are kept: in the files of its data folder, or in streams of NATS."""

from contextlib import suppress
from typing import NamedTuple, Protocol

from server.datafolder import DataFolder, DataFolderError
from server.image_import import Picture, draw_picture
from server.unserved import ElsewhereError, elsewhere
from tiles.log.base import CanvasInfo, DamagedError, Log, LogError, Recovered
from tiles.pyramid import Pyramid
from tiles.recovery import recover


class Opened(NamedTuple):
    """A canvas's log, open and not started, and the canvas that it stands for."""

    log: Log
    recovered: Recovered
    pyramid: Pyramid


class CanvasStore(Protocol):
    """The canvases there are. Its methods block: they are for threads beside the event loop.

    All raise :class:`server.datafolder.DataFolderError`.
    """

    def names(self) -> list[str]:
        """The canvases there are, in order of name."""

    def create(self, name: str, info: CanvasInfo, image: bytes | None) -> None:
        """Make a canvas, blank or with a picture.

        Raises :class:`server.datafolder.ExistsError`, :class:`server.image_import.ImageError`.
        """

    def open(self, name: str) -> Opened:
        """Open a canvas's log, and recover what it stands for."""


class FolderStore:
    """A :class:`CanvasStore` of the files of a folder that this process holds."""

    def __init__(self, folder: DataFolder, commit_interval_s: float = 0.0) -> None:
        self._folder = folder
        self._commit_interval_s = commit_interval_s

    def names(self) -> list[str]:
        """See :class:`CanvasStore`."""
        return self._folder.names()

    def create(self, name: str, info: CanvasInfo, image: bytes | None) -> None:
        """See :class:`CanvasStore`."""
        where = elsewhere(self._folder, name, in_cluster=False)
        if where:
            raise ElsewhereError(where)
        if image is None:
            self._folder.create(name, info)
            return
        picture = Picture(image)
        picture.check(info)
        self._folder.create(name, info, lambda log: draw_picture(log, picture))

    def open(self, name: str) -> Opened:
        """See :class:`CanvasStore`."""
        try:
            return open_log(self._folder.log(name, self._commit_interval_s))
        except LogError as error:
            advice = "; `tilecast check` says more" if isinstance(error, DamagedError) else ""
            raise DataFolderError(f"the canvas {name} can't be opened: {error}{advice}") from error


def open_log(log: Log) -> Opened:
    """Open a log and recover its canvas. Raises :class:`tiles.log.base.LogError`."""
    recovered = log.open()
    try:
        return Opened(log, recovered, recover(log, recovered))
    except BaseException:
        with suppress(LogError):
            log.close(0)
        raise
