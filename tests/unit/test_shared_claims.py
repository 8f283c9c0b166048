"""Who may draw for a session: claims of several nodes, in the stream's order."""

import pytest

import tiles.shared.pace
from tests.log_rigs import TIME_MS
from tests.memory_stream import Fate
from tests.shared_nodes import NEW, Node, Nodes, check_agreement
from tiles.log.base import LogError, SessionCount
from tiles.shared.entry import decode_entry
from tiles.shared.pace import ENTRIES_PER_S

MOST_S = 20.0
"""Longer than anything that was given up takes to come."""


def counted(start: SessionCount, since: int, handled: int) -> SessionCount:
    """What is offered under a claim."""
    return SessionCount(start.session, handled, (), TIME_MS, start.claim, start.client, since)


def pixels(nodes: Nodes, count: int) -> bytes:
    """So many messages."""
    return nodes.rng.randbytes(8 * count)


def handled(node: Node, session: bytes) -> int:
    """How far a session has come in a node's fold."""
    return node.disk.counts[session].handled


def void_at(node: Node) -> list[tuple[bytes, int]]:
    """The claims that a node was told don't count any more."""
    return [void for ordered in node.recorder.entries for void in ordered.void]


def answers_from(
    nodes: Nodes, node: Node, session: bytes, seen: int
) -> list[SessionCount | LogError]:
    """What a claim from a place is answered."""
    answers = node.claim(session, seen)
    nodes.run_until(lambda: bool(answers))
    return answers


def test_new_sessions_have_ids_and_numbers_of_their_own() -> None:
    """CLU-13: on whichever node they begin; what they are called by is nobody else's."""
    nodes = Nodes()
    lives = nodes.started(3)
    answers = [lives[n % 3].claim() for n in range(60)]
    nodes.run(1.0)
    found = [answer for (answer,) in answers if isinstance(answer, SessionCount)]
    assert len({count.session for count in found}) == 60
    assert sorted(count.client for count in found) == list(range(1, 61))
    assert all(count.handled == 0 for count in found)
    assert check_agreement(lives).mark.clients == 60


def test_claims_of_one_turn_share_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLU-13, CLU-15: thousands who come at once are a few entries, none of which ends too many
    connections; each has its own answer within a second, where 25 nodes send too.
    """
    monkeypatch.setattr(tiles.shared.pace, "INTERVAL_MIN_S", 25 / ENTRIES_PER_S)
    nodes = Nodes()
    (node,) = nodes.started(1)
    answers = [node.claim() for _ in range(2000)]
    nodes.run(1.0)
    claims = [len(decode_entry(entry.data).claims) for entry in nodes.store.entries]
    assert max(claims) <= 128
    assert len(claims) <= 17
    assert (
        len({answer.session for (answer,) in answers if isinstance(answer, SessionCount)}) == 2000
    )


def test_an_unknown_session_becomes_a_new_one() -> None:
    """CLU-13, ONCE-4: by an id that is given out, not by the one that was asked for."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    asked = nodes.rng.randbytes(16)
    found = nodes.claimed(node, asked)
    assert found.session not in {asked, NEW}
    assert asked not in node.disk.counts


def test_a_takeover_voids_what_the_older_claim_offers() -> None:
    """CLU-14: from its place on, whatever is under way; the count is exact there."""
    nodes = Nodes()
    one, other = nodes.started(2)
    first = nodes.claimed(one)
    one.offer((counted(first, 0, 3), pixels(nodes, 3)))
    nodes.run_until(lambda: one.log.settled)
    one.stream.fate = lambda: Fate.LATE
    late = one.offer((counted(first, 3, 5), pixels(nodes, 2)))
    second = nodes.claimed(other, first.session)
    assert (second.session, second.client, second.handled) == (first.session, first.client, 3)
    assert second.claim > first.claim
    other.offer((counted(second, 3, 7), pixels(nodes, 4)))
    nodes.run(MOST_S)
    assert void_at(one) == [(first.session, first.claim)] * len(void_at(one))
    assert void_at(one)
    assert void_at(other) == []
    assert [list(each.claimed) for each in one.recorder.entries if each.claimed] == [
        [first],
        [second],
    ]
    assert one.recorder.tickets[-1] == late
    state = check_agreement([one, other])
    assert state.counts[first.session].handled == 7
    assert sum(len(batch.messages) for batch in state.batches) == 7 * 8


def test_a_takeover_takes_what_came_before_it() -> None:
    """CLU-14: an entry before the claim counts, though its node hasn't heard of that yet."""
    nodes = Nodes()
    one, other = nodes.started(2)
    first = nodes.claimed(one)
    one.stream.fate = lambda: Fate.UNANSWERED
    one.offer((counted(first, 0, 2), pixels(nodes, 2)))
    answers = other.claim(first.session)
    nodes.run(1.0)
    (second,) = answers
    assert isinstance(second, SessionCount)
    assert second.handled == 2
    assert handled(other, first.session) == 2


