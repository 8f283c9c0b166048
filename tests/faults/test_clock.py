"""The wall clock jumps: budgets, sessions, heartbeats and deadlines don't notice.

A real server's clock is set forward and back while people paint and look, by hours and by days. All
that is measured in time goes on as if nothing had happened; what says a moment, says the new one.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import apsw
import pytest

from protocol.errors import CloseCode, RejectCode
from protocol.messages import Clock, Pixel, Reject
from tests.faults.row import Figures, Row, Trial, joined, run_short, total
from tests.faults.wall_clock import NoCompilerError, WallClock
from tests.peer import Peer
from tests.process import ServerProcess

HOUR_S = 3600
DAY_S = 24 * HOUR_S
JUMPS_S = (HOUR_S, -HOUR_S, DAY_S, -DAY_S, 40 * DAY_S, -40 * DAY_S)
BURST = 60
REFILL = 20
PING_S = 0.5
CLOCK_S = 0.5
HELLO_S = 2.0
FLAGS = (
    *("--width", "256", "--height", "256"),
    *("--budget-pixels", str(BURST), "--budget-refill", str(REFILL)),
    *("--ping-interval-s", str(PING_S), "--ping-timeout-s", str(2 * PING_S)),
    *("--clock-interval-s", str(CLOCK_S), "--hello-timeout-s", str(HELLO_S)),
    *("--checkpoint-interval-s", "0.2"),
)
MARGIN_S = 5.0
"""For a busy machine; an hour is hundreds of times as long."""

pytestmark = [pytest.mark.long]


class Onlookers:
    """Those who use the server while its clock jumps."""

    def __init__(self, server: ServerProcess, clock: WallClock) -> None:
        self.heartbeats_s: list[float] = []
        """Times between two CLOCKs around a jump."""
        self._server = server
        self._clock = clock

    async def jump(self, seconds: int) -> None:
        """One jump, with somebody at every stage of a session's life."""
        url = self._server.ws()
        async with Peer(url) as painter, Peer(url) as watcher:
            await watcher.look(0, 0, 255, 255)
            away = Peer(url)
            async with away:
                await away.draw(Pixel(1, 1, 1, 1, 1))
                await away.durable()
            late, silent = Peer(url, hello=False), Peer(url, hello=False)
            await late.open()
            await silent.open()
            opened = time.monotonic()
            _, etag = await self._fetch(None)
            accepted, spent_at = await self._spend(painter)
            assert accepted >= BURST

            self._clock.move(seconds)

            await late.hello()
            accepted, _ = await self._spend(painter)
            refilled = REFILL * (time.monotonic() - spent_at)
            assert accepted <= refilled + 1, "the budget was filled by the wall clock"
            await self._wait_for_budget(painter)
            drawn_s = await asyncio.to_thread(_last_time, self._server)
            assert abs(drawn_s - self._clock.now_s()) < MARGIN_S
            await self._heartbeat(watcher)
            await self._come_back(away)
            # Some heartbeats later everybody is still there, but for who didn't say HELLO.
            assert await silent.closed() == CloseCode.TOO_SLOW
            assert time.monotonic() - opened > HELLO_S - 0.5
            assert (await self._fetch(etag))[0] == 200, "it was drawn on"
            _, etag = await self._fetch(None)
            assert (await self._fetch(etag))[0] == 304
            for peer in (painter, watcher, late):
                await peer.look(0, 0, 63, 63)
                assert peer.close_code is None
                await peer.close()
            await silent.close()

    async def restart(self) -> None:
        """A session of the earlier process is known to the next one, whatever its clock says."""
        peer = Peer(self._server.ws())
        async with peer:
            await peer.draw(Pixel(2, 2, 2, 2, 2))
            await peer.durable()
        before = await asyncio.to_thread(self._server.region, 0, 0, 255, 255)
        await asyncio.to_thread(self._server.stop_well)
        self._clock.move(DAY_S)
        await asyncio.to_thread(self._server.start)
        await self._come_back(peer)
        after = await asyncio.to_thread(self._server.region, 0, 0, 255, 255)
        assert before.tobytes() == after.tobytes(), "the log's times went back and forth"
        self._clock.move(-DAY_S)

    async def _spend(self, painter: Peer) -> tuple[int, float]:
        """Draw more than the budget has; how much was accepted, and when it was begun."""
        began = time.monotonic()
        since = painter.mark
        number = await painter.draw(*[Pixel(x, 0, 9, 9, 9) for x in range(2 * BURST)])
        await painter.handled(number)
        refused = painter.all(Reject, since)
        assert {reject.code for reject in refused} == {RejectCode.RATE}
        assert all(1 <= reject.retry_ms <= 1000 / REFILL + 1 for reject in refused)
        return 2 * BURST - len(refused), began

    async def _wait_for_budget(self, painter: Peer) -> None:
        """A pixel is accepted as soon as it was said to be."""
        before = painter.mark
        await asyncio.sleep(painter.all(Reject)[-1].retry_ms / 1000)
        number = await painter.draw(Pixel(0, 1, 9, 9, 9))
        ack = await painter.durable(number)
        assert ack.handled == number
        assert painter.all(Reject, before) == []

    async def _heartbeat(self, watcher: Peer) -> None:
        """CLOCKs come as often as before."""
        for _ in range(2):
            began = time.monotonic()
            await watcher.expect(Clock, since=watcher.mark, within_s=CLOCK_S + MARGIN_S)
            self.heartbeats_s.append(time.monotonic() - began)

    async def _come_back(self, away: Peer) -> None:
        """A session that went before the jump is resumed."""
        session, handled = away.welcome.session, away.numbered
        async with Peer(self._server.ws(), session=session) as again:
            assert again.welcome.session == session
            assert again.welcome.handled == handled

    async def _fetch(self, etag: str | None) -> tuple[int, str]:
        """Ask for a tile; the status, and the ETag that it has now. It says when it was sent."""
        status, headers = await asyncio.to_thread(_get_tile, self._server, etag)
        sent_s = parsedate_to_datetime(headers["Date"]).timestamp()
        assert abs(sent_s - self._clock.now_s()) < MARGIN_S
        return status, headers["ETag"]


