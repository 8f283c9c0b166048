"""From the stream's entries to this node's fold of them: decided in order, kept, and told."""

import logging
import threading
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from tiles.log.base import (
    CanvasInfo,
    Commit,
    Log,
    LogError,
    OutdatedError,
    Recovered,
    SessionCount,
)
from tiles.log.schema import decode_info
from tiles.shared.decisions import Decision, Decisions
from tiles.shared.entry import Entry, EntryError, NewerError, decode_entry
from tiles.shared.stream import Delivered

logger = logging.getLogger(__name__)

SESSIONS_MAX = 50_000
"""Sessions in memory beyond those that the fold doesn't hold yet; each takes about half a KiB."""
WAITING_MAX = 1024
"""So many entries not decided, and commits that the fold hasn't written, are enough."""
WAITING_MAX_BYTES = 16 << 20
"""And so much of them, which is 18 of the largest entries."""

_EMPTY = Entry(0, 0, 0, 0)


class Applied(NamedTuple):
    """An entry, and what it came to. ``ticket`` is the commit that the fold holds it by."""

    entry: Entry
    decision: Decision
    info: CanvasInfo | None
    ticket: int


class Fold:
    """Applies entries to ``log``, a log of one writer, as it was opened, and is its listener.

    ``on_change`` is called from that log's thread: more is durable, or trouble began or ended.
    """

    def __init__(self, log: Log, recovered: Recovered) -> None:
        self.decisions = Decisions(recovered.seq, recovered.mark)
        self.mark = recovered.mark
        """Of the last entry that the log was given."""
        self.durable_ticket = 0
        self.error: Exception | None = None
        """Why the log can't be written."""
        self.on_change: Callable[[], None] = _nothing
        self._changed = threading.Condition()
        self._epoch = recovered.epoch
        self._log = log
        self._ticket = 0
        self._waiting: deque[tuple[Delivered, Entry]] = deque()
        self._unwritten: deque[tuple[int, int]] = deque()
        """Commits that the log may not have written, and the size of the entry of each."""
        self._bytes = 0
        """Of the entries of both."""
        self._looked_up: set[bytes] = set()

    @property
    def ticket(self) -> int:
        """The last commit that the log was given."""
        return self._ticket

    @property
    def waiting(self) -> int:
        """Entries that aren't decided, and commits that aren't written."""
        return len(self._waiting) + self._ticket - self.durable_ticket

    @property
    def waiting_bytes(self) -> int:
        """What these entries took in the stream."""
        while self._unwritten and self._unwritten[0][0] <= self.durable_ticket:
            self._bytes -= self._unwritten.popleft()[1]
        return self._bytes

    def durable(self, ticket: int) -> None:
        """See :meth:`tiles.log.base.Listener.durable`."""
        with self._changed:
            self.durable_ticket = ticket
            self._changed.notify_all()
        self.on_change()

    def trouble(self, error: Exception | None) -> None:
        """See :meth:`tiles.log.base.Listener.trouble`."""
        with self._changed:
            self.error = error
            self._changed.notify_all()
        self.on_change()

    def wait_durable(self, most: int = 0, most_bytes: int = 0) -> None:
        """Block until no more than that waits for the log.

        Raises :class:`LogError` where it can't be written.
        """

        def written() -> bool:
            few = self.waiting <= most and self.waiting_bytes <= most_bytes
            return few or self.error is not None

        with self._changed:
            self._changed.wait_for(written)
        if self.error is not None:
            raise LogError(f"the fold can't be written: {self.error}")

    def add(self, entries: Sequence[Delivered]) -> None:
        """The next entries. Raises :class:`tiles.log.base.OutdatedError` at a newer release's."""
        for delivered in entries:
            self._waiting.append((delivered, self._decoded(delivered)))
            self._bytes += len(delivered.data)

    def absent(self) -> list[bytes]:
        """Sessions that have to be looked up, and given to :meth:`learn`, before :meth:`apply`."""
        named: set[bytes] = set()
        for _, entry in self._waiting:
            named |= self.decisions.absent(entry)
        return list(named - self._looked_up)

    def learn(self, sessions: Sequence[bytes], counts: Sequence[SessionCount | None]) -> None:
        """What the log holds of sessions, where it holds something."""
        self._looked_up.update(sessions)
        self.decisions.learn(count for count in counts if count is not None)

    def look_up(self, sessions: Sequence[bytes]) -> list[SessionCount | None]:
        """What the log holds of sessions; it reads from disk."""
        return [self._log.session(session) for session in sessions]

    def apply(self, told: Callable[[Applied], None]) -> None:
        """Decide all entries that wait, keep what they come to, and tell it."""
        while self._waiting:
            delivered, entry = self._waiting.popleft()
            ticket = self._ticket + 1
            decision = self.decisions.decide(delivered.place, delivered.time_ms, entry, ticket)
            info = _info(entry)
            self.mark = replace(self.decisions.mark, check=entry_check(delivered))
            self._log.append(Commit(ticket, decision.batches, decision.counts, self.mark, info))
            self._ticket = ticket
            self._unwritten.append((ticket, len(delivered.data)))
            told(Applied(entry, decision, info, ticket))
        self._looked_up.clear()
        self.decisions.forget(SESSIONS_MAX, self.durable_ticket)

    def _decoded(self, delivered: Delivered) -> Entry:
        entry = _decoded(delivered)
        # A node may not have heard yet that the stream was replaced.
        return entry if entry.epoch == self._epoch else _EMPTY


def _nothing() -> None:
    """Nobody wants to know yet."""


def _decoded(delivered: Delivered) -> Entry:
    try:
        return decode_entry(delivered.data)
    except NewerError as error:
        raise OutdatedError(
            f"the stream's entry {delivered.place} is of a newer release: {error}"
        ) from error
    except EntryError as error:
        # No node of this release writes one; all of them read it alike, as nothing.
        logger.error("the stream's entry %d can't be read: %s", delivered.place, error)
        return _EMPTY


def _info(entry: Entry) -> CanvasInfo | None:
    if not entry.info:
        return None
    try:
        return decode_info(entry.info)
    except LogError as error:
        logger.error("settings in the stream can't be read: %s", error)
        return None


def entry_check(delivered: Delivered) -> int:
    """What tells an entry from another at its place: a checksum of it and its time."""
    return zlib.crc32(delivered.data, delivered.time_ms & 0xFFFF_FFFF)
