"""Canvases that are streams of NATS, and this node's folds of them on its own disk."""

import asyncio
import logging
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from server.canvas_store import Opened, open_log
from server.cluster import moved, streams
from server.cluster.jetstream import DEFAULT_PATIENCE, JetStreamStream
from server.cluster.link import Link
from server.cluster.objects import Snapshots
from server.cluster.seeding import begin_fold, plant
from server.cluster.snapshots import DRAFT, clear_drafts
from server.cluster.streams import Life
from server.datafolder import DataFolder, DataFolderError, ExistsError
from server.image_import import Picture, draw_picture
from server.unserved import ElsewhereError, MovedError, forgotten
from tiles.log.base import CanvasInfo, CutError, DamagedError, LogError, LostError
from tiles.log.schema import create, encode_info, new_epoch
from tiles.log.snapshot_file import begin_life, look
from tiles.log.sqlite import SqliteLog
from tiles.loop import Offload
from tiles.shared.log import SharedLog
from tiles.shared.stream import StreamError

logger = logging.getLogger(__name__)

_FOLDS = "folds"
_LOOK_S = 0.25
_ASIDE_MAX = 3
"""Folds of a canvas that were of no use, and are kept."""
REPLICAS_MAX = 3


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
        self._lives: dict[str, Life] = {}
        """In which each canvas was opened last."""

    def names(self) -> list[str]:
        """See :class:`server.canvas_store.CanvasStore`."""
        try:
            return self._link.wait(streams.canvases(self._link), streams.CALL_S)
        except StreamError as error:
            raise DataFolderError(str(error)) from error

    def moved(self) -> list[str]:
        """The canvases that were of the cluster and have moved out of it."""
        try:
            return self._link.wait(moved.canvases(self._link), streams.CALL_S)
        except StreamError as error:
            raise DataFolderError(str(error)) from error

    def fold(self, name: str) -> Path:
        """The file of this node's fold of a canvas."""
        return self._folds.file(name)

    def create(self, name: str, info: CanvasInfo, image: bytes | None) -> None:
        """See :class:`server.canvas_store.CanvasStore`.

        Raises :class:`MovedError` where the canvas's stream says that it is elsewhere now, and
        :class:`server.unserved.ElsewhereError` where this node holds a canvas of that name.
        """
        picture = None if image is None else Picture(image)
        if picture is not None:
            picture.check(info)
        try:
            if name in self.names():
                raise ExistsError(f"there is a canvas {name} already")
            move = self._link.wait(moved.find(self._link, name), streams.CALL_S)
            if move is not None:
                raise MovedError(f"the canvas {name} has {move}, and isn't this cluster's any more")
            if left := self._left(name):
                raise ElsewhereError(left)
            if picture is None:
                making = streams.create(
                    self._link, name, new_epoch(), self._replicas, info=encode_info(info)
                )
                self._link.wait(making, streams.CALL_S)
            else:
                self._create_from(name, info, picture)
        except (LogError, StreamError, OSError) as error:
            raise DataFolderError(f"the canvas {name} can't be made: {error}") from error

    def left_behind(self, served: Collection[str]) -> list[str]:
        """What is to be said of canvases that this node holds, and the cluster hasn't."""
        names = set(self._folds.names()) - set(served)
        names -= set(self.moved()) if names else set()
        return [text for name in sorted(names) if (text := self._left(name))]

    def _left(self, name: str) -> str:
        """Why a canvas isn't to be begun: what the cluster doesn't have of it, this node has."""
        fold = self.fold(name)
        try:
            seq = look(fold).seq if fold.exists() else 0
        except LogError as error:
            return f"the cluster has no canvas {name}, and this node's is of no use: {error}"
        return forgotten(fold, name, seq) if seq else ""

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

        A fold that isn't the stream's any more is put aside, and made anew. Where the stream lost
        entries, clients are told another epoch from then on.
        """
        try:
            try:
                return self._open_surely(name)
            except (LostError, DamagedError) as error:
                if isinstance(error, CutError):
                    self._begin_life(name)
                logger.warning(
                    "canvas %s: the fold is made anew: %s", name, error, extra={"canvas": name}
                )
                self._put_aside(name)
                return self._open(name)
        except (LogError, StreamError, OSError) as error:
            raise DataFolderError(f"the canvas {name} can't be opened: {error}") from error

    def _open_surely(self, name: str) -> Opened:
        """Open it; a server that was away may say for a while that the stream is shorter.

        Where it was followed, that was found by who followed it, for long enough.
        """
        doubt_s = 0.0 if name in self._lives else DEFAULT_PATIENCE.doubt_s
        until = time.monotonic() + doubt_s
        while True:
            try:
                return self._open(name)
            except CutError:
                if time.monotonic() >= until:
                    raise
            time.sleep(_LOOK_S)

    def _begin_life(self, name: str) -> None:
        """Begin another life of a canvas, unless another node has."""
        state = self._link.wait(streams.state(self._link, name), streams.CALL_S)
        known = self._lives.get(name, state.life)
        if state.life == known or state.life.number < known.number:
            life = Life(known.number + 1, new_epoch())
            self._link.wait(
                streams.begin_life(self._link, name, state.bounds.epoch, life), streams.CALL_S
            )

    def _open(self, name: str) -> Opened:
        path = self._folds.file(name)
        self._prepare()
        if not path.exists():
            begin_fold(self._link, self._snapshots, name, path)
        fold = SqliteLog(path, commit_interval_s=self._commit_interval_s, keeps_epoch=True)
        stream = JetStreamStream(self._link, name)
        opened = open_log(SharedLog(fold, stream, self._loop, self._reading))
        assert stream.life is not None, "its bounds were asked for"
        self._lives[name] = stream.life
        return opened

    def _put_aside(self, name: str) -> None:
        """Keep the last folds that were of no use, for whoever wants to look into them."""
        path = self._folds.file(name)
        asides = sorted(file for file in path.parent.glob(f"{path.name}.aside-*[0-9]"))
        for old in asides[: 1 - _ASIDE_MAX]:
            for end in ("", "-wal", "-shm"):
                old.with_name(old.name + end).unlink(missing_ok=True)
        aside = path.with_name(f"{path.name}.aside-{time.time_ns() // 1_000_000}")
        path.rename(aside)
        for end in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + end).rename(aside.with_name(aside.name + end))
