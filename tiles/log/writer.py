"""The thread that writes a log: what it does next, and what it does when that fails.

A sync costs the same however little it makes durable, so rounds with commits begin at intervals.
One round is one transaction of commits, one of something that can wait, and the write-ahead log's
upkeep. So nothing that can wait keeps commits waiting longer than one small piece of it.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic, sleep
from typing import Protocol

import apsw

from tiles.log.base import CanvasInfo, Commit, Listener, LogError, SavedTile
from tiles.log.order import Order
from tiles.log.store import Store

logger = logging.getLogger(__name__)

GROUP_COMMITS_MAX = 2048
GROUP_BYTES_MAX = 4 * 1024 * 1024
"""A transaction ends with the commit that reaches one of these."""

PIECE_TILES_MAX = 64
PIECE_TILES_BYTES_MAX = 256 * 1024
"""So many tile checkpoints, or bytes of them, go into one transaction."""

PROMPT_BYTES = 1024
"""So many bytes of messages don't wait for the time of the next commit."""

PIECE_SESSIONS = 512
"""So many counts are looked at in one transaction when old ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a failed write is tried again: doubled each time, seconds."""

    initial_s: float = 0.05
    max_s: float = 1.0


class Chore(Protocol):
    """Work that can wait, done in pieces."""

    after_ticket: int
    """Every commit up to here is durable before the first piece is begun."""

    def step(self, store: Store) -> bool:
        """Do the next piece; returns whether that was the last. One that failed is done again."""

    def finish(self) -> None:
        """The last piece is done."""


@dataclass(slots=True)
class SaveTiles:
    """Write a pass of tile checkpoints; ``through`` goes with the last of them."""

    after_ticket: int
    tiles: Sequence[SavedTile]
    through: int | None
    written: Callable[[], None] | None = None
    _done: int = 0

    def step(self, store: Store) -> bool:
        """Save the next few tiles."""
        end, size = self._done, 0
        while end < len(self.tiles) and end - self._done < PIECE_TILES_MAX:
            if size >= PIECE_TILES_BYTES_MAX:
                break
            size += len(self.tiles[end].data)
            end += 1
        last = end == len(self.tiles)
        store.save_tiles(self.tiles[self._done : end], self.through if last else None)
        self._done = end
        return last

    def finish(self) -> None:
        """Say that they can be read."""
        if self.written is not None:
            self.written()


@dataclass(slots=True)
class ForgetSessions:
    """Remove the counts of sessions last seen before a time."""

    after_ticket: int
    before_ms: int
    _reached: bytes = b""

    def step(self, store: Store) -> bool:
        """Look at the next few sessions."""
        reached = store.forget_sessions(self.before_ms, self._reached, PIECE_SESSIONS)
        if reached is None:
            return True
        self._reached = reached
        return False

    def finish(self) -> None:
        """Nobody waits for it."""


@dataclass(slots=True, eq=False)
class Update:
    """Settings that somebody waits for."""

    info: CanvasInfo
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


