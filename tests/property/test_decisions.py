"""What a stream's entries come to follows from them alone: not from when a node read them."""

from collections.abc import Iterable, Sequence
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.log_rigs import INFO, TIME_MS
from tests.memory_log import MemoryLog, MemoryStore
from tiles.log.base import Log
from tiles.shared.entry import (
    VERSION,
    ClaimOffer,
    Drawn,
    Entry,
    EntryError,
    NewerError,
    Offer,
    decode_entry,
    encode_entry,
)
from tiles.shared.fold import Fold
from tiles.shared.stream import Delivered

EPOCH = 7
DAY_MS = 24 * 3600 * 1000
IDS = [bytes(16), *(bytes([n]) * 16 for n in range(1, 5))]
"""Sessions; the first means a new one."""
CLAIMS = [place << 16 | index for place in range(12) for index in range(2)]

ids = st.sampled_from(IDS)
claims = st.builds(ClaimOffer, st.integers(1, 3), ids, ids, st.integers(0, 14))
offers = st.builds(
    lambda session, claim, since, messages, refused: Offer(
        session, claim, since, since + messages, ((since + 1, 3),) * refused
    ),
    ids,
    st.sampled_from(CLAIMS),
    st.integers(0, 4),
    st.integers(0, 3),
    st.integers(0, 2),
)


@st.composite
def entries(draw: st.DrawFn) -> bytes:
    """An entry, of this stream most of the time."""
    made = draw(st.lists(offers, max_size=3))
    drawn = [
        Drawn(place, offer.handled - offer.since, "", b"", "", TIME_MS, (0, 0, 1, 1), bytes(8))
        for place, offer in enumerate(made)
        if offer.handled > offer.since
    ]
    return encode_entry(
        Entry(
            VERSION,
            draw(st.sampled_from([EPOCH, EPOCH, EPOCH, EPOCH + 1])),
            draw(st.integers(0, 2)),
            draw(st.integers(0, 5)),
            made,
            drawn,
            draw(st.lists(claims, max_size=3)),
            draw(st.sampled_from(["", "", "", "{}", "[", '{"width":1}'])),
        )
    )


def _is_newer(data: bytes) -> bool:
    """Whether bytes happen to stop whoever reads them."""
    try:
        decode_entry(data)
    except NewerError:
        return True
    except EntryError:
        pass
    return False


class Course:
    """What people do, as entries of nodes that may have missed the last of it."""

    @staticmethod
    def told(steps: Sequence[tuple[int, int, int, bool]]) -> list[bytes]:
        """Claims and offers that mostly count: (session, kind, delay in places, doubled)."""
        stream: list[bytes] = []
        held = dict.fromkeys(IDS[1:], (0, 0))
        for number, (who, kind, late, doubled) in enumerate(steps):
            session = IDS[1 + who]
            claim, handled = held[session]
            if kind == 0 or not claim:
                seen = max(0, len(stream) - late)
                asked = session if claim else IDS[0]
                entry = Entry(
                    VERSION, EPOCH, who, number, claims=[ClaimOffer(1, asked, session, seen)]
                )
                if not claim or claim >> 16 <= seen:
                    held[session] = (len(stream) + 1 << 16, handled)
            else:
                offer = Offer(session, claim, handled, handled + kind, ())
                drawn = Drawn(0, kind, "", b"", "", TIME_MS, (0, 0, 1, 1), bytes([number % 256]))
                entry = Entry(VERSION, EPOCH, who, number, [offer], [drawn])
                held[session] = (claim, handled + kind)
            stream.append(encode_entry(entry))
            if doubled and entry.offers:
                stream.append(stream[-1])
        return stream


courses = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 4), st.booleans()), max_size=25
).map(Course.told)
garbage = st.binary(max_size=12).filter(lambda data: not _is_newer(data))
streams = st.lists(
    st.one_of(courses, st.lists(entries(), max_size=8), st.lists(garbage, max_size=3)),
    max_size=5,
).map(lambda parts: [data for part in parts for data in part])

steps_ms = st.sampled_from([0, 1, 1, 1, 1, 1, 5, -3000, 20 * DAY_MS, 31 * DAY_MS])


