"""Entries as bytes, and commits cut and joined into them."""

import os
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.log_rigs import TIME_MS
from tiles.log.base import Author, Batch, Commit, SessionCount
from tiles.shared.entry import (
    CLAIMS_MAX,
    JOINED_MAX_BYTES,
    PIECE_MAX_BYTES,
    VERSION,
    ClaimOffer,
    Draft,
    Drawn,
    Entry,
    EntryError,
    NewerError,
    Offer,
    batch_of,
    decode_entry,
    encode_entry,
    pieces,
)

SESSIONS = [bytes([n]) * 16 for n in range(1, 40)]
NATS_MAX_BYTES = 1_000_000
"""What the stream takes, at most."""


def batch(session: bytes, seq: int, messages: int = 1, name: str = "Ann") -> Batch:
    """Somebody's run of pixels."""
    author = Author(session, name, b"\x01" * 8, "sub")
    last = seq + messages - 1
    return Batch(seq, last, author, TIME_MS, (0, 0, 65535, 65535), os.urandom(8 * messages))


def entry_of(*commits: Commit) -> Entry:
    """What commits become together."""
    draft = Draft()
    for commit in commits:
        draft.add(commit)
    return Entry(VERSION, 5, 6, 7, draft.offers, draft.drawn)


def test_an_entry_comes_back_whole() -> None:
    """CLU-11: drawing, counts, claims and settings, at the ends of what they may be."""
    entry = Entry(
        VERSION,
        2**53 - 1,
        2**56 - 1,
        2**53 - 1,
        [Offer(SESSIONS[0], 2**60, 0, 2**32 - 1, ((2**32 - 1, 255), (1, 0)))],
        [Drawn(0, 2**32 - 1, "Zoë 🎨", b"\x00\xff", "a@b", TIME_MS, (0, 0, 65535, 65535), b"data")],
        [ClaimOffer(1, bytes(16), SESSIONS[1], 2**53 - 1)],
        '{"width":5}',
    )
    assert decode_entry(encode_entry(entry)) == entry


def test_a_batch_comes_back_with_its_place() -> None:
    """CLU-10: all that a batch says, and the seq that the order gives it."""
    drawn = batch(SESSIONS[0], 1, 3)
    entry = entry_of(Commit(1, [drawn], [SessionCount(SESSIONS[0], 3, (), TIME_MS)]))
    found = batch_of(decode_entry(encode_entry(entry)).drawn[0], SESSIONS[0], 91)
    assert found == Batch(91, 93, drawn.author, TIME_MS, drawn.box, drawn.messages)


