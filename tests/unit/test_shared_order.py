"""Several nodes draw on one canvas: one order, each message once, whatever becomes of entries."""

import pytest

import tiles.shared.entry
import tiles.shared.offers
from tests.memory_stream import Fate
from tests.shared_nodes import Node, Nodes, Painter, check_agreement, draw_together
from tiles.log.base import Ordered


def told_void(node: Node) -> set[tuple[bytes, int]]:
    """The claims that a node was told don't count any more."""
    return {void for ordered in node.recorder.entries for void in ordered.void}


def watch_durability(node: Node) -> None:
    """Hold a node to saying durable only what its fold has, or knows to be void."""
    told = node.recorder.durable

    def durable(ticket: int) -> None:
        for number, count in node.offered:
            if number <= ticket:
                held = node.disk.counts[count.session]
                void = (count.session, count.claim) in told_void(node)
                assert void or held.claim > count.claim or held.handled >= count.handled
        told(ticket)

    node.recorder.durable = durable  # type: ignore[method-assign]


def everybody(nodes: Nodes, lives: list[Node], people: int, seconds: float) -> list[Painter]:
    """People who draw at random, move between nodes, and go elsewhere when theirs is gone."""
    painters = [Painter(nodes) for _ in range(people)]
    end = nodes.time.now + seconds
    while nodes.time.now < end:
        nodes.run(nodes.rng.uniform(0, 0.02))
        painter = nodes.rng.choice(painters)
        painter.hear()
        living = [node for node in lives if node.process.alive]
        if painter.lost or nodes.rng.random() < 0.03:
            if painter.hear():
                painter.go_to(nodes.rng.choice(living))
        else:
            painter.draw(nodes.rng.randint(1, 4))
    return painters


def rest(nodes: Nodes, lives: list[Node], painters: list[Painter]) -> None:
    """Let all that was drawn come to its end, and look at it."""
    living = [node for node in lives if node.process.alive]
    for node in living:
        node.stream.fate = lambda: Fate.STORED

    def all_settled() -> bool:
        for painter in painters:
            if painter.hear() and painter.lost:
                painter.go_to(living[0])
        waits = any(not painter.hear() or painter.lost for painter in painters)
        return not waits and all(node.log.settled for node in living)

    nodes.run_until(all_settled)
    nodes.run(10.0)
    state = check_agreement(lives)
    assert state.mark.place == nodes.store.last
    for painter in painters:
        painter.check(state)
    for node in living:
        told = [ordered for ordered in node.recorder.entries if ordered.batches]
        assert [batch for ordered in told for batch in ordered.batches] == state.batches[
            len(state.batches) - sum(len(ordered.batches) for ordered in told) :
        ]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_all_nodes_hold_the_same(count: int) -> None:
    """CLU-10: whoever drew where, all folds have the same batches, counts and place."""
    nodes = Nodes(count)
    lives = nodes.started(count)
    for node in lives:
        watch_durability(node)
    painters = everybody(nodes, lives, 6, 4.0)
    rest(nodes, lives, painters)


def test_every_node_is_told_the_same_order() -> None:
    """CLU-10: batches with their seqs, counts, who claimed what: one entry at a time."""
    nodes = Nodes()
    lives = nodes.started(3)
    painters = everybody(nodes, lives, 4, 2.0)
    rest(nodes, lives, painters)

    def public(ordered: Ordered) -> tuple[object, ...]:
        return ordered.batches, ordered.counts, ordered.claimed, ordered.info, ordered.place

    first, *others = [list(map(public, node.recorder.entries)) for node in lives]
    assert all(other == first for other in others)


