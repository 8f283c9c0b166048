"""A shared log's start and its end: what it goes on from, and what it leaves."""

from collections.abc import Sequence

import pytest

import tiles.shared.catch_up
import tiles.shared.fold
from tests.log_rigs import TIME_MS, WAIT_S
from tests.memory_log import MemoryLog
from tests.memory_stream import Fate
from tests.shared_nodes import Node, Nodes, Painter, State, check_agreement
from tiles.log.base import Commit, CutError, LogError, LostError, SessionCount
from tiles.shared.fold import Fold
from tiles.shared.stream import Delivered

MONTH_MS = 31 * 24 * 3600 * 1000


def drawn(nodes: Nodes, node: Node, messages: int) -> Painter:
    """Somebody new draws there, durably, one entry after the other."""
    painter = Painter(nodes)
    painter.go_to(node)
    nodes.run_until(painter.hear)
    for _ in range(messages):
        painter.draw(1)
        nodes.run_until(lambda: node.log.settled)
    return painter


def test_a_start_goes_on_from_the_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-12: the entries past it are applied before the log is open, whoever wrote them."""
    nodes = Nodes()
    one, other = nodes.started(2)
    painter = drawn(nodes, one, 5)
    other.crash()
    for _ in range(600):
        painter.draw(1)
        nodes.run(0.006)
    nodes.run_until(lambda: one.log.settled)
    again = nodes.node(other.disk)
    read: list[int] = []
    reading = again.stream.read

    def note(after: int, limit: int) -> Sequence[Delivered]:
        entries = reading(after, limit)
        read.extend(entry.place for entry in entries)
        return entries

    monkeypatch.setattr(again.stream, "read", note)
    recovered = again.open()
    assert (recovered.seq, recovered.mark) == (605, one.state.mark)
    assert recovered.clean
    assert recovered.epoch == nodes.store.epoch
    assert min(read) > 5
    assert again.state == one.state


def test_a_start_is_no_further_than_its_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-16: what it has read and not written is bounded, in entries and in bytes."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    painter = drawn(nodes, node, 1)
    for _ in range(1000):
        painter.draw(1 if nodes.store.last < 500 else 200)
        nodes.run(0.006)
    nodes.run_until(lambda: node.log.settled)
    monkeypatch.setattr(tiles.shared.catch_up, "WAITING_MAX", 300)
    monkeypatch.setattr(tiles.shared.catch_up, "WAITING_MAX_BYTES", 300_000)
    disk = nodes.disk()
    log = MemoryLog(disk, keeps_epoch=True)
    fold = Fold(log, log.open())
    log.start(fold)
    read = read_bytes = 0
    waited = fold.wait_durable

    def wait(most: int = 0, most_bytes: int = 0) -> None:
        """The disk stands still until it has to be waited for."""
        nonlocal read, read_bytes
        read, read_bytes = max(read, fold.waiting), max(read_bytes, fold.waiting_bytes)
        if fold.waiting > most or fold.waiting_bytes > most_bytes:
            log.commit()
        waited(most, most_bytes)

    monkeypatch.setattr(fold, "wait_durable", wait)
    tiles.shared.catch_up.catch_up(fold, nodes.store.stream(), nodes.store.last)
    assert State(disk.batches, disk.counts, disk.mark) == node.state
    at_once = 256
    assert 300 < read <= 300 + at_once
    largest = max(len(entry.data) for entry in nodes.store.entries)
    assert 300_000 < read_bytes <= 300_000 + at_once * largest


def test_a_lost_fold_is_had_again() -> None:
    """CLU-12: with the same batches, counts and seqs; its tiles have to be made anew."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    painter = drawn(nodes, node, 30)
    before = node.state
    node.crash()
    again = nodes.node()
    recovered = again.open()
    assert again.state == before
    assert (recovered.seq, recovered.checkpoint_seq) == (30, 0)
    painter.check(again.state)


def test_a_trimmed_stream_is_enough_for_a_fold_that_has_the_rest() -> None:
    """CLU-17: one that doesn't is lost, and so is one that begins with nothing."""
    nodes = Nodes()
    one, other = nodes.started(2)
    painter = drawn(nodes, one, 10)
    nodes.run_until(lambda: other.state.mark == one.state.mark)
    other.crash()
    place = one.state.mark.place
    nodes.store.trim(place)
    same = nodes.node(other.disk)
    assert same.open().seq == 10
    same.crash()
    painter.draw(1)
    nodes.run_until(lambda: one.log.settled)
    painter.draw(1)
    nodes.run_until(lambda: one.log.settled)
    nodes.store.trim(place + 1)
    for disk in (other.disk, nodes.disk()):
        with pytest.raises(LostError, match="trimmed"):
            nodes.node(disk).open()