def test_the_same_node_claims_again() -> None:
    """CLU-14: what an older connection of the node itself still offers is void too."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    first = nodes.claimed(node)
    second = nodes.claimed(node, first.session)
    node.offer((counted(first, 0, 1), pixels(nodes, 1)))
    node.offer((counted(second, 0, 2), pixels(nodes, 2)))
    nodes.run_until(lambda: node.log.settled)
    assert handled(node, first.session) == 2
    assert void_at(node) == [(first.session, first.claim)]
    assert [len(batch.messages) for batch in node.disk.batches] == [16]


def test_claims_that_race() -> None:
    """CLU-15: each who asks without a place gets the session, one after the other."""
    nodes = Nodes()
    lives = nodes.started(3)
    session = nodes.claimed(lives[0]).session
    answers = [node.claim(session) for node in lives for _ in range(2)]
    nodes.run(2.0)
    found = [answer for (answer,) in answers if isinstance(answer, SessionCount)]
    assert len({count.claim for count in found}) == 6
    holder = max(found, key=lambda count: count.claim)
    assert check_agreement(lives).counts[session].claim == holder.claim


def test_who_asked_before_another_claimed_is_refused() -> None:
    """CLU-15: a claim with the place that was known then doesn't take the session back."""
    nodes = Nodes()
    one, other = nodes.started(2)
    session = nodes.claimed(one).session
    seen = one.log.place
    taken = nodes.claimed(other, session)
    nodes.run(0.1)
    (refused,) = answers_from(nodes, one, session, seen)
    assert isinstance(refused, LogError)
    assert "meanwhile" in str(refused)
    assert one.disk.counts[session].claim == taken.claim
    (again,) = answers_from(nodes, one, session, one.log.place)
    assert isinstance(again, SessionCount)


def test_a_claim_that_is_lost_is_asked_again() -> None:
    """CLU-15: once the stream gave no answer; the session is claimed once."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    fates = [Fate.UNSTORED]
    node.stream.fate = lambda: fates.pop() if fates else Fate.STORED
    answers = node.claim()
    nodes.run(3.0)
    (found,) = answers
    assert isinstance(found, SessionCount)
    assert len(node.disk.counts) == 1


def test_a_claim_that_comes_late_is_nobodys() -> None:
    """CLU-15: who asked was answered by a later one; the late one takes nothing back."""
    nodes = Nodes()
    one, other = nodes.started(2)
    first = nodes.claimed(one)
    fates = [Fate.LATE]
    other.stream.fate = lambda: fates.pop() if fates else Fate.STORED
    second = nodes.claimed(other, first.session)
    ticket = other.offer((counted(second, 0, 4), pixels(nodes, 4)))
    nodes.run(MOST_S)
    assert other.recorder.tickets[-1] == ticket
    state = check_agreement([one, other])
    assert (state.counts[first.session].claim, state.counts[first.session].handled) == (
        second.claim,
        4,
    )
    assert len(state.counts) == 1


def test_an_entry_that_is_published_again_begins_no_session_again() -> None:
    """CLU-11: what was drawn since its claim stays, though the first publication comes late."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    other = nodes.claimed(node)
    nodes.run(0.1)
    fates = [Fate.LATE, Fate.STORED]
    node.stream.fate = lambda: fates.pop() if fates else Fate.STORED
    node.offer((counted(other, 0, 1), pixels(nodes, 1)))
    nodes.run(0.001)
    node.offer((counted(other, 1, 2), pixels(nodes, 1)))  # in one entry with the claim
    found = nodes.claimed(node)
    node.offer((counted(found, 0, 4), pixels(nodes, 4)))
    nodes.run(MOST_S)
    count = node.disk.counts[found.session]
    assert (count.claim, count.handled) == (found.claim, 4)
    assert handled(node, other.session) == 2
    assert void_at(node) == []


def test_a_claim_is_answered_in_its_turn() -> None:
    """CLU-14: after what came before it was told, and before what follows."""
    nodes = Nodes()
    one, other = nodes.started(2)
    first = nodes.claimed(one)
    seen_by_then: list[int] = []

    def done(answer: SessionCount | LogError) -> None:
        assert isinstance(answer, SessionCount)
        told = [batch for ordered in other.recorder.entries for batch in ordered.batches]
        seen_by_then.append(sum(len(batch.messages) // 8 for batch in told) - answer.handled)
        other.offer((counted(answer, answer.handled, answer.handled + 1), pixels(nodes, 1)))

    for n in range(10):
        one.offer((counted(first, n, n + 1), pixels(nodes, 1)))
    other.log.claim(first.session, done)
    for n in range(10, 20):
        one.offer((counted(first, n, n + 1), pixels(nodes, 1)))
    nodes.run(MOST_S)
    assert seen_by_then == [0]
    state = check_agreement([one, other])
    drawn = sum(len(batch.messages) // 8 for batch in state.batches)
    assert drawn == state.counts[first.session].handled


def test_claims_without_a_stream() -> None:
    """CLU-15: they are answered with an error, at once or when the stream is lost on the way."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    under_way = node.claim()
    nodes.run(nodes.store.delay_s / 2)
    node.stream.cut()
    (error,) = under_way
    assert isinstance(error, LogError)
    late = node.claim()
    nodes.run(0.001)
    (error,) = late
    assert isinstance(error, LogError)
    node.stream.mend()
    nodes.run(1.0)
    nodes.claimed(node)


def test_a_claim_that_nothing_answers_ends() -> None:
    """CLU-15: within a few seconds, with an error."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    node.stream.fate = lambda: Fate.UNSTORED
    answers = node.claim()
    nodes.run(3.0)
    assert answers == []
    nodes.run(2.0)
    (error,) = answers
    assert isinstance(error, LogError)


def test_a_close_ends_claims() -> None:
    """CLU-15: who waits hears that the log is closed, and so does who asks after."""
    nodes = Nodes()
    (node,) = nodes.started(1)
    nodes.run(0.01)
    answers = node.claim()
    node.log.close(0)
    nodes.run(0.1)
    (error,) = answers
    assert isinstance(error, LogError)
