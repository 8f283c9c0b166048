"""Several nodes' shared logs over one stream in memory, in virtual time, and who draws on them."""

import random
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.log_rigs import INFO, TIME_MS, Recorder
from tests.memory_log import MemoryLog, MemoryStore
from tests.memory_stream import MemoryStreamStore
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import Process, VirtualTime
from tiles.log.base import (
    Author,
    Batch,
    Commit,
    LogError,
    Mark,
    Recovered,
    SessionCount,
)
from tiles.shared.log import SharedLog

RESENT_MAX = 50
"""Messages that are drawn again at once."""
STREAM_S = 0.002
"""From a node to the stream, or back."""
FOLD_S = 0.003
NEW = bytes(16)

Answer = SessionCount | LogError


class State(NamedTuple):
    """All that a fold holds: the same on every node that has come as far."""

    batches: list[Batch]
    counts: dict[bytes, SessionCount]
    mark: Mark


class Node:
    """One life of a node. ``disk`` outlives it; ``fold_s`` is how long a write to it takes."""

    def __init__(self, nodes: "Nodes", disk: MemoryStore) -> None:
        self.disk = disk
        self.fold_s = FOLD_S
        self.process = Process(nodes.time, nodes.rng, 0.0)
        self.stream = nodes.store.stream()
        self.recorder = Recorder()
        self._nodes = nodes
        self._opening = True
        self.fold = MemoryLog(disk, schedule=self._write, keeps_epoch=True)
        self.log = SharedLog(
            self.fold,
            self.stream,
            self.process,
            self.process.offload,
            random=nodes.rng.randbytes,
        )
        self._seq = 0
        self.ticket = 0
        self.offered: list[tuple[int, SessionCount]] = []
        """Every count that was appended, with its commit's ticket."""

    def _write(self, _delay_s: float, call: Callable[[], None]) -> None:
        """A start waits for its disk, and takes no time here."""
        if self._opening:
            call()
        else:
            self.process.call_later(self.fold_s, call)

    def open(self) -> Recovered:
        """Open the log; see :meth:`tiles.log.base.Log.open`."""
        recovered = self.log.open()
        self._opening = False
        self._seq = recovered.seq
        return recovered

    def start(self) -> "Node":
        """Open and start the log."""
        self.open()
        self.log.start(self.recorder, self.recorder.ordered)
        return self

    def claim(self, session: bytes = NEW, seen: int | None = None) -> list[Answer]:
        """Ask for a session; the answer is in the list once it has come."""
        answers: list[Answer] = []
        self.log.claim(session, answers.append, seen)
        return answers

    def offer(self, *drawn: tuple[SessionCount, bytes]) -> int:
        """Append one commit: counts as they shall be, each with its 8-byte messages; its ticket."""
        batches = []
        for count, data in drawn:
            if data:
                first, self._seq = self._seq + 1, self._seq + len(data) // 8
                author = Author(count.session, "Ann")
                batches.append(Batch(first, self._seq, author, TIME_MS, (0, 0, 9, 9), data))
        self.ticket += 1
        self.offered += [(self.ticket, count) for count, _ in drawn]
        self.log.append(Commit(self.ticket, batches, [count for count, _ in drawn]))
        return self.ticket

    def crash(self) -> None:
        """Die like ``kill -9``."""
        self.process.alive = False
        self.fold.crash()
        self.stream.cut()
        self.stream.close()

    @property
    def state(self) -> State:
        """What the fold holds."""
        return State(self.disk.batches, self.disk.counts, self.disk.mark)


class Nodes:
    """The stream, and the time that all share."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = random.Random(seed)
        self.time = VirtualTime(Verdict())
        self.store = MemoryStreamStore(
            schedule=self.time.do_after, delay_s=STREAM_S, time_ms=self._time_ms, epoch=77
        )
        self.skip_ms = 0
        """How far the stream's clock was set forward."""

    def _time_ms(self) -> int:
        return TIME_MS + self.skip_ms + int(1000 * self.time.now)

    def disk(self) -> MemoryStore:
        """A new fold."""
        return MemoryStore(INFO, epoch=self.store.epoch)

    def node(self, disk: MemoryStore | None = None) -> Node:
        """A node that isn't open yet, over a new fold or one that there is."""
        return Node(self, disk or self.disk())

    def started(self, count: int) -> list[Node]:
        """So many nodes."""
        return [self.node().start() for _ in range(count)]

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.time.run(self.time.now + seconds)

    def run_until(self, done: Callable[[], bool], within_s: float = 60.0) -> None:
        """Let time pass until something has come about."""
        end = self.time.now + within_s
        while not done():
            assert self.time.now < end, "it didn't come about"
            self.run(0.005)

    def claimed(self, node: Node, session: bytes = NEW) -> SessionCount:
        """What a claim is answered with, which has to be a session."""
        answers = node.claim(session)
        self.run_until(lambda: bool(answers))
        assert isinstance(answers[0], SessionCount), answers
        return answers[0]


