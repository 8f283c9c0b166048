"""Power cuts: whatever of the unsynced writes a disk kept, what was said to be durable is there.

The real server writes through a VFS that records (:mod:`tests.faults.vfs_server`). At random
changes of its files, while it is drawn on, starts or stops, they are built anew as a disk may hold
them: what was synced, and of the rest any part, down to single sectors. Some cuts are rehearsed
only: the log's thread stands still meanwhile, and the server lives on. At others the server dies,
the next one starts from what the disk held, and its painters resume.
"""

import asyncio
import random
import shutil
import signal
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from protocol.errors import RejectCode
from tests.faults.artist import SIDE
from tests.faults.battle import FLAGS, Battle, artists
from tests.faults.disk import Disk
from tests.faults.evidence import Evidence, Finding, collect
from tests.faults.row import Figures, Row, Trial, run_short, total, totals
from tests.process import ServerProcess

REHEARSALS = 3
"""So many cuts of each life leave the server alive."""
CHANGES_MAX = 400
CHANGES_STARTING_MAX = 40
CHANGES_STOPPING_MAX = 30

pytestmark = [pytest.mark.crash, pytest.mark.long]


class Outages:
    """A server over a disk that loses its power again and again."""

    def __init__(
        self,
        server: ServerProcess,
        disk: Disk,
        battle: Battle,
        trial: Trial,
        examiner: ThreadPoolExecutor,
    ) -> None:
        self.count = 0
        """How many cuts there were."""
        self.cuts: Counter[str] = Counter()
        """By what was going on, and by what the file was being changed with."""
        self.in_flight = 0
        self._server = server
        self._disk = disk
        self._battle = battle
        self._folder = trial.folder
        self._random = random.Random(trial.seed)
        self._examiner = examiner
        self._examinations: list[Future[Finding]] = []
        self._evidences = [battle.evidence]
        self._folders = 0
        self._epochs: set[int] = {battle.artists[0].epochs[-1]}
        """All that were shown."""

    async def life(self) -> None:
        """A server that is up loses power, in the end for good; the next one comes up."""
        for _ in range(REHEARSALS):
            await self._rehearse()
        if self._random.random() < 0.25:
            left = await self._die_stopping()
        else:
            left = await self._die("drawing", CHANGES_MAX)
        while self._random.random() < 0.35:
            left = await self._die_starting()
        await launch(self._server, self._disk)
        await asyncio.to_thread(self._server.wait_until_ready)
        await self._battle.until_back()
        self._judge_epoch(left)
        self.conclude()

    def conclude(self) -> None:
        """Hear of what was examined meanwhile."""
        for examination in self._examinations:
            examination.result()
        self._examinations.clear()

    def figures(self) -> Figures:
        """What all examinations counted."""
        each = [evidence.figures() for evidence in self._evidences]
        return {name: total(each, name) for name in each[0]}

    async def _rehearse(self) -> None:
        await self._battle.draw_more(1)
        folder = self._next_folder()
        struck = await self._disk.arm_cut(
            folder, after=self._random.randrange(CHANGES_MAX), seed=self._seed(), kill=False
        )
        self._note("rehearsed", await struck)
        # Whatever is on its way to the painters now was durable before.
        await asyncio.to_thread(self._server.stats)
        self._evidences.append(Evidence(SIDE))
        self._examinations.append(self._examine(folder, self._evidences[-1]))
        await self._disk.go()

    async def _die(self, moment: str, changes_max: int) -> Finding:
        """The power fails while the server draws, and it is gone; what the file said then."""
        folder = self._next_folder()
        struck = await self._disk.arm_cut(
            folder, after=self._random.randrange(changes_max), seed=self._seed(), kill=True
        )
        what = await struck
        self._server.kill()  # it is dead
        return await self._bury(moment, what, folder)

    async def _die_stopping(self) -> Finding:
        """The same while it stops; it may be through before."""
        folder = self._next_folder()
        struck = await self._disk.arm_cut(
            folder,
            after=self._random.randrange(CHANGES_STOPPING_MAX),
            seed=self._seed(),
            kill=True,
        )
        code, _ = await asyncio.to_thread(self._server.stop)
        if code == -signal.SIGKILL:
            return await self._bury("stopping", await struck, folder)
        assert code == 0, f"it ended with {code}:\n{self._server.log}"
        await self._battle.until_gone()
        folder.rmdir()
        collect(self._server.canvas_file(), folder)
        return await asyncio.wrap_future(self._examine(folder, self._battle.evidence))

    async def _die_starting(self) -> Finding:
        """A start is cut short; if it is up before, its painters draw until the power fails."""
        self._server.launch()
        await self._disk.attach(self._server)
        folder = self._next_folder()
        struck = await self._disk.arm_cut(
            folder,
            after=self._random.randrange(CHANGES_STARTING_MAX),
            seed=self._seed(),
            kill=True,
        )
        await self._disk.begin()
        what = await struck
        self._server.kill()  # it is dead
        return await self._bury("starting", what, folder)

    async def _bury(self, moment: str, what: str, folder: Path) -> Finding:
        """The server is dead: put what the disk held in its folder, and examine it."""
        await self._battle.until_gone()
        self._note(moment, what)
        self.in_flight += self._battle.in_flight
        _replace(self._server.canvas_file(), folder)
        finding = await asyncio.wrap_future(self._examine(folder, self._battle.evidence))
        shown = {artist.epochs[-1] for artist in self._battle.artists} - self._epochs
        if moment != "starting" or shown:  # some starts are up before the power fails
            epochs = {artist.epochs[-1] for artist in self._battle.artists}
            assert finding.epoch in epochs, "an epoch was shown, but not stored"
        assert len(shown) <= 1, "one life of the server has shown two epochs"
        self._epochs |= shown
        return finding

    def _examine(self, folder: Path, evidence: Evidence) -> Future[Finding]:
        file = folder / self._server.canvas_file().name
        return self._examiner.submit(evidence.examine, file, self._battle.promises())

    def _judge_epoch(self, left: Finding) -> None:
        """A server that came after an unclean end shows an epoch that nobody has seen."""
        (shown,) = {artist.epochs[-1] for artist in self._battle.artists}
        if left.clean:
            assert shown == left.epoch
        else:
            assert shown not in self._epochs, "an epoch outlived a power cut"
        self._epochs.add(shown)

    def _note(self, moment: str, what: str) -> None:
        self.count += 1
        self.cuts[moment] += 1
        name, change = what.rsplit(" ", 1)
        where = "write-ahead log" if name.endswith("-wal") else "file"
        self.cuts[f"at a {change} of the {where}"] += 1

    def _next_folder(self) -> Path:
        self._folders += 1
        return self._folder / f"cut{self._folders}"

    def _seed(self) -> int | None:
        """For what of the unsynced writes is left; at times none."""
        return None if self._random.random() < 0.2 else self._random.getrandbits(32)


