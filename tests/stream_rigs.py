"""What the stream's tests share: a follower that remembers, and a rig per kind of stream."""

import asyncio
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from server.cluster import streams
from server.cluster.consumer import Patience
from server.cluster.jetstream import JetStreamStream
from server.cluster.link import Link, LinkOptions
from tests.faults.relay import Relay
from tests.memory_stream import Fate, MemoryStream, MemoryStreamStore
from tests.nats_rig import NatsProcess, one_server
from tiles.shared.stream import Bounds, Delivered, Stream, StreamError

WAIT_S = 30.0
EPOCH = 1 << 52
CANVAS = "main"
PATIENCE = Patience(heartbeat_s=0.2, silence_s=0.8, check_s=0.4, doubt_s=0.6)
PUBLISH_TIMEOUT_S = 1.5


class Recorder:
    """A follower that remembers what it was told."""

    def __init__(self) -> None:
        self.entries: list[Delivered] = []
        self.behind: list[int] = []
        self.answers: list[tuple[int, StreamError | None]] = []
        self.links: list[StreamError | None] = []
        self.losses: list[StreamError] = []

    def delivered(self, entries: Sequence[Delivered], behind: int) -> None:
        """Remember entries."""
        assert entries
        self.entries += entries
        self.behind.append(behind)

    def answered(self, number: int, error: StreamError | None) -> None:
        """Remember an answer."""
        self.answers.append((number, error))

    def linked(self, error: StreamError | None) -> None:
        """Remember that the stream can't be reached, or is again."""
        self.links.append(error)

    def lost(self, error: StreamError) -> None:
        """Remember a loss."""
        self.losses.append(error)

    @property
    def data(self) -> list[bytes]:
        """What the entries hold."""
        return [entry.data for entry in self.entries]

    @property
    def places(self) -> list[int]:
        """Where they are."""
        return [entry.place for entry in self.entries]

    @property
    def taken(self) -> list[int]:
        """The numbers answered well, in the order of the answers."""
        return [number for number, error in self.answers if error is None]

    def is_linked(self) -> bool:
        """Whether the stream is reached, as it was told; fails if that was told out of turn."""
        assert [error is None for error in self.links] == [
            number % 2 == 1 for number in range(len(self.links))
        ]
        return not self.links or self.links[-1] is None

    @property
    def refused(self) -> list[int]:
        """The numbers answered with an error, in the order of the answers."""
        return [number for number, error in self.answers if error is not None]


class StreamNode(ABC):
    """One node's stream and its way to it."""

    stream: Stream

    def __init__(self) -> None:
        self.heard = Recorder()

    async def follow(self, after: int = 0) -> Recorder:
        """Follow from a place."""
        await self.bounds()
        self.stream.follow(after, self.heard)
        return self.heard

    @abstractmethod
    async def bounds(self) -> Bounds:
        """:meth:`Stream.bounds`."""

    @abstractmethod
    async def read(self, after: int, limit: int = 1000) -> Sequence[Delivered]:
        """:meth:`Stream.read`."""

    @abstractmethod
    async def cut(self) -> None:
        """Cut the way to the stream, with what is under way."""

    @abstractmethod
    async def mend(self) -> None:
        """Give it back."""

    @abstractmethod
    async def lose_entries(self) -> None:
        """From here on, what it publishes doesn't arrive; until :meth:`mend`."""

    @abstractmethod
    async def lose_answers(self) -> None:
        """From here on, nothing comes back to it; until :meth:`mend`."""


class StreamRig(ABC):
    """One canvas's stream, and nodes that have it."""

    @abstractmethod
    async def node(self) -> StreamNode:
        """Another node."""

    @abstractmethod
    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until it holds; fail if it doesn't soon."""

    @abstractmethod
    async def trim(self, through: int) -> None:
        """Drop the entries up to a place."""

    @abstractmethod
    async def replace(self) -> None:
        """Put an empty stream of another epoch in its place."""

    @abstractmethod
    async def save(self) -> None:
        """Remember what is stored now."""

    @abstractmethod
    async def restore(self) -> None:
        """Lose what was stored since."""

    @abstractmethod
    async def dispose(self) -> None:
        """End all that is still running."""


class MemoryNode(StreamNode):
    """:class:`MemoryStream`."""

    def __init__(self, stream: MemoryStream) -> None:
        super().__init__()
        self.stream: MemoryStream = stream

    async def bounds(self) -> Bounds:
        return self.stream.bounds()

    async def read(self, after: int, limit: int = 1000) -> Sequence[Delivered]:
        return self.stream.read(after, limit)

    async def cut(self) -> None:
        self.stream.cut()

    async def mend(self) -> None:
        self.stream.fate = lambda: Fate.STORED
        self.stream.mend()

    async def lose_entries(self) -> None:
        self.stream.fate = lambda: Fate.UNSTORED

    async def lose_answers(self) -> None:
        self.stream.fate = lambda: Fate.UNANSWERED


