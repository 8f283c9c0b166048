"""Every canvas that the server serves, opened at the start and closed at the end."""

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from server.canvas_store import CanvasStore, FolderStore
from server.cluster.attendance import Attendance
from server.cluster.neighbours import Neighbours
from server.datafolder import DataFolder, DataFolderError, ExistsError
from server.door import Door
from server.hub import Hub
from server.lasting import lasting
from server.memory import Memory
from server.schemas import CanvasChange
from server.settings import Settings
from server.supervisor import Supervisor
from server.threads import LoopOffload, run_in_daemon
from server.turns import Turns
from server.unopened import Unopened
from server.unserved import ElsewhereError, MovedError, elsewhere, unserved
from tiles.log.base import CanvasInfo, Log

if TYPE_CHECKING:
    from server.cluster.node import Node
    from server.cluster.stream_store import StreamStore

logger = logging.getLogger(__name__)

_OFFLOAD_THREADS = 2
_READING_THREADS = 2
"""Threads of their own, so that a disk that hangs holds up nobody but those who wait for it."""
_AGAIN_S = 1.0
"""Time until a node tries again what it couldn't do for want of NATS."""
_LOOK_S = 5.0
"""Time between two looks at which canvases the cluster has, unless another node says something."""
_CHANGED = "tilecast._.canvases"
"""Where nodes say that they made a canvas."""
_BEHIND_MAX = 1024
"""Entries of a stream; a node that is further behind isn't ready."""


