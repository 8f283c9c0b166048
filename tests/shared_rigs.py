"""Rigs of the shared log: over a stream in memory, and over a real NATS server."""

import asyncio
import itertools
import threading
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

from server.cluster import streams
from server.cluster.jetstream import JetStreamStream
from server.cluster.link import Link, LinkOptions
from server.threads import LoopOffload
from tests.faults.relay import Relay
from tests.log_rigs import INFO, WAIT_S, Painter, Recorder, Rig, SqliteRig
from tests.memory_stream import MemoryStream, MemoryStreamStore
from tests.nats_rig import NatsProcess
from tiles.log.base import CanvasInfo, Log, LogError, SessionCount
from tiles.log.schema import new_epoch
from tiles.shared.log import SharedLog
from tiles.shared.stream import Stream

T = TypeVar("T")

DELAY_S = 0.0005
"""From one end of a stream in memory to the other."""
_NOBODY = 1
"""A port that nobody listens on."""

_names = itertools.count()


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="loop")
        self._thread.start()

    def call(self, work: Callable[[], T]) -> T:
        """What ``work`` returns, called on the loop."""

        async def run() -> T:
            return work()

        return self.run(run())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What a coroutine comes to on the loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(WAIT_S)

    def stop(self) -> None:
        """End the loop and the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(WAIT_S)
        self.loop.close()


def claimed(log: Log, session: bytes = bytes(16)) -> SessionCount | LogError:
    """What a log answers to a claim."""
    answers: list[SessionCount | LogError] = []
    answered = threading.Event()

    def done(answer: SessionCount | LogError) -> None:
        answers.append(answer)
        answered.set()

    log.claim(session, done)
    assert answered.wait(WAIT_S)
    return answers[0]


class SharedRig(Rig):
    """:class:`SharedLog` over a fold in SQLite; it fails where its stream can't be reached."""

    crash_changes_epoch = False
    takes_any_count = False
    orders_in_trouble = False
    updates_before_start = False

    answer_s = 3.0
    """So long an entry may be under way before that is trouble."""

    def __init__(self, folder: Path, info: CanvasInfo = INFO, epoch: int | None = None) -> None:
        self.epoch = epoch or new_epoch()
        self.fold = SqliteRig(folder, info, self.epoch)
        self.thread = LoopThread()
        self._offload = LoopOffload(self.thread.loop, 1)
        self._logs: list[SharedLog] = []

    @abstractmethod
    def stream(self) -> Stream:
        """The canvas's stream, as one life of a node has it."""

    @abstractmethod
    def abandon(self) -> None:
        """End what the newest log's stream does, as a killed process would."""

    def log(self) -> SharedLog:
        """A log over the stream and the fold as they are."""
        log = SharedLog(
            self.fold.log(),
            self.stream(),
            self.thread.loop,
            self._offload,
            answer_s=self.answer_s,
            claim_s=WAIT_S,
            update_s=WAIT_S,
        )
        self._logs.append(log)
        return log

    def crash(self, log: Log) -> None:
        """Let the node die; the next one has its fold as it is on disk."""
        self.abandon()
        self.fold.crash(log)

    def painter(self, log: Log) -> Painter:
        """A new session that is claimed."""
        found = claimed(log)
        assert isinstance(found, SessionCount), found
        return Painter(found)

    def in_order(self, recorder: Recorder, seq: int) -> None:
        """Wait until the log has told it."""
        recorder.wait_ordered(seq)

    def dispose(self) -> None:
        """End all that still runs."""
        self.fold.heal()
        for log in self._logs:
            log.close(0)
        self.fold.dispose()
        self._offload.close()
        self.thread.stop()


class MemoryStreamRig(SharedRig):
    """Over a :class:`MemoryStream`."""

    def __init__(self, folder: Path, info: CanvasInfo = INFO) -> None:
        super().__init__(folder, info)
        loop = self.thread.loop
        self.store = MemoryStreamStore(
            schedule=lambda delay_s, call: _nothing(
                loop.call_soon_threadsafe(loop.call_later, delay_s, call)
            ),
            delay_s=DELAY_S,
            epoch=self.epoch,
        )
        self._streams: list[MemoryStream] = []

    def stream(self) -> MemoryStream:
        """Another node's."""
        self._streams.append(self.store.stream())
        return self._streams[-1]

    def abandon(self) -> None:
        """Cut the node off for good."""
        self.thread.call(self._streams[-1].cut)
        self.thread.call(self._streams[-1].close)

    def fail(self) -> None:
        """Cut the newest log's stream off."""
        self.thread.call(self._streams[-1].cut)

    def heal(self) -> None:
        """Join it again."""
        self.thread.call(self._streams[-1].mend)


class LostFoldRig(MemoryStreamRig):
    """Where writes to the fold fail instead, and a crash takes the fold with it."""

    orders_in_trouble = True

    def crash(self, log: Log) -> None:
        """Let the node die; the next one begins with an empty fold."""
        self.abandon()
        self.fold.lose()

    def fail(self) -> None:
        """Fail every write to the fold."""
        self.fold.fail()

    def heal(self) -> None:
        """Writes to the fold succeed again."""
        self.fold.heal()


class JetStreamRig(SharedRig):
    """Over a real server, behind a relay that cuts the newest log off; each log has its link.

    One that is made ``beside`` another is another node of the same canvas.
    """

    def __init__(
        self, folder: Path, server: NatsProcess, beside: "JetStreamRig | None" = None
    ) -> None:
        super().__init__(folder, INFO, beside.epoch if beside else None)
        self.canvas: str = beside.canvas if beside else f"rig{next(_names)}"
        self._server = server
        self._ends = AsyncExitStack()
        self._relay = Relay(server.config.port)
        self._links: list[Link] = []
        self.thread.run(self._ends.enter_async_context(self._relay))
        if beside is None:
            self.thread.run(self._create())

    async def _create(self) -> None:
        async with Link(LinkOptions((self._server.url,), name="rig")) as link:
            await link.wait_up(WAIT_S)
            await streams.create(link, self.canvas, self.epoch, 1)

    async def _link(self) -> Link:
        url = self._server.url.replace(f":{self._server.config.port}", f":{self._relay.port}")
        link = Link(LinkOptions((url,), name=self.canvas))
        await link.wait_up(WAIT_S)
        return link

    def stream(self) -> JetStreamStream:
        """A node's, over a link of its own."""
        self._links.append(self.thread.run(self._link()))
        return JetStreamStream(self._links[-1], self.canvas)

    def abandon(self) -> None:
        """Close the node's link; the next node's line is whole."""
        self.heal()
        self.thread.run(self._links[-1].close())

    def fail(self) -> None:
        """Cut the line, and keep it cut."""
        self._relay.target_port = _NOBODY
        self.thread.call(self._relay.cut_all)

    def heal(self) -> None:
        """Let it be connected again."""
        self._relay.target_port = self._server.config.port

    def dispose(self) -> None:
        """Close the links too."""
        self.heal()
        for link in self._links:
            self.thread.run(link.close())
        self.thread.run(self._ends.aclose())
        super().dispose()


def _nothing(_handle: object) -> None:
    """What a schedule returns."""