def _replace(file: Path, folder: Path) -> None:
    """A canvas's files are those of ``folder`` from now on."""
    for suffix in ("", "-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    for kept in folder.iterdir():
        shutil.copy(kept, file.parent)


async def launch(server: ServerProcess, disk: Disk) -> None:
    """Start a server whose disk is well."""
    server.launch()
    await disk.attach(server)
    await disk.begin()


async def _trial(trial: Trial) -> Figures:
    server = ServerProcess(trial.folder / "server", *FLAGS)
    try:
        async with Disk() as disk:
            recorded = ServerProcess(trial.folder / "server", *FLAGS, command=disk.command)
            await launch(recorded, disk)
            try:
                return await _battle(trial, recorded, disk, server)
            finally:
                if recorded.running:
                    recorded.kill()
    finally:
        if server.running:
            server.kill()


async def _battle(
    trial: Trial, recorded: ServerProcess, disk: Disk, plain: ServerProcess
) -> Figures:
    await asyncio.to_thread(recorded.wait_until_ready)
    plain.port = recorded.port
    async with artists(recorded.ws(), trial.seed) as all_:
        battle = Battle(all_)
        with ThreadPoolExecutor(1, "examiner") as examiner:
            outages = Outages(recorded, disk, battle, trial, examiner)
            while outages.count < trial.units:
                await outages.life()
                trial.say(f"{outages.count} cuts, {battle.durable:,} messages durable")
        outages.conclude()
        # The last word is a server's that writes as servers do.
        recorded.kill()
        await battle.until_gone()
        await asyncio.to_thread(plain.start)
        await battle.until_back()
        await battle.settle()
        pictures = await battle.shown(plain)
        plain.stop_well()
        file = collect(plain.canvas_file(), trial.folder / "end")
        assert battle.evidence.examine(file, battle.promises()).clean
        battle.judge(*pictures)
        for artist in all_:
            codes = {code for codes in artist.refused.values() for code in codes}
            assert codes <= {RejectCode.OUT_OF_BOUNDS}
    recorded.assert_log_clean()
    return {
        "cuts": outages.count,
        **{f"cuts {name}": count for name, count in sorted(outages.cuts.items())},
        "durable in the end": battle.durable,
        "in flight at the ends": outages.in_flight,
        "sent again": battle.resent,
        **outages.figures(),
    }


def _summarise(figures: Sequence[Figures]) -> Figures:
    return totals(figures)


ROW = Row(
    name="power",
    title="power cut: a recording VFS rebuilds the files at random points without unsynced writes",
    must_hold="0 durable lost",
    unit="cuts",
    short=4,
    long=200,
    trial_units=10,
    trial=lambda trial: asyncio.run(_trial(trial)),
    summarise=_summarise,
)


def test_power(tmp_path: Path) -> None:
    """LOG-7, ACK-2, ONCE-1, ONCE-3, LOG-2, LOG-3, LOG-4, REC-1: nothing durable is lost."""
    figures = run_short(ROW, tmp_path)
    assert figures["cuts"] >= ROW.short
