"""From the hub to the log and back: what is drawn goes out in commits, what is durable comes back.

While storage is in trouble, or too far behind, drawing is rejected; the rejections are counted, one
entry a session, and go out with the first commit after.
"""

import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from server.histogram import SLOW_S, Histogram
from server.identity import Identity
from server.supervisor import Service, Watched
from tiles.geometry import Rectangle, union
from tiles.log.base import COMMITS_WAITING_MAX, Author, Batch, Commit, EndedError, Log

logger = logging.getLogger(__name__)

_COMMITS_MAX = COMMITS_WAITING_MAX // 2
_SHARED_COMMIT_MAX_BYTES = 256 * 1024
"""A stream's entries are bounded; a fast session may draw more than that in one flush."""
_HAND_OVER_AGAIN_S = 0.5
"""Time until a commit that the log wouldn't take is handed to it again."""


class Waiting(NamedTuple):
    """Commits that the log has, and the bytes of drawing in them and in the next."""

    commits: int
    bytes: int


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

    ``on_durable`` is called on the loop with the identities whose ``durable`` advanced. ``service``
    is what it does by itself, ``writer`` the log's thread, as others see it.
    """

    def __init__(
        self,
        log: Log,
        seq: int,
        now_ms: Callable[[], int],
        max_bytes: int,
        on_durable: Callable[[list[Identity]], None],
        on_trouble: Callable[[Exception | None], None],
        service: Service,
        writer: Watched,
    ) -> None:
        self._service = service
        self._about = {"canvas": service.canvas}
        self._writer = writer
        self._log = log
        self._now_ms = now_ms
        self._max_bytes = max_bytes
        self._on_durable = on_durable
        self._on_trouble = on_trouble
        self._runs: list[_Run] = []
        self._counted: dict[Identity, None] = {}
        self._shared = log.shared
        self._collected = 0
        """Bytes of drawing in the next commit, where the log is shared."""
        self._ticket = 0
        self._under_way: deque[tuple[int, float, int, int, list[tuple[Identity, int]]]] = deque()
        self._bytes = 0
        self.commit_times = Histogram(SLOW_S)
        """From handing a commit over until it is durable, in seconds."""
        self._seq = seq
        self.durable_seq = seq
        self._advanced: dict[Identity, None] = {}
        """Whose ``durable`` advanced, and who weren't told yet."""
        self._failure: Exception | None = None
        """What the log's thread says."""
        self._refusal: Exception | None = None
        """What the log says to a commit that it doesn't take."""
        self._told: Exception | None = None
        """Whether trouble is what was told last."""
        self._heard: deque[int | Exception | None] = deque()
        """What the log said and was not dealt with: a ticket, or how it is."""
        service.on_restart(self._start_over)

    @property
    def trouble(self) -> Exception | None:
        """What is wrong with storage."""
        return self._failure or self._refusal

    @property
    def waiting(self) -> Waiting:
        """What isn't durable yet."""
        return Waiting(len(self._under_way), self._bytes)

    @property
    def read_only(self) -> bool:
        """Storage fails, or has fallen so far behind that no more may be queued."""
        return (
            self.trouble is not None
            or self._bytes > self._max_bytes
            or len(self._under_way) > _COMMITS_MAX
        )

    def draw(
        self, identity: Identity, author: Author, messages: int, data: bytes, box: Rectangle
    ) -> None:
        """The next ``messages`` of a session are to be drawn."""
        first_seq, last_seq = self._seq + 1, self._seq + messages
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
        if self._shared:
            self._collected += len(data)
            if self._collected > _SHARED_COMMIT_MAX_BYTES:
                self.submit()

    def count(self, identity: Identity) -> None:
        """One of the session's messages was rejected."""
        self._counted[identity] = None

    def submit(self) -> None:
        """Hand over what was collected as one commit."""
        if not self._counted or self._refusal is not None or (self.read_only and not self._runs):
            return
        try:
            self._hand_over()
        except Exception:
            logger.exception("the log didn't take a commit", extra=self._about)
            try:
                self._hand_over()  # before anybody sees what is in it, unless that can't be
            except Exception as error:
                logger.exception("the log takes no commits", extra=self._about)
                self._refusal = error
                self._service.call_soon(self._tell)
                self._service.call_later(_HAND_OVER_AGAIN_S, self._hand_over_again)

    def _hand_over(self) -> None:
        """Give the log a commit. Whatever is raised, all of it stays here, in its order."""
        now_ms = self._now_ms()
        batches = [
            Batch(run.first_seq, run.last_seq, run.author, now_ms, run.box, bytes(run.data))
            for run in self._runs
        ]
        reached = [(identity, identity.numbered) for identity in self._counted]
        counts = [identity.count(now_ms) for identity in self._counted]
        size = sum(len(batch.messages) for batch in batches)
        self._log.append(Commit(self._ticket + 1, batches, counts))
        self._ticket += 1
        self._under_way.append((self._ticket, self._service.time(), self._seq, size, reached))
        for identity, numbered in reached:
            identity.logged = numbered
        self._runs = []
        self._counted = {}
        self._collected = 0

    def _hand_over_again(self) -> None:
        if self._refusal is None:
            return
        try:
            self._hand_over()
        except Exception as error:
            self._refusal = error
            self._service.call_later(_HAND_OVER_AGAIN_S, self._hand_over_again)
        else:
            logger.warning("the log takes commits again", extra=self._about)
            self._refusal = None
            self._tell()

    def hear(self, said: int | Exception | None) -> None:
        """From the log's thread: a durable ticket, or that storage fails, or is well again."""
        self._heard.append(said)
        self._service.call_soon_threadsafe(self._listen)

    def _listen(self) -> None:
        """Deal with all that was heard."""
        while self._heard:
            said = self._heard[0]
            if isinstance(said, int):
                self._durable(said)
            else:
                self._troubled(said)
            self._heard.popleft()
        self._tell_durable()
        self.submit()
        self._tell()

    def _durable(self, ticket: int) -> None:
        """Every commit up to ``ticket`` is durable."""
        now = self._service.time()
        while self._under_way and self._under_way[0][0] <= ticket:
            _, began, self.durable_seq, size, reached = self._under_way[0]
            for identity, handled in reached:
                identity.durable = max(identity.durable, handled)
                self._advanced[identity] = None
            self._under_way.popleft()
            self._bytes -= size
            self.commit_times.observe(now - began)

    def _troubled(self, error: Exception | None) -> None:
        """Storage fails, or (``None``) is well again."""
        if error is not None:
            logger.error("storage fails: %s", error, extra=self._about)
        elif self._failure is not None:
            logger.warning("storage is well again", extra=self._about)
            self._writer.restarts += 1
        self._failure = error
        self._writer.up = error is None

    def _tell_durable(self) -> None:
        self._on_durable(list(self._advanced))
        self._advanced.clear()

    def _tell(self) -> None:
        """Say that trouble began, can't end by itself, or is over, unless that was said last."""
        trouble = self.trouble
        changed = (trouble is None) != (self._told is None)
        if changed or (isinstance(trouble, EndedError) and not isinstance(self._told, EndedError)):
            self._on_trouble(trouble)
            self._told = trouble

    def _start_over(self) -> None:
        """It failed, wherever; what was heard and not dealt with is still there."""
        if self._refusal is not None:
            self._service.call_later(_HAND_OVER_AGAIN_S, self._hand_over_again)
        self._listen()


class JournalListener:
    """Brings what the log says from its thread to the loop's."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def durable(self, ticket: int) -> None:
        """See :meth:`tiles.log.base.Listener.durable`."""
        self._journal.hear(ticket)

    def trouble(self, error: Exception | None) -> None:
        """See :meth:`tiles.log.base.Listener.trouble`."""
        self._journal.hear(error)
