"""A shared log whose stream or fold fails: told once, nothing lost, and over when all is well."""

import threading
from collections.abc import Callable

import pytest

import tiles.shared.intake
from tests.log_rigs import INFO, TIME_MS, WAIT_S
from tests.memory_stream import GROUP_MAX, Fate
from tests.shared_nodes import Node, Nodes, Painter, check_agreement, draw_together
from tiles.log.base import CanvasInfo, LogError, LostError, SessionCount
from tiles.shared.entry import VERSION, Entry, encode_entry
from tiles.shared.stream import StreamError


def painting(nodes: Nodes, node: Node) -> Painter:
    """Somebody who may draw there."""
    painter = Painter(nodes)
    painter.go_to(node)
    nodes.run_until(painter.hear)
    return painter


def test_a_stream_that_does_not_answer_is_trouble_once() -> None:
    """CLU-16: after seconds without a word; it is over when all that waits is durable."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    painter = painting(nodes, node)
    node.stream.fate = lambda: Fate.UNSTORED
    painter.draw(3)
    nodes.run(2.5)
    assert node.recorder.events == []
    nodes.run(2.0)
    assert [type(error) for error in node.recorder.troubles] == [LogError]
    nodes.run(20.0)
    assert len(node.recorder.troubles) == 1
    node.stream.fate = lambda: Fate.STORED
    nodes.run(10.0)
    assert node.recorder.tickets == [1]
    assert node.recorder.events[-1] is None
    painter.check(node.state)


def test_trouble_ends_when_all_is_caught_up() -> None:
    """CLU-16: however often the stream comes and goes in between."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    painter = painting(nodes, node)
    nodes.run(0.01)
    node.stream.cut()
    node.stream.fate = lambda: Fate.UNSTORED
    painter.draw(5)
    for _ in range(5):
        node.stream.mend()
        nodes.run(0.1)
        node.stream.cut()
        nodes.run(0.1)
    assert len(node.recorder.troubles) == 1
    node.stream.fate = lambda: Fate.STORED
    node.stream.mend()
    nodes.run(5.0)
    assert [error is None for error in node.recorder.troubles] == [False, True]
    assert node.recorder.events[-2:] == [1, None]


def test_a_fold_that_fails_is_trouble_and_others_go_on() -> None:
    """CLU-16: the node keeps what the stream brings, and says nothing is durable meanwhile."""
    nodes = Nodes()
    one, other = nodes.started(2)
    painter, elsewhere = painting(nodes, one), painting(nodes, other)
    one.fold.fail(OSError("full"))
    for _ in range(20):
        painter.draw(1)
        elsewhere.draw(1)
        nodes.run(0.05)
    assert one.recorder.tickets == []
    assert [str(error) for error in one.recorder.troubles] == ["full"]
    assert other.recorder.tickets[-1] == 20
    assert other.recorder.troubles == []
    assert [len(ordered.batches) > 0 for ordered in one.recorder.entries].count(True) == 40
    one.fold.heal()
    nodes.run_until(lambda: one.log.settled)
    nodes.run(1.0)
    assert one.recorder.events[-1] is None
    check_agreement([one, other])
    painter.check(one.state)


def test_a_slow_fold_holds_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-16: what waits for the disk is bounded, and all of it comes in the end."""
    monkeypatch.setattr(tiles.shared.intake, "WAITING_MAX", 50)
    nodes = Nodes()
    one, other = nodes.started(2)
    painter = painting(nodes, one)
    other.fold.fail(OSError("slow"))
    waited = 0
    for _ in range(600):
        painter.draw(1)
        nodes.run(0.006)
        waited = max(waited, other.log.behind)
    assert len(one.state.batches) > 590
    decided = sum(len(ordered.batches) for ordered in other.recorder.entries)
    assert 45 < decided < 50 + 260  # and one delivery more
    other.fold.heal()
    nodes.run_until(lambda: len(other.state.batches) == 600)
    nodes.run(1.0)
    check_agreement([one, other])
    assert waited > 50
    assert other.log.behind == 0


def test_look_ups_that_hang_hold_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-16: what waits for them is bounded too, and goes on when they come back."""
    monkeypatch.setattr(tiles.shared.intake, "WAITING_MAX", 50)
    nodes = Nodes()
    one, other = nodes.started(2)
    painter = painting(nodes, one)
    nodes.run(0.1)
    hung: list[Callable[[], None]] = []
    offload = other.process.offload
    monkeypatch.setattr(
        other.log._intake,
        "_offload",
        lambda work, done, failed: hung.append(lambda: offload(work, done, failed)),
    )
    one.claim(nodes.rng.randbytes(16))
    for _ in range(600):
        painter.draw(1)
        nodes.run(0.006)
    assert len(hung) == 1
    intake = other.log._intake
    assert intake is not None
    assert 50 < intake.waiting <= 50 + GROUP_MAX
    hung.pop()()
    nodes.run_until(lambda: len(other.state.batches) == 600)
    check_agreement([one, other])