def _get_tile(server: ServerProcess, etag: str | None) -> tuple[int, Message]:
    path = f"{server.http}/c/main/tiles/0/0/0.png"
    request = Request(path, headers={} if etag is None else {"If-None-Match": etag})
    try:
        with urlopen(request, timeout=20) as response:
            return response.status, response.headers
    except HTTPError as answer:
        return answer.code, answer.headers


def _last_time(server: ServerProcess) -> float:
    """When the newest batch of the log was drawn, as it says, Unix time."""
    with closing(apsw.Connection(str(server.canvas_file()))) as connection:
        ((time_ms,),) = connection.execute(
            "SELECT time_ms FROM log ORDER BY first_seq DESC LIMIT 1"
        )
    return float(time_ms) / 1000


async def _trial(trial: Trial) -> Figures:
    clock = WallClock(trial.folder)
    server = ServerProcess(trial.folder / "server", *FLAGS, command=clock.command)
    await asyncio.to_thread(server.start)
    try:
        onlookers = Onlookers(server, clock)
        for number in range(trial.units):
            seconds = JUMPS_S[number % len(JUMPS_S)]
            await onlookers.jump(seconds)
            trial.say(f"{seconds / HOUR_S:+,.0f} h")
        await onlookers.restart()
        await asyncio.to_thread(server.stop_well)
    finally:
        if server.running:
            server.kill()
    return {"jumps": trial.units, "CLOCK after s": onlookers.heartbeats_s}


def _summarise(figures: Sequence[Figures]) -> Figures:
    return {
        "jumps": total(figures, "jumps"),
        "CLOCK due every s": CLOCK_S,
        "CLOCK after a jump came in, worst s": joined(figures, "CLOCK after s")[-1],
    }


ROW = Row(
    name="clock",
    title="wall clock jumps of ±1 h, ±1 day, ±40 days",
    must_hold="no limiter, session or heartbeat error",
    unit="jumps",
    short=4,
    long=60,
    trial_units=6,
    trial=lambda trial: asyncio.run(_trial(trial)),
    summarise=_summarise,
)


def test_clock(tmp_path: Path) -> None:
    """RAS-6, SES-2, SES-6, CLK-1, ONCE-6, HTTP-2: time that passes isn't the wall clock's."""
    try:
        run_short(ROW, tmp_path)
    except NoCompilerError as reason:
        pytest.skip(str(reason))
