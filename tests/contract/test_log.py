"""What every log promises, in memory or in SQLite (:mod:`tiles.log.base`)."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.log_rigs import (
    INFO,
    SESSION,
    TIME_MS,
    WAIT_S,
    Drawing,
    MemoryRig,
    Rig,
    SqliteRig,
    all_batches,
)
from tiles.log.base import (
    REJECTIONS_KEPT,
    Author,
    Batch,
    CanvasInfo,
    Commit,
    LogError,
    SavedTile,
    SessionCount,
)

MakeRig = Callable[[], Rig]


@pytest.fixture(params=[MemoryRig, SqliteRig], ids=["memory", "sqlite"])
def make_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeRig]:
    """Makes rigs of one kind of log, and disposes of them."""
    rigs: list[Rig] = []

    def make() -> Rig:
        rigs.append(request.param(tmp_path))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.dispose()


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    """One new canvas."""
    return make_rig()


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
    drawing = Drawing()
    authors = [
        Author(SESSION),
        Author(SESSION, "Zoë", b"\x00\xff", "a@b"),
        Author(bytes(16), "Zoë", b"\x00\xff", "a@b"),
    ]
    for ticket in range(1, 31):
        batch = drawing.batch(ticket % 3 + 1, authors[ticket % 3])
        log.append(Commit(ticket, [batch], []))
    recorder.wait_durable(30)
    assert all_batches(log) == drawing.batches


def test_durable_tickets_rise_to_the_last(rig: Rig) -> None:
    """Tickets rise, and the last one appended is told."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    for _ in range(200):
        log.append(drawing.commit(1))
    recorder.wait_durable(200)
    assert recorder.tickets == sorted(set(recorder.tickets))
    assert recorder.tickets[-1] == 200
    assert recorder.troubles == []


def test_what_is_told_durable_can_be_read(rig: Rig) -> None:
    """LOG-2: batches and counts are there together once their ticket is durable."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    for ticket in range(1, 20):
        log.append(drawing.commit(2))
        recorder.wait_durable(ticket)
        assert all_batches(log) == drawing.batches
        count = log.session(SESSION)
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
    drawing = Drawing()
    log.append(drawing.commit(1))
    commit = drawing.commit(2, 3)
    with pytest.raises(ValueError, match="came after"):
        log.append(spoil(commit))
    log.append(commit)
    recorder.wait_durable(2)
    assert all_batches(log) == drawing.batches


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lengths=st.lists(st.integers(1, 9), max_size=12), data=st.data())
def test_read_gives_batches_that_hold_any_seq_of_the_range(
    make_rig: MakeRig, lengths: list[int], data: st.DataObject
) -> None:
    """A batch that the range cuts comes whole."""
    log, _, recorder = make_rig().opened()
    drawing = Drawing()
    log.append(drawing.commit(*lengths))
    recorder.wait_durable(1)
    after = data.draw(st.integers(0, drawing.seq + 3))
    until = data.draw(st.none() | st.integers(0, drawing.seq + 3))
    end = drawing.seq if until is None else until
    wanted = [
        batch
        for batch in drawing.batches
        if any(after < seq <= end for seq in range(batch.first_seq, batch.last_seq + 1))
    ]
    assert list(log.read(after, until)) == wanted


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lengths=st.lists(st.integers(1, 9), max_size=12),
    corners=st.lists(st.integers(0, 20), min_size=2, max_size=2),
    data=st.data(),
)
def test_read_back_is_read_from_its_end(
    make_rig: MakeRig, lengths: list[int], corners: list[int], data: st.DataObject
) -> None:
    """The same batches with a box, newest first."""
    log, _, recorder = make_rig().opened()
    drawing = Drawing()
    log.append(drawing.commit(*lengths))
    recorder.wait_durable(1)
    after = data.draw(st.integers(0, drawing.seq + 3))
    until = data.draw(st.integers(0, drawing.seq + 3))
    box = (min(corners), 5, max(corners), 9)
    there = list(log.read(after, until, box))
    assert list(log.read_back(after, until, box)) == there[::-1]


def test_a_long_read_back(rig: Rig) -> None:
    """More rows, and larger ones, than one read takes at once; those between are not in the box."""
    log, _, recorder = rig.opened()
    batches = [
        Batch(seq, seq, Author(SESSION), TIME_MS, (seq % 2, 0, seq % 2, 9), bytes(seq % 2 * 9_000))
        for seq in range(1, 1501)
    ]
    log.append(Commit(1, batches, []))
    recorder.wait_durable(1)
    assert list(log.read_back(0, 1500, (1, 1, 1, 1))) == batches[::2][::-1]
    assert list(log.read_back(0, 1500, (0, 1, 0, 1))) == batches[1::2][::-1]


def test_a_long_read_is_whole_and_may_be_left(rig: Rig) -> None:
    """Thousands of rows come in order; a reader that stops early holds nothing up."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(*[1] * 3000))
    recorder.wait_durable(1)
    reader = log.read(0)
    assert next(reader) == drawing.batches[0]
    log.append(drawing.commit(5))
    recorder.wait_durable(2)
    assert [batch.first_seq for batch in all_batches(log)] == [
        batch.first_seq for batch in drawing.batches
    ]
    log.close(WAIT_S)