def test_what_waits_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-16: for the disk or for a look-up: a thousand entries may be half a gigabyte."""
    most = 20 * 8_000
    monkeypatch.setattr(tiles.shared.intake, "WAITING_MAX_BYTES", most)
    nodes = Nodes()
    one, other = nodes.started(2)
    painter = painting(nodes, one)
    nodes.run(0.1)
    other.fold.fail(OSError("slow"))
    for _ in range(200):
        painter.draw(1_000)
        nodes.run(0.006)
    decided = sum(len(ordered.batches) for ordered in other.recorder.entries)
    assert 20 <= decided <= 22
    other.fold.heal()
    nodes.run_until(lambda: len(other.state.batches) == 200)
    nodes.run(1.0)
    painter.check(check_agreement([one, other]))


@pytest.mark.parametrize("change", ["trim", "shorten", "replace"])
def test_a_stream_that_is_not_what_it_was_is_lost(change: str) -> None:
    """CLU-17: trimmed beyond a node, cut short, replaced: it says so, and offers nothing more."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    painter = painting(nodes, node)
    painter.draw(4)
    nodes.run_until(lambda: node.log.settled)
    node.stream.cut()  # so that it may be trimmed where the node isn't yet
    nodes.run(0.01)
    if change == "trim":
        for _ in range(3):
            nodes.store.take(b"")
        nodes.store.trim(nodes.store.last - 1)
    elif change == "shorten":
        nodes.store.shorten(1)
    else:
        nodes.store.replace()
    before = nodes.store.last
    painter.draw(1)
    node.stream.mend()
    nodes.run(10.0)
    assert [type(error) for error in node.recorder.troubles] == [StreamError, LostError]
    assert nodes.store.last == before
    answers = node.claim()
    nodes.run(0.1)
    assert [type(answer) for answer in answers] == [LostError]


@pytest.mark.parametrize("lost_first", [True, False], ids=["lost before", "lost meanwhile"])
def test_a_close_waits_for_nothing_from_a_lost_stream(*, lost_first: bool) -> None:
    """CLU-17: what was appended will not be decided any more; it says that it is left."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    painter = painting(nodes, node)
    nodes.run(0.1)
    node.stream.cut()
    painter.draw(1)
    nodes.run(0.1)
    closed: list[bool] = []
    thread = threading.Thread(target=lambda: closed.append(node.log.close(100 * WAIT_S)))
    if not lost_first:
        thread.start()
        while not node.log._deciding._changed._waiters:  # type: ignore[attr-defined]
            thread.join(0.001)
    nodes.store.replace()
    node.stream.mend()
    nodes.run(0.1)
    if lost_first:
        thread.start()
    thread.join(WAIT_S)
    assert closed == [False]


def test_an_entry_of_a_newer_release_stops_a_node() -> None:
    """CLU-17: at it, with all before it applied; to go on would be another history."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    painter = painting(nodes, node)
    painter.draw(2)
    nodes.run_until(lambda: node.log.settled)
    place = nodes.store.last
    nodes.store.take(encode_entry(Entry(VERSION, 77, 1, 1)))
    nodes.store.take(encode_entry(Entry(VERSION + 1, 77, 1, 2)))
    nodes.store.take(encode_entry(Entry(VERSION, 77, 1, 3)))
    node.stream.fate = lambda: Fate.UNSTORED
    answers = node.claim()
    nodes.run(1.0)
    assert ["newer release" in str(answer) for answer in answers] == [True]
    assert node.state.mark.place == place + 1
    (error,) = node.recorder.troubles
    assert "newer release" in str(error)
    assert not isinstance(error, LostError)
    node.crash()
    with pytest.raises(LogError, match="newer release"):
        nodes.node(node.disk).open()


def test_what_is_not_an_entry_is_nothing_to_all(caplog: pytest.LogCaptureFixture) -> None:
    """CLU-17: bytes that can't be read, and entries of another epoch, have a place and no more."""
    nodes = Nodes()
    lives = nodes.started(2)
    painter = painting(nodes, lives[0])
    for data in (b"", b"\xc1", b"\x93\x01", encode_entry(Entry(VERSION, 78, 5, 1, info="{}"))):
        painter.draw(1)
        nodes.run(0.05)
        nodes.store.take(data)
    nodes.run(2.0)
    state = check_agreement(lives)
    assert state.mark.place == nodes.store.last
    painter.check(state)
    assert sum("can't be read" in text for text in caplog.messages) == 6


