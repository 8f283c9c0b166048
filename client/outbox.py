"""The session's own drawing, kept until it is durable, so that each message is drawn exactly once.

The protocol numbers a session's messages by their count. A refused message that a crashed server
forgot is left out of the resend, so numbers shift; serials, which the caller sees, never do.
"""

from collections import deque
from collections.abc import Iterable
from itertools import chain

from client.errors import OutboxFull, Work
from client.events import Acked, Rejected
from protocol.codec import encode
from protocol.errors import ProtocolError
from protocol.messages import CLIENT_FRAME_MAX_BYTES, Drawing

MAX_UNACKED = 65_536
"""Messages kept, unless the server's ``max_unacked`` is less."""
OUTBOX_MAX_BYTES = 64 * 1024 * 1024
"""Encoded bytes kept; a full count of long strokes alone would be gigabytes."""


class _Entry:
    """One message; ``offered`` once it was ever sent under the present session."""

    __slots__ = ("data", "message", "offered", "rejected", "serial")

    def __init__(self, serial: int, message: Drawing, data: bytes) -> None:
        self.serial = serial
        self.message = message
        self.data = data
        self.offered = False
        self.rejected = False


class Outbox:
    """Drawing messages that aren't durable, in order: those in flight, then those waiting."""

    def __init__(
        self, max_unacked: int = MAX_UNACKED, outbox_max_bytes: int = OUTBOX_MAX_BYTES
    ) -> None:
        self.max_unacked = max_unacked
        self.outbox_max_bytes = outbox_max_bytes
        self._in_flight: deque[_Entry] = deque()
        """Sent on this connection; numbered from ``_first`` on, without a gap."""
        self._waiting: deque[_Entry] = deque()
        """To be sent; after a reconnect its first entries are offered ones."""
        self._first = 1
        self._bytes = 0
        self._last_serial = 0
        self._handled_serial = 0
        self._durable_serial = 0

    def __len__(self) -> int:
        return len(self._in_flight) + len(self._waiting)

    @property
    def last_serial(self) -> int:
        """The serial of the last message drawn; 0 if there is none."""
        return self._last_serial

    @property
    def in_flight(self) -> int:
        """Messages sent on this connection that aren't durable yet."""
        return len(self._in_flight)

    @property
    def work(self) -> Work:
        """What isn't known to be durable, the refused left out."""
        return _work(chain(self._in_flight, self._waiting))

    def add(self, message: Drawing) -> int:
        """Keep a message, to be sent after all others; returns its serial.

        Raises ``ValueError`` if a value doesn't fit its field or the message doesn't fit a frame,
        :class:`OutboxFull` at ``max_unacked`` messages or ``outbox_max_bytes``.
        """
        data = encode(message)
        if len(data) > CLIENT_FRAME_MAX_BYTES:
            raise ValueError(
                f"the message has {len(data)} B; a frame holds {CLIENT_FRAME_MAX_BYTES}"
            )
        if len(self) >= self.max_unacked or self._bytes + len(data) > self.outbox_max_bytes:
            raise OutboxFull(f"{len(self)} messages of {self._bytes} B are not durable yet")
        self._last_serial += 1
        self._bytes += len(data)
        self._waiting.append(_Entry(self._last_serial, message, data))
        return self._last_serial

    def take(self, room_bytes: int) -> bytes | None:
        """The next message's bytes, which counts as sent now; ``None`` if none fits the room."""
        if not self._waiting or len(self._waiting[0].data) > room_bytes:
            return None
        entry = self._waiting.popleft()
        entry.offered = True
        self._in_flight.append(entry)
        return entry.data

    def acknowledge(self, handled: int, durable: int, seq: int) -> Acked:
        """An ACK came. Raises :class:`ProtocolError` if it counts what was never sent."""
        last = self._first + len(self._in_flight) - 1
        if not durable <= handled <= last:
            raise ProtocolError(f"ACK of {handled}, {durable} durable, but {last} were sent")
        if handled >= self._first:
            self._handled_serial = self._in_flight[handled - self._first].serial
        while self._first <= durable:
            self._forget(self._in_flight.popleft())
            self._first += 1
        return self._acked(seq)

    def reject(self, n: int, code: int, retry_ms: int) -> Rejected | None:
        """A REJECT came; ``None`` if it isn't news. Raises :class:`ProtocolError` as above."""
        index = n - self._first
        if index >= len(self._in_flight):
            raise ProtocolError(f"REJECT of {n}, which was not sent")
        if index < 0 or self._in_flight[index].rejected:
            return None
        return _reject(self._in_flight[index], code, retry_ms)

    def resume(
        self, handled: int, rejected: Iterable[tuple[int, int]], seq: int
    ) -> list[Rejected | Acked]:
        """The session goes on after a reconnect; what ``handled`` covers is durable.

        ``rejected`` are WELCOME's (number, code). What is left is numbered from ``handled`` + 1.
        """
        events: list[Rejected | Acked] = []
        codes = dict(rejected)
        self._rewind()
        number = self._first
        while self._waiting and self._waiting[0].offered and number <= handled:
            entry = self._waiting.popleft()
            if number in codes and not entry.rejected:
                events.append(_reject(entry, codes[number], 0))
            self._handled_serial = max(self._handled_serial, entry.serial)
            self._forget(entry)
            number += 1
        self._waiting = self._without_rejected()
        # What was refused stays refused, whether or not the server still knows.
        left = self._waiting[0].serial if self._waiting else self._last_serial + 1
        self._durable_serial = left - 1
        self._handled_serial = max(self._handled_serial, left - 1)
        self._first = handled + 1
        return [*events, self._acked(seq)]

    def lose(self, handled: int) -> Work:
        """Another session begins: what was offered under the old one is given back, and forgotten.

        What was never sent goes on under the new session, numbered from ``handled`` + 1.
        """
        self._rewind()
        lost = []
        while self._waiting and self._waiting[0].offered:
            lost.append(self._waiting.popleft())
            self._bytes -= len(lost[-1].data)
        self._first = handled + 1
        return _work(lost)

    def _rewind(self) -> None:
        """What was in flight on the connection that ended waits again, before the rest."""
        self._waiting.extendleft(reversed(self._in_flight))
        self._in_flight.clear()

    def _without_rejected(self) -> deque[_Entry]:
        kept: deque[_Entry] = deque()
        for entry in self._waiting:
            if entry.rejected:
                self._bytes -= len(entry.data)
            else:
                kept.append(entry)
        return kept

    def _forget(self, entry: _Entry) -> None:
        self._bytes -= len(entry.data)
        self._durable_serial = entry.serial

    def _acked(self, seq: int) -> Acked:
        return Acked(self._handled_serial, self._durable_serial, seq)


def _reject(entry: _Entry, code: int, retry_ms: int) -> Rejected:
    entry.rejected = True
    return Rejected(entry.serial, entry.message, code, retry_ms)


def _work(entries: Iterable[_Entry]) -> Work:
    return tuple((entry.serial, entry.message) for entry in entries if not entry.rejected)
