"""`kill -9` at any moment: what was acknowledged as durable is there, and nothing is there twice.

Real clients draw over a real server that is killed again and again: while they draw, while it saves
tiles, and while it starts. In between their lines are cut. ``--rounds`` and ``--seed`` of pytest
say how often, and when.
"""

import asyncio
import random
import statistics
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest

from tests.faults.artist import SIDE, Artist
from tests.faults.evidence import Evidence
from tests.faults.relay import Relay
from tests.process import ServerProcess

ARTISTS = 4
DURABLE_A_ROUND = 1100
"""Of these some 5 % are messages that are refused."""
WITHIN_S = 60.0
FLAGS = (
    *("--width", str(SIDE), "--height", str(SIDE), "--budget-pixels", "0"),
    # Tiles are being saved at nearly every moment, a few at a time.
    *("--checkpoint-interval-s", "0.05", "--checkpoint-step-tiles", "2"),
)

pytestmark = [pytest.mark.crash, pytest.mark.long, pytest.mark.timeout(0)]


class Battle:
    """One server that is killed, and the artists who don't mind."""

    def __init__(
        self, server: ServerProcess, relay: Relay, artists: list[Artist], random_: random.Random
    ) -> None:
        self.server = server
        self.relay = relay
        self.artists = artists
        self.evidence = Evidence(SIDE)
        self.ready_s: list[float] = []
        self.in_flight: list[int] = []
        self.durable: list[int] = []
        self.killed_saving = self.killed_starting = self.cuts = 0
        self._random = random_

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

    async def round(self) -> None:
        """Draw, die, perhaps die again while starting, come back."""
        before = self._durable()
        wanted = before + DURABLE_A_ROUND + self._random.randrange(500)
        cuts = sorted(self._random.randrange(before, wanted) for _ in range(3))
        for moment in [*cuts, wanted]:
            await self.until(lambda moment=moment: self._durable() >= moment, "drawing")  # type: ignore[misc]
            self.cuts += self.relay.cut_one(self._random)
        await asyncio.sleep(self._random.uniform(0, 0.02))
        await self._kill()
        assert self.evidence.epochs[-1] not in self.evidence.epochs[:-1], "it outlived a crash"
        self.durable.append(self._durable() - before)
        self.in_flight.append(sum(artist.undurable for artist in self.artists))
        for _ in range(self._random.choice((0, 1, 1, 2))):
            self.server.launch()
            await asyncio.sleep(self._random.uniform(0, 1.1 * statistics.median(self.ready_s)))
            self.killed_starting += 1
            await self._kill()
        await self.start()

    async def start(self) -> None:
        """Start the server and wait until every artist is back."""
        counts = [artist.welcomes for artist in self.artists]
        self.ready_s.append(await asyncio.to_thread(self.server.start))
        await self.until(
            lambda: all(
                artist.welcomes > count and artist.client.connected
                for artist, count in zip(self.artists, counts, strict=True)
            ),
            "reconnecting",
        )

    async def _kill(self) -> None:
        """Kill it; what it had still said before that counts."""
        self.server.kill()
        await self.until(
            lambda: not any(artist.client.connected for artist in self.artists), "noticing the end"
        )
        saving = self.evidence.examine(self.server.canvas_file(), self.artists)
        self.killed_saving += saving

    def _durable(self) -> int:
        return sum(artist.durable for artist in self.artists)

    async def finish(self) -> None:
        """Let everything come to rest, and hold the end to account."""
        for artist in self.artists:
            artist.stop()
        async with asyncio.timeout(WITHIN_S):
            for artist in self.artists:
                await artist.client.settled()
        await self.artists[0].client.until_clock(self.server.stats()["seq"])
        shown = self.server.region(0, 0, SIDE - 1, SIDE - 1)
        viewed = self.artists[0].client.view.array(0, 0, SIDE - 1, SIDE - 1).pixels
        self.server.kill()
        await self.until(
            lambda: all(artist.durable == len(artist.drawn) for artist in self.artists),
            "being told",
        )
        self.evidence.examine(self.server.canvas_file(), self.artists)
        truth = np.frombuffer(self.evidence.oracle.region(0, 0, SIDE - 1, SIDE - 1), np.uint8)
        assert np.array_equal(shown.reshape(-1), truth)
        assert np.array_equal(viewed.reshape(-1), truth)
        drawn = sum(len(artist.drawn) - len(artist.refusals_due) for artist in self.artists)
        assert self.evidence.found.total() == drawn
        for artist in self.artists:
            artist.check()
            assert artist.refused == dict.fromkeys(artist.refusals_due, 1)
            assert artist.epochs <= set(self.evidence.epochs), "an epoch was shown, but not stored"
        self.server.assert_log_clean()

    def report(self) -> str:
        """The figures of the whole battle."""
        ready = sorted(self.ready_s)
        return (
            f"{len(self.durable)} rounds, {self.killed_saving} kills while tiles were being saved, "
            f"{self.killed_starting} more while starting, {self.cuts} lines cut\n"
            f"durable at the kill: {sum(self.durable)}, at least {min(self.durable)} a round; "
            f"in flight {sum(self.in_flight)}, "
            f"resent {sum(artist.resent for artist in self.artists)}; "
            f"refused {sum(len(artist.refusals_due) for artist in self.artists)}\n"
            f"in the log at the end: {self.evidence.found.total()}, each once\n"
            f"ready after: median {statistics.median(ready):.2f} s, worst {ready[-1]:.2f} s"
        )


async def test_kill_9(tmp_path: Path, rounds: int, seed: int) -> None:
    """ONCE-1, ONCE-3, LOG-7, REC-1, LOG-4, ACK-2: nothing durable is lost, nothing drawn twice."""
    random_ = random.Random(seed)
    server = ServerProcess(tmp_path / "server", *FLAGS)
    first_ready_s = await asyncio.to_thread(server.start)
    try:
        async with AsyncExitStack() as stack:
            relay = await stack.enter_async_context(Relay(server.port))
            url = f"ws://127.0.0.1:{relay.port}/c/main/ws"
            artists = [
                await stack.enter_async_context(
                    Artist(url, number, random.Random(f"{seed} {number}"))
                )
                for number in range(ARTISTS)
            ]
            await artists[0].client.viewport(0, 0, SIDE - 1, SIDE - 1)
            battle = Battle(server, relay, artists, random_)
            battle.ready_s.append(first_ready_s)
            for _ in range(rounds):
                await battle.round()
            await battle.finish()
    finally:
        if server.running:
            server.kill()
    assert min(battle.durable) >= DURABLE_A_ROUND
    assert sum(battle.in_flight) > 0
    print(f"\nseed {seed}: {battle.report()}")