def test_big_batches_come_back(rig: Rig) -> None:
    """Batches of a quarter megabyte each, and more of them than one read takes at once."""
    log, _, recorder = rig.opened()
    batches = [
        Batch(seq, seq, Author(SESSION), TIME_MS, (0, 0, 9, 9), os.urandom(262_144))
        for seq in range(1, 11)
    ]
    log.append(Commit(1, batches, []))
    recorder.wait_durable(1)
    assert all_batches(log) == batches


def test_counts_and_rejections_round_trip(rig: Rig) -> None:
    """ONCE-5: a session's last rejections are kept with its count, and the newest count stands."""
    log, _, recorder = rig.opened()
    rejected = tuple((2**32 - REJECTIONS_KEPT + n, n % 9 + 1) for n in range(REJECTIONS_KEPT))
    full = SessionCount(SESSION, 2**32 - 1, rejected, TIME_MS + 7)
    log.append(Commit(1, [], [SessionCount(SESSION, 5, ((3, 1),), TIME_MS)]))
    log.append(Commit(2, [], [SessionCount(SESSION, 6, ((3, 1), (6, 255)), TIME_MS), full]))
    other = SessionCount(bytes(15) + b"\x01", 0, (), 0)
    log.append(Commit(3, [], [other]))
    recorder.wait_durable(3)
    assert log.session(SESSION) == full
    assert log.session(other.session) == other
    assert log.session(bytes(16)) is None


def test_everything_is_there_after_a_clean_stop(rig: Rig) -> None:
    """LOG-4: batches, counts, tiles, settings, epoch survive; the next log appends after."""
    log, first, _ = rig.opened()
    drawing = Drawing()
    for _ in range(5):
        log.append(drawing.commit(1, 4))
    tiles = [SavedTile(key, 20, bytes([key % 256]) * 30) for key in (0, 7, 2**32 + 1)]
    log.checkpoint(tiles, 20)
    log.append(drawing.commit(2))
    assert log.close(WAIT_S)

    log, second, recorder = rig.opened()
    assert (second.epoch, second.clean, second.seq) == (first.epoch, True, 27)
    assert (second.info, second.checkpoint_seq) == (INFO, 20)
    assert all_batches(log) == drawing.batches
    assert list(log.tiles()) == tiles
    drawing.ticket = 0
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    assert all_batches(log) == drawing.batches


def test_a_crash_keeps_what_was_durable_and_changes_the_epoch(rig: Rig) -> None:
    """LOG-4: after a crash the epoch is new, and stays while nothing goes wrong again."""
    log, first, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(3))
    recorder.wait_durable(1)
    rig.crash(log)
    log, second, _ = rig.opened()
    assert not second.clean
    assert second.epoch != first.epoch
    assert second.seq == 3
    assert all_batches(log) == drawing.batches
    assert log.close(WAIT_S)
    assert rig.log().open().epoch == second.epoch


def test_a_crash_right_after_opening_changes_the_epoch(rig: Rig) -> None:
    """LOG-4: the epoch could have been shown as soon as open returned."""
    log = rig.log()
    first = log.open()
    rig.crash(log)
    second = rig.log().open()
    assert not second.clean
    assert second.epoch != first.epoch


def test_closing_a_log_that_was_only_opened_is_clean(rig: Rig) -> None:
    """Nothing was lost, so the epoch stays."""
    log = rig.log()
    first = log.open()
    assert log.close(WAIT_S)
    assert rig.log().open().epoch == first.epoch


def test_a_commit_is_there_whole_or_not_at_all(rig: Rig) -> None:
    """LOG-2: what failed to be written left neither batches nor counts behind."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    rig.fail()
    log.append(drawing.commit(2, 3))
    recorder.wait_troubles(1)
    rig.crash(log)
    log, recovered, _ = rig.opened()
    count = log.session(SESSION)
    assert count is not None
    assert recovered.seq == count.handled
    assert sum(len(batch.messages) for batch in all_batches(log)) == 8 * recovered.seq


def test_trouble_is_told_once_and_nothing_is_lost(rig: Rig) -> None:
    """LOG-5: failing writes: one trouble, no false durable; then all in order, and its end."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    rig.fail()
    for _ in range(10):
        log.append(drawing.commit(1, 2))
    recorder.wait_troubles(1)
    assert recorder.tickets == [1]
    assert all_batches(log) == drawing.batches[:1]
    rig.heal()
    recorder.wait_troubles(2)
    first, last = recorder.troubles
    assert isinstance(first, Exception)
    assert last is None
    assert recorder.tickets == sorted(set(recorder.tickets))
    assert recorder.tickets[-1] == 11
    assert recorder.events[-1] is None
    assert all_batches(log) == drawing.batches


