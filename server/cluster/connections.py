"""How many connections each address has on the other nodes: told to all, a few times a minute.

What connects to several nodes within one interval isn't seen: so a limit for each address holds to
within what a node lets in during :data:`INTERVAL_S`.
"""

import struct
from collections import Counter
from collections.abc import Callable, Mapping

from server.address import ADDRESS_BYTES
from server.cluster.bus import Bus
from server.cluster.digests import Digests, MalformedError
from server.supervisor import Service

SUBJECT = "tilecast._.connections"
INTERVAL_S = 2.0
KEPT_S = 7.0
"""A node that wasn't heard of for so long is gone, and its connections with it."""
ENTRIES_MAX = 30_000
"""Addresses in one message, those with the most connections: 1 MiB at most."""
_ENTRY = struct.Struct(f"<{ADDRESS_BYTES}sI")


class ConnectionsElsewhere:
    """Tells other nodes of ``here``, connections by hashed address, and hears of theirs."""

    def __init__(self, bus: Bus, service: Service, here: Callable[[], Mapping[bytes, int]]) -> None:
        self._digests = Digests(
            bus,
            service,
            SUBJECT,
            lambda: _pack(here()),
            _unpack,
            interval_s=INTERVAL_S,
            kept_s=KEPT_S,
        )

    def of(self, address: bytes) -> int:
        """How many connections an address has on other nodes, as far as they told."""
        return sum(count[address] for count in self._digests)

    def close(self) -> None:
        """Say that there are none here any more, and hear nothing more."""
        self._digests.close()


def _pack(connections: Mapping[bytes, int]) -> bytes:
    counts = Counter(connections).most_common(ENTRIES_MAX)
    return b"".join(_ENTRY.pack(address, count) for address, count in counts)


def _unpack(entries: memoryview) -> Counter[bytes]:
    if len(entries) % _ENTRY.size:
        raise MalformedError("half an entry")
    return Counter(dict(_ENTRY.iter_unpack(entries)))
