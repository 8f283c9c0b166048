"""What every log promises its readers."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.log_kinds import MakeRig
from tests.log_rigs import TIME_MS, WAIT_S, Rig, all_batches
from tiles.log.base import Author, Batch, Commit


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1, 9), max_size=12), data=st.data())
def test_read_gives_batches_that_hold_any_seq_of_the_range(
    make_rig: MakeRig, lengths: list[int], data: st.DataObject
) -> None:
    """A batch that the range cuts comes whole."""
    rig = make_rig()
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
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


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 9), max_size=12),
    corners=st.lists(st.integers(0, 20), min_size=2, max_size=2),
    data=st.data(),
)
def test_read_back_is_read_from_its_end(
    make_rig: MakeRig, lengths: list[int], corners: list[int], data: st.DataObject
) -> None:
    """The same batches with a box, newest first."""
    rig = make_rig()
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
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
    painter = rig.painter(log)
    author = Author(painter.session)
    batches = [
        Batch(seq, seq, author, TIME_MS, (seq % 2, 0, seq % 2, 9), bytes(seq % 2 * 9_000))
        for seq in range(1, 1501)
    ]
    for ticket in range(1, 31):
        some = batches[50 * (ticket - 1) : 50 * ticket]
        log.append(Commit(ticket, some, [painter.count(50 * ticket)]))
    recorder.wait_durable(30)
    assert list(log.read_back(0, 1500, (1, 1, 1, 1))) == batches[::2][::-1]
    assert list(log.read_back(0, 1500, (0, 1, 0, 1))) == batches[1::2][::-1]


def test_a_long_read_is_whole_and_may_be_left(rig: Rig) -> None:
    """Thousands of rows come in order; a reader that stops early holds nothing up."""
    log, _, recorder = rig.opened()
    drawing = rig.drawing(log)
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