def test_a_fold_of_another_stream_is_lost() -> None:
    """CLU-17: by its epoch, by a stream that ends before it, by another entry at its place."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    drawn(nodes, node, 5)
    node.crash()
    store, entries = nodes.store, list(nodes.store.entries)
    store.shorten(store.last - 1)
    with pytest.raises(LostError, match="ends at"):
        nodes.node(node.disk).open()
    nodes.run(1.0)
    store.take(entries[-1].data)  # at another time
    with pytest.raises(LostError, match="another entry"):
        nodes.node(node.disk).open()
    store.entries[-1] = entries[-1]._replace(data=b"something else")
    with pytest.raises(LostError, match="another entry"):
        nodes.node(node.disk).open()
    store.entries[-1] = entries[-1]
    whole = nodes.node(node.disk)
    assert whole.open().seq == 5
    whole.crash()
    store.epoch += 1
    with pytest.raises(LostError, match="another stream"):
        nodes.node(node.disk).open()
    assert not node.disk.in_use


def test_a_stream_that_lost_entries_is_told_from_one_that_is_trimmed() -> None:
    """CLU-17, CLU-75: it has to have another epoch then, which the fold doesn't."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    drawn(nodes, node, 5)
    node.crash()
    nodes.store.shorten(nodes.store.last - 1)
    with pytest.raises(CutError):
        nodes.node(node.disk).open()
    nodes.store.canvas_epoch = nodes.store.epoch + 1
    again = nodes.node()
    assert again.open().epoch == nodes.store.canvas_epoch
    again.log.start(again.recorder, again.recorder.ordered)
    drawn(nodes, again, 1)
    again.crash()
    assert nodes.node(again.disk).open().seq == 5
    nodes.store.trim(nodes.store.last)
    with pytest.raises(LostError) as caught:
        nodes.node(nodes.disk()).open()
    assert not isinstance(caught.value, CutError)


def test_a_stream_that_can_not_be_reached_is_no_loss() -> None:
    """CLU-17: the start fails, says so, and lets go of the fold."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    drawn(nodes, node, 5)
    node.crash()
    again = nodes.node(node.disk)
    again.stream.cut()
    with pytest.raises(LogError, match="can't be read") as caught:
        again.open()
    assert not isinstance(caught.value, LostError)
    assert nodes.node(node.disk).open().seq == 5


def test_a_start_while_the_stream_shrinks_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-17: it doesn't wait for entries that aren't there any more."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    drawn(nodes, node, 5)
    late = nodes.node()
    bounds = late.stream.bounds
    monkeypatch.setattr(late.stream, "bounds", lambda: bounds()._replace(last=nodes.store.last + 3))
    with pytest.raises(LogError, match="ended"):
        late.open()


def test_a_close_waits_for_what_is_under_way() -> None:
    """CLU-12: from another thread than the loop's it has all that was appended decided."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    painter = drawn(nodes, node, 1)
    painter.draw(3)
    assert not node.log.settled
    assert not node.log.close(WAIT_S)  # the loop's own thread can't wait for itself
    nodes.run(1.0)
    assert node.recorder.tickets == [1]
    again = nodes.node(node.disk)
    again.open()
    assert sum(len(batch.messages) for batch in again.state.batches) in {8, 32}


def test_a_close_in_the_middle_leaves_the_fold_whole() -> None:
    """CLU-12: with entries, lookups and claims under way; nothing is told afterwards."""
    nodes = Nodes()
    one, other = nodes.started(2)
    painters = [drawn(nodes, one, 1) for _ in range(5)]
    late = nodes.node(nodes.disk()).start()
    for painter in painters:
        painter.go_to(other)
    late.claim(painters[0].count.session if painters[0].count else b"")
    nodes.run(0.009)
    told = list(late.recorder.events)
    late.log.close(0)
    nodes.run_until(lambda: all(painter.hear() for painter in painters))
    for painter in painters:
        painter.draw(2)
    nodes.run(2.0)
    assert late.recorder.events == told
    again = nodes.node(late.disk)
    again.open()
    assert again.state == check_agreement([one, other])


