"""``tilecast serve --workers N``: several processes behind one port, over a NATS of their own.

This process serves nobody. It holds the data folder and the port, runs the NATS server and the
workers, and ends with all of them; if it is killed, the kernel ends them.
"""

import asyncio
import logging
import os
import secrets
import signal
import socket
from collections.abc import Coroutine, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import uvloop
from prometheus_client.metrics_core import Metric

from server.cluster.nats_config import NatsServerError
from server.cluster.nats_server import NatsServer
from server.control import Control, remove_control, write_control
from server.datafolder import DataFolder, DataFolderError
from server.exposition import counter, single
from server.listener import ListenError, reserve, url_of
from server.logs import log_to_stderr
from server.serve import LINGER_S, TOKEN_BYTES, ServeError, Worker
from server.service_manager import tell
from server.settings import Settings
from server.settings_loading import SettingsError
from server.threads import run_in_daemon
from server.workers.child import Task
from server.workers.folder import WorkerFolder
from server.workers.moving import check_histories, local_nats, move_files
from server.workers.process import WorkerError, WorkerProcess
from server.workers.siblings import FiguresSocket
from server.workers.watchdog import watch, watch_nats
from tiles.log.base import LogError
from tiles.shared.stream import StreamError

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MEMORY_MIN_BYTES = 1 << 20
_KILL_AFTER_S = 2.0
"""What a worker gets beyond the time that its clean stop may take."""


def serve_workers(settings: Settings) -> None:
    """Serve by ``settings.workers`` processes until SIGTERM or SIGINT.

    Raises :class:`server.serve.ServeError`, and SettingsError where the settings can't be shared.
    """
    shares = list(shared(settings))
    log_to_stderr(settings.log_level, settings.log_format)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_Workers(settings, shares).serve())
        except _FAILURES as error:
            raise ServeError(str(error)) from None


def shared(settings: Settings) -> Iterator[Settings]:
    """Each worker's settings: what is a limit of the whole server is divided among them.

    Raises SettingsError.
    """
    count = settings.workers
    connections = settings.max_connections
    if 0 < connections < count:
        raise SettingsError(f"max_connections: {connections} is less than workers, {count}")
    folder = WorkerFolder(settings.data)
    for number in range(1, count + 1):
        yield settings.model_copy(
            update={
                "workers": 0,
                "data": folder.of(number),
                "max_connections": connections // count + (number <= connections % count),
                "memory_budget_bytes": max(
                    _MEMORY_MIN_BYTES, settings.memory_budget_bytes // count
                ),
                "http_cache_bytes": settings.http_cache_bytes // count,
            }
        )


_FAILURES = (
    DataFolderError,
    ListenError,
    LogError,
    NatsServerError,
    OSError,
    StreamError,
    WorkerError,
)


class _Stopped(Exception):
    """Somebody wants the server to stop."""


