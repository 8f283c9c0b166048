"""What every log promises of commits: in order, whole, durable when it says so."""

import os
from collections.abc import Callable

import pytest

from tests.log_kinds import MakeRig, those_that
from tests.log_rigs import INFO, SESSION, TIME_MS, WAIT_S, Drawing, Rig, all_batches
from tiles.log.base import REJECTIONS_KEPT, Author, Batch, Commit, SessionCount


def test_new_canvas_is_empty(rig: Rig) -> None:
    """A new canvas has its settings, an epoch, and nothing else."""
    log, recovered, _ = rig.opened()
    assert recovered.info == INFO
    assert 1 <= recovered.epoch < 2**53
    assert (recovered.seq, recovered.checkpoint_seq, recovered.clean) == (0, 0, True)
    assert all_batches(log) == []
    assert list(log.tiles()) == []
    assert log.session(SESSION) is None


def test_canvases_have_epochs_of_their_own(make_rig: MakeRig) -> None:
    """Two canvases made alike differ in their epoch."""
    assert make_rig().log().open().epoch != make_rig().log().open().epoch


def test_batches_come_back_in_order_and_whole(rig: Rig) -> None:
    """LOG-1: all fields of each batch are read as they were written."""
    log, _, recorder = rig.opened()
    one, other = rig.painter(log), rig.painter(log)
    drawing = Drawing()
    authors = [
        Author(one.session),
        Author(one.session, "Zoë", b"\x00\xff", "a@b"),
        Author(other.session, "Zoë", b"\x00\xff", "a@b"),
    ]
    for ticket in range(1, 31):
        batch = drawing.batch(ticket % 3 + 1, authors[ticket % 3])
        painter = other if ticket % 3 == 2 else one
        log.append(Commit(ticket, [batch], [painter.count(ticket)]))
    recorder.wait_durable(30)
    assert all_batches(log) == drawing.batches


def test_durable_tickets_rise_to_the_last(rig: Rig) -> None:
    """Tickets rise, and the last one appended is told."""
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
    for _ in range(200):
        log.append(drawing.commit(1))
    recorder.wait_durable(200)
    assert recorder.tickets == sorted(set(recorder.tickets))
    assert recorder.tickets[-1] == 200
    assert recorder.troubles == []


def test_what_is_told_durable_can_be_read(rig: Rig) -> None:
    """LOG-2: batches and counts are there together once their ticket is durable."""
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
    for ticket in range(1, 20):
        log.append(drawing.commit(2))
        recorder.wait_durable(ticket)
        assert all_batches(log) == drawing.batches
        count = log.session(drawing.painter.session)
        assert count is not None
        assert count.handled == drawing.seq


@pytest.mark.parametrize(
    "spoil",
    [
        lambda commit: Commit(commit.ticket + 1, commit.batches, commit.counts),
        lambda commit: Commit(commit.ticket - 1, commit.batches, commit.counts),
        lambda commit: Commit(commit.ticket, commit.batches[1:], commit.counts),
        lambda commit: Commit(commit.ticket, commit.batches[::-1], commit.counts),
    ],
    ids=["ticket skipped", "ticket again", "seq skipped", "batches out of order"],
)
def test_append_takes_only_what_comes_next(rig: Rig, spoil: Callable[[Commit], Commit]) -> None:
    """LOG-6: a gap is refused when it is appended, and the right commit is still taken after it."""
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
    log.append(drawing.commit(1))
    commit = drawing.commit(2, 3)
    with pytest.raises(ValueError, match="came after"):
        log.append(spoil(commit))
    log.append(commit)
    recorder.wait_durable(2)
    assert all_batches(log) == drawing.batches


def test_big_batches_come_back(rig: Rig) -> None:
    """Batches of a quarter megabyte each, and more of them than one read takes at once."""
    log, _, recorder = rig.opened()
    painter = rig.painter(log)
    batches = [
        Batch(seq, seq, Author(painter.session), TIME_MS, (0, 0, 9, 9), os.urandom(262_144))
        for seq in range(1, 11)
    ]
    for ticket, batch in enumerate(batches, 1):
        log.append(Commit(ticket, [batch], [painter.count(ticket)]))
    recorder.wait_durable(10)
    assert all_batches(log) == batches


def test_counts_and_rejections_round_trip(rig: Rig) -> None:
    """ONCE-5: a session's last rejections are kept with its count, and the newest count stands."""
    log, _, recorder = rig.opened()
    rejected = tuple((2**32 - REJECTIONS_KEPT + n, n % 9 + 1) for n in range(REJECTIONS_KEPT))
    painter, other = rig.painter(log), rig.painter(log)
    log.append(Commit(1, [], [painter.count(5, ((3, 1),), TIME_MS)]))
    log.append(
        Commit(
            2,
            [],
            [
                painter.count(6, ((3, 1), (6, 255)), TIME_MS),
                painter.count(2**32 - 1, rejected, TIME_MS + 7),
            ],
        )
    )
    log.append(Commit(3, [], [other.count(0, (), 0)]))
    recorder.wait_durable(3)
    for who, handled, refused, seen_ms in (
        (painter, 2**32 - 1, rejected, TIME_MS + 7),
        (other, 0, (), 0),
    ):
        found = log.session(who.session)
        assert found is not None
        assert (found.handled, found.rejected) == (handled, refused)
        assert found.seen_ms == seen_ms or not rig.takes_any_count
    assert log.session(bytes(16)) is None


def test_the_last_rejections_alone_are_kept(rig: Rig) -> None:
    """ONCE-5: over many commits, the newest :data:`REJECTIONS_KEPT`."""
    log, _, recorder = rig.opened()
    painter = rig.painter(log)
    refused = [(n, n % 9 + 1) for n in range(1, 2 * REJECTIONS_KEPT, 2)]
    for ticket in range(1, 9):
        kept = tuple(refused[: 64 * ticket][-REJECTIONS_KEPT:])
        log.append(Commit(ticket, [], [painter.count(kept[-1][0], kept)]))
        recorder.wait_durable(ticket)
    log.append(Commit(9, [], [painter.count(1000, kept)]))
    recorder.wait_durable(9)
    found = log.session(painter.session)
    assert found is not None
    assert found.rejected == kept


@those_that("takes_any_count")
def test_forget_sessions(rig: Rig) -> None:
    """Counts last seen before a time go, the others stay."""
    log, _, recorder = rig.opened()
    counts = [SessionCount(os.urandom(16), n, (), TIME_MS + n) for n in range(2000)]
    log.append(Commit(1, [], counts))
    log.forget_sessions(TIME_MS + 1500)
    log.append(Commit(2, [], [counts[3]]))
    assert log.close(WAIT_S)
    assert recorder.tickets[-1] == 2
    log = rig.log()
    log.open()
    kept = [n for n, count in enumerate(counts) if log.session(count.session) is not None]
    assert [n for n in kept if n != 3] == list(range(1500, 2000))
