"""What holds among nodes when all is quiet: each is the fold of the stream, and no other."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from server.hub import Hub
from tests.simulation.serving import Server
from tests.simulation.shared_ground import SharedGround
from tests.simulation.stream_truth import StreamTruth
from tests.simulation.verdict import Verdict
from tiles.geometry import unkey

if TYPE_CHECKING:
    from tests.simulation.person import Person


def compare_nodes(verdict: Verdict, ground: SharedGround, servers: Sequence[Server]) -> None:
    """Each node's log, counts, identities and tiles are what the stream comes to (CLU-70)."""
    truth = ground.stream_truth
    for server in servers:
        fold, hub = ground.folds[server.number], server.hub
        name = f"node {server.number}"
        verdict.check(fold.batches == truth.batches, "CLU-70", f"{name} holds another log")
        verdict.check(fold.mark.place == ground.stream.last, "CLU-70", f"{name} is at {fold.mark}")
        held = {
            session: (count.client, count.claim, count.handled, tuple(count.rejected))
            for session, count in fold.counts.items()
        }
        due = {
            session: (standing.client, standing.claim, standing.handled, standing.rejected)
            for session, standing in truth.sessions.items()
        }
        verdict.check(held == due, "CLU-70", f"{name} has counted otherwise")
        assert hub is not None
        verdict.check(hub.epoch == ground.epoch, "CLU-74", f"{name} is in another epoch")
        _compare_identities(verdict, hub, truth)
        _compare_tiles(verdict, hub, truth, name)


def _compare_identities(verdict: Verdict, hub: Hub, truth: StreamTruth) -> None:
    for session in hub.sessions:
        identity = session.identity
        if identity is None:
            continue  # somebody who says nothing
        due = truth.sessions[identity.id]
        counted = {identity.numbered, identity.handled, identity.durable}
        verdict.check(counted == {due.handled}, "ACK-1", f"{counted} at rest, not {due.handled}")
        verdict.check(identity.claim == due.claim, "CLU-72", "somebody else has claimed a session")
        verdict.check(identity.client == due.client, "CLU-73", "a session has another number")


def _compare_tiles(verdict: Verdict, hub: Hub, truth: StreamTruth, name: str) -> None:
    """Those in memory; the others are what the next start is compared with."""
    for tile, record in hub.pyramid.residents.records.items():
        level, tx, ty = unkey(tile)
        if level == 0 and record.mask is None:
            same = hub.pyramid.tile(tile).tobytes() == truth.oracle.tile(0, tx, ty)
            verdict.check(same, "FAN-1", f"{name}'s tile ({tx}, {ty}) differs")


def sample_claims(verdict: Verdict, ground: SharedGround, hub: Hub) -> None:
    """Nobody stays connected to a node that knows of a newer claim (CLU-72)."""
    for session in hub.sessions:
        if session.identity is None:
            continue
        standing = ground.stream_truth.sessions[session.identity.id]
        known = standing.claimed_at <= hub.place
        fenced = known and standing.claim != session.identity.claim
        verdict.check(not fenced, "CLU-72", f"client {session.client} stays after it was claimed")


def compare_sessions(verdict: Verdict, people: "Iterable[Person]") -> None:
    """Nobody's session was lost with a node, and no two have the same number (CLU-71, CLU-73)."""
    numbers: dict[int, bytes] = {}
    for person in people:
        verdict.check(not person.lost, "CLU-71", "somebody was asked to draw again")
        verdict.check(len(person.sessions) == 1, "CLU-71", "somebody lost their session")
        for client, session in person.clients.items():
            other = numbers.setdefault(client, session)
            verdict.check(other == session, "CLU-73", f"two sessions are client {client}")
