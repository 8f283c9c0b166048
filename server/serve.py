"""``tilecast serve``: the application under uvicorn, from binding the port to a clean end."""

import asyncio
import contextlib
import logging
import os
import resource
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import uvicorn
import uvloop

from protocol.messages import CLIENT_FRAME_MAX_BYTES
from server.app import Application, create_app
from server.control import Control, remove_control, write_control
from server.datafolder import DataFolderError
from server.garbage import Sweeping, leave_all, settle
from server.heap import Trimming, share_heap
from server.http.prompt_protocol import PromptHttpProtocol
from server.listener import BACKLOG, ListenError, listen, url_of
from server.logs import log_to_stderr
from server.service_manager import tell
from server.settings import Settings
from server.threads import LoopOffload
from server.websocket import WebSocketLine
from server.workers.folder import WorkerFolder
from server.workers.siblings import FiguresSocket, Siblings

logger = logging.getLogger(__name__)

LINGER_S = 1
"""Time that answers under way get once the canvases are closed."""
TOKEN_BYTES = 32
_SWITCH_INTERVAL_S = 0.0005
_READY_POLL_S = 0.02


class ServeError(Exception):
    """The server can't run; the text says why."""


@dataclass(frozen=True)
class Worker:
    """A server that is number ``number`` of ``count`` behind one port, with folders side by side.

    ``token`` is what lets its holder administer any of them.
    """

    number: int
    count: int
    token: str


def serve(settings: Settings, worker: Worker | None = None) -> None:
    """Serve until SIGTERM or SIGINT. Raises :class:`ServeError`."""
    log_to_stderr(settings.log_level, settings.log_format, worker.number if worker else None)
    _raise_file_limit()
    share_heap()
    # The log's thread gives up the interpreter at each statement; beside a busy loop it would wait
    # 5 ms each time to get it back, and so would every durable ACK.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            if worker is None:
                _refuse_workers_folder(settings)
            runner.run(_serve(settings, worker))
        except (DataFolderError, ListenError) as error:
            raise ServeError(str(error)) from None
    leave_all()


def _refuse_workers_folder(settings: Settings) -> None:
    """Nobody begins a second history beside one. Raises DataFolderError."""
    folder = WorkerFolder(settings.data)
    if folder.holds_canvases:
        raise folder.held_in_nats(
            f"take that, or `tilecast migrate --from-workers --data {settings.data}`, which moves "
            "them into files"
        )


async def _serve(settings: Settings, worker: Worker | None) -> None:
    app = create_app(settings)
    async with app.router.lifespan_context(app), _among_siblings(app, settings, worker):
        listener = listen(settings.host, settings.port, shared=worker is not None)
        url = url_of(listener)

        class HttpConnection(PromptHttpProtocol):
            """With the timeouts as they are set."""

            head_timeout_s = settings.head_timeout_s
            body_timeout_s = settings.body_timeout_s

        class WebSocketConnection(WebSocketLine):
            """With the limit as it is set."""

            pings_per_second = settings.pings_per_second

        config = uvicorn.Config(
            app,
            http=HttpConnection,
            ws=WebSocketConnection,
            ws_max_size=CLIENT_FRAME_MAX_BYTES,
            ws_per_message_deflate=False,
            ws_ping_interval=settings.ping_interval_s,
            ws_ping_timeout=settings.ping_timeout_s,
            lifespan="off",
            log_config=None,
            access_log=False,
            # Addresses are read through trusted proxies by server.address.
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=LINGER_S,
        )
        # Those who are sent away are to find one of the others.
        server = _Server(config, app.context.canvases.stop, leaves_port=worker is not None)
        token = worker.token if worker else secrets.token_urlsafe(TOKEN_BYTES)
        app.state.control_token = token
        control = Control(pid=os.getpid(), url=url, token=token)

        async def announce() -> None:
            try:
                await app.state.opening
                await server.listening.wait()
                settle()
                services = app.context.canvases.supervisor
                assert services is not None, "the canvases are open"
                Sweeping(services.service("garbage"), lambda: app.state.websocket.connections)
                Trimming(services.service("heap"), LoopOffload(asyncio.get_running_loop(), 1))
                _announce(settings, control)
            except BaseException:
                server.should_exit = True
                raise

        announcing = asyncio.create_task(announce())
        try:
            await server.serve([listener])
        finally:
            remove_control(settings.data)
            announcing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await announcing


@contextlib.asynccontextmanager
async def _among_siblings(
    app: Application, settings: Settings, worker: Worker | None
) -> AsyncIterator[None]:
    """Be one of the workers, if it is one: it listens once it can serve, the others do till then.

    Raises :class:`server.datafolder.DataFolderError`.
    """
    if worker is None:
        yield
        return
    folder = WorkerFolder(settings.data.parent.parent)
    app.context.siblings = Siblings(folder, worker.number, worker.count)
    told = FiguresSocket(settings.data, lambda: app.context.figures.read().collect())
    await told.open()
    try:
        await app.state.opening
        while not app.context.canvases.ready:  # noqa: ASYNC110  by many causes
            await asyncio.sleep(_READY_POLL_S)
        yield
    finally:
        told.close()


def _announce(settings: Settings, control: Control) -> None:
    """Tell commands and people where the server is. Raises :class:`ServeError`."""
    try:
        write_control(settings.data, control)
    except OSError as error:
        raise ServeError(f"{settings.data} can't be written: {error.strerror}") from None
    print(f"Tilecast is ready: {control.url}{settings.root_path}/", flush=True)
    tell("READY=1")


class _Server(uvicorn.Server):
    """uvicorn's server, stopped by signals that end well, canvases first."""

    def __init__(
        self, config: uvicorn.Config, stop: Callable[[], Awaitable[None]], *, leaves_port: bool
    ) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._stop = stop
        self._leaves_port = leaves_port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the canvases, which tells every client, then what is left."""
        logger.info("stopping")
        tell("STOPPING=1")
        if self._leaves_port:
            for server in self.servers:
                server.close()
        await self._stop()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; the second SIGINT waits for nobody."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)


def _raise_file_limit() -> None:
    """As many open files as the system allows: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
