"""An entry of a canvas's stream as bytes: what one node offers to the log at once."""

from collections.abc import Iterable, Iterator
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from protocol.messages import SESSION_BYTES
from tiles.log.base import Author, Batch, Commit, SessionCount

VERSION = 1
"""Entries of a newer version stop who reads them: to skip one would be another history."""

# From a flush to the stream, each limit within the next:
#
#     server.journal._SHARED_COMMIT_MAX_BYTES      256 KiB: a commit, and the message past that
#     JOINED_MAX_BYTES                             512 KiB: so a commit is hardly ever cut
#     PIECE_MAX_BYTES                              896 KiB: what one session drew, which isn't cut
#     server.cluster.connection.MESSAGE_MAX_BYTES  1,000,000 B: that with CLAIMS_MAX claims

JOINED_MAX_BYTES = 512 * 1024
"""Commits are joined to entries of about so much; one that is larger is cut."""

PIECE_MAX_BYTES = 896 * 1024
"""What one session drew in a commit isn't cut: so much goes into an entry, and no more."""

CLAIMS_MAX = 128
"""So many claims go into an entry: each may end a connection, on every node, all in one turn."""

CLAIM_INDEX_BITS = 16
"""A claim is named by its entry's place and, in so many bits, which of the entry's it is."""

_OFFER_BYTES = 48
_DRAWN_BYTES = 64
_REJECTION_BYTES = 8

# What a log can keep; an entry beyond it can't be read, on any node.
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Handled = Annotated[int, Meta(ge=0, le=2**32 - 1)]
Code = Annotated[int, Meta(ge=0, le=255)]
Pixel = Annotated[int, Meta(ge=0, le=2**16 - 1)]
Ident = Annotated[int, Meta(ge=0, le=2**63 - 1)]
SessionId = Annotated[bytes, Meta(min_length=SESSION_BYTES, max_length=SESSION_BYTES)]


class EntryError(Exception):
    """An entry that can't be read; the text says why."""


class NewerError(EntryError):
    """An entry of a newer release."""


class Offer(Struct, frozen=True, array_like=True):
    """A session's count as it shall be: ``since`` before and ``handled`` after this entry.

    It counts if the session is ``claim``'s and stands at ``since``; otherwise it is void, and with
    it what the session drew. ``rejected`` are the refusals in between, as (n, code).
    """

    session: SessionId
    claim: Ident
    since: Handled
    handled: Handled
    rejected: tuple[tuple[Handled, Code], ...]


class Drawn(Struct, frozen=True, array_like=True):
    """A run of ``messages`` drawing messages, of the session that stands at ``offer``."""

    offer: Count
    messages: Annotated[int, Meta(ge=1, le=2**32 - 1)]
    name: str
    address: bytes
    subject: str
    time_ms: Count
    box: tuple[Pixel, Pixel, Pixel, Pixel]
    data: bytes


class ClaimOffer(Struct, frozen=True, array_like=True):
    """Who asks to draw for a session; ``request`` is the node's own number for it.

    Where ``session`` isn't known it becomes a new one, by the id ``fresh``. It counts unless the
    session was claimed past place ``seen``: who asked without knowing of that may ask again.
    """

    request: Count
    session: SessionId
    fresh: SessionId
    seen: Count


class Entry(Struct, frozen=True, array_like=True):
    """What a node offers: drawing and counts, then claims, then settings (as JSON, or empty).

    ``epoch`` is the stream's that it was meant for. ``node`` is random for each life of a node,
    ``number`` counts its entries.
    """

    version: Count
    epoch: Ident
    node: Ident
    number: Count
    offers: list[Offer] = []
    drawn: list[Drawn] = []
    claims: Annotated[list[ClaimOffer], Meta(max_length=1 << CLAIM_INDEX_BITS)] = []
    info: str = ""


_UNREADABLE = msgspec.MsgspecError, UnicodeDecodeError, RecursionError
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


def encode_entry(entry: Entry) -> bytes:
    """The entry as bytes."""
    return _encoder.encode(entry)


def decode_entry(data: bytes) -> Entry:
    """The entry from its bytes. Raises :class:`EntryError`."""
    try:
        entry = _decoder.decode(data)
    except _UNREADABLE as error:
        if _version_of(data) > VERSION:
            raise NewerError(f"it is of version {_version_of(data)}") from None
        raise EntryError(str(error)) from None
    if entry.version > VERSION:
        raise NewerError(f"it is of version {entry.version}")
    if any(drawn.offer >= len(entry.offers) for drawn in entry.drawn):
        raise EntryError("it holds nobody's drawing")
    return entry