def test_what_has_no_count_is_not_appended() -> None:
    """CLU-11: drawing of a session whose count isn't there could never be told twice from once."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    count = nodes.claimed(node)
    node.offer((SessionCount(count.session, 1, (), TIME_MS, count.claim), bytes(8)))
    nodes.run(1.0)
    with pytest.raises(ValueError, match="count"):
        node.log.append(Commit(2, list(node.disk.batches), ()))
    node.offer((SessionCount(count.session, 2, (), TIME_MS, count.claim, 0, 1), bytes(8)))
    nodes.run(1.0)
    assert node.recorder.tickets == [1, 2]


def test_a_log_is_opened_and_started_once() -> None:
    """CLU-12: in that order, with somebody to tell what is ordered."""
    nodes = Nodes()
    node = nodes.node()
    with pytest.raises(LogError):
        node.log.start(node.recorder, node.recorder.ordered)
    with pytest.raises(LogError):
        node.log.append(Commit(1, (), ()))
    node.open()
    with pytest.raises(ValueError, match="ordered"):
        node.log.start(node.recorder)
    node.log.start(node.recorder, node.recorder.ordered)
    with pytest.raises(LogError):
        node.log.start(node.recorder, node.recorder.ordered)
    with pytest.raises(LogError):
        node.log.open()


@pytest.mark.parametrize("most", [0, 1, 3])
def test_sessions_that_left_memory_are_looked_up_again(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CLU-10: a node that holds few sessions in memory decides like one that holds all."""
    nodes = Nodes(most)
    monkeypatch.setattr(tiles.shared.fold, "SESSIONS_MAX", most)
    one, other = nodes.started(2)
    painters = [drawn(nodes, one, 1) for _ in range(8)]
    for _ in range(100):
        painter = nodes.rng.choice(painters)
        if painter.hear() and nodes.rng.random() < 0.1:
            painter.go_to(nodes.rng.choice([one, other]))
        else:
            painter.draw(1)
        nodes.run(nodes.rng.uniform(0, 0.1))
    nodes.run_until(lambda: all(painter.hear() for painter in painters))
    nodes.run(2.0)
    nodes.store.take(b"nothing")
    nodes.run(1.0)
    state = check_agreement([one, other])
    for painter in painters:
        painter.check(state)
    for node in (one, other):
        fold = node.log._fold
        assert fold is not None
        assert len(fold.decisions) <= most
    monkeypatch.setattr(tiles.shared.fold, "SESSIONS_MAX", 1000)
    roomy = nodes.node()
    roomy.open()
    assert roomy.state == state


def test_a_session_of_long_ago_is_unknown_on_all() -> None:
    """CLU-13, ONCE-6: by the stream's time; on a node that has forgotten it and one that hasn't."""
    nodes = Nodes()
    one, other = nodes.started(2)
    painter = drawn(nodes, one, 3)
    old = painter.count
    assert old is not None
    nodes.skip_ms = MONTH_MS
    nodes.claimed(other)
    nodes.skip_ms = 2 * MONTH_MS
    nodes.claimed(other)
    one.log.forget_sessions(1 << 60)
    nodes.run(1.0)
    assert old.session not in one.disk.counts
    assert old.session in other.disk.counts
    one.crash()
    one = nodes.node(one.disk).start()
    for node in (one, other):
        assert nodes.claimed(node, old.session).session != old.session
    painter.draw(1)  # under its old claim, at a node that is gone
    other.offer((SessionCount(old.session, 4, (), TIME_MS, old.claim, 0, 3), bytes(8)))
    nodes.run_until(lambda: other.log.settled)
    nodes.run(1.0)
    assert (old.session, old.claim) in [
        void for ordered in other.recorder.entries for void in ordered.void
    ]
    assert other.recorder.troubles == []
    assert one.state.batches == other.state.batches


def test_a_session_is_not_forgotten_before_its_time() -> None:
    """ONCE-6: whatever a node is told to forget, nor where the stream's clock may go back."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    painter = drawn(nodes, node, 1)
    assert painter.count is not None
    nodes.skip_ms = MONTH_MS - 24 * 3600 * 1000 + 1000
    nodes.claimed(node)
    node.log.forget_sessions(1 << 60)
    nodes.run(1.0)
    assert painter.count.session in node.disk.counts


def test_a_late_entry_of_a_life_that_ended_counts_once() -> None:
    """CLU-11: a node died, and what it had published comes after the next one began."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    painter = drawn(nodes, node, 2)
    node.stream.fate = lambda: Fate.LATE
    painter.draw(2)
    nodes.run(0.01)
    node.process.alive = False
    node.fold.crash()
    again = nodes.node(node.disk).start()
    nodes.run(0.1)
    painter.go_to(again)
    nodes.run_until(painter.hear)
    nodes.run(20.0)
    painter.check(again.state)
