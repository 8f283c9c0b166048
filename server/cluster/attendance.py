"""How many are on each canvas by way of the other nodes: told to all, once a second."""

import heapq
import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple

from server.cluster.bus import Bus
from server.cluster.digests import Digests, MalformedError
from server.supervisor import Service

SUBJECT = "tilecast._.attendance"
INTERVAL_S = 1.0
KEPT_S = 5.0
"""A node that wasn't heard of for so long is gone, and who was there is elsewhere or gone too."""
ENTRIES_MAX = 1024
"""Canvases in one message, those with the most sessions: 77 KiB at most."""
_ENTRY = struct.Struct("<BIII")


class Attendance(NamedTuple):
    """Who is on a canvas: connections, and their session–tile pairs that are live or owed."""

    sessions: int
    subscriptions: int
    stale: int


class AttendanceElsewhere:
    """Tells other nodes of ``here``, attendance by canvas, and hears of theirs."""

    def __init__(
        self, bus: Bus, service: Service, here: Callable[[], Mapping[str, Attendance]]
    ) -> None:
        self._digests = Digests(
            bus,
            service,
            SUBJECT,
            lambda: _pack(here()),
            _unpack,
            interval_s=INTERVAL_S,
            kept_s=KEPT_S,
        )

    def of(self, canvas: str) -> Attendance:
        """Who is on a canvas by way of all other nodes together, as far as they told."""
        told = [there[canvas] for there in self._digests if canvas in there]
        return Attendance(*map(sum, zip(*told, strict=True))) if told else Attendance(0, 0, 0)

    def close(self) -> None:
        """Say that nobody is here any more, and hear nothing more."""
        self._digests.close()


def _pack(attendance: Mapping[str, Attendance]) -> bytes:
    there = [(counts, name) for name, counts in attendance.items() if counts.sessions]
    entries = []
    for counts, name in heapq.nlargest(ENTRIES_MAX, there):
        entries += [_ENTRY.pack(len(name), *counts), name.encode()]
    return b"".join(entries)


def _unpack(entries: memoryview) -> dict[str, Attendance]:
    there: dict[str, Attendance] = {}
    at = 0
    try:
        while at < len(entries) and len(there) < ENTRIES_MAX:
            length, *counts = _ENTRY.unpack_from(entries, at)
            at += _ENTRY.size + length
            there[str(entries[at - length : at], "ascii")] = Attendance(*counts)
    except (struct.error, UnicodeDecodeError) as error:
        raise MalformedError(str(error)) from None
    if at > len(entries):
        raise MalformedError("half a name")
    return there
