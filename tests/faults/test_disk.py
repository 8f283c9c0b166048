"""Storage that fails while people paint: nothing false is promised, and it mends by itself.

Into the real server's files come a full disk, I/O errors, syncs that fail
(:mod:`tests.faults.vfs_server`), another program's lock, files that are moved away or deleted, and
a disk that hangs. Each time: who draws is refused with REJECT 6 and told why (or waits, while the
disk hangs), who looks and who comes goes on, a power cut at that moment would lose nothing that was
acknowledged; and when the fault ends, all that was ordered is committed and painting goes on,
without a restart.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest

from client import Client
from protocol.errors import RejectCode
from tests.faults.artist import IN_FLIGHT_MAX, SIDE, Artist, Promise
from tests.faults.battle import FLAGS, PROBER, WITHIN_S, Battle, artists, probe
from tests.faults.disk import Disk
from tests.faults.evidence import collect
from tests.faults.row import Figures, Row, Trial, joined, percentile, run_short, totals
from tests.process import NotReady, ServerProcess

CHANGES_MAX = 100
PAGE_BYTES = 4096
CODES = {
    "read": apsw.SQLITE_IOERR_READ,
    "sync": apsw.SQLITE_IOERR_FSYNC,
    "write": apsw.SQLITE_IOERR_WRITE,
}
TOLD_BAD = "Storage is in trouble"
TOLD_WELL = "Storage is well again"

pytestmark = [pytest.mark.crash, pytest.mark.long]


class Trouble:
    """A server whose storage fails again and again, and those who use it meanwhile."""

    def __init__(
        self, server: ServerProcess, disk: Disk, battle: Battle, prober: Artist, trial: Trial
    ) -> None:
        self.faults: Counter[str] = Counter()
        self.back_s: list[float] = []
        """From a fault's end to drawing that is accepted."""
        self._server = server
        self._disk = disk
        self._battle = battle
        self._prober = prober
        self._folder = trial.folder
        self._random = random.Random(trial.seed)
        self._bad = self._well = 0
        """How often everybody had been told so when the fault began."""

    async def fault(self) -> None:
        """One fault of a random kind, from its beginning to its end and beyond."""
        kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "disk full": lambda: self._failing("write", apsw.SQLITE_FULL),
            "write error": lambda: self._failing("write", CODES["write"]),
            "sync error": lambda: self._failing("sync", CODES["sync"]),
            "read error": lambda: self._failing("read", CODES["read"]),
            "locked by another program": self._locked,
            "file moved away": self._moved,
            "write-ahead log deleted": self._wal_deleted,
            "disk hangs": self._hanging,
        }
        name = self._random.choices(list(kinds), (4, 4, 4, 2, 1, 2, 1, 1))[0]
        self.faults[name] += 1
        self._bad, self._well = self._told(TOLD_BAD), self._told(TOLD_WELL)
        await kinds[name]()
        await self._judge_after()

    async def _failing(self, call: str, code: int) -> None:
        """Calls of one kind fail, from a random change of the files on."""
        # Where only the file fails, and not its write-ahead log, commits go well in between.
        suffixes = ("", "", "-wal", ".sqlite3") if call == "sync" else ("", "-wal")
        suffix = self._random.choice(suffixes)
        struck = await self._disk.arm_fault(
            call,
            code,
            after=self._random.randrange(CHANGES_MAX),
            suffix=suffix,
            partial=self._random.choice((0, self._random.randrange(PAGE_BYTES))),
        )
        await struck
        async with self._in_trouble(steady=suffix != ".sqlite3"):
            await self._disk.heal()

    async def _locked(self) -> None:
        """Another program holds the file's write lock for a while."""
        other = apsw.Connection(str(self._server.canvas_file()))
        try:
            other.set_busy_timeout(int(1000 * WITHIN_S))
            await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
            async with self._in_trouble():
                other.execute("ROLLBACK")
        finally:
            other.close()

    async def _moved(self) -> None:
        """The file is moved away, and put back."""
        file = self._server.canvas_file()
        away = file.with_name("away")
        file.rename(away)
        async with self._in_trouble():
            away.rename(file)

    async def _wal_deleted(self) -> None:
        """The write-ahead log is deleted: the server still has it, and saves what it holds."""
        file = self._server.canvas_file()
        file.with_name(file.name + "-wal").unlink()
        began = asyncio.get_running_loop().time()
        await self._battle.until(lambda: self._told(TOLD_WELL) > self._well, "the rescue")
        self.back_s.append(asyncio.get_running_loop().time() - began)

    async def _hanging(self) -> None:
        """Nothing gets through to the disk, and nothing says so: what isn't durable waits."""
        folder = self._next_folder()
        await self._disk.hold(folder)
        painters = [artist for artist in self._battle.artists if artist is not self._prober]
        await self._battle.until(
            lambda: all(artist.undurable >= IN_FLIGHT_MAX for artist in painters), "drawing"
        )
        await self._look()
        promises = self._battle.promises()
        await self._disk.go(held=True)
        await self._examine(folder, promises)

    @asynccontextmanager
    async def _in_trouble(self, *, steady: bool = True) -> AsyncIterator[None]:
        """What holds while storage fails; the block that follows ends the fault.

        ``steady``: nothing at all can be committed before that.
        """
        await probe(self._prober, refused=True)
        await self._battle.until(lambda: self._told(TOLD_BAD) > self._bad, "being told")
        if steady:
            await self._look()
        await self._judge_promises()
        if steady:
            assert self._server.stats()["read_only"]
            assert self._told(TOLD_WELL) == self._well, "it was back before its time"
        yield
        began = asyncio.get_running_loop().time()
        await probe(self._prober, refused=False)
        self.back_s.append(asyncio.get_running_loop().time() - began)
        await self._battle.until(lambda: self._told(TOLD_WELL) > self._well, "being told")

    async def _look(self) -> None:
        """Somebody comes and looks at everything, by socket and by HTTP."""
        async with Client(self._server.ws(), proxy=None, connect_timeout_s=WITHIN_S) as watcher:
            async with asyncio.timeout(WITHIN_S):
                await watcher.viewport(0, 0, 63, 63)
                await watcher.viewport(0, 0, SIDE - 1, SIDE - 1)
                await watcher.until_clock(self._server.stats()["seq"])
            viewed = watcher.view.array(0, 0, SIDE - 1, SIDE - 1).pixels
        shown = await asyncio.to_thread(self._server.region, 0, 0, SIDE - 1, SIDE - 1)
        assert shown.tobytes() == viewed.tobytes()
        for path in ("/c/main/tiles/0/0/0.png", "/healthz"):
            assert await asyncio.to_thread(self._server.get, path)

    async def _judge_promises(self) -> None:
        """A power cut now would lose nothing that anybody was told is durable."""
        folder = self._next_folder()
        await self._disk.hold(folder)
        # Whatever is on its way to the painters now was durable before.
        await asyncio.to_thread(self._server.stats)
        promises = self._battle.promises()
        await self._disk.go(held=True)
        await self._examine(folder, promises)

    async def _examine(self, folder: Path, promises: Sequence[Promise]) -> None:
        file = folder / self._server.canvas_file().name
        await asyncio.to_thread(self._battle.evidence.examine, file, promises)

    def _next_folder(self) -> Path:
        return self._folder / f"cut{self.faults.total()}"

    async def _judge_after(self) -> None:
        """All that waited is committed, and painting goes on."""
        serials = [len(artist.drawn) for artist in self._battle.artists]
        await self._battle.until(
            lambda: all(
                artist.durable >= serial
                for artist, serial in zip(self._battle.artists, serials, strict=True)
            ),
            "committing what waited",
        )
        await self._battle.draw_more(100)
        assert not self._server.stats()["read_only"]

    def _told(self, text: str) -> int:
        """How often everybody was told so."""
        return min(
            sum(notice.startswith(text) for notice in artist.notices)
            for artist in self._battle.artists
        )


