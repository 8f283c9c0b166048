"""A real client that draws without end, each message in a colour of its own, and keeps account."""

import asyncio
import random
import zlib
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from client import Client
from client.errors import ClientError
from client.events import Acked, Disconnected, Noticed, Rejected, SessionLost, Welcomed
from protocol.messages import Drawing, Patch, Pixel, Rect, Stroke
from tests.faults.signature import Signature

SIDE = 256
IN_FLIGHT_MAX = 200
SIGNATURE = Signature(serial_bits=20)
_JITTER = 0.002
"""Of the client's own backoff, so that it is back as soon as the server is."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What an artist was promised up to some moment."""

    number: int
    durable: int
    """The serial up to which all is there, but for ``undrawn``."""
    undrawn: frozenset[int]
    """Serials that are nowhere: they were refused, or have to be."""


class Artist:
    """One session over all the server's lives. ``number`` is 0 to 14.

    ``paints``: without end, unless told not to; else only what :meth:`draw` is called for.
    """

    signature = SIGNATURE
    share = 0.05
    """So much of what it draws is refused, are rectangles, strokes, patches: of each."""
    sizes = 5
    """Of its strokes."""

    def __init__(
        self, url: str, number: int, random_: random.Random, *, paints: bool = True
    ) -> None:
        self.number = number
        self.client = Client(
            url,
            proxy=None,
            connect_timeout_s=60,
            settle_timeout_s=60,
            jitter=lambda: _JITTER,
        )
        self.drawn: list[Drawing] = []
        """By serial less one."""
        self.refusals_due: set[int] = set()
        """The serials of messages that no server may draw."""
        self.refused: dict[int, list[int]] = defaultdict(list)
        """The codes of the refusals that came, by serial."""
        self.handled = 0
        """The serial up to which all is drawn or refused, as the server said."""
        self.durable = 0
        """The serial up to which all is durable, as the server said."""
        self.resent = 0
        self.epochs: list[int] = []
        """Those that it was welcomed to, the present one last."""
        self.connected = False
        """Welcomed and not disconnected since, and all that was said between those is noted."""
        self.welcomes = 0
        self.disconnects = 0
        self.failure: str | None = None
        self.notices: list[str] = []
        self._random = random_
        self._paints = paints
        self._progress = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks.append(asyncio.create_task(self._listen()))
        await asyncio.sleep(0)  # its stream has to be there before the first WELCOME
        await self.client.connect()
        if self._paints:
            self._tasks.append(asyncio.create_task(self._paint()))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        await self.client.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def undurable(self) -> int:
        """Messages drawn that aren't known to be durable."""
        return len(self.drawn) - self.durable

    def promise(self) -> Promise:
        """What holds from now on."""
        return Promise(
            self.number, self.durable, frozenset(self.refusals_due | self.refused.keys())
        )

    async def draw(self) -> int:
        """Draw one more message; its serial."""
        message = self._next()
        self.drawn.append(message)
        serial = await self.client.draw(message)
        assert serial == len(self.drawn)
        return serial

    async def until_handled(self, serial: int) -> None:
        """Wait until a message was drawn or refused."""
        while self.handled < serial:
            self._progress.clear()
            await self._progress.wait()

    def stop(self) -> None:
        """Draw nothing more."""
        if len(self._tasks) > 1:
            self._tasks[1].cancel()

    def check(self) -> None:
        """Raise AssertionError if anything went wrong that the client saw."""
        assert self.failure is None, self.failure
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    async def _paint(self) -> None:
        while True:
            while not self.client.connected or self.undurable >= IN_FLIGHT_MAX:
                self._progress.clear()
                await self._progress.wait()
            await self.draw()
            # In bursts: what is to be examined afterwards is few messages in many commits.
            if self._random.random() < 0.1:
                await asyncio.sleep(0.02 * self._random.random())

    async def _listen(self) -> None:
        stream = self.client.events(Acked, Disconnected, Noticed, Rejected, SessionLost, Welcomed)
        with suppress(ClientError):
            async for event in stream:
                match event:
                    case Acked():
                        self.handled = max(self.handled, event.handled)
                        self.durable = max(self.durable, event.durable)
                    case Noticed():
                        self.notices.append(event.text)
                    case Rejected():
                        self.refused[event.serial].append(event.code)
                    case Welcomed():
                        self.connected = True
                        self.epochs.append(event.welcome.epoch)
                        self.welcomes += 1
                        self.resent += len(self.client.work)
                        if not event.resumed and self.welcomes > 1:
                            self.failure = f"artist {self.number} has another session"
                    case SessionLost():
                        self.failure = f"artist {self.number} lost its session"
                    case Disconnected():
                        self.connected = False
                        self.disconnects += 1
                        if not event.returning:
                            self.failure = f"artist {self.number} was told {event}"
                self._progress.set()

    def _next(self) -> Drawing:
        serial = len(self.drawn) + 1
        colour = self.signature.colour(self.number, serial)
        random_ = self._random
        x, y = random_.randrange(SIDE - 8), random_.randrange(SIDE - 8)
        kind = random_.random()
        if kind < self.share:
            self.refusals_due.add(serial)
            return Pixel(SIDE + serial % 100, y, *colour)
        if kind < 2 * self.share:
            return Rect(serial % 3, x, y, x + 5, y + 7, *colour)
        if kind < 3 * self.share:
            far = random_.randrange(SIDE), random_.randrange(SIDE)
            return Stroke(1 + serial % self.sizes, *colour, ((x, y), far))
        if kind < 4 * self.share:
            pixels = b"".join(bytes((*colour, random_.choice((0, 255)))) for _ in range(15))
            return Patch(x, y, x + 3, y + 3, zlib.compress(bytes((*colour, 255)) + pixels))
        return Pixel(x, y, *colour)
