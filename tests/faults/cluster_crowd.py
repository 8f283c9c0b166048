"""People who draw on a canvas of several nodes, and dial the next node when a line ends."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import cycle, pairwise

from client import Client
from client.connection import Connection, Ended, Endpoint
from client.core import Core
from client.events import Event, Welcomed
from protocol.errors import RejectCode
from tests.faults.artist import Artist, Promise
from tests.faults.cluster_rig import NODES, SIDE, ClusterRig
from tests.faults.signature import Signature

RATE = 300
"""Messages a second, of all together."""
IN_FLIGHT_MAX = 200
WITHIN_S = 60.0
SIGNATURE = Signature(serial_bits=15)
_CONNECTED_AT_ONCE = 20


class _Rotation(Connection):
    """A connection to the next address each time."""

    def __init__(
        self,
        urls: Sequence[str],
        core: Core,
        wake: asyncio.Event,
        on_events: Callable[[list[Event]], None],
    ) -> None:
        super().__init__(core, wake, on_events)
        self.dialled = ""
        self._urls = cycle(urls)

    async def run(self, endpoint: Endpoint) -> Ended:
        """Connect to the next address; ``endpoint`` tells the rest."""
        self.dialled = next(self._urls)
        return await super().run(endpoint._replace(url=self.dialled))


class Dialler(Client):
    """A client that goes from one address to the next; ``welcomed_at`` are those that had it."""

    def __init__(self, urls: Sequence[str], jitter: Callable[[], float]) -> None:
        super().__init__(
            urls[0], proxy=None, connect_timeout_s=60, settle_timeout_s=60, jitter=jitter
        )
        self.welcomed_at: list[str] = []
        self._rotation = _Rotation(urls, self._core, self._wake, self._dispatch)
        self._connection = self._rotation

    @property
    def moves(self) -> int:
        """How often it was welcomed at another address than before."""
        return sum(one != other for one, other in pairwise(self.welcomed_at))

    def _dispatch(self, events: list[Event]) -> None:
        if any(isinstance(event, Welcomed) for event in events):
            self.welcomed_at.append(self._rotation.dialled)
        super()._dispatch(events)


class Wanderer(Artist):
    """See :class:`tests.faults.artist.Artist`; ``number`` is 0 to 511.

    It draws while ``drawing`` is set, once in ``pace_s`` seconds on average.
    """

    signature = SIGNATURE
    share = 0.03
    sizes = 3

    def __init__(
        self,
        urls: Sequence[str],
        number: int,
        random_: random.Random,
        drawing: asyncio.Event,
        pace_s: float,
    ) -> None:
        super().__init__(urls[0], number, random_)
        # Soon back, but not so many so often that the nodes have nothing else to do.
        self.client: Dialler = Dialler(urls, lambda: random_.uniform(0.01, 0.03))
        self._drawing = drawing
        self._pace_s = pace_s

    @property
    def settled(self) -> bool:
        """Whether it is connected, and all that it drew is durable or refused."""
        return self.connected and not len(self.client.work)

    async def _paint(self) -> None:
        while True:
            await self._drawing.wait()
            if self.client.connected and self.undurable < IN_FLIGHT_MAX:
                await self.draw()
            await asyncio.sleep(self._random.expovariate(1 / self._pace_s))


class Crowd:
    """All of them. The first ones are residents: each dials one node alone, and sees all of it."""

    def __init__(self, wanderers: list[Wanderer], drawing: asyncio.Event) -> None:
        self.wanderers = wanderers
        self.residents = wanderers[:NODES]
        self._drawing = drawing

    @property
    def durable(self) -> int:
        """How many messages were said to be durable, or were refused for good."""
        return sum(wanderer.durable for wanderer in self.wanderers)

    @property
    def resent(self) -> int:
        """How many were sent again."""
        return sum(wanderer.resent for wanderer in self.wanderers)

    @property
    def moves(self) -> int:
        """How often one was welcomed by another node than before."""
        return sum(wanderer.client.moves for wanderer in self.wanderers)

    @property
    def accepted(self) -> int:
        """How many messages weren't refused."""
        return sum(len(one.drawn) - len(one.refused) for one in self.wanderers)

    @property
    def refused_read_only(self) -> int:
        """How many messages were refused for want of NATS."""
        return sum(
            codes == [RejectCode.READ_ONLY]
            for wanderer in self.wanderers
            for codes in wanderer.refused.values()
        )

    @property
    def settled(self) -> bool:
        """Whether all are connected, and all that they drew is durable or refused."""
        return all(wanderer.settled for wanderer in self.wanderers)

    def promises(self) -> list[Promise]:
        """What holds from now on."""
        return [wanderer.promise() for wanderer in self.wanderers]

    def draw(self) -> None:
        """Draw from now on."""
        self._drawing.set()

    def rest(self) -> None:
        """Draw nothing more for now."""
        self._drawing.clear()

    def check(self) -> None:
        """Raise AssertionError if anybody came to harm."""
        for wanderer in self.wanderers:
            wanderer.check()

    async def until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until something holds, while nobody comes to harm."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not ready():
                    self.check()
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"{what} took more than {WITHIN_S} s") from None

    async def until_residents_are_back(self) -> None:
        """Wait until there is somebody at each node."""
        await self.until(lambda: all(one.connected for one in self.residents), "coming back")

    async def draw_more(self, messages: int) -> None:
        """Draw, and wait until so many more messages are durable."""
        self.draw()
        wanted = self.durable + messages
        await self.until(lambda: self.durable >= wanted, "drawing")


@asynccontextmanager
async def crowd(rig: ClusterRig, seed: int, count: int) -> AsyncIterator[Crowd]:
    """So many people, spread over the nodes; they don't draw yet."""
    drawing = asyncio.Event()
    wanderers = [
        Wanderer(
            rig.urls(number)[: 1 if number < NODES else None],
            number,
            random.Random(f"{seed} {number}"),
            drawing,
            count / RATE,
        )
        for number in range(count)
    ]
    async with AsyncExitStack() as stack:
        for some in range(0, count, _CONNECTED_AT_ONCE):
            async with asyncio.TaskGroup() as group:
                for wanderer in wanderers[some : some + _CONNECTED_AT_ONCE]:
                    group.create_task(stack.enter_async_context(wanderer))
        for resident in wanderers[:NODES]:
            await resident.client.viewport(0, 0, SIDE - 1, SIDE - 1)
        yield Crowd(wanderers, drawing)