class Canvases:
    """The hubs, by name. Used on the event loop's thread; the folder is held while it is open.

    In a cluster the canvases are those of its streams, and the folder is this node's own.
    """

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
        self._store: CanvasStore | None = None
        self.node: Node | None = None
        """This node of a cluster, where it is one."""
        self._streams: StreamStore | None = None
        """The store, in a cluster."""
        self._neighbours: Neighbours | None = None
        self._warned: set[str] = set()
        self._unopened = Unopened()
        """Of the cluster's canvases."""
        self._look = asyncio.Event()
        """There may be canvases that aren't open here."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.door: Door | None = None
        """Who counts connections, where there is a server around this."""
        self.salt = b""
        """What hashed addresses are keyed with, once canvases are open."""
        self.reopened = 0
        """How often a canvas's stream wasn't what it had been."""
        self._up = False
        self.stopping = False

    @property
    def ready(self) -> bool:
        """Whether nothing is in the way of anybody here; see :meth:`trouble`."""
        return not self.trouble()

    def trouble(self) -> str:
        """Why people had better go to another server, in a sentence; empty where they needn't.

        A node whose canvases can't be drawn on isn't ready: another one may be better off.
        """
        hubs = self._hubs.values()
        if self.stopping:
            return "The server is stopping."
        if not self._up:
            return "The canvases are being opened."
        if self.node is not None and not self.node.link.up:
            return "NATS can't be reached."
        if self.node is not None and any(hub.read_only for hub in hubs):
            return "A canvas is read-only."
        if self._unopened.lately:
            return "A canvas can't be opened."
        if any(hub.behind > _BEHIND_MAX for hub in hubs):
            return "A canvas is behind its stream."
        return ""

    @property
    def opened(self) -> bool:
        """Whether it is known which canvases there are."""
        return self._up

    def awaited(self, name: str) -> bool:
        """Whether there may be a canvas of that name that isn't open now, or not any more."""
        return self.stopping or not self._up or name in self._unopened

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

    def stats(self, hub: Hub) -> dict[str, int | bool]:
        """A canvas's figures: who is there over all nodes together, else this node's own."""
        figures = hub.stats()
        if self._neighbours is not None:
            self._neighbours.add_to(figures, hub.name)
        return figures

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
        self.salt = await run_in_daemon(self.folder.salt)
        if settings.cluster:
            # With the library for NATS: a tenth of the time that a server takes to start.
            from server.cluster.node import Node  # noqa: PLC0415

            self.node = Node(settings)
            self._store = self._streams = store = self.node.store(settings, self._reading)
            try:
                await self._open_in_cluster()
            except DataFolderError:
                await self.stop()
                raise
            self.node.bus.subscribe(_CHANGED, lambda _subject, _data: self._look.set())
            self._keep(lasting(loop, "looking for canvases", self._look_around))
            if not self.stopping:
                self.node.make_snapshots(
                    settings,
                    self.supervisor.service("snapshots"),
                    lambda: [(name, store.fold(name)) for name in self._hubs],
                )
            return
        self._store = FolderStore(self.folder, settings.commit_interval_ms / 1000)
        try:
            await self._open_all()
        except DataFolderError:
            await self.stop()
            raise
        self._up = not self.stopping

    async def _open_all(self) -> None:
        """Open what isn't open yet, and the default canvas, which may have to be made.

        Raises :class:`server.datafolder.DataFolderError`; in a cluster one that can't be opened is
        in nobody else's way, and is tried again.
        """
        store = self._store
        assert store is not None, "canvases are opened after open()"
        names = await run_in_daemon(store.names)
        if self.default not in names:
            await self._make_default(store)
            names = await run_in_daemon(store.names)
        in_cluster = self.node is not None
        for name in names:
            if name in self._hubs or self.stopping:
                continue
            try:
                await self._open_one(name)
                self._unopened.opened(name)
            except DataFolderError as error:
                if not in_cluster:
                    raise
                self._unopened.failed(name, error)
        for text in await run_in_daemon(lambda: self._unserved(names)):
            self._warn_once(text)

    def _unserved(self, names: list[str]) -> list[str]:
        """What is to be said of canvases that aren't among those that are served."""
        texts = unserved(self.folder, names, in_cluster=self.node is not None)
        return texts + (self._streams.left_behind(names) if self._streams else [])

    async def _make_default(self, store: CanvasStore) -> None:
        """Make the default canvas, unless it is somewhere else: then it isn't to be begun anew."""
        settings = self._settings
        in_cluster = self.node is not None
        where = await run_in_daemon(
            lambda: elsewhere(self.folder, self.default, in_cluster=in_cluster)
        )
        if where:
            raise ElsewhereError(where)
        info = CanvasInfo(settings.width, settings.height, settings.background)
        try:
            await run_in_daemon(lambda: store.create(self.default, info, None))
        except ExistsError:  # another node was faster
            pass
        except MovedError as error:
            self._warn_once(str(error))

    def _warn_once(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            logger.warning("%s", text)

    async def _open_in_cluster(self) -> None:
        """Open all canvases, however long NATS can't be reached."""
        assert self.node is not None
        await self.node.connect()
        self.salt = self.node.salt
        assert self.supervisor is not None
        limited = self.door if self._settings.max_connections_per_address else None
        self._neighbours = Neighbours(
            self.node.bus, self.supervisor, self._attendance_here, limited
        )
        while not self.stopping:
            try:
                async with self._changing:
                    await self._open_all()
            except ElsewhereError:
                raise
            except DataFolderError as error:
                logger.warning("%s; it is tried again", error)
                await asyncio.sleep(_AGAIN_S)
                continue
            self._up = not self.stopping
            return

    def _attendance_here(self) -> dict[str, Attendance]:
        """Who is on each canvas here."""
        return {
            name: Attendance(len(hub.sessions), hub.viewing.live.pairs, hub.viewing.stale_pairs)
            for name, hub in self._hubs.items()
        }

    async def _look_around(self) -> None:
        """See, now and then, whether the cluster has canvases that aren't open here."""
        told = ""
        while not self.stopping:
            with suppress(TimeoutError):
                quiet = self._up and not self._unopened.lately
                await asyncio.wait_for(self._look.wait(), _LOOK_S if quiet else _AGAIN_S)
            self._look.clear()
            try:
                async with self._changing:
                    await self._leave_moved()
                    await self._open_all()
                    self._up = not self.stopping
                    told = ""
            except DataFolderError as error:
                if str(error) != told:
                    logger.warning("%s (it is tried again)", error)
                told = str(error)

    async def _leave_moved(self) -> None:
        """Serve no more what has moved out of the cluster."""
        assert self._streams is not None, "there is a cluster"
        for name in await run_in_daemon(self._streams.moved):
            hub = self._hubs.pop(name, None)
            if hub is not None:
                logger.warning(
                    "canvas %s has moved out of the cluster: it isn't served here any more",
                    name,
                    extra={"canvas": name},
                )
                await hub.stop()

    async def _reopen(self, hub: Hub) -> None:
        """The canvas's stream isn't what it was: begin again with what it is now."""
        async with self._changing:
            if self._hubs.get(hub.name) is hub and not self.stopping:
                del self._hubs[hub.name]
                self._up = False
                self.reopened += 1
                await hub.stop()
        self._look.set()

    def _keep(self, task: asyncio.Task[None]) -> None:
        """Have work done beside all else, until the end."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def create(self, name: str, info: CanvasInfo, image: bytes | None) -> CanvasInfo:
        """Make a canvas and open it.

        Raises :class:`server.datafolder.DataFolderError`, :class:`server.image_import.ImageError`.
        """
        async with self._changing:
            if name in self._hubs:
                raise ExistsError(f"there is a canvas {name} already")
            store = self._store
            assert store is not None, "canvases are made after open()"
            await run_in_daemon(lambda: store.create(name, info, image))
            await self._open_one(name)
            if self.node is not None:
                self.node.bus.publish(_CHANGED, b"")
            return self._hubs[name].info

    async def change(self, hub: Hub, change: CanvasChange) -> None:
        """Store changed settings and put them in force. Raises :class:`tiles.log.base.LogError`."""
        async with self._changing:
            log, info = self._logs[hub.name], change.apply(hub.info)
            await run_in_daemon(lambda: log.update(info))
            if not log.shared:  # or it brings them itself, in their place among others'
                hub.change(info)

    async def stop(self) -> None:
        """Close every canvas, within the shutdown time."""
        self.stopping = True
        self._up = False
        for task in list(self._tasks):
            task.cancel()
        hubs, self._hubs = self._hubs, {}
        results = await asyncio.gather(
            *(hub.stop() for hub in hubs.values()), return_exceptions=True
        )
        for name, result in zip(hubs, results, strict=True):
            if isinstance(result, BaseException):
                logger.error(
                    "canvas %s could not be stopped",
                    name,
                    exc_info=result,
                    extra={"canvas": name},
                )
        for offload in (self._offload, self._reading):
            if offload is not None:
                offload.close()
        if self._neighbours is not None:
            self._neighbours.close()
        if self.node is not None:
            await self.node.close()

    async def _open_one(self, name: str) -> None:
        started = time.monotonic()
        store = self._store
        assert store is not None, "canvases are opened after open()"
        log, recovered, pyramid = await run_in_daemon(lambda: store.open(name))
        if self.stopping:
            log.close(0)
            return
        for note in recovered.notes:
            logger.warning("canvas %s: %s", name, note, extra={"canvas": name})
        logger.info(
            "canvas %s: %d × %d, seq %d, %d messages replayed, opened in %.2f s",
            name,
            recovered.info.width,
            recovered.info.height,
            recovered.seq,
            recovered.seq - recovered.checkpoint_seq,
            time.monotonic() - started,
            extra={"canvas": name},
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
            self.node.bus if self.node is not None else None,
        )
        hub.on_lost = lambda: self._keep(asyncio.create_task(self._reopen(hub)))
        hub.start()
        self._hubs[name] = hub
        self._logs[name] = log


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
