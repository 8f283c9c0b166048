"""What the nodes of a cluster, and its NATS servers, say of themselves, asked all the time."""

import asyncio
import io
import json
import time
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
from PIL import Image

from server.cluster import streams
from server.cluster.consumer import NANOSECONDS
from server.cluster.link import Link
from tests.faults.cluster_rig import CANVAS, SIDE, ClusterRig
from tiles.shared.stream import StreamError

_PERIOD_S = 0.1
_ANSWER_S = 1.0
_UNSAID_MAX = 3
_NATS_ANSWER_S = 0.5
_TILE_SIDE = 64


class NatsWatch:
    """Asks NATS again and again whether it is whole. Use as a context manager.

    It is whole once the stream has a leader that has heard from both others since
    :meth:`begin_afresh`, and they hold what it holds; and the cluster has one that answers. A
    leader alone isn't enough: whoever comes back may ask for another election.
    """

    def __init__(self, link: Link) -> None:
        self.whole_since: float | None = None
        """By the monotonic clock; None while it isn't."""
        self._link = link
        self._began = 0.0
        self._task: asyncio.Task[None] | None = None

    def begin_afresh(self) -> None:
        """Forget what was seen; a fault is over now."""
        self._began, self.whole_since = time.monotonic(), None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            began, asked = self._began, time.monotonic()
            try:
                whole = await self._is_whole(asked - began)
            except StreamError:
                whole = False
            if began == self._began:
                self.whole_since = (self.whole_since or asked) if whole else None
            await asyncio.sleep(_PERIOD_S)

    async def _is_whole(self, within_s: float) -> bool:
        name = streams.stream_name(CANVAS)
        seen = await streams.ask(self._link, f"STREAM.INFO.{name}", timeout_s=_NATS_ANSWER_S)
        await streams.ask(self._link, "STREAM.NAMES", timeout_s=_NATS_ANSWER_S)
        cluster = seen["cluster"]
        return bool(cluster.get("leader")) and all(
            replica["current"] and replica["active"] < within_s * NANOSECONDS
            for replica in cluster["replicas"]
        )


class Said(NamedTuple):
    """A node's state: whether it is ready, and whether its canvas can't be drawn on."""

    ready: bool
    read_only: bool


class Watch:
    """Asks each node again and again. Use as a context manager."""

    def __init__(self, rig: ClusterRig) -> None:
        self.read_only_s: list[float] = []
        """How long each stretch was in which a node that answered couldn't be drawn on."""
        self.unsaid: list[str] = []
        """Nodes that couldn't be drawn on, and said time and again that they were ready."""
        self._rig = rig
        self._since: dict[int, float] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._watch(number)) for number in range(len(self._rig.nodes))
        ]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _watch(self, number: int) -> None:
        port = self._rig.nodes[number].port
        unsaid = 0
        while True:
            said = await ask(port)
            unsaid = unsaid + 1 if said == Said(ready=True, read_only=True) else 0
            if unsaid == _UNSAID_MAX:
                self.unsaid.append(f"node {number} is read-only, and says that it is ready")
            now = time.monotonic()
            if said is None:  # it is dead, or stands still
                self._since.pop(number, None)
            elif said.read_only or not said.ready:
                self._since.setdefault(number, now)
            elif number in self._since:
                self.read_only_s.append(now - self._since.pop(number))
            await asyncio.sleep(_PERIOD_S)


async def ask(port: int) -> Said | None:
    """What a node says of itself; None where nobody answers."""
    try:
        status, _ = await fetch(port, "/readyz")
        known, body = await fetch(port, f"/c/{CANVAS}/stats")
    except (OSError, TimeoutError, IndexError, ValueError):
        return None
    return Said(status == 200, known != 200 or json.loads(body)["read_only"])


class Shown(NamedTuple):
    """What a node shows of a canvas: seq, epoch, and all pixels by level, 0 first."""

    seq: int
    epoch: int
    levels: tuple[bytes, ...]


async def stats(port: int) -> dict[str, Any] | None:
    """A node's figures of the canvas, if it has it open and it can be drawn on."""
    try:
        status, body = await fetch(port, f"/c/{CANVAS}/stats")
        ready, _ = await fetch(port, "/readyz")
    except (OSError, TimeoutError, IndexError, ValueError):
        return None
    found: dict[str, Any] = json.loads(body)
    return found if status == ready == 200 and not found["read_only"] else None


async def shown(port: int) -> Shown | None:
    """Level 0 as a region, and the tiles of all levels above; None where it can't be had now."""
    figures = await stats(port)
    if figures is None:
        return None
    side = SIDE - 1
    zoom = (SIDE // _TILE_SIDE).bit_length() - 1
    try:
        levels = [await _pixels(port, f"/c/{CANVAS}/region.png?x0=0&y0=0&x1={side}&y1={side}")]
        for z in reversed(range(zoom)):
            tiles = [
                await _pixels(port, f"/c/{CANVAS}/tiles/{_TILE_SIDE}/{z}/{x}/{y}.png")
                for y in range(1 << z)
                for x in range(1 << z)
            ]
            levels.append(b"".join(tiles))
    except (OSError, TimeoutError):
        return None
    return Shown(figures["seq"], figures["epoch"], tuple(levels))


async def _pixels(port: int, path: str) -> bytes:
    status, body = await fetch(port, path)
    if status != 200:
        raise OSError(f"{path}: {status}")
    with Image.open(io.BytesIO(body)) as image:
        return np.asarray(image.convert("RGB")).tobytes()


async def fetch(port: int, path: str) -> tuple[int, bytes]:
    """The status and the body that a path answers with. Raises OSError, TimeoutError."""
    async with asyncio.timeout(_ANSWER_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"
            writer.write(request.encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
    return int(head.split()[1]), body
