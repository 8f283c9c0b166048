"""What every log promises while its storage fails."""

import threading

import pytest

from tests.log_kinds import those_that
from tests.log_rigs import WAIT_S, Rig, all_batches
from tiles.log.base import CanvasInfo, LogError, SavedTile


def test_a_commit_is_there_whole_or_not_at_all(rig: Rig) -> None:
    """LOG-2: what failed to be written left neither batches nor counts behind."""
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    rig.fail()
    log.append(drawing.commit(2, 3))
    recorder.wait_troubles(1)
    rig.crash(log)
    log, recovered, _ = rig.opened()
    count = log.session(drawing.painter.session)
    assert count is not None
    assert recovered.seq == count.handled
    assert sum(len(batch.messages) for batch in all_batches(log)) == 8 * recovered.seq


def test_trouble_is_told_once_and_nothing_is_lost(rig: Rig) -> None:
    """LOG-5: failing writes: one trouble, no false durable; then all in order, and its end."""
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
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
    drawing = rig.drawing(log)
    rig.fail()
    log.append(drawing.commit(1))
    recorder.wait_troubles(1)
    with pytest.raises(LogError, match="trouble"):
        log.update(CanvasInfo(5, 5))
    rig.heal()
    recorder.wait_troubles(2)
    log.update(CanvasInfo(5, 5))


def test_a_close_that_can_not_write_says_so(rig: Rig) -> None:
    """It returns in time, and the next start has a new epoch and what was durable."""
    log, first, recorder = rig.opened()
    drawing = rig.drawing(log)
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    rig.fail()
    log.append(drawing.commit(1))
    recorder.wait_troubles(1)
    assert not log.close(0.05)
    rig.crash(log)
    log, second, _ = rig.opened()
    assert (second.epoch != first.epoch) == rig.crash_changes_epoch
    assert second.clean != rig.crash_changes_epoch
    assert all_batches(log) == drawing.batches[: second.seq]
    assert second.seq >= 1


@those_that("orders_in_trouble")
def test_tiles_are_said_to_be_written_when_storage_is_back(rig: Rig) -> None:
    """LOG-5: not before."""
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
    log.append(drawing.commit(1))
    recorder.wait_durable(1)
    rig.fail()
    log.append(drawing.commit(1))
    recorder.wait_troubles(1)
    rig.in_order(recorder, 2)
    written = threading.Event()
    log.checkpoint([SavedTile(1, 2, b"tile")], 2, written.set)
    assert not written.wait(0.05)
    rig.heal()
    assert written.wait(WAIT_S)
    assert log.saved([1]) == [SavedTile(1, 2, b"tile")]


@those_that("orders_in_trouble")
def test_checkpoints_wait_for_the_commits_before_them(rig: Rig) -> None:
    """LOG-3: no crash leaves a tile that holds what the log doesn't."""
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
    rig.fail()
    log.append(drawing.commit(5))
    rig.in_order(recorder, 5)
    log.checkpoint([SavedTile(1, 5, b"tile")], 5)
    recorder.wait_troubles(1)
    assert list(log.tiles()) == []
    rig.crash(log)
    log, recovered, _ = rig.opened()
    assert recovered.checkpoint_seq <= recovered.seq
    assert all(tile.seq <= recovered.seq for tile in log.tiles())