class Writer:
    """Owns a :class:`Store` from :meth:`start` on, and closes it at its end.

    Whatever fails in its thread, and wherever, is trouble: the listener is told, nothing queued is
    given up, and after a while the next round begins with the store reset.
    """

    def __init__(
        self,
        store: Store,
        order: Order,
        listener: Listener,
        backoff: Backoff,
        commit_interval_s: float,
    ) -> None:
        self._store = store
        self._order = order
        self._listener = listener
        self._backoff = backoff
        self._commit_interval_s = commit_interval_s
        self._changed = threading.Condition()
        # Guarded by the condition. The thread alone takes commits and chores away.
        self._commits: deque[Commit] = deque()
        self._waiting_bytes = 0
        self._chores: deque[Chore] = deque()
        self._updates: deque[Update] = deque()
        self._closing = False
        self._abandoned = False
        self._pacing = False  # the thread waits for the next commit's time: tell it of no more
        self._failure: Exception | None = None  # told to the listener, and not yet over
        # The thread's own.
        self._suspect: Exception | None = None  # what the store is to be reset after
        self._durable_ticket = 0
        self._told_ticket = 0
        self._retry_s = backoff.initial_s
        self._next_commit = 0.0
        self._clean = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def append(self, commit: Commit) -> None:
        """Queue a commit. Raises ``ValueError`` where it isn't the next."""
        with self._changed:
            self._refuse_if_closing()
            self._order.admit(commit)
            self._commits.append(commit)
            self._waiting_bytes += _size(commit)
            if not self._pacing or self._waiting_bytes >= PROMPT_BYTES:
                self._changed.notify_all()

    def save_tiles(
        self,
        tiles: Sequence[SavedTile],
        through: int | None,
        written: Callable[[], None] | None,
    ) -> None:
        """Queue tiles' checkpoints."""
        self._add_chore(lambda ticket: SaveTiles(ticket, tiles, through, written))

    def forget_sessions(self, before_ms: int) -> None:
        """Queue the removal of old counts."""
        self._add_chore(lambda ticket: ForgetSessions(ticket, before_ms))

    def _add_chore(self, make: Callable[[int], Chore]) -> None:
        with self._changed:
            self._refuse_if_closing()
            self._chores.append(make(self._order.ticket))
            self._changed.notify_all()

    def update(self, info: CanvasInfo, timeout_s: float) -> None:
        """Store settings and wait for it. Raises :class:`LogError`; they may be stored later."""
        update = Update(info)
        with self._changed:
            self._refuse_if_closing()
            if self._failure is not None:
                raise LogError(f"storage is in trouble: {self._failure}")
            self._updates.append(update)
            self._changed.notify_all()
        if not update.done.wait(timeout_s):
            with self._changed:
                if update in self._updates:
                    self._updates.remove(update)
            raise LogError(f"the settings were not stored within {timeout_s:g} s")
        if update.error is not None:
            raise LogError(f"the settings could not be stored: {update.error}") from update.error

    def _refuse_if_closing(self) -> None:
        if self._closing:
            raise LogError("the log is closed")

    def close(self, timeout_s: float) -> bool:
        """Write what is queued and close the store; see :meth:`tiles.log.base.Log.close`."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_s)
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()
        return self._clean

    def _run(self) -> None:
        try:
            while self._goes_on():
                pass
        finally:
            with self._changed:
                self._closing = True
                self._refuse_updates(LogError("the log is closed"))
            self._store.close(checkpoint=self._suspect is None)

    def _goes_on(self) -> bool:
        """Wait for work and do a round of it; False once everything is done or given up."""
        try:
            if not self._wait_for_work():
                return False
            self._round()
            self._succeed()
        except Exception as error:
            try:
                self._fail(error)
            except Exception:  # there is hardly any memory, say: the next round fails again
                sleep(self._backoff.max_s)
        return True

    def _wait_for_work(self) -> bool:
        """Wait until a round is due; False once everything is done or given up."""
        with self._changed:
            self._changed.wait_for(self._has_work)
            self._pacing = True
            try:
                pause_s = self._next_commit - monotonic()
                self._changed.wait_for(self._is_urgent, max(0.0, pause_s))
            finally:
                self._pacing = False
            return not self._abandoned and not self._clean

    def _is_urgent(self) -> bool:
        return bool(self._closing or self._updates or self._waiting_bytes >= PROMPT_BYTES)

    def _has_work(self) -> bool:
        return bool(
            self._commits
            or self._chores
            or self._updates
            or self._failure
            or self._closing
            or self._abandoned
        )

    def _round(self) -> None:
        if self._suspect is not None:
            self._store.reset(self._suspect)
        self._write_commits()
        self._store_settings()
        self._do_chore()
        if self._store.wal_is_long:
            self._store.checkpoint_wal()
        with self._changed:
            finished = self._closing and not (self._commits or self._chores or self._updates)
        if finished and not self._abandoned:
            self._store.mark_clean()
            self._clean = True

    def _write_commits(self) -> None:
        with self._changed:
            group = group_of(self._commits)
        if group:
            self._next_commit = monotonic() + self._commit_interval_s
            self._store.commit(group)
            self._durable_ticket = group[-1].ticket
            with self._changed:
                while self._commits and self._commits[0].ticket <= self._durable_ticket:
                    self._waiting_bytes -= _size(self._commits[0])
                    self._commits.popleft()
        if self._told_ticket < self._durable_ticket:
            self._tell(lambda: self._listener.durable(self._durable_ticket))
            self._told_ticket = self._durable_ticket

    def _store_settings(self) -> None:
        with self._changed:
            update = self._updates.popleft() if self._updates else None
        if update is None:
            return
        try:
            self._store.update(update.info)
        except Exception as error:
            update.error = error
            raise
        finally:
            update.done.set()

    def _do_chore(self) -> None:
        with self._changed:
            chore = self._chores[0] if self._chores else None
        if chore is None or chore.after_ticket > self._durable_ticket:
            return
        if chore.step(self._store):
            with self._changed:
                self._chores.popleft()
            self._tell(chore.finish)

    def _fail(self, error: Exception) -> None:
        """Say so once, keep everything, and wait before the next round."""
        first = self._failure is None
        self._suspect = error
        with self._changed:
            self._failure = error
            self._refuse_updates(error)
        if first:
            self._tell(lambda: self._listener.trouble(error))
            if isinstance(error, LogError | apsw.Error | OSError):
                logger.warning("storage is in trouble: %s", error)
            else:
                logger.warning("the log's writer failed, and begins again", exc_info=error)
        with self._changed:
            self._changed.wait_for(lambda: self._abandoned, self._retry_s)
        self._retry_s = min(self._retry_s * 2, self._backoff.max_s)

    def _refuse_updates(self, error: Exception) -> None:
        while self._updates:
            update = self._updates.popleft()
            update.error = error
            update.done.set()

    def _succeed(self) -> None:
        """Once all that was ordered is written, say that the trouble is over."""
        self._suspect = None
        self._retry_s = self._backoff.initial_s
        with self._changed:
            over = self._failure is not None and not self._commits
            if over:
                self._failure = None
        if over:
            logger.warning("storage is back")
            self._tell(lambda: self._listener.trouble(None))

    def _tell(self, call: Callable[[], None]) -> None:
        if self._abandoned:
            return
        try:
            call()
        except Exception:
            logger.exception("a log's listener failed")


def _size(commit: Commit) -> int:
    return sum(len(batch.messages) for batch in commit.batches)


def group_of(commits: deque[Commit]) -> list[Commit]:
    """The first commits of a queue, as many as go into one transaction."""
    group: list[Commit] = []
    size = 0
    for commit in islice(commits, GROUP_COMMITS_MAX):
        group.append(commit)
        size += _size(commit)
        if size >= GROUP_BYTES_MAX:
            break
    return group