def delivered(data: Iterable[bytes], times: Iterable[int]) -> list[Delivered]:
    """Entries at their places; ``times`` go on from each other."""
    time_ms, made = TIME_MS, []
    for place, (one, step_ms) in enumerate(zip(data, times, strict=True), 1):
        time_ms += step_ms
        made.append(Delivered(place, time_ms, one))
    return made


def opened(store: MemoryStore) -> tuple[MemoryLog, Fold]:
    """A fold over what a disk holds, written to at once."""
    log = MemoryLog(store, schedule=lambda _delay_s, call: call(), keeps_epoch=True)
    fold = Fold(log, log.open())
    log.start(fold)
    return log, fold


def apply(fold: Fold, some: Sequence[Delivered]) -> None:
    """Decide entries, as a node does that gets them together."""
    fold.add(some)
    absent = fold.absent()
    fold.learn(absent, fold.look_up(absent))
    fold.apply(lambda _applied: None)


def new() -> MemoryStore:
    """An empty disk."""
    return MemoryStore(INFO, epoch=EPOCH)


def same(one: MemoryStore, other: MemoryStore) -> None:
    """Two disks hold the same."""
    assert one.batches == other.batches
    assert one.counts == other.counts
    assert one.mark == other.mark
    assert one.info == other.info


@settings(max_examples=60)
@given(data=st.data(), stream=streams)
@example(data=None, stream=Course.told([(n % 4, n % 3, n % 2, n % 5 == 0) for n in range(60)]))
def test_any_stream_comes_to_the_same(data: st.DataObject | None, stream: list[bytes]) -> None:
    """CLU-10: read at once, or piece by piece with restarts anywhere, or with hardly any memory."""
    count = len(stream)
    times = [1] * count
    cuts: set[int] = set(range(0, count, 3))
    if data is not None:
        times = data.draw(st.lists(steps_ms, min_size=count, max_size=count))
        cuts = data.draw(st.sets(st.integers(0, count), max_size=6))
    made = delivered(stream, times)

    at_once = new()
    apply(opened(at_once)[1], made)

    restarted = new()
    log: Log | None = None
    for begin, end in zip(sorted({0, *cuts}), [*sorted({0, *cuts})[1:], count], strict=True):
        if log is not None:
            log.close(0)
        log, fold = opened(restarted)
        apply(fold, made[begin:end])
    same(at_once, restarted)

    forgetful = new()
    _, fold = opened(forgetful)
    with patch("tiles.shared.fold.SESSIONS_MAX", 1):
        for one in made:
            apply(fold, [one])
    same(at_once, forgetful)

    slow = new()
    late = MemoryLog(slow, keeps_epoch=True)
    fold = Fold(late, late.open())
    late.start(fold)
    with patch("tiles.shared.fold.SESSIONS_MAX", 0):
        for place, one in enumerate(made):
            apply(fold, [one])
            if place in cuts:
                late.commit()
    late.commit()
    same(at_once, slow)
    _check_order(at_once)


def _check_order(store: MemoryStore) -> None:
    """Seqs have no gap, and nobody draws who has no count."""
    seq = 0
    for batch in store.batches:
        assert batch.first_seq == seq + 1
        assert batch.author.session in store.counts
        seq = batch.last_seq


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 4), st.booleans()),
        max_size=60,
    )
)
def test_doubled_entries_draw_nothing_twice(steps: list[tuple[int, int, int, bool]]) -> None:
    """CLU-11: what nodes publish again because it may be lost changes nothing where it isn't."""
    doubled, plain = new(), new()
    for store, stream in (
        (doubled, Course.told(steps)),
        (plain, Course.told([(*step[:3], False) for step in steps])),
    ):
        apply(opened(store)[1], delivered(stream, [1] * len(stream)))
    drawn = [[(b.author.session, b.messages) for b in store.batches] for store in (doubled, plain)]
    assert drawn[0] == drawn[1]
    assert {key: count.handled for key, count in doubled.counts.items()} == {
        key: count.handled for key, count in plain.counts.items()
    }
