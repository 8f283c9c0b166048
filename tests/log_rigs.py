"""What the log's tests share: a listener that remembers, sample drawing, and a rig per log."""

import itertools
import os
import shutil
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import apsw

from tests.faulty_vfs import FaultyVFS
from tests.memory_log import MemoryLog, MemoryStore
from tiles.log.base import (
    Author,
    Batch,
    CanvasInfo,
    Commit,
    Log,
    LogError,
    Ordered,
    Recovered,
    SessionCount,
)
from tiles.log.sqlite import SqliteLog, create

WAIT_S = 20.0
INFO = CanvasInfo(1000, 700, (1, 2, 3), "A canvas", ((0, 0, 0), (255, 255, 255)), False)
SESSION = bytes(range(16))
TIME_MS = 1_700_000_000_000

_names = itertools.count()


class Recorder:
    """A listener that remembers what it was told, and can be waited on."""

    def __init__(self) -> None:
        self.events: list[int | Exception | None] = []
        self.entries: list[Ordered] = []
        """What a shared log said of each entry."""
        self.seq = 0
        """How far a shared log's order has come."""
        self._changed = threading.Condition()

    def ordered(self, ordered: Ordered) -> None:
        """Remember what an entry came to."""
        with self._changed:
            self.entries.append(ordered)
            self.seq = ordered.batches[-1].last_seq if ordered.batches else self.seq
            self._changed.notify_all()

    def durable(self, ticket: int) -> None:
        """Remember a ticket."""
        self._add(ticket)

    def trouble(self, error: Exception | None) -> None:
        """Remember trouble, or its end."""
        self._add(error)

    def _add(self, event: int | Exception | None) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    @property
    def tickets(self) -> list[int]:
        """The tickets told durable, in order."""
        return [event for event in self.events if isinstance(event, int)]

    @property
    def troubles(self) -> list[Exception | None]:
        """The troubles told, in order, None for the end of one."""
        return [event for event in self.events if not isinstance(event, int)]

    def wait_durable(self, ticket: int) -> None:
        """Wait until a ticket is durable."""
        self._wait(lambda: bool(self.tickets) and self.tickets[-1] >= ticket)

    def wait_troubles(self, count: int) -> None:
        """Wait until trouble was told so many times, its ends included."""
        self._wait(lambda: len(self.troubles) >= count)

    def wait_ordered(self, seq: int) -> None:
        """Wait until a shared log has said what becomes ``seq``."""
        self._wait(lambda: self.seq >= seq)

    def _wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S), self.events


class Painter:
    """A session as it draws: in a shared log by its claim."""

    def __init__(self, start: SessionCount) -> None:
        self.session = start.session
        self._claim = start.claim
        self._client = start.client
        self._handled = start.handled

    def count(
        self, handled: int, rejected: tuple[tuple[int, int], ...] = (), seen_ms: int = TIME_MS
    ) -> SessionCount:
        """Its count as it shall be, after the one before."""
        since, self._handled = self._handled, handled
        return SessionCount(
            self.session, handled, rejected, seen_ms, self._claim, self._client, since
        )


class Drawing:
    """Makes commits that follow each other, of one session."""

    def __init__(self, seq: int = 0, painter: Painter | None = None) -> None:
        self.seq = seq
        self.ticket = 0
        self.batches: list[Batch] = []
        self.painter = painter or Painter(SessionCount(SESSION, 0, (), 0))

    def batch(self, count: int = 1, author: Author | None = None) -> Batch:
        """The next ``count`` messages."""
        first = self.seq + 1
        self.seq += count
        batch = Batch(
            first,
            self.seq,
            author or Author(self.painter.session, "Ann", b"\x01" * 8, "sub"),
            TIME_MS + first,
            (first % 1000, 0, 999, 699),
            first.to_bytes(8, "little") * count,
        )
        self.batches.append(batch)
        return batch

    def commit(self, *lengths: int, counts: tuple[SessionCount, ...] | None = None) -> Commit:
        """The next commit: a batch of each length, and by default its session's count."""
        self.ticket += 1
        batches = tuple(self.batch(length) for length in lengths)
        if counts is None:
            counts = (self.painter.count(self.seq, (), TIME_MS + self.seq),)
        return Commit(self.ticket, batches, counts)


