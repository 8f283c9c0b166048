"""Canvases that are streams of NATS, and this node's folds of them on its own disk."""

import asyncio
import logging
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from server.canvas_store import Opened, open_log
from server.cluster import moved, streams
from server.cluster.jetstream import JetStreamStream
from server.cluster.link import Link
from server.cluster.objects import Snapshots
from server.cluster.seeding import begin_fold, plant
from server.cluster.snapshots import DRAFT, clear_drafts
from server.datafolder import DataFolder, DataFolderError, ExistsError
from server.image_import import Picture, draw_picture
from server.line import Offload
from tiles.log.base import CanvasInfo, DamagedError, LogError, LostError
from tiles.log.schema import create, encode_info, new_epoch
from tiles.log.snapshot_file import begin_life
from tiles.log.sqlite import SqliteLog
from tiles.shared.log import SharedLog
from tiles.shared.stream import StreamError

logger = logging.getLogger(__name__)

_FOLDS = "folds"
_CALL_S = 15.0
REPLICAS_MAX = 3


class MovedError(DataFolderError):
    """The canvas has moved out of the cluster."""


class StreamStore:
    """A :class:`server.canvas_store.CanvasStore`; ``loop`` is the link's.

    ``data`` is the node's own folder: its folds are had again from the streams where they are lost.
    New canvases have ``replicas`` copies among the NATS servers.
    """

    def __init__(
        self,
        data: Path,
        link: Link,
        loop: asyncio.AbstractEventLoop,
        reading: Offload,
        replicas: int,
        commit_interval_s: float,
    ) -> None:
        self._folds = DataFolder(data / _FOLDS)
        self._snapshots = Snapshots(link)
        self._prepared = False
        self._link = link
        self._loop = loop
        self._reading = reading
        self._replicas = replicas
        self._commit_interval_s = commit_interval_s

    def names(self) -> list[str]:
        """See :class:`server.canvas_store.CanvasStore`."""
        try:
            return self._link.wait(streams.canvases(self._link), _CALL_S)
        except StreamError as error:
            raise DataFolderError(str(error)) from error

    def moved(self) -> list[str]:
        """The canvases that were of the cluster and have moved out of it."""
        try:
            return self._link.wait(moved.canvases(self._link), _CALL_S)
        except StreamError as error:
            raise DataFolderError(str(error)) from error

    def fold(self, name: str) -> Path:
        """The file of this node's fold of a canvas."""
        return self._folds.file(name)

    def create(self, name: str, info: CanvasInfo, image: bytes | None) -> None:
        """See :class:`server.canvas_store.CanvasStore`.

        Raises :class:`MovedError` where the canvas's stream says that it is elsewhere now.
        """
        picture = None if image is None else Picture(image)
        if picture is not None:
            picture.check(info)
        try:
            if name in self.names():
                raise ExistsError(f"there is a canvas {name} already")
            move = self._link.wait(moved.find(self._link, name), _CALL_S)
            if move is not None:
                raise MovedError(f"the canvas {name} has {move}, and isn't this cluster's any more")
            if picture is None:
                making = streams.create(
                    self._link, name, new_epoch(), self._replicas, info=encode_info(info)
                )
                self._link.wait(making, _CALL_S)
            else:
                self._create_from(name, info, picture)
        except (LogError, StreamError, OSError) as error:
            raise DataFolderError(f"the canvas {name} can't be made: {error}") from error

    def _create_from(self, name: str, info: CanvasInfo, picture: Picture) -> None:
        self._prepare()
        with TemporaryDirectory(prefix=DRAFT, dir=self._folds.path) as folder:
            file = Path(folder) / "canvas"
            create(file, info)
            draw_picture(SqliteLog(file), picture)
            begin_life(file, new_epoch())
            plant(self._link, self._snapshots, name, file, self._replicas)

    def _prepare(self) -> None:
        """Make the folder and the store of snapshots, where there are none yet."""
        if not self._prepared:
            self._folds.path.mkdir(parents=True, exist_ok=True)
            clear_drafts(self._folds.path)
            self._snapshots.prepare(self._replicas)
            self._prepared = True

    def open(self, name: str) -> Opened:
        """See :class:`server.canvas_store.CanvasStore`.

        A fold that isn't the stream's any more is put aside, and made anew.
        """
        try:
            try:
                return self._open(name)
            except (LostError, DamagedError) as error:
                logger.warning(
                    "canvas %s: the fold is made anew: %s", name, error, extra={"canvas": name}
                )
                self._put_aside(name)
                return self._open(name)
        except (LogError, StreamError, OSError) as error:
            raise DataFolderError(f"the canvas {name} can't be opened: {error}") from error

    def _open(self, name: str) -> Opened:
        path = self._folds.file(name)
        self._prepare()
        if not path.exists():
            begin_fold(self._link, self._snapshots, name, path)
        fold = SqliteLog(path, commit_interval_s=self._commit_interval_s, keeps_epoch=True)
        stream = JetStreamStream(self._link, name)
        return open_log(SharedLog(fold, stream, self._loop, self._reading))

    def _put_aside(self, name: str) -> None:
        """Keep the last fold that was of no use, for whoever wants to look into it."""
        path = self._folds.file(name)
        for old in path.parent.glob(f"{path.name}.aside-*"):
            old.unlink()
        aside = path.with_name(f"{path.name}.aside-{int(time.time())}")
        path.rename(aside)
        for end in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
