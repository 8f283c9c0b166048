"""Each background service of a real server crashes again and again, under load.

Real clients draw everywhere, look, pan, look from afar and move their pointers. After each crash
the service has to be counted in ``/metrics`` and to do its work again; at the end every view has to
equal the server's, and the log to hold everybody's drawing once.
"""

import asyncio
import random
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.client import connect

from client import Client, CursorMoved, TileCame
from protocol.errors import CloseCode, RejectCode
from protocol.messages import SUBPROTOCOL
from tests.faults.debug_server import LOG_WRITER
from tests.faults.evidence import Evidence
from tests.faults.roamer import CANVAS_SIDE, Roamer
from tests.faults.row import Figures, Row, Trial, joined, percentile, run_short, total
from tests.faults.saboteur import SabotagedServer
from tests.sabotage import OF_A_CLUSTER, SOURCES
from tiles.geometry import TILE
from tiles.raster import Bytes

SERVICES = (*(name for name in SOURCES if name not in OF_A_CLUSTER), LOG_WRITER)
ROAMERS = 2
WITHIN_S = 30.0
HELLO_TIMEOUT_S = 0.5
REORDER_S = 0.3
"""A crash that hasn't led to a restart after so long hit one session alone: another is ordered."""
FLAGS = (
    *("--width", str(CANVAS_SIDE), "--height", str(CANVAS_SIDE), "--budget-pixels", "0"),
    # All tiles together take twice that: they come and go.
    *("--memory-budget-bytes", "1048576"),
    *("--checkpoint-interval-s", "0.3", "--checkpoint-step-tiles", "16"),
    *("--hello-timeout-s", str(HELLO_TIMEOUT_S), "--clock-interval-s", "1"),
)
CALLS = (1, 2, 3, 4, 5, 7, 11, 17, 27)
"""Which of a service's next calls fails."""
SWEEPER_CALLEES = ("Reception.sweep", "Service.call_later")
"""Nearly all that it calls is about one session, and a failure of that session alone."""
EDGE = CANVAS_SIDE - 1
LEVEL = 2
ACROSS = CANVAS_SIDE // TILE >> LEVEL
"""Tiles of that level, side by side."""

pytestmark = [pytest.mark.crash, pytest.mark.long]


class Audience:
    """Who looks at the canvas, each in another way."""

    def __init__(self, clients: Sequence[Client], random_: random.Random) -> None:
        self.still, self.panning, self.afar = clients
        self._random = random_

    async def move(self) -> None:
        """Pan and point without end."""
        while True:
            x, y = self._random.randrange(EDGE - 300), self._random.randrange(EDGE - 300)
            await self.panning.viewport(x, y, x + 300, y + 300, wait=False)
            for step in range(10):
                self.panning.cursor(x + 20 * step, y + 150)
                self.still.cursor(x + 20 * step, y + 100)
                await asyncio.sleep(0.02)


