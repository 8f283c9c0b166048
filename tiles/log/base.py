"""What the canvas asks of its log: ordered batches, session counts, tile checkpoints.

Everything a canvas shows is a fold over :class:`Batch` rows in ``seq`` order. A log takes
:class:`Commit` units in order, makes each durable whole or not at all, and says so through a
:class:`Listener`. The canvas's settings and checkpoints stand beside the rows.

A log that is ``shared`` is written by several nodes. What one of them appends to it is an offer:
where it comes in the order, and whether it counts, is known when the log tells it
(:meth:`Log.start`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

REJECTIONS_KEPT = 256
"""So many of a session's last rejections are kept with its count."""

COMMITS_WAITING_MAX = 65_536
"""A caller with so many commits that aren't durable yet takes no more drawing (REJECT 6).

A log keeps all that it is given: storage that fails says so through :class:`Listener`, but one that
merely hangs says nothing, and only its caller can see that and stop.
"""


@dataclass(frozen=True, slots=True)
class Author:
    """Who drew: the session's id (16 B), shown name, salted hash of the address, token subject."""

    session: bytes
    name: str = ""
    address: bytes = b""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """A contiguous run of one session's drawing, a row of the log.

    ``messages`` are the ``last_seq - first_seq + 1`` encoded drawing messages back to back, ``box``
    the inclusive pixel rectangle (x0, y0, x1, y1) that holds all they paint, ``time_ms`` Unix time.
    """

    first_seq: int
    last_seq: int
    author: Author
    time_ms: int
    box: tuple[int, int, int, int]
    messages: bytes


@dataclass(frozen=True, slots=True)
class SessionCount:
    """How many of a session's drawing messages were ordered or rejected.

    ``rejected`` are its last :data:`REJECTIONS_KEPT` refusals as (n, code); ``seen_ms`` Unix time.
    In a shared log ``claim`` names who may draw for the session (:meth:`Log.claim`), ``client`` is
    the number that others know it by, and ``since`` in a commit is the count that it goes on from.
    """

    session: bytes
    handled: int
    rejected: tuple[tuple[int, int], ...]
    seen_ms: int
    claim: int = 0
    client: int = 0
    since: int = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """How much of a shared stream a log holds: up to ``place``; it had so many ``clients``.

    ``check`` tells the entry at that place from another that came to stand there.
    """

    place: int = 0
    clients: int = 0
    check: int = 0


@dataclass(frozen=True, slots=True)
class Commit:
    """What becomes durable at once: batches, and the counts of the sessions that they reach.

    ``ticket`` numbers the commits of one log's life, from 1 without a gap. ``mark`` and ``info``
    are set where they change with it: by who follows a shared stream.
    """

    ticket: int
    batches: Sequence[Batch]
    counts: Sequence[SessionCount]
    mark: Mark | None = None
    info: "CanvasInfo | None" = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """What one entry of a shared stream came to, the same on every node.

    ``batches`` with their final seqs, ``counts`` as they are now, of the sessions that drew and of
    those that were ``claimed``; ``void`` are claims of this node that no longer count. ``place`` is
    the entry's.
    """

    batches: Sequence[Batch]
    counts: Sequence[SessionCount]
    claimed: Sequence[SessionCount]
    void: Sequence[tuple[bytes, int]]
    info: "CanvasInfo | None"
    place: int = 0


@dataclass(frozen=True, slots=True)
class SavedTile:
    """A checkpoint of one tile, of any level: it holds every message up to ``seq`` that touches it.

    ``data`` is its payload (:mod:`tiles.payload`).
    """

    key: int
    seq: int
    data: bytes


@dataclass(frozen=True, slots=True)
class CanvasInfo:
    """A canvas's lasting settings. ``width`` and ``height`` are 1 to 65,536 pixels."""

    width: int
    height: int
    background: tuple[int, int, int] = (255, 255, 255)
    title: str = ""
    palette: tuple[tuple[int, int, int], ...] | None = None
    frozen: bool = False


class Listener(Protocol):
    """Told from the log's own thread; an implementation hands it on to its own, and never raises.

    Tickets rise. ``trouble(error)`` comes once, then ``trouble(None)`` once, in turn; an
    :class:`EndedError` may follow another trouble, and is the last.
    """

    def durable(self, ticket: int) -> None:
        """Every commit up to ``ticket`` would survive a power cut."""

    def trouble(self, error: Exception | None) -> None:
        """Storage fails (``error``), or has come back and caught up (``None``)."""


@dataclass(slots=True)
class Recovered:
    """What a log holds when it is opened.

    ``epoch`` was stored before this was returned; it is new where the last stop was not clean.
    Checkpoints hold everything up to ``checkpoint_seq``; the log from there to ``seq`` is the tail.
    ``overviews``: they do so at every level, not at level 0 alone. ``mark``: see :class:`Mark`.
    """

    info: CanvasInfo
    epoch: int
    seq: int
    checkpoint_seq: int
    clean: bool
    overviews: bool = True
    notes: list[str] = field(default_factory=list)
    mark: Mark = Mark()


