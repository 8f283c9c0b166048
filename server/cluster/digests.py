"""What each node tells all others of itself, over and over: so whoever missed it hears it again.

There is no list of nodes to keep: one that isn't heard of any more is gone.
"""

import secrets
import struct
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from server.cluster.bus import Bus
from server.supervisor import Service

T = TypeVar("T")

_VERSION = 1
_NODE_BYTES = 8
_HEAD = struct.Struct(f"<B{_NODE_BYTES}s")
_NODES_MAX = 256


class MalformedError(Exception):
    """That isn't what another node would tell."""


class Digests(Generic[T]):
    """The last digest of each other node, and this one's for the others, on one subject.

    ``write`` gives this node's, empty where there is nothing to tell; it is told every
    ``interval_s``. ``read`` understands another's, or raises :class:`MalformedError`; who wasn't
    heard of for ``kept_s`` is forgotten.
    """

    def __init__(
        self,
        bus: Bus,
        service: Service,
        subject: str,
        write: Callable[[], bytes],
        read: Callable[[memoryview], T],
        *,
        interval_s: float,
        kept_s: float,
    ) -> None:
        self._bus = bus
        self._service = service
        self._subject = subject
        self._write = write
        self._read = read
        self._interval_s = interval_s
        self._kept_s = kept_s
        self._head = _HEAD.pack(_VERSION, secrets.token_bytes(_NODE_BYTES))
        self._nodes: dict[bytes, tuple[float, T]] = {}
        """When each was heard of last, and what it told."""
        self._told = False
        """Whether the others have something of this node."""
        self._closed = False
        self._subscription = bus.subscribe(subject, self._hear)
        service.on_restart(self._tell)
        self._tell()

    def __iter__(self) -> Iterator[T]:
        """What the other nodes told, those that are still heard."""
        since = self._service.time() - self._kept_s
        return (digest for at, digest in self._nodes.values() if at >= since)

    def close(self) -> None:
        """Tell the others that there is nothing of this node any more, and be silent."""
        self._closed = True
        self._subscription.cancel()
        self._nodes.clear()
        self._publish(b"")

    def _tell(self) -> None:
        if not self._closed:
            self._publish(self._write())
            self._service.call_later(self._interval_s, self._tell)

    def _publish(self, digest: bytes) -> None:
        """Nothing is told once: who misses that forgets this node by itself."""
        if digest or self._told:
            self._bus.publish(self._subject, self._head + digest)
        self._told = bool(digest)

    def _hear(self, _subject: str, data: bytes) -> None:
        head, digest = data[: _HEAD.size], memoryview(data)[_HEAD.size :]
        if len(head) < _HEAD.size or head[0] != _VERSION or head == self._head:
            return
        now = self._service.time()
        self._nodes = {
            node: told for node, told in self._nodes.items() if now - told[0] < self._kept_s
        }
        if head in self._nodes or len(self._nodes) < _NODES_MAX:
            try:
                self._nodes[head] = now, self._read(digest)
            except MalformedError:
                self._nodes.pop(head, None)