class Crashing:
    """One trial."""

    def __init__(
        self,
        server: SabotagedServer,
        roamers: list[Roamer],
        audience: Audience,
        random_: random.Random,
    ) -> None:
        self.server = server
        self.roamers = roamers
        self.audience = audience
        self.crashes = self.one_session_alone = 0
        self.back_s: list[float] = []
        """From the order to the restart."""
        self.works_s: list[float] = []
        """From the restart to the service's work being done again."""
        self._random = random_
        self._works: dict[str, Callable[[], Awaitable[object]]] = {
            "awareness": self._cursors_flow,
            "checkpointer": lambda: self._rises("tilecast_checkpoints_total"),
            "fan-out": self._clocks_come,
            "journal": self._drawing_is_durable,
            "memory": lambda: self._rises("tilecast_evicted_tiles_total"),
            "overviews": self._overviews_refresh,
            "paging": self._everything_is_found,
            "sweeper": self._silence_is_closed,
            LOG_WRITER: self._drawing_is_durable,
        }

    async def crash(self, service: str) -> None:
        """Crash a service once, and see it do its work again."""
        loop = asyncio.get_running_loop()
        before = await self._restarts(service)
        began = loop.time()
        ended = 0.0
        await self._order(service)
        async with asyncio.timeout(WITHIN_S):
            while await self._restarts(service) == before:
                if not await self.server.crashed():
                    ended = loop.time()
                elif loop.time() - ended > REORDER_S and await self._all_up():
                    self.one_session_alone += 1
                    await self._order(service)
                await asyncio.sleep(0.01)
        back = loop.time()
        self.crashes += 1
        self.back_s.append(back - began)
        try:
            async with asyncio.timeout(WITHIN_S):
                await self._works[service]()
        except TimeoutError:
            raise AssertionError(f"{service} doesn't do its work any more") from None
        self.works_s.append(loop.time() - back)
        for roamer in self.roamers:
            roamer.check()

    async def _restarts(self, service: str) -> float:
        return await self.server.metric("tilecast_service_restarts_total", service=service)

    async def _order(self, service: str) -> None:
        if service == "sweeper":
            await self.server.crash(service, 1, self._random.choice(SWEEPER_CALLEES))
        else:
            await self.server.crash(service, self._random.choice(CALLS))

    async def _all_up(self) -> bool:
        return (
            min((await asyncio.to_thread(self.server.metrics))["tilecast_service_up"].values()) > 0
        )

    async def _rises(self, name: str) -> None:
        before = await self.server.metric(name)
        while await self.server.metric(name) <= before:  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.02)

    async def _cursors_flow(self) -> None:
        await anext(aiter(self.audience.still.events(CursorMoved)))

    async def _clocks_come(self) -> None:
        seq = (await asyncio.to_thread(self.server.stats))["seq"]
        await self.audience.still.until_clock(seq)

    async def _drawing_is_durable(self) -> None:
        for roamer in self.roamers:
            drawn = len(roamer.drawn)
            while roamer.durable < drawn:  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.005)

    async def _overviews_refresh(self) -> None:
        async for tile in self.audience.afar.events(TileCame):
            if isinstance(tile, TileCame) and tile.level == LEVEL:
                return

    async def _everything_is_found(self) -> None:
        await asyncio.to_thread(self.server.region, 0, 0, EDGE, EDGE)

    async def _silence_is_closed(self) -> None:
        async with connect(self.server.ws(), subprotocols=[SUBPROTOCOL]) as silent:  # type: ignore[list-item]
            await silent.wait_closed()
            assert silent.close_code == CloseCode.TOO_SLOW

    async def rest(self) -> None:
        """Draw nothing more; everybody comes to see everything."""
        for roamer in self.roamers:
            roamer.stop()
        async with asyncio.timeout(WITHIN_S):
            for roamer in self.roamers:
                await roamer.client.settled()
            await self._clocks_come()
            scale = f"1/{1 << LEVEL}"
            shown = await asyncio.to_thread(self.server.region, 0, 0, EDGE, EDGE, scale)
            while not np.array_equal(self._from_afar(), shown):  # noqa: ASYNC110  nothing tells
                await asyncio.sleep(0.02)

    def _from_afar(self) -> Bytes:
        """What the one who looks from afar sees, as one image."""
        image = np.zeros((ACROSS * TILE, ACROSS * TILE, 3), np.uint8)
        for ty in range(ACROSS):
            for tx in range(ACROSS):
                tile = self.audience.afar.view.tile(LEVEL, tx, ty)
                if tile is not None:
                    image[TILE * ty : TILE * (ty + 1), TILE * tx : TILE * (tx + 1)] = tile
        return image

    async def compare(self, evidence: Evidence, file: Path) -> None:
        """The views, the server's and the log's canvas are the same; the log holds all, once."""
        shown = await asyncio.to_thread(self.server.region, 0, 0, EDGE, EDGE)
        still = self.audience.still.view.array(0, 0, EDGE, EDGE)
        assert still.held.all()
        assert np.array_equal(still.pixels, shown), "somebody kept a gap"
        code, _ = await asyncio.to_thread(self.server.stop)
        assert code == 0, self.server.log
        for roamer in self.roamers:
            for serial, codes in roamer.refused.items():
                due = RejectCode.OUT_OF_BOUNDS if serial in roamer.refusals_due else None
                assert codes == [due or RejectCode.READ_ONLY], f"{serial} was refused: {codes}"
        evidence.examine(file, [roamer.promise() for roamer in self.roamers])
        truth = np.frombuffer(evidence.oracle.region(0, 0, EDGE, EDGE), np.uint8)
        assert np.array_equal(shown.reshape(-1), truth)
        drawn = sum(len(roamer.drawn) - len(roamer.refused) for roamer in self.roamers)
        assert evidence.found.total() == drawn


