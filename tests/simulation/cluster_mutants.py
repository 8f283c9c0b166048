"""Nodes that are wrong in one place each: the simulation of several has to find every one."""

from collections.abc import Callable, Iterator, Sequence

from server.following import Following
from server.identity import Identity
from server.ordering import Ordering
from server.reception import Reception
from tests.simulation.mutants import Mutant
from tiles.log.base import Ordered, SessionCount
from tiles.shared.decisions import Decisions, Record
from tiles.shared.entry import ClaimOffer, Draft, Offer
from tiles.shared.intake import Intake
from tiles.shared.offers import Offers
from tiles.shared.stream import Delivered


class UnclaimedDecisions(Decisions):
    """Takes drawing of whoever draws for a session."""

    def _accept(self, offer: Offer, time_ms: int, void: list[tuple[bytes, int]]) -> Record | None:
        record = self._known(offer.session, time_ms)
        claim = record.claim if record else offer.claim
        by_owner = Offer(offer.session, claim, offer.since, offer.handled, offer.rejected)
        return super()._accept(by_owner, time_ms, void)


class UncountedDecisions(Decisions):
    """Takes an entry that comes twice for two."""

    def _accept(self, offer: Offer, time_ms: int, void: list[tuple[bytes, int]]) -> Record | None:
        record = self._known(offer.session, time_ms)
        since = record.handled if record and record.handled > offer.since else offer.since
        handled = since + offer.handled - offer.since
        moved = Offer(offer.session, offer.claim, since, handled, offer.rejected)
        return super()._accept(moved, time_ms, void)


class GenerousDecisions(Decisions):
    """Grants a session to whoever asks last, however late."""

    def _grant(self, offer: ClaimOffer, place: int, index: int, time_ms: int) -> Record | None:
        late = ClaimOffer(offer.request, offer.session, offer.fresh, place)
        return super()._grant(late, place, index, time_ms)


class ForgetfulDecisions(Decisions):
    """Lets sessions go before the fold holds them."""

    def forget(self, most: int, durable_ticket: int) -> None:
        """See :meth:`tiles.shared.decisions.Decisions.forget`."""
        super().forget(0, 1 << 60)


class SilentDraft(Draft):
    """Tells nobody what was rejected."""

    def _offer(self, count: SessionCount) -> int:
        return super()._offer(
            SessionCount(count.session, count.handled, (), 0, count.claim, since=count.since)
        )


class OnceOffers(Offers):
    """Publishes everything once."""

    def again(self, now: float, *, at_once: bool = False) -> None:
        """See :meth:`tiles.shared.offers.Offers.again`."""


class GapIntake(Intake):
    """Loses the first of several entries that come at once."""

    def add(self, entries: Sequence[Delivered]) -> None:
        """See :meth:`tiles.shared.intake.Intake.add`."""
        super().add(entries[1:] or entries)


class StaleReception(Reception):
    """Keeps whom another node has taken a session from."""

    def counted(self, ordered: Ordered) -> None:
        """See :meth:`server.reception.Reception.counted`."""
        super().counted(
            Ordered(ordered.batches, ordered.counts, (), (), ordered.info, ordered.place)
        )


class VoidReception(Reception):
    """Takes what is void for handled."""

    def counted(self, ordered: Ordered) -> None:
        """See :meth:`server.reception.Reception.counted`."""
        for id, claim in ordered.void:
            identity = self.identities.get(id)
            if identity is not None and identity.claim in {0, claim}:
                identity.handled = identity.numbered
                if identity.connection is not None:
                    self._hub.due(identity.connection)
        super().counted(
            Ordered(ordered.batches, ordered.counts, (), (), ordered.info, ordered.place)
        )


class RememberingReception(Reception):
    """Welcomes a session by what this node knew of it."""

    def _create(self, count: SessionCount | None) -> Identity:
        known = self.identities.get(count.session) if count is not None else None
        identity = super()._create(count)
        if known is not None:
            identity.numbered = identity.handled = identity.durable = known.handled
        return identity


class HastyOrdering(Ordering):
    """Calls handled what is merely offered."""

    def _handled(self, identity: Identity) -> None:
        identity.handled = identity.numbered
        identity.handled_seq = self._hub.seq


class ImpatientFollowing(Following):
    """Counts an entry before its drawing is applied."""

    def _steps_of(self, heard: Ordered | Callable[[], None]) -> Iterator[Callable[[], None]]:
        steps = list(super()._steps_of(heard))
        yield from steps[-1:] + steps[:-1]


CLUSTER_MUTANTS = (
    Mutant("no claim check", {"tiles.shared.fold.Decisions": UnclaimedDecisions}, ("CLU-70",)),
    Mutant("no count check", {"tiles.shared.fold.Decisions": UncountedDecisions}, ("CLU-70",)),
    Mutant("no compare-and-set", {"tiles.shared.fold.Decisions": GenerousDecisions}, ("CLU-71",)),
    Mutant(
        "sessions forgotten too soon",
        {
            "tiles.shared.fold.Decisions": ForgetfulDecisions,
            "tests.simulation.shared_ground.DELAYS_S": (0.2,),
        },
        ("CLU-70", "CLU-71"),
    ),
    Mutant("rejections not offered", {"tiles.shared.offers.Draft": SilentDraft}, ("ONCE-1",)),
    Mutant("published once", {"tiles.shared.log.Offers": OnceOffers}, ("FAN-1",)),
    Mutant("a gap applied", {"tiles.shared.log.Intake": GapIntake}, ("CLU-70", "FAN-1")),
    Mutant("a stale identity kept", {"server.hub.Reception": StaleReception}, ("CLU-72",)),
    Mutant("void told as handled", {"server.hub.Reception": VoidReception}, ("ACK-1",)),
    Mutant("an old count in WELCOME", {"server.hub.Reception": RememberingReception}, ("CLU-71",)),
    Mutant("handled before ordered", {"server.hub.Ordering": HastyOrdering}, ("ACK-1",)),
    Mutant("counted before applied", {"server.hub.Following": ImpatientFollowing}, ("ACK-1",)),
)