SPOILED: dict[str, Callable[[list[Any]], object]] = {
    "negative": lambda fields: [-1, *fields[1:]],
    "half": lambda fields: [VERSION],
    "short session": lambda fields: [*fields[:4], [[b"short", 0, 0, 0, []]]],
    "count too high": lambda fields: [*fields[:4], [[bytes(16), 0, 0, 2**32, []]]],
    "claim too high": lambda fields: [*fields[:4], [[bytes(16), 2**63, 0, 0, []]]],
    "code too high": lambda fields: [*fields[:4], [[bytes(16), 0, 0, 0, [[1, 256]]]]],
    "nobody's": lambda fields: [*fields[:5], [[0, 1, "", b"", "", 0, [0, 0, 0, 0], b""]]],
    "no messages": lambda fields: [*fields[:5], [[0, 0, "", b"", "", 0, [0, 0, 0, 0], b""]]],
    "off every canvas": lambda fields: [
        *fields[:5],
        [[0, 1, "", b"", "", 0, [0, 0, 65536, 0], b""]],
    ],
    "time too high": lambda fields: [*fields[:5], [[0, 1, "", b"", "", 2**63, [0, 0, 0, 0], b""]]],
    "short fresh": lambda fields: [*fields[:6], [[1, bytes(16), bytes(15), 0]]],
    "too many claims": lambda fields: [*fields[:6], [[1, bytes(16), bytes(16), 0]] * 65_537],
    "settings no text": lambda fields: [*fields[:7], b"no text"],
    "a map": lambda fields: {"version": VERSION},
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_what_a_log_could_not_keep_is_no_entry(spoil: Callable[[list[Any]], object]) -> None:
    """CLU-17: out of range, half, of another form: an error, the same on every node."""
    fields = [VERSION, 1, 2, 3, [], [], [], ""]
    whole = encode_entry(Entry(VERSION, 1, 2, 3))
    assert decode_entry(whole) == Entry(VERSION, 1, 2, 3)
    with pytest.raises(EntryError) as caught:
        decode_entry(msgspec.msgpack.encode(spoil(fields)))
    assert not isinstance(caught.value, NewerError)
    for cut in range(len(whole)):
        with pytest.raises(EntryError):
            decode_entry(whole[:cut])


@pytest.mark.parametrize(
    "data",
    [b"\x91\xa1\xff", b"\x91" * 100_000, b"\xdd\xff\xff\xff\xff", b"\x80"],
    ids=["no text", "nested", "too long", "a map"],
)
def test_bytes_of_nobodys_are_no_entry(data: bytes) -> None:
    """CLU-17: no text, nested without end, longer than they are."""
    with pytest.raises(EntryError):
        decode_entry(data)


def test_a_newer_entry_is_told_from_garbage() -> None:
    """CLU-17: also where this release can't read the rest of it."""
    for data in (
        encode_entry(Entry(VERSION + 1, 1, 2, 3)),
        msgspec.msgpack.encode([VERSION + 1, "something else"]),
        msgspec.msgpack.encode([2**40]),
    ):
        with pytest.raises(NewerError):
            decode_entry(data)


def test_commits_of_one_session_join_their_counts() -> None:
    """CLU-11: from the first one's beginning to the last one's end, with all refusals once."""
    refused: tuple[tuple[int, int], ...] = ()
    commits = []
    for n in range(1, 301):
        refused = (*refused, (2 * n, 3))[-256:]
        count = SessionCount(SESSIONS[0], 2 * n, refused, TIME_MS, 9, 1, 2 * (n - 1))
        commits.append(Commit(n, [batch(SESSIONS[0], n)], [count]))
    (offer,) = entry_of(*commits).offers
    assert (offer.claim, offer.since, offer.handled) == (9, 0, 600)
    assert offer.rejected == tuple((2 * n, 3) for n in range(1, 301))


def test_counts_around_a_gap_are_kept_apart() -> None:
    """CLU-19: what is beyond what was given up goes on from nothing, and what is before stands."""
    session = SESSIONS[0]
    commits = [
        Commit(1, [batch(session, 1)], [SessionCount(session, 1, (), TIME_MS, 9)]),
        Commit(3, [batch(session, 9)], [SessionCount(session, 9, ((9, 3),), TIME_MS, 9, 0, 8)]),
        Commit(4, [batch(session, 10)], [SessionCount(session, 10, (), TIME_MS, 9, 0, 9)]),
    ]
    entry = entry_of(*commits)
    assert [(offer.since, offer.handled, offer.rejected) for offer in entry.offers] == [
        (0, 1, ()),
        (8, 10, ((9, 3),)),
    ]
    assert [drawn.offer for drawn in entry.drawn] == [0, 1, 1]


def test_claims_of_one_session_are_kept_apart() -> None:
    """CLU-14: what was drawn under an older claim stands or falls by that."""
    commits = [
        Commit(1, [batch(SESSIONS[0], 1)], [SessionCount(SESSIONS[0], 1, (), TIME_MS, 9)]),
        Commit(2, [batch(SESSIONS[0], 2)], [SessionCount(SESSIONS[0], 1, (), TIME_MS, 12)]),
    ]
    entry = entry_of(*commits)
    assert [offer.claim for offer in entry.offers] == [9, 12]
    assert [drawn.offer for drawn in entry.drawn] == [0, 1]


def test_a_size_is_about_what_an_entry_takes() -> None:
    """CLU-19: never much less, whatever the entry is made of; or the stream would refuse it."""
    refused = tuple((2**32 - 257 + n, 255) for n in range(256))
    one = [SessionCount(SESSIONS[0], 1, (), TIME_MS, 2**60)]
    for commit in (
        Commit(1, [batch(SESSIONS[0], n, name="x" * 64) for n in range(1, 3000)], one),
        Commit(1, [batch(SESSIONS[0], 1, 50_000)], one),
        Commit(1, [], [SessionCount(os.urandom(16), 2**32 - 1, refused, 0, 2**60, 1)] * 200),
        Commit(1, [], [SessionCount(os.urandom(16), n, (), 0, 2**60, 1) for n in range(5000)]),
    ):
        for piece in pieces(commit):
            real = len(encode_entry(entry_of(piece.commit)))
            assert 0.97 * real < piece.size < 2.5 * real


def test_a_large_commit_comes_in_pieces() -> None:
    """CLU-19: each with all that its sessions drew; the last one alone has the ticket."""
    batches, seq = [], 0
    for turn in range(8):
        for session in SESSIONS:
            batches.append(batch(session, seq + 1, 400 + turn))
            seq = batches[-1].last_seq
    counts = [SessionCount(session, 3228, (), TIME_MS, 4) for session in SESSIONS]
    cut = list(pieces(Commit(7, batches, counts)))
    parts = [piece.commit for piece in cut]
    assert len(parts) == 3
    assert [part.ticket for part in parts] == [6, 6, 7]
    assert [count for part in parts for count in part.counts] == counts
    for session in SESSIONS:
        drawn = [one for one in batches if one.author.session == session]
        assert [
            [one for one in part.batches if one.author.session == session]
            for part in parts
            if any(count.session == session for count in part.counts)
        ] == [drawn]
    for piece in cut:
        assert piece.size <= JOINED_MAX_BYTES
        assert len(encode_entry(entry_of(piece.commit))) < NATS_MAX_BYTES


def test_a_piece_that_is_published_fits_the_stream() -> None:
    """CLU-19: the largest that is tried, with as many claims as an entry may have."""
    messages = (PIECE_MAX_BYTES - 500) // 8
    commit = Commit(
        1, [batch(SESSIONS[0], 1, messages)], [SessionCount(SESSIONS[0], messages, (), 0, 1)]
    )
    (piece,) = pieces(commit)
    assert PIECE_MAX_BYTES - 500 < piece.size <= PIECE_MAX_BYTES
    entry = entry_of(piece.commit)
    claims = [ClaimOffer(2**53 - 1, bytes(16), bytes(16), 2**53 - 1)] * CLAIMS_MAX
    assert len(encode_entry(msgspec.structs.replace(entry, claims=claims))) < NATS_MAX_BYTES
