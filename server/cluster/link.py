"""The connection to NATS: one at a time, made again for as long as it takes."""

import asyncio
import logging
import random
import secrets
import threading
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Self, TypeVar

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as Subscribed

from server.cluster.connection import (
    LEAVE_TIMEOUT_S,
    Connection,
    LinkOptions,
    check_servers,
    connect,
    shown,
)
from server.lasting import lasting
from tiles.shared.stream import StreamError

__all__ = ["Link", "LinkOptions", "LinkSubscription"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

RECONNECT_INITIAL_S = 0.05
"""The mean wait after all servers were tried in vain; doubled each time, and scattered."""
RECONNECT_MAX_S = 1.0
PING_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Message:
    """What is to be published."""

    subject: str
    data: bytes
    reply: str
    headers: dict[str, str] | None


class LinkSubscription:
    """A subject of NATS that is listened to, whichever connection is the one of now."""

    def __init__(self, link: "Link", subject: str, heard: Callable[[Msg], None]) -> None:
        self.subject = subject
        self._link = link
        self._heard: Callable[[Msg], None] | None = heard
        self._bound: tuple[Client, Subscribed] | None = None

    def cancel(self) -> None:
        """Hear nothing more."""
        if self._heard is not None:
            self._heard = None
            self._link.forget(self)

    async def bind(self, client: Client) -> None:
        """Subscribe on a connection, unless it was cancelled."""
        if self._heard is not None:
            self._bound = client, await client.subscribe(self.subject, cb=self._hear)

    async def unbind(self, client: Client) -> None:
        """Unsubscribe on a connection, where it is subscribed there."""
        bound, self._bound = self._bound, None
        if bound is not None and bound[0] is client:
            await bound[1].unsubscribe()

    async def _hear(self, message: Msg) -> None:
        if self._heard is not None:
            self._heard(message)


class _Watch:
    """Somebody who wants to know whether the link is up."""

    def __init__(
        self, watches: "dict[_Watch, None]", changed: Callable[[StreamError | None], None]
    ) -> None:
        self.changed = changed
        self._watches = watches
        watches[self] = None

    def cancel(self) -> None:
        """Tell nothing more."""
        self._watches.pop(self, None)


class Link:
    """NATS, for whoever is on the event loop.

    A connection that breaks, or whose server answers no ping, is given up with all that waits to be
    sent, and another one is made, to the next of the servers: so nothing arrives late.
    Subscriptions last. All of it is for the loop's thread but :meth:`wait`.
    """

    def __init__(self, options: LinkOptions) -> None:
        check_servers(options.servers)
        self.options = options
        self.loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self.connects = 0
        """How many connections there have been."""
        self._client: Connection | None = None
        self._error = StreamError("NATS is not connected yet")
        self._subscriptions: dict[LinkSubscription, None] = {}
        self._watches: dict[_Watch, None] = {}
        self._outbox: deque[_Message | LinkSubscription] = deque()
        self._outbox_bytes = 0
        self._wake = asyncio.Event()
        self._sent = asyncio.Event()
        self._sent.set()
        self._leaving: set[asyncio.Task[None]] = set()
        self._closing = False
        self._said: dict[str, str] = {}
        """Why servers can't be reached, as the log has it since there was a connection."""
        self._runner = lasting(self.loop, "the link to NATS", self._run, self._fail)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    # -- its state -----------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Whether there is a connection."""
        return self._client is not None

    @property
    def server(self) -> str:
        """Host and port of the server it is connected to; empty without one."""
        url = None if self._client is None else self._client.connected_url
        return "" if url is None else f"{url.hostname}:{url.port}"

    @property
    def waiting_bytes(self) -> int:
        """What waits to be sent."""
        return self._outbox_bytes

    def watch(self, changed: Callable[[StreamError | None], None]) -> _Watch:
        """Have ``changed`` called whenever the link comes up (None) or goes down (why)."""
        return _Watch(self._watches, changed)

    async def wait_up(self, within_s: float) -> None:
        """Wait for a connection. Raises :class:`StreamError` with why there is none by then."""
        risen = asyncio.Event()
        watch = self.watch(lambda error: risen.set() if error is None else None)
        try:
            if not self.up:
                async with asyncio.timeout(within_s):
                    await risen.wait()
        except TimeoutError:
            raise StreamError(str(self._error)) from None
        finally:
            watch.cancel()

    async def close(self) -> None:
        """Send what waits, as far as the server takes it at once, and end."""
        client = self._client
        if client is not None:
            try:
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await self._sent.wait()
                    await client.flush()
            except (TimeoutError, OSError, nats.errors.Error):
                logger.debug("what waited for NATS was not sent")
        self._closing = True
        self._runner.cancel()
        await asyncio.gather(self._runner, return_exceptions=True)
        await asyncio.gather(*self._leaving, return_exceptions=True)

    # -- messages ------------------------------------------------------------------------------

    def publish(
        self, subject: str, data: bytes, reply: str = "", headers: dict[str, str] | None = None
    ) -> bool:
        """Send a message, after all that was sent before; False where it is dropped."""
        client = self._client
        if (
            client is None
            or len(data) > client.max_payload
            or self._outbox_bytes + len(data) > self.options.outbox_max_bytes
        ):
            return False
        self._outbox.append(_Message(subject, data, reply, headers))
        self._outbox_bytes += len(data)
        self._rouse()
        return True

    def subscribe(self, subject: str, heard: Callable[[Msg], None]) -> LinkSubscription:
        """Have ``heard`` called with each message, also after breaks."""
        subscription = LinkSubscription(self, subject, heard)
        self._subscriptions[subscription] = None
        if self._client is not None:
            self._outbox.append(subscription)
            self._rouse()
        return subscription

    def forget(self, subscription: LinkSubscription) -> None:
        """What :meth:`LinkSubscription.cancel` does here."""
        del self._subscriptions[subscription]
        if self._client is not None:
            self._outbox.append(subscription)
            self._rouse()

    def inbox(self) -> str:
        """A subject that nobody else has; more tokens may follow it."""
        return f"_INBOX.{secrets.token_hex(16)}"

    async def request(
        self, subject: str, data: bytes, timeout_s: float, headers: dict[str, str] | None = None
    ) -> Msg:
        """The answer to a message. Raises :class:`StreamError`."""
        client = self._connected()
        answer = self.loop.create_task(
            client.request(subject, data, timeout=timeout_s, headers=headers)
        )
        ended = self.loop.create_task(client.ended.wait())
        try:
            await asyncio.wait((answer, ended), return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                raise StreamError(f"NATS was lost before it answered {subject}")
            return answer.result()
        except nats.errors.NoRespondersError:
            raise StreamError(f"NATS has nobody to answer {subject}") from None
        except nats.errors.TimeoutError:
            raise StreamError(f"NATS gave no answer to {subject} within {timeout_s} s") from None
        except (nats.errors.Error, OSError) as error:
            raise StreamError(f"NATS: {error}") from error
        finally:
            answer.cancel()
            ended.cancel()

    def wait(self, work: Coroutine[Any, Any, T], timeout_s: float) -> T:
        """The result of ``work``, run on the loop; for a thread that isn't the loop's.

        Raises :class:`StreamError` where it takes longer, and what ``work`` raises.
        """
        if threading.get_ident() == self._thread:
            work.close()
            raise RuntimeError("the event loop's thread can't wait for itself")
        try:
            future = asyncio.run_coroutine_threadsafe(work, self.loop)
        except RuntimeError as error:
            work.close()
            raise StreamError("the server stops") from error
        try:
            return future.result(timeout_s)
        except TimeoutError:
            future.cancel()
            raise StreamError(f"NATS took longer than {timeout_s} s") from None
        except asyncio.CancelledError:
            raise StreamError("the server stops") from None

    def _rouse(self) -> None:
        self._sent.clear()
        self._wake.set()

    def _connected(self) -> Connection:
        if self._client is None:
            raise StreamError(str(self._error))
        return self._client

    # -- connections ---------------------------------------------------------------------------

    async def _run(self) -> None:
        """Connect, live, and again."""
        servers = list(self.options.servers)
        random.shuffle(servers)
        wait_s = RECONNECT_INITIAL_S
        for number, server in enumerate(cycle(servers), 1):
            try:
                client = await connect(self.options, server)
            except StreamError as error:
                if self._closing:
                    return  # the library may have swallowed that this was cancelled
                self._unreached(server, error)
                if number % len(servers) == 0:
                    await asyncio.sleep(wait_s * random.uniform(0.5, 1.5))
                    wait_s = min(2 * wait_s, RECONNECT_MAX_S)
                continue
            wait_s = RECONNECT_INITIAL_S
            if self._closing:
                await client.leave()
                return
            await self._live(client, server)

    async def _live(self, client: Connection, server: str) -> None:
        """Be linked by this connection until it ends."""
        tasks: list[asyncio.Task[object]] = []
        try:
            self._client = client
            self._outbox.extend(self._subscriptions)
            self._rouse()
            self.connects += 1
            tasks = [
                self.loop.create_task(work)
                for work in (self._send(client), self._ping(client), client.ended.wait())
            ]
            self._said.clear()
            logger.info("NATS is connected at %s", shown(server))
            self._tell(None)
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            failure = next((task.exception() for task in done if task.exception()), None)
            why = client.why() if failure is None else str(failure) or repr(failure)
            self._error = StreamError(f"NATS is lost at {shown(server)}: {why}")
        except asyncio.CancelledError:
            self._error = StreamError("the link to NATS is closed")
            raise
        finally:
            self._client = None
            client.ended.set()
            self._outbox.clear()
            self._outbox_bytes = 0
            self._sent.set()
            self._leave(client, tasks)
            self._tell(self._error)
        logger.warning("%s", self._error)

    async def _send(self, client: Connection) -> None:
        """Hand what waits to the library, in order, as it takes it."""
        while True:
            await self._wake.wait()
            # The library swallows being cancelled: what comes now may be the next connection's.
            if self._client is not client:
                return
            self._wake.clear()
            while self._outbox and self._client is client:
                item = self._outbox.popleft()
                if isinstance(item, _Message):
                    self._outbox_bytes -= len(item.data)
                    await client.publish(item.subject, item.data, item.reply, item.headers)
                elif item in self._subscriptions:
                    await item.bind(client)
                else:
                    await item.unbind(client)
            if self._client is client:
                self._sent.set()

    async def _ping(self, client: Connection) -> None:
        """Fail once the server gives no answer."""
        while True:
            await asyncio.sleep(PING_INTERVAL_S)
            pong = self.loop.create_task(client.ping())
            await asyncio.wait({pong}, timeout=self.options.silence_s)
            if not pong.done():
                pong.cancel()
                raise StreamError(f"silent for {self.options.silence_s:g} s")
            pong.result()

    def _leave(self, client: Connection, tasks: Collection[asyncio.Task[object]]) -> None:
        """End a connection and what was done for it; nobody waits for that."""

        async def leave() -> None:
            for task in tasks:
                task.cancel()
            await client.leave()
            if tasks:
                await asyncio.wait(tasks, timeout=LEAVE_TIMEOUT_S)

        client.abort()
        task = self.loop.create_task(leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    def _fail(self, error: Exception) -> None:
        self._error = StreamError(f"the link to NATS failed: {error!r}")

    def _unreached(self, server: str, error: StreamError) -> None:
        self._error = StreamError(f"NATS can't be reached at {shown(server)}: {error}")
        if self._said.get(server) != str(error):
            self._said[server] = str(error)
            logger.warning("%s", self._error)

    def _tell(self, error: StreamError | None) -> None:
        for watch in list(self._watches):
            try:
                watch.changed(error)
            except Exception:
                logger.exception("the link's state was not taken in")