@asynccontextmanager
async def crowd(server: SabotagedServer, seed: int) -> AsyncIterator[tuple[list[Roamer], Audience]]:
    """Everybody who is connected."""
    async with AsyncExitStack() as stack:
        roamers = [
            await stack.enter_async_context(
                Roamer(server.ws(), number, random.Random(f"{seed} {number}"))
            )
            for number in range(ROAMERS)
        ]
        clients = [
            await stack.enter_async_context(Client(server.ws(), proxy=None, jitter=lambda: 0.01))
            for _ in range(3)
        ]
        audience = Audience(clients, random.Random(f"{seed} audience"))
        audience.still.presence(9, 9, 9, "still")
        audience.panning.presence(8, 8, 8, "panning")
        await audience.still.viewport(0, 0, EDGE, EDGE)
        await audience.afar.viewport(0, 0, EDGE, EDGE, level=LEVEL)
        moving = asyncio.create_task(audience.move())
        try:
            yield roamers, audience
        finally:
            moving.cancel()
            await asyncio.gather(moving, return_exceptions=True)


async def run(trial: Trial, server: SabotagedServer) -> Figures:
    """Crash every service ``trial.units`` times."""
    random_ = random.Random(trial.seed)
    evidence = Evidence(CANVAS_SIDE)
    async with crowd(server, trial.seed) as (roamers, audience):
        crashing = Crashing(server, roamers, audience, random_)
        for number in range(trial.units):
            for service in random_.sample(SERVICES, len(SERVICES)):
                await crashing.crash(service)
            trial.say(f"{number + 1} of {trial.units}")
        await crashing.rest()
        await crashing.compare(evidence, server.canvas_file())
    return {
        "crashes": crashing.crashes,
        "crashes of one session alone": crashing.one_session_alone,
        "back_s": crashing.back_s,
        "works_s": crashing.works_s,
        "messages": evidence.found.total(),
        "sent again": sum(roamer.resent for roamer in roamers),
        **evidence.figures(),
    }


def trial(trial: Trial) -> Figures:
    """A server of its own, crashed service by service."""
    server = SabotagedServer(trial.folder / "server", *FLAGS)
    server.start()
    try:
        return asyncio.run(run(trial, server))
    finally:
        if server.running:
            server.kill()


def summarise(trials: Sequence[Figures]) -> Figures:
    """What is told."""
    back, works = joined(trials, "back_s"), joined(trials, "works_s")
    return {
        "crashes": total(trials, "crashes"),
        "crashes of one session alone": total(trials, "crashes of one session alone"),
        "restarted after, median": f"{statistics.median(back):.2f} s",
        "restarted after, p99": f"{percentile(back, 0.99):.2f} s",
        "at work again after, median": f"{statistics.median(works):.2f} s",
        "at work again after, p99": f"{percentile(works, 0.99):.2f} s",
        "messages": total(trials, "messages"),
        "sent again": total(trials, "sent again"),
        "durable lost": total(trials, "durable lost"),
        "drawn twice": total(trials, "drawn twice"),
        "gaps": 0,
    }


ROW = Row(
    name="services",
    title="crash of each background service",
    must_hold="nobody keeps a gap",
    unit="crashes of each service",
    short=3,
    long=100,
    trial_units=10,
    trial=trial,
    summarise=summarise,
)


def test_services_crash(tmp_path: Path) -> None:
    """SUP-1, SUP-2, SUP-3, SUP-4: each comes back, is counted, works again; nobody keeps a gap."""
    figures = run_short(ROW, tmp_path)
    assert figures["crashes"] == ROW.short * len(SERVICES)