class Rig(ABC):
    """One canvas's storage, over which a test opens logs one after the other.

    What differs between logs is said by facts; the rest of the contract is the same for all.
    """

    crash_changes_epoch = True
    """Whether a crash may have lost what was shown; a shared log gets it back from its stream."""
    takes_any_count = True
    """Whether a count is taken as it comes: of any session, seen at any time."""
    orders_in_trouble = True
    """Whether what is appended while writes fail has its place in the order then."""
    updates_before_start = True
    """Whether settings can be stored before the log is started."""

    @abstractmethod
    def log(self) -> Log:
        """A log that isn't open yet, over what the storage holds now."""

    @abstractmethod
    def crash(self, log: Log) -> None:
        """End a log as a killed process would: the next one finds what was durable."""

    @abstractmethod
    def fail(self) -> None:
        """From here on writes fail."""

    @abstractmethod
    def heal(self) -> None:
        """Writes succeed again."""

    @abstractmethod
    def dispose(self) -> None:
        """End all that is still running."""

    def opened(self) -> tuple[Log, Recovered, Recorder]:
        """A log that is open and started."""
        log = self.log()
        recovered = log.open()
        recorder = Recorder()
        recorder.seq = recovered.seq
        log.start(recorder, recorder.ordered)
        return log, recovered, recorder

    def painter(self, _log: Log) -> Painter:
        """A new session that may draw."""
        return Painter(SessionCount(os.urandom(16), 0, (), 0))

    def drawing(self, log: Log) -> Drawing:
        """Commits of a new session."""
        return Drawing(painter=self.painter(log))

    @abstractmethod
    def in_order(self, recorder: Recorder, seq: int) -> None:
        """Wait until what was appended up to ``seq`` has its place in the order."""


class MemoryRig(Rig):
    """:class:`MemoryLog`, which commits at once."""

    def __init__(self, _folder: Path, info: CanvasInfo = INFO) -> None:
        self._store = MemoryStore(info)
        self._logs: list[MemoryLog] = []
        self._failing = False

    def log(self) -> Log:
        """A log over the one store."""
        log = MemoryLog(self._store, schedule=lambda _delay_s, call: call())
        self._logs.append(log)
        return log

    def crash(self, log: Log) -> None:
        """Forget what is queued."""
        assert isinstance(log, MemoryLog)
        log.crash()

    def fail(self) -> None:
        """Fail the newest log."""
        self._logs[-1].fail(LogError("told to"))

    def heal(self) -> None:
        """Heal the newest log."""
        self._logs[-1].heal()

    def in_order(self, recorder: Recorder, seq: int) -> None:
        """It was when it was appended."""

    def dispose(self) -> None:
        """Nothing runs."""


class SqliteRig(Rig):
    """:class:`SqliteLog` over a VFS that can fail; with an ``epoch``, a shared log's fold."""

    def __init__(self, folder: Path, info: CanvasInfo = INFO, epoch: int | None = None) -> None:
        self.folder = folder / f"rig{next(_names)}"
        self.path = self.folder / "0" / "main.sqlite"
        self.vfs = FaultyVFS(f"faulty{next(_names)}")
        self._lives = itertools.count(1)
        self._logs: list[SqliteLog] = []
        self._info = info
        self._epoch = epoch
        create(self.path, info, epoch)

    def log(self) -> SqliteLog:
        """A log over the file as it is."""
        log = SqliteLog(
            self.path,
            retry_initial_s=0.005,
            retry_max_s=0.02,
            update_timeout_s=WAIT_S,
            vfs=self.vfs.name,
            keeps_epoch=self._epoch is not None,
        )
        self._logs.append(log)
        return log

    def crash(self, log: Log) -> None:
        """Go on with a copy of the files, as they are while the log still has them open."""
        del log
        folder = self.folder / str(next(self._lives))
        shutil.copytree(self.path.parent, folder, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
        self.path = folder / self.path.name
        self.heal()

    def lose(self) -> None:
        """Go on with a new file that holds nothing."""
        self.path = self.folder / str(next(self._lives)) / self.path.name
        create(self.path, self._info, self._epoch)
        self.heal()

    def fail(self, code: int = apsw.SQLITE_IOERR_WRITE) -> None:
        """Fail every write with a result code."""
        self.vfs.on_write = code

    def heal(self) -> None:
        """Writes and syncs succeed."""
        self.vfs.heal()

    def in_order(self, recorder: Recorder, seq: int) -> None:
        """It was when it was appended."""

    def dispose(self) -> None:
        """Close every log that still runs."""
        self.heal()
        for log in self._logs:
            log.close(WAIT_S)
        self.vfs.unregister()


def all_batches(log: Log) -> list[Batch]:
    """Everything in a log."""
    return list(log.read(0))
