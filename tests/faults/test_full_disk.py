"""A disk that really is full: a small file system in memory, and a file that takes all the rest.

What :mod:`tests.faults.test_disk` has fail by command, the system itself refuses here, as it does:
in the midst of a write, while what is there already can still be written over.
"""

import asyncio
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from protocol.errors import RejectCode
from tests.faults.artist import Artist
from tests.faults.battle import FLAGS, PROBER, Battle, artists, probe
from tests.faults.evidence import collect
from tests.faults.row import Figures, Row, Trial, joined, percentile, run_short, totals
from tests.process import STOP_WITHIN_S, ServerProcess

DISK_MIB = 24
FILL_BYTES = 64 * 1024
SHUTDOWN_S = 1
ENDS = ("room", "kill", "stop")
"""How a filling ends: there is room again, or before that the server is killed or stopped."""

pytestmark = [pytest.mark.crash, pytest.mark.long]


class CannotMount(Exception):
    """This system doesn't let the test mount a file system."""


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A file system of :data:`DISK_MIB` at ``folder``. Raises :class:`CannotMount`."""
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tilecast-test", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CannotMount(f"no file system can be mounted here: {error}") from None
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(file: Path) -> None:
    """Write until there is no room for another byte."""
    with file.open("ab", buffering=0) as stream:
        size = FILL_BYTES
        while size:
            try:
                stream.write(bytes(size))
            except OSError:
                size //= 2


def _stop(server: ServerProcess) -> None:
    """Stop a server that can't write what it has."""
    code, took_s = server.stop()
    assert code == 0, server.log
    assert took_s < SHUTDOWN_S + STOP_WITHIN_S, f"stopping took {took_s:.1f} s"


async def _trial(trial: Trial) -> Figures:
    flags = (*FLAGS, "--shutdown-timeout-s", str(SHUTDOWN_S))
    server = ServerProcess(trial.folder / "server", *flags)
    with small_disk(server.folder / "data"):
        try:
            await asyncio.to_thread(server.start)
            return await _battle(trial, server, server.folder / "data" / "filler")
        finally:
            if server.running:
                server.kill()


async def _battle(trial: Trial, server: ServerProcess, filler: Path) -> Figures:
    back_s: list[float] = []
    ends: Counter[str] = Counter()
    prober = Artist(server.ws(), PROBER, random.Random(trial.seed), paints=False)
    async with artists(server.ws(), trial.seed) as painters, prober:
        battle = Battle([*painters, prober])
        for number in range(trial.units):
            await battle.draw_more(100)
            await asyncio.to_thread(fill, filler)
            await probe(prober, refused=True)
            await asyncio.to_thread(server.get, "/c/main/tiles/0/0/0.png")
            end = ENDS[number % len(ENDS)]
            ends[end] += 1
            if end != "room":
                await asyncio.to_thread(ServerProcess.kill if end == "kill" else _stop, server)
                await battle.until_gone()
                file = collect(server.canvas_file(), trial.folder / f"full{number}")
                battle.evidence.examine(file, battle.promises())
            await asyncio.to_thread(filler.unlink)
            began = time.monotonic()
            if end != "room":
                await asyncio.to_thread(server.start)
                await battle.until_back()
            await probe(prober, refused=False)
            if end == "room":
                back_s.append(time.monotonic() - began)
        await battle.settle()
        pictures = await battle.shown(server)
        code, _ = await asyncio.to_thread(server.stop)
        assert code == 0, server.log
        file = collect(server.canvas_file(), trial.folder / "end")
        assert battle.evidence.examine(file, battle.promises()).clean
        battle.judge(*pictures)
        lives = 1 + ends["kill"] + ends["stop"]
        assert all(artist.welcomes == lives for artist in battle.artists)
        refused = [codes for artist in battle.artists for codes in artist.refused.values()]
    return {
        "fillings": trial.units,
        **{f"ended by {end}": count for end, count in ends.items()},
        "REJECT 6": sum(RejectCode.READ_ONLY in codes for codes in refused),
        **battle.evidence.figures(),
        "back s": back_s,
    }


def _summarise(figures: Sequence[Figures]) -> Figures:
    back_s = joined(figures, "back s")
    return {**totals(figures, "back s"), "back after there is room, worst s": percentile(back_s, 1)}


ROW = Row(
    name="full-disk",
    title="a file system that is full",
    must_hold="0 false ACK, read-only, recovers without restart",
    unit="fillings",
    short=3,
    long=50,
    trial_units=10,
    trial=lambda trial: asyncio.run(_trial(trial)),
    summarise=_summarise,
)


def test_full_disk(tmp_path: Path) -> None:
    """LOG-5, LOG-7, ACK-2: what the system refuses is neither believed nor forgotten."""
    try:
        figures = run_short(ROW, tmp_path)
    except CannotMount as reason:
        pytest.skip(str(reason))
    assert figures["REJECT 6"] > 0
