"""Three nodes over three NATS servers: whatever of them dies, stands still or is cut off.

People draw on all nodes, and dial the next one when theirs ends. After each fault nobody draws for
a moment, and all nodes must have come to the same, which is what everybody was promised.
"""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import uvloop

from protocol.errors import RejectCode
from server.cluster.link import Link
from tests.faults.cluster_crowd import WITHIN_S, Crowd, crowd
from tests.faults.cluster_evidence import ClusterEvidence, written_through
from tests.faults.cluster_faults import Faults
from tests.faults.cluster_rig import NODES, SIDE, ClusterRig
from tests.faults.cluster_watch import NatsWatch, Shown, Watch, shown, stats
from tests.faults.row import Figures, Row, Trial, joined, percentile, run_short, totals
from tiles.geometry import tile_range, unkey

CROWD_SHORT, CROWD_LONG = 60, 300
DURABLE_BEFORE = 100
"""Messages before each fault."""
MOVED_SHARE = 0.3
"""So many of the clients' lines are cut between two faults."""
EQUAL_WITHIN_S = 5.0
EQUAL_MAX_S = 60.0
DESCRIPTORS_MORE_MAX = 8
MEMORY_MORE_MAX_BYTES = 64 * 1024 * 1024
TROUBLE = re.compile(
    r"Traceback|^\S+ \S+ CRITICAL |^\S+ \S+ ERROR (?!server\.journal: storage fails)|"
    r"never retrieved|never awaited|Exception in",
    re.M,
)
_POLL_S = 0.02
_LISTS = ("equal s", "equal since the cause ended s", "NATS whole s", "read-only s")

pytestmark = [pytest.mark.crash, pytest.mark.long]


class Siege:
    """A cluster that is put to one fault after another."""

    def __init__(
        self,
        rig: ClusterRig,
        people: Crowd,
        watch: Watch,
        link: Link,
        nats: NatsWatch,
        random_: random.Random,
    ) -> None:
        self.rig = rig
        self.people = people
        self.watch = watch
        self.evidence = ClusterEvidence(SIDE, NODES)
        self.faults = Faults(rig, people, self.evidence, link, random_)
        self.kinds: Counter[str] = Counter()
        self.equal_s: list[float] = []
        self.equal_since_s: list[float] = []
        """The same, from when the test put right what it had done, though NATS wasn't whole."""
        self.nats_whole_s: list[float] = []
        self._nats = nats
        self._random = random_
        self._descriptors: list[int] = []
        self._memory_bytes: list[int] = []

    async def round(self, kind: str) -> None:
        """One fault while all draw, and the account of it."""
        for door in self.rig.doors:
            door.drop(MOVED_SHARE, self._random.random)
        await self.people.draw_more(DURABLE_BEFORE)
        await self.people.until_residents_are_back()
        refused = self.people.refused_read_only
        whole = self._nats.whole_since
        await self.faults.kinds[kind]()
        if kind in self.faults.of_clients_alone and self._nats.whole_since == whole:
            assert self.people.refused_read_only == refused, "nothing was wrong with NATS"
        self.kinds[kind] += 1
        self.people.rest()
        self._nats.begin_afresh()
        removed = time.monotonic()
        pictures = await self._until_equal(removed)
        equal = time.monotonic()
        # The fault lasts until NATS is whole; nodes that need less than that are equal before.
        ended = self._nats.whole_since or equal
        self.nats_whole_s.append(ended - removed)
        self.equal_since_s.append(equal - removed)
        self.equal_s.append(equal - ended)
        assert self.equal_s[-1] <= EQUAL_WITHIN_S, f"{kind}: equal after {self.equal_s[-1]:.1f} s"
        await asyncio.to_thread(self._account, pictures)
        async with asyncio.timeout(WITHIN_S):
            for resident in self.people.residents:
                await resident.client.until_clock(pictures.seq)
                view = resident.client.view.array(0, 0, SIDE - 1, SIDE - 1).pixels
                assert np.ascontiguousarray(view).tobytes() == pictures.levels[0]
        self._count_resources()
        await self.people.until(lambda: self._nats.whole_since is not None, "NATS, to be whole,")

    async def _until_equal(self, removed: float) -> Shown:
        """Wait until nobody waits for anything, and all nodes show, and have written, the same."""
        what = "it has only begun"
        while time.monotonic() < removed + EQUAL_MAX_S:
            self.people.check()
            await asyncio.sleep(_POLL_S)
            if not self.people.settled:
                waiting = [one.number for one in self.people.wanderers if not one.settled]
                what = f"clients {waiting[:20]} aren't in step"
                continue
            said = [await stats(node.port) for node in self.rig.nodes]
            seqs = [None if one is None else one["seq"] for one in said]
            files = [written_through(self.rig.fold(number)) for number in range(NODES)]
            if None in seqs or len({*seqs, *files}) > 1:
                what = f"the nodes are at {seqs}, their files at {files}"
                continue
            first, *others = [await shown(node.port) for node in self.rig.nodes]
            if first is not None and all(other == first for other in others):
                return first
            what = "the nodes show different pictures"
        raise AssertionError(f"{EQUAL_MAX_S} s after the fault's end {what}")

    def _account(self, pictures: Shown) -> None:
        """All that was drawn is in every log, once, or was refused, and the pictures show it."""
        people, oracle = self.people, self.evidence.oracle
        files = [self.rig.fold(number) for number in range(NODES)]
        self.evidence.examine(files, people.promises())
        assert pictures.seq == oracle.seq
        assert pictures.levels[0] == oracle.region(0, 0, SIDE - 1, SIDE - 1)
        for level, pixels in enumerate(pictures.levels[1:], 1):
            tiles = tile_range(level, (0, 0, SIDE - 1, SIDE - 1)).keys()
            ordered = sorted((unkey(tile) for tile in tiles), key=lambda tile: (tile[2], tile[1]))
            assert pixels == b"".join(oracle.tile(*tile) for tile in ordered), f"level {level}"
        people.check()
        for wanderer in people.wanderers:
            refused = wanderer.refused
            assert wanderer.refusals_due <= refused.keys()
            for serial, codes in refused.items():
                assert len(codes) == 1, f"{wanderer.number}'s {serial} was refused twice"
                assert codes[0] == RejectCode.READ_ONLY or serial in wanderer.refusals_due
            assert set(wanderer.epochs) == {pictures.epoch}, "the epoch changed"
        assert self.evidence.found.total() == people.accepted

    def _count_resources(self) -> None:
        self.rig.assert_all_run()
        assert not self.watch.unsaid, self.watch.unsaid
        sessions = len(self.people.wanderers)
        open_files = sum(map(self.rig.descriptors, range(NODES))) - sessions
        self._descriptors.append(open_files)
        more = open_files - min(self._descriptors)
        assert more <= DESCRIPTORS_MORE_MAX, f"descriptors: {self._descriptors}"
        self._memory_bytes.append(max(node.memory_bytes for node in self.rig.nodes))
        more = self._memory_bytes[-1] - self._memory_bytes[0]
        assert more <= MEMORY_MORE_MAX_BYTES, f"resident bytes: {self._memory_bytes}"

    def finish(self) -> None:
        """Stop all nodes well; what each has written is whole."""
        for node in self.rig.nodes:
            code, _ = node.stop()
            assert code == 0, f"a node ended with {code}"
            found = TROUBLE.search(node.log)
            assert found is None, f"{node.folder} has {found[0]!r} in its log:\n{node.log[-6000:]}"
        for number in range(NODES):
            self.evidence.recover(self.rig.fold(number))

    def figures(self) -> Figures:
        """What was seen."""
        people, faults = self.people, self.faults
        return {
            **{f"rounds: {kind}": count for kind, count in self.kinds.items()},
            "messages drawn": sum(len(one.drawn) for one in people.wanderers),
            "sent again": people.resent,
            "resumed on another node": people.moves,
            "late bytes of old connections": faults.late_bytes,
            "nodes seen to refuse": faults.refusing,
            "REJECT 6": people.refused_read_only,
            **self.evidence.figures(),
            "equal s": self.equal_s,
            "equal since the cause ended s": self.equal_since_s,
            "NATS whole s": self.nats_whole_s,
            "read-only s": self.watch.read_only_s,
        }


