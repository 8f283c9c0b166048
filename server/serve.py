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
from collections.abc import Awaitable, Callable, Iterator

import uvicorn
import uvloop

from protocol.messages import CLIENT_FRAME_MAX_BYTES
from server.app import create_app
from server.control import Control, remove_control, write_control
from server.datafolder import DataFolderError
from server.garbage import Sweeping, leave_all, settle
from server.heap import share_heap
from server.http.prompt_protocol import PromptHttpProtocol
from server.logs import log_to_stderr
from server.settings import Settings
from server.websocket import WebSocketLine

logger = logging.getLogger(__name__)

_BACKLOG = 2048
_LINGER_S = 1
"""Time that answers under way get once the canvases are closed."""
_TOKEN_BYTES = 32
_USER_TIMEOUT_MS = 30_000
_NOTSENT_BYTES = 65_536
"""What the system takes of bytes that can't go out yet. The rest waits where its session sees that
it does; by default megabytes of what is out of date lie in the system for each slow reader."""
_SWITCH_INTERVAL_S = 0.0005


class ServeError(Exception):
    """The server can't run; the text says why."""


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises :class:`ServeError`."""
    log_to_stderr(settings.log_level)
    _raise_file_limit()
    share_heap()
    # The log's thread gives up the interpreter at each statement; beside a busy loop it would wait
    # 5 ms each time to get it back, and so would every durable ACK.
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_serve(settings))
        except DataFolderError as error:
            raise ServeError(str(error)) from None
    leave_all()


async def _serve(settings: Settings) -> None:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        listener = _listen(settings.host, settings.port)
        url = _url(listener)

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
            backlog=_BACKLOG,
            timeout_graceful_shutdown=_LINGER_S,
        )
        server = _Server(config, app.state.context.canvases.stop)
        app.state.control_token = secrets.token_urlsafe(_TOKEN_BYTES)
        control = Control(pid=os.getpid(), url=url, token=app.state.control_token)

        async def announce() -> None:
            try:
                await app.state.opening
                await server.listening.wait()
                settle()
                services = app.context.canvases.supervisor
                assert services is not None, "the canvases are open"
                Sweeping(services.service("garbage"), lambda: app.state.websocket.connections)
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


def _announce(settings: Settings, control: Control) -> None:
    """Tell commands and people where the server is. Raises :class:`ServeError`."""
    try:
        write_control(settings.data, control)
    except OSError as error:
        raise ServeError(f"{settings.data} can't be written: {error.strerror}") from None
    print(f"Tilecast is ready: {control.url}{settings.root_path}/", flush=True)


class _Server(uvicorn.Server):
    """uvicorn's server, stopped by signals that end well, canvases first."""

    def __init__(self, config: uvicorn.Config, stop: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._stop = stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the canvases, which tells every client, then what is left."""
        logger.info("stopping")
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


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises :class:`ServeError`."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
    except OSError as error:
        shown = f"[{host}]" if ":" in host else host
        raise ServeError(f"can't listen on {shown}:{port}: {error.strerror}") from None
    # Connections inherit it: a peer that takes nothing for so long is gone.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _NOTSENT_BYTES)
    return listener


def _url(listener: socket.socket) -> str:
    """The address that a browser on this machine takes."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _raise_file_limit() -> None:
    """As many open files as the system allows: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