async def _trial(trial: Trial) -> Figures:
    async with Disk() as disk:
        server = ServerProcess(trial.folder / "server", *FLAGS, command=disk.command)
        server.launch()
        try:
            await disk.attach(server)
            await disk.begin()
            await asyncio.to_thread(server.wait_until_ready)
            return await _battle(trial, server, disk)
        finally:
            if server.running:
                server.kill()


async def _battle(trial: Trial, server: ServerProcess, disk: Disk) -> Figures:
    prober = Artist(server.ws(), PROBER, random.Random(trial.seed), paints=False)
    async with artists(server.ws(), trial.seed) as painters, prober:
        battle = Battle([*painters, prober])
        trouble = Trouble(server, disk, battle, prober, trial)
        for number in range(trial.units):
            await trouble.fault()
            if number % 10 == 9:
                trial.say(f"{number + 1} faults, {battle.durable:,} messages durable")
        await battle.settle()
        pictures = await battle.shown(server)
        code, _ = await asyncio.to_thread(server.stop)
        assert code == 0, server.log
        file = collect(server.canvas_file(), trial.folder / "end")
        assert battle.evidence.examine(file, battle.promises()).clean
        battle.judge(*pictures)
        assert all(artist.welcomes == 1 for artist in battle.artists), "a session was disturbed"
    return {
        "faults": trial.units,
        **{f"faults: {name}": count for name, count in sorted(trouble.faults.items())},
        "durable in the end": battle.durable,
        "REJECT 6": sum(
            code == RejectCode.READ_ONLY
            for artist in battle.artists
            for codes in artist.refused.values()
            for code in codes
        ),
        **battle.evidence.figures(),
        "back s": trouble.back_s,
    }


def _summarise(figures: Sequence[Figures]) -> Figures:
    back_s = joined(figures, "back s")
    return {
        **totals(figures, "back s"),
        "back after the fault's end, median s": percentile(back_s, 0.5),
        "back after the fault's end, worst s": back_s[-1],
    }


ROW = Row(
    name="disk",
    title="disk full, I/O error, fsync error at random points; a locked and a vanished file",
    must_hold="0 false ACK, read-only, recovers without restart",
    unit="faults",
    short=5,
    long=200,
    trial_units=25,
    trial=lambda trial: asyncio.run(_trial(trial)),
    summarise=_summarise,
)


def test_disk(tmp_path: Path) -> None:
    """LOG-5, LOG-8, ACK-2, ONCE-1: no false ACK, read-only, and back without a restart."""
    figures = run_short(ROW, tmp_path)
    assert figures["REJECT 6"] > 0


@pytest.mark.parametrize("call", ["write", "sync", "read"])
async def test_a_start_from_a_disk_that_fails(tmp_path: Path, call: str) -> None:
    """LOG-5, CLI-1: it ends with 1 and says which file and why; nothing is worse for it later."""
    async with Disk() as disk:
        server = ServerProcess(tmp_path, *FLAGS, command=disk.command)
        server.launch()
        await disk.attach(server)
        await disk.arm_fault(call, CODES[call], after=0)
        await disk.begin()
        with pytest.raises(NotReady, match="it ended with 1"):
            await asyncio.to_thread(server.wait_until_ready)
        server.kill()
        assert f"{server.canvas_file()} can't be opened" in server.log
        assert "Traceback" not in server.log
        server.launch()
        await disk.attach(server)
        await disk.begin()
        await asyncio.to_thread(server.wait_until_ready)
        code, _ = await asyncio.to_thread(server.stop)
        assert code == 0