def _trial(trial: Trial) -> Figures:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_siege(trial, CROWD_LONG if trial.long else CROWD_SHORT))


async def _siege(trial: Trial, count: int) -> Figures:
    random_ = random.Random(trial.seed)
    with ClusterRig(trial.folder) as rig:
        async with (
            crowd(rig, trial.seed, count) as people,
            Watch(rig) as watch,
            rig.link() as link,
            NatsWatch(link) as nats,
        ):
            siege = Siege(rig, people, watch, link, nats, random_)
            for number, kind in enumerate(_order(siege.faults, trial, random_)):
                await siege.round(kind)
                trial.say(f"{number + 1}: {kind}, equal after {siege.equal_s[-1]:.2f} s")
        await asyncio.to_thread(siege.finish)
        return siege.figures()


def _order(faults: Faults, trial: Trial, random_: random.Random) -> list[str]:
    """The faults in turn: in the gate the first ones, else all of them, mixed."""
    kinds = list(faults.kinds)
    order: list[str] = []
    while len(order) < trial.units:
        if trial.long:
            random_.shuffle(kinds)
        order += kinds
    return order[: trial.units]


def _summarise(figures: Sequence[Figures]) -> Figures:
    told = totals(figures, *_LISTS)
    for name in _LISTS:
        values = joined(figures, name)
        told[f"{name[:-2]}, median s"] = percentile(values, 0.5)
        told[f"{name[:-2]}, worst s"] = values[-1] if values else 0.0
    return told


ROW = Row(
    name="cluster",
    title="three nodes over three NATS servers, each killed, stopped or cut off in turn",
    must_hold="0 durable lost, 0 drawn twice, one history, all nodes equal in 5 s",
    unit="rounds",
    short=3,
    long=200,
    trial_units=28,
    trial=_trial,
    summarise=_summarise,
)


def test_cluster(tmp_path: Path) -> None:
    """CLU-50, CLU-51, CLU-52, CLU-53, CLU-54, CLU-55: one history, whatever becomes of whom."""
    figures = run_short(ROW, tmp_path)
    assert figures["late bytes of old connections"] > 0
    assert figures["resumed on another node"] > 0
    assert figures["nodes seen to refuse"] > 0
