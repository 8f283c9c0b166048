"""Every canvas of the data folder, opened at the start and closed at the end."""

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import suppress

from server.datafolder import DataFolder, DataFolderError, ExistsError
from server.hub import Hub
from server.image_import import Picture, draw_picture
from server.memory import Memory
from server.schemas import CanvasChange
from server.settings import Settings
from server.supervisor import Supervisor
from server.threads import LoopOffload, run_in_daemon
from server.turns import Turns
from tiles.log.base import CanvasInfo, DamagedError, Log, LogError, Recovered
from tiles.pyramid import Pyramid
from tiles.recovery import recover

logger = logging.getLogger(__name__)

_OFFLOAD_THREADS = 2
_READING_THREADS = 2
"""Threads of their own, so that a disk that hangs holds up nobody but those who wait for it."""


class Canvases:
    """The hubs, by name. Used on the event loop's thread; the folder is held while it is open."""

    def __init__(self, folder: DataFolder, settings: Settings) -> None:
        self.folder = folder
        self._settings = settings
        self._hubs: dict[str, Hub] = {}
        self._logs: dict[str, Log] = {}
        self._changing = asyncio.Lock()
        self._offload: LoopOffload | None = None
        self._reading: LoopOffload | None = None
        self.supervisor: Supervisor | None = None
        """Of all background services, once the canvases are being opened."""
        self.memory: Memory | None = None
        self._turns: Turns | None = None
        self.ready = False
        """Whether every canvas is up, and none is on its way down."""
        self.stopping = False

    @property
    def default(self) -> str:
        """The canvas that is shown at ``/``."""
        return self._settings.canvas

    def find(self, name: str) -> Hub | None:
        """A live canvas; ``None`` where there is none, or not yet, or not any more."""
        return self._hubs.get(name)

    def log(self, hub: Hub) -> Log:
        """A live canvas's log, to be read."""
        return self._logs[hub.name]

    def all(self) -> Iterable[Hub]:
        """The live canvases, in order of name."""
        return [self._hubs[name] for name in sorted(self._hubs)]

    async def open(self) -> None:
        """Open every canvas of the folder; make the default one if it doesn't exist.

        Raises :class:`server.datafolder.DataFolderError`; then none stays open.
        """
        settings = self._settings
        loop = asyncio.get_running_loop()
        self._offload = LoopOffload(loop, _OFFLOAD_THREADS)
        self._reading = LoopOffload(loop, _READING_THREADS)
        self.supervisor = Supervisor(loop)
        self.memory = Memory(settings.memory_budget_bytes, self.supervisor)
        self._turns = Turns(loop)
        try:
            if self.default not in self.folder.names():
                info = CanvasInfo(settings.width, settings.height, settings.background)
                self.folder.create(self.default, info)
            for name in self.folder.names():
                await self._open_one(name)
        except DataFolderError:
            await self.stop()
            raise
        self.ready = not self.stopping

    async def create(self, name: str, info: CanvasInfo, image: bytes | None) -> CanvasInfo:
        """Make a canvas and open it.

        Raises :class:`server.datafolder.DataFolderError`, :class:`server.image_import.ImageError`.
        """
        async with self._changing:
            if name in self._hubs:
                raise ExistsError(f"there is a canvas {name} already")
            await run_in_daemon(lambda: make(self.folder, name, info, image))
            await self._open_one(name)
            return self._hubs[name].info

    async def change(self, hub: Hub, change: CanvasChange) -> None:
        """Store changed settings and put them in force. Raises :class:`tiles.log.base.LogError`."""
        async with self._changing:
            log, info = self._logs[hub.name], change.apply(hub.info)
            await run_in_daemon(lambda: log.update(info))
            hub.change(info)

    async def stop(self) -> None:
        """Close every canvas, within the shutdown time."""
        self.stopping = True
        self.ready = False
        hubs, self._hubs = self._hubs, {}
        results = await asyncio.gather(
            *(hub.stop() for hub in hubs.values()), return_exceptions=True
        )
        for name, result in zip(hubs, results, strict=True):
            if isinstance(result, BaseException):
                logger.error("canvas %s could not be stopped", name, exc_info=result)
        for offload in (self._offload, self._reading):
            if offload is not None:
                offload.close()

    async def _open_one(self, name: str) -> None:
        log = self.folder.log(name, self._settings.commit_interval_ms / 1000)
        started = time.monotonic()
        try:
            recovered, pyramid = await run_in_daemon(lambda: _recover(log))
        except LogError as error:
            advice = "; `tilecast check` says more" if isinstance(error, DamagedError) else ""
            raise DataFolderError(f"the canvas {name} can't be opened: {error}{advice}") from error
        if self.stopping:
            log.close(0)
            return
        for note in recovered.notes:
            logger.warning("canvas %s: %s", name, note)
        logger.info(
            "canvas %s: %d × %d, seq %d, %d messages replayed, opened in %.2f s",
            name,
            recovered.info.width,
            recovered.info.height,
            recovered.seq,
            recovered.seq - recovered.checkpoint_seq,
            time.monotonic() - started,
        )
        assert self._offload is not None, "canvases are opened after open()"
        assert self.memory is not None
        assert self.supervisor is not None
        assert self._turns is not None
        hub = Hub(
            name,
            log,
            recovered,
            pyramid,
            self.memory,
            self._turns,
            self._settings,
            self.supervisor,
            self._offload,
            _now_ms,
            self._reading,
        )
        hub.start()
        self._hubs[name] = hub
        self._logs[name] = log


def _recover(log: Log) -> tuple[Recovered, Pyramid]:
    recovered = log.open()
    try:
        pyramid = recover(log, recovered)
    except BaseException:
        with suppress(LogError):
            log.close(0)
        raise
    return recovered, pyramid


def make(folder: DataFolder, name: str, info: CanvasInfo, image: bytes | None) -> None:
    """Make a canvas, blank or with a picture. Blocks for as long as that takes.

    Raises :class:`server.datafolder.DataFolderError`, :class:`server.image_import.ImageError`.
    """
    if image is None:
        folder.create(name, info)
        return
    picture = Picture(image)
    picture.check(info)
    folder.create(name, info, lambda log: draw_picture(log, picture))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