SHARES = {
    "lost": (Fate.UNSTORED,),
    "unanswered": (Fate.UNANSWERED,),
    "late": (Fate.LATE,),
    "anything": (Fate.UNSTORED, Fate.UNANSWERED, Fate.LATE),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fates", SHARES)
def test_entries_that_are_lost_late_or_stored_twice(fates: str, seed: int) -> None:
    """CLU-11: nothing is lost, nothing is drawn twice, and each session's order is kept."""
    nodes = Nodes(seed)
    lives = nodes.started(2)
    mishaps = SHARES[fates]

    def fate() -> Fate:
        return nodes.rng.choice(mishaps) if nodes.rng.random() < 0.2 else Fate.STORED

    for node in lives:
        watch_durability(node)
        node.stream.fate = fate
    painters = everybody(nodes, lives, 4, 6.0)
    rest(nodes, lives, painters)


@pytest.mark.parametrize("seed", range(8))
def test_commits_that_are_cut(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-11, CLU-19: parts of them get lost, the first of a node's life too, and some drew too
    much at once for any entry: all of it comes in the end, once.
    """
    monkeypatch.setattr(tiles.shared.entry, "JOINED_MAX_BYTES", 400)
    monkeypatch.setattr(tiles.shared.offers, "JOINED_MAX_BYTES", 400)
    monkeypatch.setattr(tiles.shared.offers, "PIECE_MAX_BYTES", 900)
    nodes = Nodes(seed)
    rng = nodes.rng
    lives = nodes.started(2)
    painters = [Painter(nodes) for _ in range(8)]
    others = (Fate.UNSTORED, Fate.UNANSWERED, Fate.LATE)

    def fate() -> Fate:
        return rng.choice(others) if rng.random() < 0.3 else Fate.STORED

    def draw() -> int:
        return 120 if rng.random() < 0.02 else rng.randint(1, 25)

    for life in range(4):
        for node in lives:
            watch_durability(node)
            node.stream.fate = fate
        for _ in range(40):
            for painter in painters:
                if painter.hear() and painter.lost:
                    painter.go_to(rng.choice(lives))
            for _ in range(rng.choice((1, 1, 3))):
                draw_together(rng.sample(painters, 5), draw)
            nodes.run(rng.choice([0.001, 0.01, 0.1, 0.5]))
        lives[life % 2].crash()
        lives[life % 2] = nodes.node(lives[life % 2].disk).start()
    rest(nodes, lives, painters)


@pytest.mark.parametrize("lose_fold", [False, True], ids=["fold kept", "fold lost"])
@pytest.mark.parametrize("seed", range(3))
def test_nodes_that_die(seed: int, lose_fold: bool) -> None:
    """CLU-12: what was durable is there, and a new fold has the same batches, counts and seqs."""
    nodes = Nodes(seed)
    lives = nodes.started(3)
    painters: list[Painter] = []
    for _ in range(4):
        painters += everybody(nodes, lives, 2, 0.8)
        node = nodes.rng.choice(lives)
        node.crash()
        lives.remove(node)
        nodes.run(nodes.rng.uniform(0, 0.5))
        again = nodes.node(None if lose_fold else node.disk)
        recovered = again.open()
        assert recovered.epoch == nodes.store.epoch
        again.log.start(again.recorder, again.recorder.ordered)
        lives.append(again)
    rest(nodes, lives, painters)


@pytest.mark.parametrize("seed", range(3))
def test_nodes_that_are_cut_off(seed: int) -> None:
    """CLU-11: what was drawn there meanwhile is offered when the stream is reached again."""
    nodes = Nodes(seed)
    lives = nodes.started(2)
    painters: list[Painter] = []
    for _ in range(4):
        painters += everybody(nodes, lives, 2, 0.5)
        node = nodes.rng.choice(lives)
        node.stream.cut()
        for painter in painters:
            painter.draw(1)
        nodes.run(nodes.rng.uniform(0, 0.5))
        node.stream.mend()
    rest(nodes, lives, painters)
    for node in lives:
        troubles = node.recorder.troubles
        assert [error is None for error in troubles] == [bool(n % 2) for n in range(len(troubles))]
        assert len(troubles) % 2 == 0


def test_a_node_far_behind_catches_up() -> None:
    """CLU-10: whatever was ordered while it did nothing."""
    nodes = Nodes()
    one, other = nodes.started(2)
    other.process.freeze(5.0)
    other.stream.hold()  # its connection is as stopped as it is
    count = nodes.claimed(one)
    painter = Painter(nodes)
    painter.go_to(one)
    nodes.run_until(painter.hear)
    for _ in range(600):
        painter.draw(1)
        nodes.run(0.005)
    nodes.run(0.1)
    assert other.state.batches == []
    assert len(one.state.batches) == 600
    other.stream.release()
    rest(nodes, [one, other], [painter])
    assert other.log.behind == 0
    assert count.session in other.state.counts


def test_many_commits_share_an_entry() -> None:
    """CLU-10: what is drawn while entries are on their way is joined; each commit is told."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    painter = Painter(nodes)
    painter.go_to(node)
    nodes.run_until(painter.hear)
    before = nodes.store.last
    for _ in range(500):
        painter.draw(1)
    nodes.run_until(lambda: node.log.settled)
    assert nodes.store.last - before < 10
    assert node.recorder.tickets[-1] == 500
    rest(nodes, [node], [painter])