class Log(Protocol):
    """One canvas's log, open for writing by one process at a time, or ``shared`` by several.

    ``open`` reads; ``start`` begins the writer thread. Before ``start`` the reading methods may be
    called from any one thread, after it from any. A log that was closed isn't opened again: make a
    new one. Every method may raise :class:`LogError` for a log in the wrong state, and a reading
    one for storage that can't be read.
    """

    @property
    def shared(self) -> bool:
        """Whether other nodes write it too."""

    @property
    def behind(self) -> int:
        """Entries that a shared log's stream holds and that it hasn't told, as far as it knows."""

    def open(self) -> Recovered:
        """Open, or raise :class:`LogError`: no canvas there, in use, damaged, of a newer release.

        What it returns holds for a power cut too: what a crash left unsynced is synced first.
        """

    def start(self, listener: Listener, ordered: Callable[[Ordered], None] | None = None) -> None:
        """Begin to write; ``listener`` is called from the log's own thread.

        ``ordered`` too, by a shared log: of each entry in its turn, whoever offered it, and before
        what it holds is said to be durable. It never raises.
        """

    def append(self, commit: Commit) -> None:
        """Queue a commit; it never blocks on storage, nor for want of room.

        Raises ``ValueError`` unless its ticket is the next and its batches go on, without a gap,
        from the last one appended (at first: from :attr:`Recovered.seq`). The caller keeps within
        :data:`COMMITS_WAITING_MAX`. In a shared log these seqs only count what is offered.
        """

    def claim(
        self,
        session: bytes,
        done: "Callable[[SessionCount | LogError], None]",
        seen: int | None = None,
    ) -> None:
        """In a shared log: make this node the one that draws for a session from here on.

        ``session`` are zeros for a new one, which an unknown one becomes too. ``done`` is called
        from the log's own thread, with the count at the place of the claim: after ``ordered`` was
        told all up to there, and before what follows. Or with an error where it can't be had now.
        ``seen`` is the place that the node had come to when whoever asks came: if somebody claimed
        the session past that, it stays theirs. Without it, who asks last has it.
        """

    def hold(self, *, held: bool) -> None:
        """In a shared log: tell no more of what is ordered (``held``), or go on.

        For who is behind with what it was told; what is on its way still comes. While it is held,
        what was appended may take as long as it likes.
        """

    def checkpoint(
        self,
        tiles: Sequence[SavedTile],
        through: int | None,
        written: Callable[[], None] | None = None,
    ) -> None:
        """Queue tiles to be saved after all commits appended so far are durable.

        ``through``: with these, the checkpoints hold everything up to there, at every level
        (``None``: not yet). ``written`` is called once they can be read, from the log's own thread;
        it never raises. The sequence is read later: don't change it. One that isn't written when
        the process dies costs a longer replay, nothing else.
        """

    def read(
        self, after: int, until: int | None = None, box: tuple[int, int, int, int] | None = None
    ) -> Iterator[Batch]:
        """The durable batches that hold any seq in (after, until], in order.

        With a ``box`` (x0, y0, x1, y1) those alone whose own box shares a pixel with it.
        """

    def read_back(self, after: int, until: int, box: tuple[int, int, int, int]) -> Iterator[Batch]:
        """What :meth:`read` gives for the same, newest first.

        It goes through all rows of the range in one go where none is in the box: some 100,000 take
        tens of milliseconds.
        """

    def saved(self, tiles: Sequence[int]) -> list[SavedTile]:
        """The checkpoints of these tiles, by key, some hundreds at most; in order of key.

        A tile that has none isn't in the list.
        """

    def tiles(self) -> Iterator[SavedTile]:
        """Every tile checkpoint, in order of key."""

    def session(self, session: bytes) -> SessionCount | None:
        """A session's durable count, or ``None`` if it never drew (or not for 30 days)."""

    def update(self, info: CanvasInfo) -> None:
        """Store changed settings; blocks until they are durable (some milliseconds).

        Raises :class:`LogError` in trouble or when it takes too long; they may be stored then.
        """

    def forget_sessions(self, before_ms: int) -> None:
        """Queue the removal of counts last seen before ``before_ms``."""

    def close(self, timeout_s: float) -> bool:
        """Write what is queued, mark the stop as clean, and close.

        Returns whether all was written in time; if not, the next start has a new epoch. After a
        False the listener hears no more, and the log lets go of its files as soon as it can.
        """


class LogError(Exception):
    """The log can't be opened or written; the text says what and where."""


class EndedError(LogError):
    """A shared log follows its stream no more, and won't again by itself."""


class OutdatedError(EndedError):
    """The stream holds an entry of a newer release, which this one can't go past."""


class LostError(EndedError):
    """A shared log's own part of it isn't its stream's any more: it is to be had anew."""


class CutError(LostError):
    """The stream doesn't hold what was read of it: what people were shown is in it no more."""


class DamagedError(LogError):
    """What is stored isn't what was written; asking again gives nothing else."""