class _Workers:
    """All that one server consists of, from its start to its end."""

    def __init__(self, settings: Settings, shares: list[Settings]) -> None:
        self._settings = settings
        self._shares = shares
        self._folder = WorkerFolder(settings.data)
        self._token = secrets.token_urlsafe(TOKEN_BYTES)
        self._nats: NatsServer | None = None
        self._workers: list[WorkerProcess] = []
        self._runs: list[asyncio.Task[None]] = []
        self._watches: list[asyncio.Task[None]] = []
        self._figures = FiguresSocket(self._folder.workers, lambda: list(self._families()))
        self._stop = asyncio.Event()

    async def serve(self) -> None:
        """Serve until a signal asks for the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked, number)
        data = self._settings.data
        with DataFolder(data) as folder:
            check_histories(folder, self._settings)
            try:
                await self._unless_stopped(self._folder.wait_until_left())
                with reserve(self._settings.host, self._settings.port) as port:
                    await self._serve(folder, port)
            except _Stopped:
                pass
            finally:
                tell("STOPPING=1")
                remove_control(data)
                await self._end()

    async def _serve(self, folder: DataFolder, port: socket.socket) -> None:
        salt = folder.salt()
        servers = self._settings.cluster
        if not servers:
            self._nats = local_nats(self._folder)
            await self._unless_stopped(self._nats.start())
            self._watches.append(asyncio.create_task(watch_nats(self._nats)))
            servers = (self._nats.url,)
            await self._unless_stopped(move_files(folder, self._nats.url))
        control = Control(pid=os.getpid(), url=url_of(port), token=self._token)
        for number, share in enumerate(self._shares, 1):
            self._folder.prepare(number, salt)
            own = share.model_copy(update={"port": port.getsockname()[1], "cluster": servers})
            task = Task(
                worker=Worker(number=number, count=len(self._shares), token=self._token),
                settings=own,
                parent=os.getpid(),
            )
            self._workers.append(WorkerProcess(number, task.model_dump_json().encode()))
        await self._figures.open()
        self._runs = [asyncio.create_task(worker.run()) for worker in self._workers]
        await self._unless_stopped(self._all_ready())
        write_control(self._settings.data, control)
        print(f"Tilecast is ready: {control.url}{self._settings.root_path}/", flush=True)
        tell("READY=1")
        await self._forget_others()
        self._watches += [
            asyncio.create_task(watch(worker, self._folder.of(worker.number)))
            for worker in self._workers
        ]
        await self._unless_stopped(self._any_run_ends())

    async def _forget_others(self) -> None:
        """Now that all workers have all canvases, let go what others kept before."""
        try:
            gone = await run_in_daemon(lambda: self._folder.forget_beyond(len(self._workers)))
        except OSError as error:
            logger.warning("folders of workers that are no more can't be removed: %s", error)
        else:
            if gone:
                logger.info("folders of workers that are no more were removed: %s", gone)

    async def _all_ready(self) -> None:
        """Wait until each worker has been ready. Raises WorkerError."""
        ended = asyncio.ensure_future(self._any_run_ends())
        try:
            for worker in self._workers:
                ready = asyncio.ensure_future(worker.ready.wait())
                await asyncio.wait([ready, ended], return_when=asyncio.FIRST_COMPLETED)
                ready.cancel()
                if ended.done():
                    ended.result()
        finally:
            ended.cancel()

    async def _any_run_ends(self) -> None:
        """Wait until a worker can't be kept running, which raises why."""
        done, _ = await asyncio.wait(self._runs, return_when=asyncio.FIRST_COMPLETED)
        for run in done:
            run.result()

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``. Raises _Stopped where the end is asked for before it is there."""
        working = asyncio.ensure_future(work)
        stop = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait([working, stop], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise _Stopped
        finally:
            stop.cancel()
            working.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await working

    def _asked(self, number: signal.Signals) -> None:
        """A signal: the first begins the end, a second SIGINT waits for nobody."""
        if not self._stop.is_set():
            logger.info("stopping")
            self._stop.set()
        elif number == signal.SIGINT:
            for worker in self._workers:
                worker.stop(number)

    async def _end(self) -> None:
        """End the workers, and then what they need."""
        for watching in self._watches:
            watching.cancel()
        for worker in self._workers:
            worker.stop()
        if self._runs:
            patience_s = self._settings.shutdown_timeout_s + LINGER_S + _KILL_AFTER_S
            _, late = await asyncio.wait(self._runs, timeout=patience_s)
            if late:
                logger.error("workers didn't stop within %g s and are killed", patience_s)
                for worker in self._workers:
                    worker.stop(signal.SIGKILL)
            await asyncio.gather(*self._runs, return_exceptions=True)
        self._figures.close()
        if self._nats is not None:
            await self._nats.stop()

    def _families(self) -> Iterator[Metric]:
        yield counter(
            "worker_restarts",
            "How often a worker had to be started again.",
            ("worker",),
            [((str(worker.number),), worker.restarts) for worker in self._workers],
        )
        if self._nats is not None:
            yield counter(
                "nats_server_restarts",
                "How often the local NATS server had to be started again.",
                (),
                single(self._nats.restarts),
            )
