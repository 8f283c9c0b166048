"""Artists who draw over a server that ends and starts again, and the account of it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import numpy as np

from protocol.errors import RejectCode
from tests.faults.artist import SIDE, Artist, Promise
from tests.faults.evidence import Evidence
from tests.process import ServerProcess

ARTISTS = 4
PROBER = 14
"""The number of an artist that only draws for :func:`probe`."""
PROBE_PACE_S = 0.005
WITHIN_S = 60.0
FLAGS = (
    *("--width", str(SIDE), "--height", str(SIDE), "--budget-pixels", "0"),
    # Tiles are being saved at nearly every moment, a few at a time.
    *("--checkpoint-interval-s", "0.05", "--checkpoint-step-tiles", "2"),
)


class Battle:
    """Four artists over one server; the first of them looks at the whole canvas."""

    def __init__(self, artists: list[Artist]) -> None:
        self.artists = artists
        self.evidence = Evidence(SIDE)

    @property
    def durable(self) -> int:
        """How many messages were said to be durable."""
        return sum(artist.durable for artist in self.artists)

    @property
    def in_flight(self) -> int:
        """How many weren't."""
        return sum(artist.undurable for artist in self.artists)

    @property
    def resent(self) -> int:
        """How many were sent again."""
        return sum(artist.resent for artist in self.artists)

    def promises(self) -> list[Promise]:
        """What holds from now on."""
        return [artist.promise() for artist in self.artists]

    async def until(self, ready: Callable[[], bool], what: str) -> None:
        """Wait until something holds, while no artist has come to harm."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while not ready():
                    for artist in self.artists:
                        artist.check()
                    await asyncio.sleep(0.002)
        except TimeoutError:
            raise AssertionError(f"{what} took more than {WITHIN_S} s") from None

    async def until_gone(self) -> None:
        """The server has ended: wait until every artist has read all that it still said."""
        await self.until(
            lambda: not any(artist.connected for artist in self.artists), "noticing the end"
        )

    async def until_back(self) -> None:
        """Wait until every artist is welcomed."""
        await self.until(lambda: all(artist.connected for artist in self.artists), "reconnecting")

    async def draw_more(self, messages: int) -> None:
        """Wait until so many more messages are durable."""
        wanted = self.durable + messages
        await self.until(lambda: self.durable >= wanted, "drawing")

    async def settle(self) -> None:
        """Draw no more, and wait until all is durable."""
        for artist in self.artists:
            artist.stop()
        async with asyncio.timeout(WITHIN_S):
            for artist in self.artists:
                await artist.client.settled()
        await self.until(
            lambda: all(artist.durable == len(artist.drawn) for artist in self.artists),
            "being told",
        )

    async def shown(self, server: ServerProcess) -> tuple[bytes, bytes]:
        """The whole canvas as the server shows it, and as the first artist sees it."""
        seq = await asyncio.to_thread(lambda: server.stats()["seq"])
        await self.artists[0].client.until_clock(seq)
        region = await asyncio.to_thread(server.region, 0, 0, SIDE - 1, SIDE - 1)
        viewed = self.artists[0].client.view.array(0, 0, SIDE - 1, SIDE - 1).pixels
        return np.ascontiguousarray(region).tobytes(), viewed.tobytes()

    def judge(self, *pictures: bytes) -> None:
        """All that was drawn is in the log, once, or was refused, and the pictures show it."""
        truth = self.evidence.oracle.region(0, 0, SIDE - 1, SIDE - 1)
        for picture in pictures:
            assert picture == truth
        for artist in self.artists:
            artist.check()
            assert artist.refusals_due <= artist.refused.keys()
            assert all(len(codes) == 1 for codes in artist.refused.values()), "refused twice"
        accepted = sum(len(artist.drawn) - len(artist.refused) for artist in self.artists)
        assert self.evidence.found.total() == accepted


async def probe(prober: Artist, *, refused: bool) -> None:
    """Draw until a message is refused because of storage, or until one isn't."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            serial = await prober.draw()
            await prober.until_handled(serial)
            was_refused = RejectCode.READ_ONLY in prober.refused.get(serial, ())
            if was_refused == refused and serial not in prober.refusals_due:
                return
            await asyncio.sleep(PROBE_PACE_S)


@asynccontextmanager
async def artists(url: str, seed: int, count: int = ARTISTS) -> AsyncIterator[list[Artist]]:
    """Artists who draw from here on; the first looks at the whole canvas."""
    async with AsyncExitStack() as stack:
        all_ = [
            await stack.enter_async_context(Artist(url, number, random.Random(f"{seed} {number}")))
            for number in range(count)
        ]
        await all_[0].client.viewport(0, 0, SIDE - 1, SIDE - 1)
        yield all_
