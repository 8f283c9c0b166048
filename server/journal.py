"""From the hub to the log and back: what is drawn goes out in commits, what is durable comes back.

While storage is in trouble, or too far behind, drawing is rejected; the rejections are counted, one
entry a session, and go out with the first commit after.
"""

import logging
from collections import deque
from collections.abc import Callable

from server.identity import Identity
from server.line import Scheduler
from tiles.geometry import Rectangle, union
from tiles.log.base import COMMITS_WAITING_MAX, Author, Batch, Commit, Log

logger = logging.getLogger(__name__)

_COMMITS_MAX = COMMITS_WAITING_MAX // 2


class _Run:
    """Consecutive messages of one session that become one batch."""

    __slots__ = ("author", "box", "data", "first_seq", "last_seq")

    def __init__(
        self, author: Author, first_seq: int, last_seq: int, data: bytes, box: Rectangle
    ) -> None:
        self.author = author
        self.first_seq = first_seq
        self.last_seq = last_seq
        self.data = bytearray(data)
        self.box = box


class Journal:
    """Groups what one flush drew into a commit, and keeps track of what is durable.

    ``on_durable`` is called on the loop with the identities whose ``durable`` advanced.
    """

    def __init__(
        self,
        log: Log,
        seq: int,
        now_ms: Callable[[], int],
        max_bytes: int,
        on_durable: Callable[[list[Identity]], None],
        on_trouble: Callable[[Exception | None], None],
    ) -> None:
        self._log = log
        self._now_ms = now_ms
        self._max_bytes = max_bytes
        self._on_durable = on_durable
        self._on_trouble = on_trouble
        self._runs: list[_Run] = []
        self._counted: dict[Identity, None] = {}
        self._ticket = 0
        self._under_way: deque[tuple[int, int, int, list[tuple[Identity, int]]]] = deque()
        self._bytes = 0
        self._seq = seq
        self.durable_seq = seq
        self.trouble: Exception | None = None

    @property
    def read_only(self) -> bool:
        """Storage fails, or has fallen so far behind that no more may be queued."""
        return (
            self.trouble is not None
            or self._bytes > self._max_bytes
            or len(self._under_way) > _COMMITS_MAX
        )

    def draw(
        self,
        identity: Identity,
        author: Author,
        first_seq: int,
        last_seq: int,
        data: bytes,
        box: Rectangle,
    ) -> None:
        """Messages ``first_seq`` to ``last_seq`` were ordered."""
        run = self._runs[-1] if self._runs else None
        if run is not None and run.author is author:
            run.last_seq = last_seq
            run.data += data
            run.box = union(run.box, box)
        else:
            self._runs.append(_Run(author, first_seq, last_seq, data, box))
        self._bytes += len(data)
        self._seq = last_seq
        self._counted[identity] = None

    def count(self, identity: Identity) -> None:
        """One of the session's messages was rejected."""
        self._counted[identity] = None

    def submit(self) -> None:
        """Hand over what was collected as one commit."""
        if not self._counted or (self.read_only and not self._runs):
            return
        now_ms = self._now_ms()
        batches = [
            Batch(run.first_seq, run.last_seq, run.author, now_ms, run.box, bytes(run.data))
            for run in self._runs
        ]
        reached = [(identity, identity.handled) for identity in self._counted]
        counts = [identity.count(now_ms) for identity in self._counted]
        self._ticket += 1
        size = sum(len(batch.messages) for batch in batches)
        self._under_way.append((self._ticket, self._seq, size, reached))
        self._runs = []
        self._counted = {}
        self._log.append(Commit(self._ticket, batches, counts))

    def durable(self, ticket: int) -> None:
        """The log says that every commit up to ``ticket`` is durable."""
        advanced: dict[Identity, None] = {}
        while self._under_way and self._under_way[0][0] <= ticket:
            _, self.durable_seq, size, reached = self._under_way.popleft()
            self._bytes -= size
            for identity, handled in reached:
                identity.durable = max(identity.durable, handled)
                advanced[identity] = None
        self._on_durable(list(advanced))
        self.submit()

    def troubled(self, error: Exception | None) -> None:
        """The log says that storage fails, or (``None``) that it is well again."""
        if error is not None:
            logger.error("storage fails: %s", error)
        elif self.trouble is not None:
            logger.warning("storage is well again")
        self.trouble = error
        self._on_trouble(error)
        if error is None:
            self.submit()


class JournalListener:
    """Brings what the log says from its thread to the loop's."""

    def __init__(self, scheduler: Scheduler, journal: Journal) -> None:
        self._scheduler = scheduler
        self._journal = journal

    def durable(self, ticket: int) -> None:
        """See :meth:`tiles.log.base.Listener.durable`."""
        self._scheduler.call_soon_threadsafe(self._journal.durable, ticket)

    def trouble(self, error: Exception | None) -> None:
        """See :meth:`tiles.log.base.Listener.trouble`."""
        self._scheduler.call_soon_threadsafe(self._journal.troubled, error)
