"""Shared logs of two nodes over a real NATS server that is killed or stopped under them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.log_rigs import WAIT_S, Drawing, Recorder, all_batches
from tests.nats_rig import NatsProcess, one_server
from tests.shared_rigs import JetStreamRig, claimed
from tiles.log.base import Log, SessionCount


class _Node:
    """A node, and somebody who draws there."""

    def __init__(self, rig: JetStreamRig) -> None:
        self.rig = rig
        self.log: Log
        self.recorder: Recorder
        self.log, _, self.recorder = rig.opened()
        self.drawing: Drawing = rig.drawing(self.log)

    def draw(self) -> None:
        """One more message."""
        self.log.append(self.drawing.commit(1))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsProcess]:
    """A server of the test's own."""
    with one_server(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def nodes(tmp_path: Path, server: NatsProcess) -> Iterator[list[_Node]]:
    """Two nodes of one canvas, which take a second without an answer for trouble."""
    rigs = [JetStreamRig(tmp_path, server)]
    rigs.append(JetStreamRig(tmp_path, server, rigs[0]))
    for rig in rigs:
        rig.answer_s = 1.0
    yield [_Node(rig) for rig in rigs]
    for rig in rigs:
        rig.dispose()


def check(nodes: list[_Node]) -> None:
    """All that was drawn is durable on both nodes: once, in each painter's order."""
    for node in nodes:
        node.recorder.wait_durable(node.drawing.ticket)
    total = sum(node.drawing.seq for node in nodes)
    for node in nodes:
        node.recorder.wait_ordered(total)
        assert node.log.close(WAIT_S)
    held = []
    for node in nodes:
        log, _, _ = node.rig.opened()
        held.append(all_batches(log))
        for other in nodes:
            count = log.session(other.drawing.painter.session)
            assert count is not None
            assert count.handled == other.drawing.seq
    assert held[0] == held[1]
    for node in nodes:
        session = node.drawing.painter.session
        messages = [batch.messages for batch in held[0] if batch.author.session == session]
        assert b"".join(messages) == b"".join(batch.messages for batch in node.drawing.batches)


def kill(server: NatsProcess, between: Callable[[], None]) -> None:
    """Like a crash, and started again."""
    server.kill()
    between()
    server.start()


def pause(server: NatsProcess, between: Callable[[], None]) -> None:
    """Like a machine that stands still for a while."""
    server.pause()
    between()
    server.resume()


@pytest.mark.parametrize("blow", [kill, pause])
def test_a_server_that_fails_under_load(
    nodes: list[_Node], server: NatsProcess, blow: Callable[..., None]
) -> None:
    """CLU-11, CLU-16: trouble on both nodes, told once; then all of it comes, once."""

    def between() -> None:
        for node in nodes:
            for _ in range(20):
                node.draw()
        for node in nodes:
            node.recorder.wait_troubles(1)

    for _ in range(30):
        for node in nodes:
            node.draw()
    blow(server, between)
    for node in nodes:
        node.recorder.wait_troubles(2)
        assert [error is None for error in node.recorder.troubles] == [False, True]
        node.draw()
    check(nodes)


def test_a_session_moves_between_real_nodes(nodes: list[_Node]) -> None:
    """CLU-14: what its old node offers from then on is void; what came before counts."""
    one, other = nodes
    for _ in range(10):
        one.draw()
    session = one.drawing.painter.session
    taken = claimed(other.log, session)
    assert isinstance(taken, SessionCount)
    before = taken.handled
    assert 0 <= before <= 10
    for _ in range(5):
        one.draw()
    one.recorder.wait_durable(15)
    other.draw()
    other.recorder.wait_durable(1)
    found = other.log.session(session)
    assert found is not None
    assert (found.handled, found.claim) == (before, taken.claim)
    assert any(ordered.void for ordered in one.recorder.entries)
    assert not any(ordered.void for ordered in other.recorder.entries)