def _version_of(data: bytes) -> int:
    try:
        first = msgspec.msgpack.decode(data, type=list)[0]
    except (*_UNREADABLE, IndexError):
        return 0
    return first if isinstance(first, int) else 0


class Piece(NamedTuple):
    """A commit, or part of one, and about how many bytes of an entry it takes."""

    commit: Commit
    size: int


def pieces(commit: Commit) -> Iterator[Piece]:
    """A commit in parts that an entry can hold, if need be: each has all of its sessions' part.

    The last of them has the commit's ticket, the others the one before.
    """
    whole = _size(commit.batches, commit.counts)
    if whole <= JOINED_MAX_BYTES:
        yield Piece(commit, whole)
        return
    parts: dict[bytes, tuple[list[Batch], list[SessionCount]]] = {}
    for count in commit.counts:
        parts.setdefault(count.session, ([], []))[1].append(count)
    for batch in commit.batches:
        parts[batch.author.session][0].append(batch)
    batches: list[Batch] = []
    counts: list[SessionCount] = []
    size = 0
    for its_batches, its_counts in parts.values():
        its_size = _size(its_batches, its_counts)
        if counts and size + its_size > JOINED_MAX_BYTES:
            yield Piece(Commit(commit.ticket - 1, batches, counts), size)
            batches, counts, size = [], [], 0
        batches += its_batches
        counts += its_counts
        size += its_size
    yield Piece(Commit(commit.ticket, batches, counts), size)


def _size(batches: Iterable[Batch], counts: Iterable[SessionCount]) -> int:
    return sum(map(_drawn_size, batches)) + sum(
        _OFFER_BYTES + _REJECTION_BYTES * len(_refused(count)) for count in counts
    )


def _drawn_size(batch: Batch) -> int:
    author = batch.author
    who = len(author.name.encode()) + len(author.address) + len(author.subject.encode())
    return _DRAWN_BYTES + who + len(batch.messages)


def _refused(count: SessionCount) -> tuple[tuple[int, int], ...]:
    """The refusals since the count before."""
    rejected = count.rejected
    begin = len(rejected)
    while begin and rejected[begin - 1][0] > count.since:
        begin -= 1
    return rejected[begin:]


class Draft:
    """What an entry grows from, commit by commit."""

    def __init__(self) -> None:
        self.last_ticket = 0
        self.offers: list[Offer] = []
        self.drawn: list[Drawn] = []
        self._places: dict[tuple[bytes, int], int] = {}

    def add(self, commit: Commit) -> None:
        """Take in a commit, behind those before: counts that go on from each other are joined."""
        places = {count.session: self._offer(count) for count in commit.counts}
        for batch in commit.batches:
            self.drawn.append(_drawn(batch, places[batch.author.session]))
        self.last_ticket = commit.ticket

    def _offer(self, count: SessionCount) -> int:
        rejected = _refused(count)
        key = count.session, count.claim
        place = self._places.get(key)
        if place is not None and self.offers[place].handled == count.since:
            before = self.offers[place]
            self.offers[place] = msgspec.structs.replace(
                before, handled=count.handled, rejected=before.rejected + rejected
            )
            return place
        # The first, or beyond what was given up: this won't count then, and what is before does.
        self.offers.append(Offer(count.session, count.claim, count.since, count.handled, rejected))
        self._places[key] = place = len(self.offers) - 1
        return place


def _drawn(batch: Batch, offer: int) -> Drawn:
    author = batch.author
    return Drawn(
        offer,
        batch.last_seq - batch.first_seq + 1,
        author.name,
        author.address,
        author.subject,
        batch.time_ms,
        batch.box,
        batch.messages,
    )


def batch_of(drawn: Drawn, session: bytes, first_seq: int) -> Batch:
    """The row of the log that a run of drawing becomes at its place in the order."""
    return Batch(
        first_seq,
        first_seq + drawn.messages - 1,
        Author(session, drawn.name, drawn.address, drawn.subject),
        drawn.time_ms,
        drawn.box,
        drawn.data,
    )
