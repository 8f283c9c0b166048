"""`kill -9` at any moment: what was acknowledged as durable is there, and nothing is there twice.

Real clients draw over a real server that is killed again and again: while they draw, while it saves
tiles, and while it starts. In between their lines are cut.
"""

import asyncio
import random
import statistics
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from protocol.errors import RejectCode
from tests.faults.artist import Promise
from tests.faults.battle import FLAGS, Battle, artists
from tests.faults.evidence import Finding, collect
from tests.faults.relay import Relay
from tests.faults.row import Figures, Row, Trial, joined, percentile, run_short, total
from tests.process import ServerProcess

DURABLE_A_ROUND = 200
"""Of these some 5 % are messages that are refused."""
READY_MAX_S = 2.0
CHECKED_EVERY = 10
"""So many files are one that goes through all of ``tilecast check``."""

pytestmark = [pytest.mark.crash, pytest.mark.long]


class Killing:
    """A server that is killed round after round.

    What a kill left is examined while the next start is under way.
    """

    def __init__(
        self,
        server: ServerProcess,
        relay: Relay,
        battle: Battle,
        random_: random.Random,
        examiner: ThreadPoolExecutor,
    ) -> None:
        self.server = server
        self.ready_s: list[float] = []
        self.durable: list[int] = []
        self.in_flight = self.cuts = self.killed_saving = self.killed_starting = 0
        self.epochs: list[int] = []
        self._relay = relay
        self._battle = battle
        self._random = random_
        self._examiner = examiner
        self._examinations: list[Future[Finding]] = []
        self._main_kills: list[int] = []
        """The examinations that came after kills of a server that was up."""

    async def start(self) -> None:
        """Start the server and wait until every artist is back."""
        self.ready_s.append(await asyncio.to_thread(self.server.start))
        await self._battle.until_back()

    async def round(self) -> None:
        """Draw, die, perhaps die again while starting, come back."""
        before = self._battle.durable
        for _ in range(2):
            await self._battle.draw_more(DURABLE_A_ROUND // 2 + self._random.randrange(100))
            self.cuts += self._relay.cut_one(self._random)
        await asyncio.sleep(self._random.uniform(0, 0.03))
        await self._kill()
        self._main_kills.append(len(self._examinations) - 1)
        self.durable.append(self._battle.durable - before)
        self.in_flight += self._battle.in_flight
        for _ in range(self._random.choice((0, 0, 1))):
            self.server.launch()
            await asyncio.sleep(self._random.uniform(0, 1.1 * statistics.median(self.ready_s)))
            self.killed_starting += 1
            await self._kill()
        await self.start()
        self._conclude()

    async def finish(self) -> None:
        """Let everything come to rest, and hold the end to account."""
        await self._battle.settle()
        pictures = await self._battle.shown(self.server)
        await self._kill()
        self._conclude()
        self._battle.judge(*pictures)
        for artist in self._battle.artists:
            codes = {code for codes in artist.refused.values() for code in codes}
            assert codes <= {RejectCode.OUT_OF_BOUNDS}
            assert artist.refused.keys() == artist.refusals_due
            assert set(artist.epochs) <= set(self.epochs), "an epoch was shown, but not stored"
        lives = [self.epochs[at] for at in self._main_kills]
        assert len(set(lives)) == len(lives), "an epoch outlived a crash"
        self.server.assert_log_clean()

    async def _kill(self) -> None:
        """Kill it; what it had still said before that counts."""
        self.server.kill()
        await self._battle.until_gone()
        file = self.server.canvas_file()
        copy = collect(file, file.parent.parent / f"copy{len(self._examinations)}")
        promises = self._battle.promises()
        self._examinations.append(self._examiner.submit(self._examine, copy, promises))

    def _examine(self, copy: Path, promises: list[Promise]) -> Finding:
        checks = self._battle.evidence.examined % CHECKED_EVERY == 0
        finding = self._battle.evidence.examine(copy, promises, checks=checks)
        for file in copy.parent.iterdir():
            file.unlink()
        return finding

    def _conclude(self) -> None:
        """Wait for what is being examined."""
        for examination in self._examinations[len(self.epochs) :]:
            finding = examination.result()
            assert not finding.clean
            self.killed_saving += finding.saving
            self.epochs.append(finding.epoch)


def _trial(trial: Trial) -> Figures:
    with ThreadPoolExecutor(1, "examiner") as examiner:
        return asyncio.run(_battle(trial, examiner))


async def _battle(trial: Trial, examiner: ThreadPoolExecutor) -> Figures:
    server = ServerProcess(trial.folder / "server", *FLAGS)
    first_ready_s = await asyncio.to_thread(server.start)
    try:
        async with (
            Relay(server.port) as relay,
            artists(f"ws://127.0.0.1:{relay.port}/c/main/ws", trial.seed) as all_,
        ):
            battle = Battle(all_)
            killing = Killing(server, relay, battle, random.Random(trial.seed), examiner)
            killing.ready_s.append(first_ready_s)
            for number in range(trial.units):
                await killing.round()
                if number % 10 == 9:
                    trial.say(f"{number + 1} rounds, {battle.durable:,} messages durable")
            await killing.finish()
            resent = battle.resent
    finally:
        if server.running:
            server.kill()
    assert min(killing.durable) >= DURABLE_A_ROUND
    if trial.long:
        slowest_s = max(killing.ready_s)
        assert slowest_s < READY_MAX_S, f"one start took {slowest_s:.2f} s"
    return {
        "kills while drawing": len(killing.durable),
        "of these while tiles were saved": killing.killed_saving,
        "kills while starting": killing.killed_starting,
        "lines cut": killing.cuts,
        "durable at the kills": sum(killing.durable),
        "in flight at the kills": killing.in_flight,
        "sent again": resent,
        "in the log at the end": battle.evidence.found.total(),
        **battle.evidence.figures(),
        "ready s": killing.ready_s,
    }


def _summarise(figures: Sequence[Figures]) -> Figures:
    ready_s = joined(figures, "ready s")
    counts = {name: total(figures, name) for name in figures[0] if name != "ready s"}
    return {
        **counts,
        "ready after, median s": percentile(ready_s, 0.5),
        "ready after, p99 s": percentile(ready_s, 0.99),
        "ready after, worst s": ready_s[-1],
    }


ROW = Row(
    name="kill",
    title="`kill -9` at random moments under load, in start-up and in checkpoints",
    must_hold="0 durable lost, 0 drawn twice, ready < 2 s, integrity ok",
    unit="rounds",
    short=4,
    long=1000,
    trial_units=50,
    trial=_trial,
    summarise=_summarise,
)


def test_kill(tmp_path: Path) -> None:
    """ONCE-1, ONCE-3, LOG-7, REC-1, LOG-4, ACK-2: nothing durable is lost, nothing drawn twice."""
    figures = run_short(ROW, tmp_path)
    assert figures["in flight at the kills"] > 0
