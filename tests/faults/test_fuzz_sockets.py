"""Malformed frames over real sockets: the grammar's conversations, framed in every way."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from protocol.errors import CloseCode
from tests.bystander import Bystander
from tests.faults.grammar import Grammar
from tests.faults.row import Figures, Row, Trial, run_short, total, worst
from tests.faults.talk import Talk
from tests.oracle.conversation import Conversation, Ground
from tests.process import ServerProcess
from tests.raw_socket import RawSocket
from tests.slow_reader import until_stats

GROUND = Ground(200, 150, max_message_pixels=4_000, max_message_tiles=6, max_viewport_tiles=8)
FLAGS = (
    *("--width", str(GROUND.width), "--height", str(GROUND.height)),
    *("--max-message-pixels", str(GROUND.max_message_pixels)),
    *("--max-message-tiles", str(GROUND.max_message_tiles)),
    *("--max-viewport-tiles", str(GROUND.max_viewport_tiles)),
    *("--budget-pixels", "0"),
)
GROWTH_MAX_MIB = 24.0
_AT_ONCE = 8
_SESSIONS_KEPT = 4
_MIB = 1024 * 1024


class Crowd:
    """A few connections at a time, each with a seed of its own, until enough was said."""

    def __init__(self, server: ServerProcess, trial: Trial) -> None:
        self.frames = self.closed = self.rejected = self.connections = 0
        self.flat_from_mib = 0.0
        self._server = server
        self._trial = trial

    async def run(self) -> None:
        """Say all that the trial asks for. Raises AssertionError."""
        async with asyncio.TaskGroup() as group:
            for number in range(_AT_ONCE):
                group.create_task(self._talk(random.Random(self._trial.seed * 1000 + number)))

    async def _talk(self, rng: random.Random) -> None:
        grammar, counts = Grammar(rng, GROUND), dict[bytes, int]()
        while self.frames < self._trial.units:
            if not self.flat_from_mib and self.frames > self._trial.units // 3:
                self.flat_from_mib = self._server.memory_bytes / _MIB
            frames = list(grammar.conversation(tuple(counts)[-_SESSIONS_KEPT:]))
            async with RawSocket(self._server.port) as raw:
                assert await raw.upgrade() == 101
                talk = Talk(raw, rng, Conversation(GROUND, counts))
                try:
                    await talk.hold(frames)
                except (AssertionError, TimeoutError) as error:
                    said = " ".join(frame.hex() for frame in frames)
                    raise AssertionError(f"{error!r} after {said}\nof {talk.due}") from error
            if talk.session is not None:
                counts.pop(talk.session, None)  # how much of its end was handled isn't told
                if talk.code == CloseCode.NORMAL:
                    counts[talk.session] = talk.due.handled
            self.connections += 1
            self.frames += talk.frames
            self.closed += talk.code != CloseCode.NORMAL
            self.rejected += len(talk.due.rejects)


async def _held(server: ServerProcess, trial: Trial) -> Figures:
    async with Bystander(server.ws()) as bystander:
        crowd = Crowd(server, trial)
        await crowd.run()
        await until_stats(server, lambda figures: figures["sessions"] == 2)
        await bystander.more(5)
        worst_ms = 1000 * bystander.worst_s
    growth = server.memory_bytes / _MIB - crowd.flat_from_mib
    assert growth < GROWTH_MAX_MIB, f"memory grew by {growth:.0f} MiB"
    return {
        "frames": crowd.frames,
        "connections": crowd.connections,
        "closed by the server": crowd.closed,
        "rejected": crowd.rejected,
        "growth MiB": round(growth, 1),
        "bystander's worst pixel ms": round(worst_ms, 1),
    }


def trial(trial: Trial) -> Figures:
    """One server, and as many connections as it takes."""
    server = ServerProcess(trial.folder, *FLAGS)
    server.start()
    try:
        figures = asyncio.run(_held(server, trial))
        server.stop_well()
    finally:
        if server.running:
            server.kill()
    return figures


def summarise(figures: Sequence[Figures]) -> Figures:
    """Sums, and the worst of the rest."""
    sums = ("frames", "connections", "closed by the server", "rejected")
    most = {name: worst(figures, name) for name in figures[0] if name not in sums}
    return {name: total(figures, name) for name in sums} | most


ROW = Row(
    name="fuzz-sockets",
    title="malformed frames over real sockets",
    must_hold="one answer each, bystanders paint on, nothing logged as an error, memory flat",
    unit="frames",
    short=1_500,
    long=100_000,
    trial_units=25_000,
    trial=trial,
    summarise=summarise,
)


@pytest.mark.long
def test_malformed_frames_over_sockets(tmp_path: Path) -> None:
    """WIRE-8 and, of the real process: SES-1, SES-2, SES-3, SES-5, SES-8, ACK-1, RAS-3, VIEW-3."""
    figures = run_short(ROW, tmp_path)
    assert figures["closed by the server"] > 0
    assert figures["rejected"] > 0