def test_settings_reach_every_node() -> None:
    """CLU-18: what is stored on one is in force on all, in its place in the order."""
    nodes = Nodes()
    lives = nodes.started(3)
    nodes.run(0.1)
    changed = CanvasInfo(500, 400, title="another")
    errors: list[Exception] = []

    def update() -> None:
        try:
            lives[0].log.update(changed)
        except LogError as error:
            errors.append(error)

    thread = threading.Thread(target=update)
    thread.start()
    for _ in range(int(WAIT_S * 100)):
        nodes.run(0.01)
        thread.join(0.01)
        if not thread.is_alive():
            break
    assert errors == []
    nodes.run(1.0)
    for node in lives:
        assert [each.info for each in node.recorder.entries if each.info] == [changed]
        assert node.disk.info == changed
    late = nodes.node()
    assert late.open().info == changed
    again = nodes.node(late.disk)
    late.crash()
    assert again.open().info == changed


def test_settings_that_can_not_be_stored_are_an_error() -> None:
    """CLU-18: in trouble at once; when the log closes, then."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    nodes.run(0.1)
    errors: list[str] = []

    def update() -> None:
        try:
            node.log.update(INFO)
        except LogError as error:
            errors.append(str(error))

    thread = threading.Thread(target=update)
    thread.start()
    while not node.log._updates._waiting:
        thread.join(0.001)
    node.log.close(0)
    thread.join(WAIT_S)
    assert errors == ["the log is closed"]


def test_what_waited_for_the_stream_comes_in_entries_that_it_takes() -> None:
    """CLU-19: megabytes of it, joined, and none of them too large."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    painters = [painting(nodes, node) for _ in range(3)]
    node.stream.cut()
    for turn in range(12):
        painters[turn % 3].draw(20_000)
    before = nodes.store.last
    node.stream.mend()
    nodes.run_until(lambda: node.log.settled)
    for painter in painters:
        painter.check(node.state)
    sizes = [len(entry.data) for entry in nodes.store.entries[before:]]
    assert max(sizes) < 1_000_000
    assert len(sizes) < 12


@pytest.mark.parametrize("before", [0, 1])
def test_a_part_that_is_lost_comes_again(before: int) -> None:
    """CLU-11, CLU-19: of the first commit of a node's life too, whose first parts end no ticket."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    earlier = painting(nodes, node)
    earlier.draw(before)
    painters = [painting(nodes, node) for _ in range(3)]
    nodes.run(0.1)
    fates = [Fate.UNSTORED]
    node.stream.fate = lambda: fates.pop() if fates else Fate.STORED
    draw_together(painters, lambda: 40_000)
    nodes.run_until(lambda: node.log.settled)
    for painter in painters:
        painter.check(node.state)
    assert node.recorder.tickets[-1] == 1 + before


def test_what_is_drawn_around_what_no_entry_can_hold() -> None:
    """CLU-19: what came before it counts, though its entry is lost at first; what follows is void.

    Nothing is called durable until then.
    """
    nodes = Nodes()
    (node,) = nodes.started(1)
    start, other = nodes.claimed(node), painting(nodes, node)
    nodes.run(0.1)
    data = nodes.rng.randbytes(8 * 120_002)
    other.draw(1)  # so that all of the rest waits for the next entry
    nodes.run(0.0)
    node.stream.fate = lambda: Fate.UNSTORED
    for since, end in ((0, 1), (1, 120_001), (120_001, 120_002)):
        count = SessionCount(start.session, end, (), TIME_MS, start.claim, start.client, since)
        node.offer((count, data[8 * since : 8 * end]))
    nodes.run(1.0)
    assert node.recorder.tickets == [1]
    node.stream.fate = lambda: Fate.STORED
    nodes.run_until(lambda: node.log.settled)
    drawn = [batch for batch in node.state.batches if batch.author.session == start.session]
    assert [batch.messages for batch in drawn] == [data[:8]]
    assert node.state.counts[start.session].handled == 1
    assert node.recorder.tickets[-1] == 4
    assert nodes.claimed(node, start.session).handled == 1


def test_what_one_session_drew_too_much_of_comes_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """CLU-19: no entry can hold it: that claim ends, and nobody else is held up by it."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    greedy, other = nodes.claimed(node), painting(nodes, node)
    data = nodes.rng.randbytes(1 << 20)
    node.offer((SessionCount(greedy.session, 1 << 17, (), TIME_MS, greedy.claim), data))
    more = SessionCount(greedy.session, (1 << 17) + 1, (), TIME_MS, greedy.claim, 0, 1 << 17)
    node.offer((more, data[:8]))
    other.draw(2)
    nodes.run_until(lambda: node.log.settled)
    nodes.run(5.0)
    other.check(node.state)
    assert (greedy.session, greedy.claim) in [
        void for ordered in node.recorder.entries for void in ordered.void
    ]
    assert node.recorder.troubles == []
    assert nodes.claimed(node, greedy.session).handled == 0
    assert "too much at once" in caplog.text
