"""How many connections each address has on the other nodes: told to all, a few times a minute.

What connects to several nodes within one interval isn't seen: so a limit for each address holds to
within what a node lets in during :data:`INTERVAL_S`.
"""

import secrets
import struct
from collections import Counter
from collections.abc import Callable, Mapping

from server.address import ADDRESS_BYTES
from server.cluster.bus import Bus
from server.supervisor import Service

SUBJECT = "tilecast._.connections"
INTERVAL_S = 2.0
KEPT_S = 7.0
"""A node that wasn't heard of for so long is gone, and its connections with it."""
ENTRIES_MAX = 30_000
"""Addresses in one message, those with the most connections: 1 MiB at most."""
_VERSION = 1
_NODE_BYTES = 8
_HEAD = struct.Struct(f"<B{_NODE_BYTES}s")
_ENTRY = struct.Struct(f"<{ADDRESS_BYTES}sI")
_NODES_MAX = 256


class ConnectionsElsewhere:
    """Tells other nodes of ``here``, connections by hashed address, and hears of theirs."""

    def __init__(self, bus: Bus, service: Service, here: Callable[[], Mapping[bytes, int]]) -> None:
        self._bus = bus
        self._service = service
        self._here = here
        self._node = secrets.token_bytes(_NODE_BYTES)
        self._nodes: dict[bytes, tuple[float, Counter[bytes]]] = {}
        bus.subscribe(SUBJECT, self._hear)
        service.on_restart(self._tell)
        self._tell()

    def of(self, address: bytes) -> int:
        """How many connections an address has on other nodes, as far as they told."""
        since = self._service.time() - KEPT_S
        return sum(count[address] for at, count in self._nodes.values() if at >= since)

    def _tell(self) -> None:
        counts = Counter(self._here()).most_common(ENTRIES_MAX)
        head = _HEAD.pack(_VERSION, self._node)
        entries = (_ENTRY.pack(address, count) for address, count in counts)
        self._bus.publish(SUBJECT, head + b"".join(entries))
        self._service.call_later(INTERVAL_S, self._tell)

    def _hear(self, _subject: str, data: bytes) -> None:
        if len(data) < _HEAD.size or (len(data) - _HEAD.size) % _ENTRY.size:
            return
        version, node = _HEAD.unpack_from(data)
        if version != _VERSION or node == self._node:
            return
        now = self._service.time()
        self._nodes = {other: told for other, told in self._nodes.items() if now - told[0] < KEPT_S}
        if node in self._nodes or len(self._nodes) < _NODES_MAX:
            entries = _ENTRY.iter_unpack(memoryview(data)[_HEAD.size :])
            self._nodes[node] = now, Counter(dict(entries))
