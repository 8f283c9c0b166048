"""One connection to a NATS server, from its making to its end."""

import asyncio
import logging
import socket
import ssl
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nats.errors
from nats.aio.client import Client
from nats.aio.transport import TcpTransport

from tiles.shared.stream import StreamError

logger = logging.getLogger(__name__)

DEFAULT_PORT = 4222
LEAVE_TIMEOUT_S = 2.0
"""What a connection that is left is given to clean up behind itself."""
MESSAGE_MAX_BYTES = 1_000_000
"""The least that servers have to take as a message: no entry is larger (:mod:`tiles.shared.entry`).

NATS takes 1 MiB by default.
"""
LIBRARY_PING_S = 3600
"""The library's own pings are as good as off: they can't end a connection whose peer is stuck."""


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """How NATS is reached: times in seconds.

    ``servers``: addresses, ``nats://`` or ``tls://``, with a user and password or a token where
    the servers want them. ``credentials`` is a file of a JWT and its key (it takes the package
    ``nkeys``). ``ca`` is whom to trust, ``certificate`` and ``key`` are our own, all three PEM.
    """

    servers: tuple[str, ...]
    name: str = "tilecast"
    credentials: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    connect_timeout_s: int = 2
    silence_s: float = 3.0
    """A server that answers no ping for so long is left."""
    outbox_max_bytes: int = 16 << 20
    """What waits to be sent; what comes on top is dropped."""


class Connection(Client):
    """A connection that is never mended: what comes after it is another one."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = asyncio.Event()
        self.failures: list[Exception] = []
        self._answers = 0
        """So many pings were answered."""

    async def failed(self, error: Exception) -> None:
        """What the library couldn't do; also what a subscription's callback raised."""
        self.failures = [*self.failures[-1:], error]
        if "permissions" in str(error):
            logger.error("NATS doesn't let this user do all that it takes: %s", error)
        if isinstance(error, nats.errors.SlowConsumerError):
            self.ended.set()  # messages were dropped; those who listen learn it as a break
        elif not isinstance(error, nats.errors.Error | OSError):
            logger.error("a message from NATS was not handled", exc_info=error)

    async def closed(self) -> None:
        """The library gave the connection up."""
        self.ended.set()

    def why(self) -> str:
        """Why it ended, as far as it is known."""
        errors = [*([self.last_error] if self.last_error else []), *self.failures]
        return str(errors[-1]) or repr(errors[-1]) if errors else "the connection ended"

    async def ping(self) -> None:
        """Wait until the server answers. Raises :class:`StreamError` once it isn't heard any more.

        The library stops reading at what it can't read, and then its flush waits for nothing.
        """
        before = self._answers
        await self.flush(LIBRARY_PING_S)
        if self._answers == before:
            raise StreamError("it said something that can't be read")

    async def _process_pong(self) -> None:
        """A pong that nobody waits for any more; the library's own way to take it is to fail."""
        self._answers += 1
        if self._pongs and self._pongs[0].done():
            self._pongs.pop(0)
        else:
            await super()._process_pong()

    def abort(self) -> None:
        """Close the socket now, with all that waits in it: a stuck peer would never take it."""
        if isinstance(self._transport, TcpTransport) and self._transport._io_writer is not None:
            transport = self._transport._io_writer.transport
            line = transport.get_extra_info("socket")
            with suppress(OSError, ValueError, AttributeError):  # it is closed already
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()

    async def leave(self) -> None:
        """End it at once, and clean up as far as that takes no time."""
        self.abort()
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                await self.close()
        except (TimeoutError, OSError, nats.errors.Error) as error:
            logger.debug("a connection to NATS was left: %r", error)
        # Where its close fails midway the library leaves these tasks waiting for ever.
        for subscription in list(self._subs.values()):
            subscription._stop_processing()


def check_servers(servers: Sequence[str]) -> None:
    """Raise ValueError unless these can be a link's servers."""
    if not servers:
        raise ValueError("no NATS server is named")
    for server in servers:
        address = urlsplit(server)
        if address.scheme not in {"nats", "tls"} or not address.hostname:
            raise ValueError(f"{shown(server)} is no NATS server: it takes nats://host:port")
        _ = address.port  # raises ValueError where it is no number


async def connect(options: LinkOptions, server: str) -> Connection:
    """A connection to one of the servers. Raises :class:`StreamError`."""
    connection = Connection()
    timeout_s = options.connect_timeout_s
    address = urlsplit(server)
    host = f"[{address.hostname}]" if ":" in (address.hostname or "") else address.hostname
    name, password = (
        None if part is None else unquote(part) for part in (address.username, address.password)
    )
    try:
        # The library tries an address twice before it gives up.
        async with asyncio.timeout(3 * timeout_s):
            await connection.connect(
                [f"{address.scheme}://{host}:{address.port or DEFAULT_PORT}"],
                user=name if password is not None else None,
                password=password,
                token=name if password is None else None,
                name=options.name,
                tls=_tls(options),
                user_credentials=options.credentials,
                connect_timeout=timeout_s,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                ping_interval=LIBRARY_PING_S,
                error_cb=connection.failed,
                closed_cb=connection.closed,
            )
        room = connection.max_payload
        if room < MESSAGE_MAX_BYTES:
            raise StreamError(
                f"its max_payload is {room} B, and has to be {MESSAGE_MAX_BYTES} at least"
            )
    except BaseException as error:
        await connection.leave()
        if isinstance(error, TimeoutError):
            raise StreamError(f"no answer within {timeout_s} s") from None
        if isinstance(error, nats.errors.NoServersError):
            raise StreamError(connection.why()) from None
        if isinstance(error, OSError | nats.errors.Error):
            raise StreamError(str(error) or repr(error)) from error
        raise
    return connection


def _tls(options: LinkOptions) -> ssl.SSLContext | None:
    """What TLS goes by, where it is set; a server that wants TLS gets the system's trust else."""
    if options.ca is None and options.certificate is None:
        return None
    context = ssl.create_default_context(cafile=options.ca)
    if options.certificate is not None:
        context.load_cert_chain(options.certificate, options.key)
    return context


def shown(server: str) -> str:
    """An address without its secrets."""
    scheme, _, rest = server.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if scheme else rest.rpartition("@")[2]