def test_update_is_refused_in_trouble(rig: Rig) -> None:
    """Settings that can't be stored now are an error, not a wait."""
    log, _, recorder = rig.opened()
    rig.fail()
    log.append(Drawing().commit(1))
    recorder.wait_troubles(1)
    with pytest.raises(LogError, match="trouble"):
        log.update(CanvasInfo(5, 5))
    rig.heal()
    recorder.wait_troubles(2)
    log.update(CanvasInfo(5, 5))


def test_a_close_that_can_not_write_says_so(rig: Rig) -> None:
    """It returns in time, and the next start has a new epoch and what was durable."""
    log, first, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    rig.fail()
    log.append(drawing.commit(1))
    recorder.wait_troubles(1)
    assert not log.close(0.05)
    rig.crash(log)
    log, second, _ = rig.opened()
    assert second.epoch != first.epoch
    assert not second.clean
    assert all_batches(log) == drawing.batches[: second.seq]
    assert second.seq >= 1


def test_close_writes_what_is_queued(rig: Rig) -> None:
    """Nobody waited for it, and it is there."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    for _ in range(500):
        log.append(drawing.commit(1))
    log.checkpoint([SavedTile(1, 500, b"tile")], 500)
    assert log.close(WAIT_S)
    assert recorder.tickets[-1] == 500
    recovered = rig.log().open()
    assert (recovered.seq, recovered.checkpoint_seq) == (500, 500)


def test_a_closed_log_takes_nothing(rig: Rig) -> None:
    """Each method says that the log is closed; closing again changes nothing."""
    log, _, _ = rig.opened()
    drawing = Drawing()
    assert log.close(WAIT_S)
    for call in (
        lambda: log.append(drawing.commit(1)),
        lambda: log.checkpoint([], 1),
        lambda: log.forget_sessions(1),
        lambda: log.update(INFO),
        lambda: all_batches(log),
        lambda: list(log.tiles()),
        lambda: log.saved([1]),
        lambda: log.session(SESSION),
        log.open,
    ):
        with pytest.raises(LogError):
            call()
    assert log.close(WAIT_S)


def test_one_writer_at_a_time(rig: Rig) -> None:
    """CLI-2: a second log over the same canvas is refused until the first is closed."""
    log, _, _ = rig.opened()
    with pytest.raises(LogError, match="in use"):
        rig.log().open()
    log.close(WAIT_S)
    rig.log().open()


def test_checkpoints_replace_tiles_and_say_when_they_are_whole(rig: Rig) -> None:
    """The newest content of a tile stands; the pass counts with its last piece alone."""
    log, _, _ = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(9))
    log.checkpoint([SavedTile(3, 4, b"old"), SavedTile(1, 4, b"one")], None)
    log.checkpoint([SavedTile(3, 9, b"new")], None)
    assert log.close(WAIT_S)
    log, recovered, _ = rig.opened()
    assert recovered.checkpoint_seq == 0
    assert list(log.tiles()) == [SavedTile(1, 4, b"one"), SavedTile(3, 9, b"new")]
    log.checkpoint([], 9)
    assert log.close(WAIT_S)
    assert rig.log().open().checkpoint_seq == 9


def test_saved_tiles_are_read_by_their_keys(rig: Rig) -> None:
    """REC-2: those that are asked for and have a checkpoint, in order, of whatever level."""
    log, _, _ = rig.opened()
    assert log.saved([1, 2]) == []
    keys = [0, 1, 2, 7, 9, 10, 1 << 20, (1 << 20) + 1, 10 << 20]
    tiles = [SavedTile(key, 5, key.to_bytes(4, "big") * 100) for key in keys]
    written = threading.Event()
    log.checkpoint(tiles[::-1], None, written.set)
    assert written.wait(WAIT_S)
    assert log.saved(keys[::-1]) == tiles
    assert log.saved([8, 9, 1 << 20, 9, 5, 2]) == [tiles[2], tiles[4], tiles[6]]
    assert log.saved([]) == []
    log.checkpoint([SavedTile(9, 6, b"new")], None, written.set)
    log.close(WAIT_S)
    again = rig.log()
    again.open()
    assert again.saved([9]) == [SavedTile(9, 6, b"new")]


def test_written_tiles_can_be_read(rig: Rig) -> None:
    """TILE-3: once it is said that tiles are written, what is read is no older."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    for turn in range(1, 30):
        log.append(drawing.commit(1))
        tiles = [SavedTile(key, turn, bytes([turn]) * 700) for key in range(90)]
        written = threading.Event()
        log.checkpoint(tiles, turn, written.set)
        assert written.wait(WAIT_S)
        assert log.saved(range(90)) == tiles
    assert recorder.troubles == []