class Painter:
    """Somebody who draws messages of 8 bytes at one node or another, by the rule of resending."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = nodes
        self.messages: list[bytes] = []
        """All that was ever drawn, in order; each once."""
        self.count: SessionCount | None = None
        self._node: Node | None = None
        self._sent = 0
        self._waiting: list[Answer] | None = None

    def draw(self, messages: int) -> None:
        """Draw some more, where the session is held; what isn't stays to be sent."""
        self.messages += self.fresh(messages)
        self.send()

    def fresh(self, messages: int) -> list[bytes]:
        """So many new ones."""
        return [self._nodes.rng.randbytes(8) for _ in range(messages)]

    def send(self) -> None:
        """Offer what wasn't sent under this claim, if there is one."""
        drawn = self.take()
        if drawn and self._node:
            self._node.offer(drawn)

    def take(self, most: int | None = None) -> tuple[SessionCount, bytes] | None:
        """The next of what wasn't sent, to be offered at :attr:`node`: all of it, or so many."""
        count = self.count
        if count is None or self.node is None:
            return None
        since, end = self._sent, len(self.messages)
        self._sent = end if most is None else min(end, since + most)
        data = b"".join(self.messages[since : self._sent])
        to = SessionCount(count.session, self._sent, (), TIME_MS, count.claim, count.client, since)
        return (to, data) if data else None

    @property
    def node(self) -> Node | None:
        """Where it draws, if it may."""
        node = self._node
        ready = node is not None and node.process.alive and self._waiting is None
        return node if ready else None

    def go_to(self, node: Node) -> None:
        """Claim the session at a node; what was offered before may count or not."""
        session = self.count.session if self.count else NEW
        self._node, self._waiting = node, node.claim(session)

    def hear(self) -> bool:
        """Take the answer to the claim, and send what it doesn't cover; whether there is one."""
        if not self._waiting:
            if self._node is not None and not self._node.process.alive:
                self._waiting = self._node = None  # nobody is there to answer
            return self._waiting is None
        answer, self._waiting = self._waiting[0], None
        if isinstance(answer, LogError):
            self._node = None
        else:
            self.count, self._sent = answer, answer.handled
            while self._node and (drawn := self.take(RESENT_MAX)):
                self._node.offer(drawn)
        return True

    @property
    def lost(self) -> bool:
        """Whether it has to go to another node."""
        if self._waiting is not None:
            return False
        return self._node is None or not self._node.process.alive or self._void()

    def _void(self) -> bool:
        node, count = self._node, self.count
        assert node is not None
        return count is not None and any(
            (count.session, count.claim) in ordered.void for ordered in node.recorder.entries
        )

    def check(self, state: State) -> None:
        """All that was drawn is there, once, in its order."""
        assert self.count is not None
        drawn = [batch for batch in state.batches if batch.author.session == self.count.session]
        assert b"".join(batch.messages for batch in drawn) == b"".join(self.messages)
        assert state.counts[self.count.session].handled == len(self.messages)


def draw_together(painters: Iterable[Painter], messages: Callable[[], int]) -> None:
    """Have some draw, those of each node in one commit, as one flush makes it."""
    by_node: dict[Node, list[tuple[SessionCount, bytes]]] = {}
    for painter in painters:
        if painter.node is not None:
            painter.messages += painter.fresh(messages())
            drawn = painter.take()
            if drawn:
                by_node.setdefault(painter.node, []).append(drawn)
    for node, drawn_there in by_node.items():
        node.offer(*drawn_there)


def check_agreement(nodes: list[Node]) -> State:
    """All that live hold the same, and their seqs have no gap; that."""
    states = [node.state for node in nodes if node.process.alive]
    for state in states[1:]:
        assert state == states[0]
    seq = 0
    for batch in states[0].batches:
        assert batch.first_seq == seq + 1
        seq = batch.last_seq
    return states[0]