class MemoryRig(StreamRig):
    """Streams in memory, without a clock."""

    def __init__(self) -> None:
        self._store = MemoryStreamStore(epoch=EPOCH)
        self._saved = 0

    async def node(self) -> StreamNode:
        return MemoryNode(self._store.stream())

    async def until(self, condition: Callable[[], bool]) -> None:
        self._store.settle()
        assert condition()

    async def trim(self, through: int) -> None:
        self._store.trim(through)

    async def replace(self) -> None:
        self._store.settle()
        self._store.replace(EPOCH + 1)

    async def save(self) -> None:
        self._store.settle()
        self._saved = self._store.last

    async def restore(self) -> None:
        self._store.settle()
        self._store.shorten(self._saved)

    async def dispose(self) -> None:
        pass


class Line(Relay):
    """A node's line to its server, either direction of which can be lost."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.loses_forth = False
        self.loses_back = False
        self.loses_once = b""
        """What comes back with these bytes, as the server wrote it in one go, is lost, once."""

    def say(self, data: bytes) -> None:
        """Let something come back that the server didn't say."""
        for line in self._lines:
            line[0].write(data)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back = any(line[0] is writer for line in self._lines)
        while data := await reader.read(64 * 1024):
            if back and self.loses_once and self.loses_once in data:
                self.loses_once = b""
            elif not (self.loses_back if back else self.loses_forth):
                writer.write(data)
                await writer.drain()


class NatsNode(StreamNode):
    """:class:`JetStreamStream` over a link of its own."""

    def __init__(self, link: Link, line: Line) -> None:
        super().__init__()
        self.link = link
        self.stream: JetStreamStream = JetStreamStream(
            link, CANVAS, publish_timeout_s=PUBLISH_TIMEOUT_S, patience=PATIENCE
        )
        self.line = line
        self._port = line.target_port

    async def bounds(self) -> Bounds:
        return await asyncio.to_thread(self.stream.bounds)

    async def read(self, after: int, limit: int = 1000) -> Sequence[Delivered]:
        return await asyncio.to_thread(self.stream.read, after, limit)

    async def cut(self) -> None:
        self.line.target_port = 1  # where nobody listens
        self.line.cut_all()
        await wait_until(lambda: not self.link.up)

    async def mend(self) -> None:
        self.line.loses_forth = self.line.loses_back = False
        self.line.target_port = self._port
        before = self.link.connects
        self.line.cut_all()  # the bytes that were lost left the others without their beginning
        await wait_until(lambda: self.link.connects > before)

    async def lose_entries(self) -> None:
        self.line.loses_forth = True

    async def lose_answers(self) -> None:
        self.line.loses_back = True


class NatsRig(StreamRig):
    """A server of its own, and a line of its own for each node."""

    def __init__(self, folder: Path) -> None:
        self.server: NatsProcess = one_server(folder, sync_interval="2m")
        self._stack = AsyncExitStack()
        self._nodes: list[NatsNode] = []
        self._admin: Link | None = None

    async def node(self) -> StreamNode:
        if self._admin is None:
            self.server.start()
            self._admin = await self._stack.enter_async_context(
                Link(LinkOptions((self.server.url,)))
            )
            await self._admin.wait_up(WAIT_S)
            await streams.create(self._admin, CANVAS, EPOCH, 1)
        line = await self._stack.enter_async_context(Line(self.server.config.port))
        url = self.server.url.replace(f":{self.server.config.port}", f":{line.port}")
        link = await self._stack.enter_async_context(Link(LinkOptions((url,), silence_s=1.0)))
        await link.wait_up(WAIT_S)
        self._nodes.append(NatsNode(link, line))
        return self._nodes[-1]

    async def until(self, condition: Callable[[], bool]) -> None:
        await wait_until(condition)

    @property
    def admin(self) -> Link:
        """A link that nothing is done to."""
        assert self._admin is not None
        return self._admin

    async def trim(self, through: int) -> None:
        epoch = (await streams.state(self.admin, CANVAS)).bounds.epoch
        await streams.trim(self.admin, CANVAS, epoch, through)

    async def replace(self) -> None:
        await streams.delete(self.admin, CANVAS)
        await streams.create(self.admin, CANVAS, EPOCH + 1, 1)

    async def save(self) -> None:
        self.server.stop()
        self.server.save_store()
        await self.restart()

    async def restore(self) -> None:
        self.server.kill()
        self.server.restore_store()
        await self.restart()

    async def restart(self) -> None:
        """Start the server, and wait until the rig's own link is up again."""
        await wait_until(lambda: not self.admin.up)
        self.server.start()
        await self.admin.wait_up(WAIT_S)

    async def dispose(self) -> None:
        try:
            for node in self._nodes:
                node.stream.close()
            await self._stack.aclose()
        finally:
            self.server.dispose()
            shutil.rmtree(self.server.config.folder)


async def wait_until(condition: Callable[[], bool], within_s: float = WAIT_S) -> None:
    """Wait until it holds; fail if it doesn't within that time."""
    end = asyncio.get_running_loop().time() + within_s
    while not condition():
        assert asyncio.get_running_loop().time() < end, "it didn't come to be"
        await asyncio.sleep(0.005)