def test_tiles_are_said_to_be_written_when_storage_is_back(rig: Rig) -> None:
    """LOG-5: not before."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    rig.fail()
    log.append(drawing.commit(1))
    recorder.wait_troubles(1)
    written = threading.Event()
    log.checkpoint([SavedTile(1, 2, b"tile")], 2, written.set)
    assert not written.wait(0.05)
    rig.heal()
    assert written.wait(WAIT_S)
    assert log.saved([1]) == [SavedTile(1, 2, b"tile")]


def test_many_tiles(rig: Rig) -> None:
    """A pass of thousands of tiles, with commits going on meanwhile."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    log.append(drawing.commit(1))
    tiles = [SavedTile(key, 1, key.to_bytes(4, "big") * 200) for key in range(2000)]
    log.checkpoint(tiles[::-1], 1)
    for _ in range(20):
        log.append(drawing.commit(1))
    recorder.wait_durable(21)
    assert log.close(WAIT_S)
    log, recovered, _ = rig.opened()
    assert (recovered.checkpoint_seq, recovered.seq) == (1, 21)
    assert list(log.tiles()) == tiles


def test_checkpoints_wait_for_the_commits_before_them(rig: Rig) -> None:
    """LOG-3: no crash leaves a tile that holds what the log doesn't."""
    log, _, recorder = rig.opened()
    drawing = Drawing()
    rig.fail()
    log.append(drawing.commit(5))
    log.checkpoint([SavedTile(1, 5, b"tile")], 5)
    recorder.wait_troubles(1)
    assert list(log.tiles()) == []
    rig.crash(log)
    log, recovered, _ = rig.opened()
    assert recovered.checkpoint_seq <= recovered.seq
    assert all(tile.seq <= recovered.seq for tile in log.tiles())


def test_update_is_durable_when_it_returns(rig: Rig) -> None:
    """Settings survive a crash, before the writer starts and while it runs."""
    log = rig.log()
    log.open()
    log.update(CanvasInfo(10, 20, title="early"))
    rig.crash(log)
    log, recovered, _ = rig.opened()
    assert recovered.info == CanvasInfo(10, 20, title="early")
    changed = CanvasInfo(65536, 65536, (0, 255, 7), "Ünï 🎨", None, True)
    drawing = Drawing()
    for _ in range(50):
        log.append(drawing.commit(1))
    log.update(changed)
    rig.crash(log)
    assert rig.log().open().info == changed


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


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("commit"), st.lists(st.integers(1, 3), max_size=4)),
            st.tuples(st.sampled_from(["checkpoint", "crash", "close", "trouble"]), st.none()),
        ),
        max_size=14,
    )
)
def test_any_course_of_events_keeps_what_was_durable(
    make_rig: MakeRig, steps: list[tuple[str, list[int] | None]]
) -> None:
    """Commits, checkpoints, crashes, stops and failures in any order."""
    rig = make_rig()
    log, recovered, recorder = rig.opened()
    drawing = Drawing()
    checkpoint_seq = 0
    for step, lengths in steps:
        if step == "commit":
            log.append(drawing.commit(*lengths or []))
        elif step == "checkpoint":
            checkpoint_seq = drawing.seq
            log.checkpoint([SavedTile(drawing.seq, drawing.seq, b"tile")], checkpoint_seq)
        elif step == "trouble":
            rig.fail()
            log.append(drawing.commit(1))
            recorder.wait_troubles(1)
            rig.heal()
            recorder.wait_troubles(2)
            recorder.events.clear()
        else:
            epoch = recovered.epoch
            if step == "close":
                assert log.close(WAIT_S)
            elif drawing.ticket:
                # A ticket that is durable already may have been cleared away by trouble.
                log.append(drawing.commit(1))
                recorder.wait_durable(drawing.ticket)
                rig.crash(log)
            else:
                rig.crash(log)
            log, recovered, recorder = rig.opened()
            assert recovered.clean == (step == "close")
            assert (recovered.epoch == epoch) == (step == "close")
            assert recovered.seq == drawing.seq
            assert all_batches(log) == drawing.batches
            assert recovered.checkpoint_seq <= checkpoint_seq
            checkpoint_seq = recovered.checkpoint_seq
            drawing.ticket = 0
    assert log.close(WAIT_S)
    assert rig.log().open().seq == drawing.seq
