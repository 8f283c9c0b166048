"""What every log promises of its start, its end and its crash."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.log_kinds import MakeRig, those_that
from tests.log_rigs import INFO, SESSION, WAIT_S, Rig, all_batches
from tiles.log.base import CanvasInfo, LogError, SavedTile


def test_everything_is_there_after_a_clean_stop(rig: Rig) -> None:
    """LOG-4: batches, counts, tiles, settings, epoch survive; the next log appends after."""
    log, first, recorder = rig.opened()
    drawing = rig.drawing(log)
    for _ in range(5):
        log.append(drawing.commit(1, 4))
    rig.in_order(recorder, 25)
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


def test_a_crash_keeps_what_was_durable(rig: Rig) -> None:
    """LOG-4: where it may have lost what was shown the epoch is new, and stays from then on."""
    log, first, recorder = rig.opened()
    drawing = rig.drawing(log)
    log.append(drawing.commit(3))
    recorder.wait_durable(1)
    rig.crash(log)
    log, second, _ = rig.opened()
    assert second.clean != rig.crash_changes_epoch
    assert (second.epoch != first.epoch) == rig.crash_changes_epoch
    assert second.seq == 3
    assert all_batches(log) == drawing.batches
    assert log.close(WAIT_S)
    assert rig.log().open().epoch == second.epoch


def test_a_crash_right_after_opening(rig: Rig) -> None:
    """LOG-4: the epoch could have been shown as soon as open returned."""
    log = rig.log()
    first = log.open()
    rig.crash(log)
    second = rig.log().open()
    assert second.clean != rig.crash_changes_epoch
    assert (second.epoch != first.epoch) == rig.crash_changes_epoch


def test_closing_a_log_that_was_only_opened_is_clean(rig: Rig) -> None:
    """Nothing was lost, so the epoch stays."""
    log = rig.log()
    first = log.open()
    assert log.close(WAIT_S)
    assert rig.log().open().epoch == first.epoch


def test_close_writes_what_is_queued(rig: Rig) -> None:
    """Nobody waited for it, and it is there."""
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
    for _ in range(300):
        log.append(drawing.commit(1))
    rig.in_order(recorder, 300)
    log.checkpoint([SavedTile(1, 300, b"tile")], 300)
    for _ in range(200):
        log.append(drawing.commit(1))
    assert log.close(WAIT_S)
    assert recorder.tickets[-1] == 500
    recovered = rig.log().open()
    assert (recovered.seq, recovered.checkpoint_seq) == (500, 300)


def test_a_closed_log_takes_nothing(rig: Rig) -> None:
    """Each method says that the log is closed; closing again changes nothing."""
    log, _, _ = rig.opened()
    drawing = rig.drawing(log)
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


@those_that("updates_before_start")
def test_an_early_update_is_durable_when_it_returns(rig: Rig) -> None:
    """Settings survive a crash before the writer was started."""
    log = rig.log()
    log.open()
    log.update(CanvasInfo(10, 20, title="early"))
    rig.crash(log)
    assert rig.log().open().info == CanvasInfo(10, 20, title="early")


def test_update_is_durable_when_it_returns(rig: Rig) -> None:
    """Settings survive a crash, and don't wait for the drawing before them alone."""
    log, _, _ = rig.opened()
    changed = CanvasInfo(65536, 65536, (0, 255, 7), "Ünï 🎨", None, True)
    drawing = rig.drawing(log)
    for _ in range(50):
        log.append(drawing.commit(1))
    log.update(changed)
    rig.crash(log)
    assert rig.log().open().info == changed


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    drawing = rig.drawing(log)
    checkpoint_seq = 0
    for step, lengths in steps:
        if step == "commit":
            log.append(drawing.commit(*lengths or []))
        elif step == "checkpoint":
            rig.in_order(recorder, drawing.seq)
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
            kept = step == "close" or not rig.crash_changes_epoch
            assert recovered.clean == kept
            assert (recovered.epoch == epoch) == kept
            assert recovered.seq == drawing.seq
            assert all_batches(log) == drawing.batches
            assert recovered.checkpoint_seq <= checkpoint_seq
            checkpoint_seq = recovered.checkpoint_seq
            drawing.ticket = 0
    assert log.close(WAIT_S)
    assert rig.log().open().seq == drawing.seq
