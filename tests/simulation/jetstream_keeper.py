"""A real NATS server under a simulation: virtual time decides when, JetStream what is held."""

import itertools
import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from server.cluster import streams
from server.cluster.jetstream import ANSWER_TIMEOUT_S, JetStreamStream
from server.cluster.link import Link, LinkOptions
from tests.nats_rig import READY_WITHIN_S, NatsProcess, one_server
from tests.shared_rigs import LoopThread
from tiles.shared.stream import Bounds, Delivered


class JetStreamKeeper:
    """Keeps the entries of one run's stream. Each call blocks until the server has answered."""

    def __init__(self, link: Link, canvas: str, epoch: int) -> None:
        self._link = link
        self._subject = streams.log_subject(canvas, epoch)
        self._stream = JetStreamStream(link, canvas)
        self.reads = 0
        """Entries that were read."""
        link.wait(streams.create(link, canvas, epoch, replicas=1), READY_WITHIN_S)

    def store(self, data: bytes) -> Delivered:
        """Publish an entry; what the server then holds of it."""
        work = self._link.request(self._subject, data, ANSWER_TIMEOUT_S)
        answer = json.loads(self._link.wait(work, ANSWER_TIMEOUT_S).data)
        (entry,) = self._stream.read(answer["seq"] - 1, 1)
        return entry

    def read(self, after: int, limit: int) -> Sequence[Delivered]:
        """See :meth:`tiles.shared.stream.Stream.read`."""
        entries = self._stream.read(after, limit)
        self.reads += len(entries)
        return entries

    def bounds(self) -> Bounds:
        """See :meth:`tiles.shared.stream.Stream.bounds`."""
        return self._stream.bounds()


class JetStreamRig:
    """A server, a link to it, and a stream for each run."""

    def __init__(self, folder: Path) -> None:
        self._ends = ExitStack()
        self._server: NatsProcess = self._ends.enter_context(one_server(folder))
        self._thread = LoopThread()
        self._ends.callback(self._thread.stop)
        self._link = self._thread.run(self._connect())
        self._ends.callback(lambda: self._thread.run(self._link.close()))
        self._names = (f"run{number}" for number in itertools.count(1))
        self.keepers: list[JetStreamKeeper] = []

    async def _connect(self) -> Link:
        link = Link(LinkOptions((self._server.url,), name="simulation"))
        await link.wait_up(READY_WITHIN_S)
        return link

    def keeper(self, epoch: int) -> JetStreamKeeper:
        """A new stream of that epoch."""
        self.keepers.append(JetStreamKeeper(self._link, next(self._names), epoch))
        return self.keepers[-1]

    def close(self) -> None:
        """End all of it."""
        self._ends.close()
