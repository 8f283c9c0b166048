"""The asyncio client: a session that stays connected."""

import asyncio
import logging
import random
import ssl
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

from client.backoff import Backoff
from client.connection import Connection, Endpoint
from client.core import Core
from client.errors import (
    ClientClosed,
    ClientError,
    ConnectTimeout,
    EpochChanged,
    NotSettled,
    OutboxFull,
    SessionLostError,
    Work,
)
from client.events import (
    BudgetChanged,
    Disconnected,
    Event,
    Rejected,
    ResetCame,
    SessionLost,
    Welcomed,
)
from client.info import WelcomeInfo
from client.outbox import MAX_UNACKED
from client.stream import EventStream
from client.view import View
from protocol.errors import CloseCode
from protocol.messages import NEW_SESSION, Drawing, Welcome

logger = logging.getLogger("tilecast.client")

STABLE_S = 10.0
"""A connection that held so long makes the next backoff start afresh."""
YIELD_EVERY = 64
"""Drawing messages after which :meth:`Client.draw` lets other tasks run."""


class Client:
    """A live view of a canvas, and a hand to draw on it.

    ::

        async with Client("ws://127.0.0.1:8080/c/main/ws") as client:
            await client.viewport(0, 0, 255, 255)
            await client.draw(Pixel(3, 4, 255, 0, 0))
            refused = await client.settled()

    It reconnects by itself and sends again what the server doesn't have; nothing is drawn twice.
    Every method that waits raises :class:`client.errors.ClientClosed` (or another
    :class:`client.errors.ClientError`) once the client has ended for good. Leaving the
    ``async with`` without an error waits up to ``settle_timeout_s`` until all drawing is durable,
    and raises :class:`client.errors.NotSettled` with the rest if it isn't.

    ``session`` goes on with the session of an earlier process; ``jitter`` gives 0 to 1.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        session: bytes = NEW_SESSION,
        tls: ssl.SSLContext | None = None,
        proxy: str | Literal[True] | None = True,
        connect_timeout_s: float = 30.0,
        settle_timeout_s: float = 30.0,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._endpoint = Endpoint(url, tls, proxy)
        self._connect_timeout_s = connect_timeout_s
        self._settle_timeout_s = settle_timeout_s
        self._core = Core(token, session)
        self._backoff = Backoff(jitter)
        self._wake = asyncio.Event()
        self._connection = Connection(self._core, self._wake, self._dispatch)
        self._task: asyncio.Task[None] | None = None
        self._ended: Exception | None = None
        self._trouble = "no answer"
        self._connected = False
        self._epochs = 0
        self._unyielded = 0
        self._refused: deque[Rejected] = deque(maxlen=MAX_UNACKED)
        self._lost: Work = ()
        self._waiters: set[asyncio.Future[None]] = set()
        self._streams: set[EventStream] = set()

    # -- what is known -------------------------------------------------------------------------

    @property
    def view(self) -> View:
        """The tiles held."""
        return self._core.view

    @property
    def session(self) -> bytes:
        """The session's 16 secret bytes."""
        return self._core.session

    @property
    def connected(self) -> bool:
        """Whether the server has welcomed the present connection."""
        return self._connected

    @property
    def canvas(self) -> Welcome:
        """The last WELCOME: the canvas's size, levels and background, one's role and number.

        Raises :class:`ClientError` before the first.
        """
        if self._core.welcome is None:
            raise ClientError("the client was never connected")
        return self._core.welcome

    @property
    def info(self) -> WelcomeInfo:
        """The canvas's title and palette and the server's limits."""
        return self._core.info

    @property
    def budget(self) -> BudgetChanged | None:
        """What may be drawn now, as last told; ``None`` while that isn't known."""
        return self._core.budget

    @property
    def work(self) -> Work:
        """Drawing that isn't known to be durable."""
        return self._core.outbox.work

    # -- opening and closing -------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self._ended is None:
                await self._settle_before_close()
        finally:
            await self.close()

    async def connect(self) -> None:
        """Connect, and wait for the server's welcome.

        Raises :class:`client.errors.ConnectTimeout` after ``connect_timeout_s``,
        :class:`client.errors.HandshakeRefused`, :class:`client.errors.ClientClosed`.
        """
        if self._task is not None:
            raise RuntimeError("a client connects once; make another")
        self._task = asyncio.create_task(self._run(), name="tilecast client")
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                await self._until(lambda: self._core.welcome is not None)
        except TimeoutError:
            await self.close()
            raise ConnectTimeout(f"in {self._connect_timeout_s} s: {self._trouble}") from None
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End the connection at once; :attr:`work` is what the server may not have."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._finish(ClientClosed(CloseCode.NORMAL, "the client was closed"))

    # -- drawing -------------------------------------------------------------------------------

    async def draw(self, message: Drawing) -> int:
        """Send a drawing message; returns its serial, counted from 1.

        Waits while so much isn't durable that nothing more may be kept. Raises ``ValueError`` for a
        message that can't be encoded.
        """
        self._check()
        while True:
            try:
                serial = self._core.draw(message)
                break
            except OutboxFull:
                await self._change()
        self._wake.set()
        self._unyielded += 1
        if self._unyielded >= YIELD_EVERY:
            self._unyielded = 0
            await asyncio.sleep(0)
        return serial

    async def settled(self) -> list[Rejected]:
        """Wait until all that was drawn is durable; returns what was refused since the last call.

        Raises :class:`client.errors.SessionLostError`, once, if the server lost the session.
        """
        await self._until(lambda: not len(self._core.outbox) or bool(self._lost))
        if self._lost:
            lost, self._lost = self._lost, ()
            raise SessionLostError(lost)
        refused = list(self._refused)
        self._refused.clear()
        return refused

    # -- looking -------------------------------------------------------------------------------

    async def viewport(
        self, x0: int, y0: int, x1: int, y1: int, *, level: int = 0, wait: bool = True
    ) -> None:
        """Look at a rectangle of canvas pixels, corners included, clipped to the canvas.

        Waits, unless told not to, until its tiles are there or another viewport took its place.
        Raises ``ValueError`` for a rectangle that can't be looked at.
        """
        self._check()
        self._core.set_viewport(level, x0, y0, x1, y1)
        generation = self._core.viewport_generation
        self._wake.set()
        if wait:
            core = self._core
            await self._until(
                lambda: (
                    core.viewport_generation != generation
                    or core.viewport_refusal is not None
                    or self._loaded()
                )
            )
            if core.viewport_generation == generation and core.viewport_refusal is not None:
                raise ValueError(core.viewport_refusal)

    async def until_clock(self, seq: int | None = None) -> int:
        """Wait until the viewport holds everything up to ``seq``; returns how far it does.

        By default that is what this client itself drew and knows to be ordered: after
        :meth:`settled`, all of it. Raises :class:`client.errors.EpochChanged` if the canvas is
        replaced meanwhile, ``ValueError`` without a viewport.
        """
        self._check()
        core = self._core
        if core.viewport_generation == 0:
            raise ValueError("there is no viewport")
        wanted = core.acked_seq if seq is None else seq
        epochs = self._epochs

        def reached() -> bool:
            if self._epochs != epochs or core.viewport_refusal is not None:
                return True
            return self._loaded() and (self.view.clock or 0) >= wanted

        await self._until(reached)
        if core.viewport_refusal is not None:
            raise ValueError(core.viewport_refusal)
        if self._epochs != epochs:
            raise EpochChanged("the canvas has a new epoch")
        return self.view.clock or 0

    # -- others --------------------------------------------------------------------------------

    def cursor(self, x: int, y: int, buttons: int = 0) -> None:
        """Show others where the pointer is; while disconnected it is dropped."""
        self._check()
        self._core.set_cursor(x, y, buttons)
        self._wake.set()

    def presence(self, r: int, g: int, b: int, name: str) -> None:
        """Be seen by that colour and name (at most 64 bytes; empty: anonymous)."""
        self._check()
        self._core.set_presence(r, g, b, name)
        self._wake.set()

    def follow(self, client: int) -> None:
        """Hear of one client's viewport by ``SeenChanged``, on this connection; 0 stops it."""
        self._check()
        self._core.follow(client)
        self._wake.set()

    def events(self, *kinds: type[Event]) -> EventStream:
        """The events from now on, of these kinds or all."""
        stream = EventStream(kinds, self._streams)
        if self._ended is not None:
            stream.end(_failure(self._ended))
        return stream

    def __aiter__(self) -> EventStream:
        return self.events()

    # -- inside --------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Connect, again and again, until the client has ended."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                started = loop.time()
                code, reason = await self._connection.run(self._endpoint)
                held = self._connected and loop.time() - started >= STABLE_S
                self._connected = False
                returning = self._core.disconnected(code)
                self._trouble = f"{code} {reason}".rstrip()
                self._dispatch([Disconnected(code, reason, returning)])
                if not returning:
                    self._finish(ClientClosed(code, reason))
                    return
                if held:
                    self._backoff.reset()
                delay_s = self._backoff.next_s()
                logger.info("%s; coming back in %.1f s", self._trouble, delay_s)
                await asyncio.sleep(delay_s)
        except Exception as error:
            self._connected = False
            self._finish(error)

    def _dispatch(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Welcomed():
                    self._connected = True
                    self._epochs += event.new_epoch
                case ResetCame():
                    self._epochs += 1
                case Rejected():
                    self._refused.append(event)
                case SessionLost():
                    self._lost += event.work
            for stream in tuple(self._streams):
                stream.put(event)
        self._notify()

    def _loaded(self) -> bool:
        return self._connected and self._core.viewport_sent and self.view.loaded

    def _finish(self, error: Exception) -> None:
        if self._ended is None:
            self._ended = error
            for stream in tuple(self._streams):
                stream.end(_failure(error))
            self._notify()

    def _check(self) -> None:
        if self._ended is not None:
            raise self._ended
        if self._task is None:
            raise ClientError("the client isn't connected yet")

    def _notify(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        self._waiters.clear()

    async def _change(self) -> None:
        """Wait until something happened."""
        self._check()
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
        self._check()

    async def _until(self, condition: Callable[[], bool]) -> None:
        self._check()
        while not condition():
            await self._change()

    async def _settle_before_close(self) -> None:
        try:
            async with asyncio.timeout(self._settle_timeout_s):
                for refused in await self.settled():
                    logger.warning("refused, and nobody asked: %s", refused)
        except TimeoutError:
            raise NotSettled(self.work) from None


def _failure(ended: Exception) -> Exception | None:
    """What a stream raises at its end: nothing if the program closed the client itself."""
    if isinstance(ended, ClientClosed) and ended.code == CloseCode.NORMAL:
        return None
    return ended
