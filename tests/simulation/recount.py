"""What holds when all is quiet, counted afresh from one end or the other."""

from typing import TYPE_CHECKING

from protocol.messages import Seen
from protocol.session import State
from server.hub import Hub
from server.session import Session
from tests.simulation.settings import SETTINGS
from tests.simulation.verdict import Verdict
from tiles.geometry import key, unkey

if TYPE_CHECKING:
    from tests.simulation.person import Person
    from tests.simulation.world import World


def compare_views(world: "World") -> None:
    """Every view, of whatever level, equals the oracle's canvas (LVL-1 where it is zoomed out)."""
    for person in world.people:
        assert person.link is not None
        viewed = person.link.tap.viewports[-1]
        assert viewed is not None
        for tx, ty in viewed.spots:
            held = person.core.view.tile(viewed.level, tx, ty)
            same = held is not None and held.tobytes() == world.truth.oracle.tile(
                viewed.level, tx, ty
            )
            rule = "LVL-1" if viewed.level else "FAN-1"
            world.verdict.check(same, rule, f"at rest tile {viewed.level}/{tx}/{ty} differs")


def recount(verdict: Verdict, hub: Hub, people: "list[Person]") -> None:
    """The server's sets and counts are what the clients' last viewports make of them."""
    viewing = hub.viewing
    pairs = 0
    for person in people:
        assert person.link is not None
        tap = person.link.tap
        viewed, session = tap.viewports[-1], tap.session
        assert viewed is not None
        tiles = {key(viewed.level, tx, ty) for tx, ty in viewed.spots}
        pairs += len(tiles)
        verdict.check(session in hub.sessions, "FAN-6", "a session isn't counted")
        verdict.check(
            viewing.live.tiles_of(session.view.slot) == tiles, "FAN-6", "live isn't the viewport"
        )
        verdict.check(not session.view.stale, "FAN-6", "a tile is stale at rest")
        verdict.check(
            session in viewing.areas.overlapping(viewed.box), "FAN-6", "a viewport isn't indexed"
        )
    stats = hub.stats()
    verdict.check(stats["sessions"] == len(people), "FAN-6", f"{stats} for {len(people)}")
    verdict.check(stats["subscriptions"] == pairs, "FAN-6", f"{stats} for {pairs} pairs")
    verdict.check(stats["stale"] == 0, "FAN-6", f"{stats} at rest")
    verdict.check(len(viewing.areas) == len(people), "FAN-6", f"{len(viewing.areas)} viewports")


def sample(verdict: Verdict, hub: Hub) -> None:
    """At any moment the indexes and counts fit the sessions' own sets, and nothing piles up."""
    viewing = hub.viewing
    live = stale = 0
    for session in hub.sessions:
        view = session.view
        tiles = set(view.tiles.keys()) if view.tiles is not None else set()
        indexed = viewing.live.tiles_of(view.slot) if view.slot >= 0 else set()
        verdict.check(indexed == tiles - view.stale, "FAN-6", "live isn't viewport less stale")
        live += len(indexed)
        stale += len(view.stale)
        queued = session.outbox.behind and session.outbox.drawing
        verdict.check(not queued, "FAN-8", "drawing is queued for who doesn't read")
    verdict.check(viewing.live.pairs == live, "FAN-6", f"{viewing.live.pairs} pairs, not {live}")
    verdict.check(viewing.stale_pairs == stale, "FAN-6", f"{viewing.stale_pairs} not {stale}")


def compare_presence(verdict: Verdict, people: "list[Person]") -> None:
    """Whoever is said to be here overlaps, and nobody who does is left out while there is room."""
    views = {}
    for person in people:
        assert person.link is not None
        viewed = person.link.tap.viewports[-1]
        assert viewed is not None
        views[person.link.tap.session.client] = (viewed.box, person.link.tap.here)
    for client, (box, here) in views.items():
        near = {
            other
            for other, (theirs, _) in views.items()
            if other != client
            and box[0] <= theirs[2]
            and theirs[0] <= box[2]
            and box[1] <= theirs[3]
            and theirs[1] <= box[3]
        }
        verdict.check(here <= near, "AWR-2", f"{here - near} stay with {client} after they left")
        due = min(len(near), SETTINGS.max_cursors)
        verdict.check(len(here) == due, "AWR-2", f"{client} hears of {len(here)}, not {due}")


def compare_following(verdict: Verdict, people: "list[Person]") -> None:
    """Who follows somebody was shown where that one looks now."""
    taps = {person.link.tap.session.client: person.link.tap for person in people if person.link}
    for client, tap in taps.items():
        target = taps.get(tap.session.following)
        if target is None or not target.session.presence.name:
            continue
        viewed = target.viewports[-1]
        assert viewed is not None
        shown = Seen(target.session.client, viewed.level, *viewed.box)
        verdict.check(tap.seen == shown, "AWR-4", f"{client} was shown {tap.seen}, not {shown}")


def nobody_left(verdict: Verdict, hub: Hub, sessions: list[Session]) -> None:
    """No session is left in any set, index or count."""
    stats = hub.stats()
    for name in ("sessions", "subscriptions", "stale"):
        verdict.check(stats[name] == 0, "SES-5", f"{name}: {stats[name]}")
    left = [unkey(tile) for tile in hub.viewing.live.tiles()]
    verdict.check(not left, "SES-5", f"subscribers stay on {left[:3]}")
    verdict.check(len(hub.viewing.areas) == 0, "SES-5", "a viewport stays in the index")
    for session in sessions:
        left_nothing(verdict, hub, session)


def left_nothing(verdict: Verdict, hub: Hub, session: Session) -> None:
    """A session that ended is in none of the server's sets, nor in another session's."""
    verdict.check(session.state is State.CLOSED, "SES-5", "a session isn't closed")
    held = any(
        part.holds(session) for part in (hub._awareness, hub.fanout, hub.ordering, hub._entering)
    )
    verdict.check(not held, "SES-5", "a session is still waited for")
    verdict.check(not session.queued, "SES-5", "a session's turn would come")
    verdict.check(not session.hears and not session.heard_by, "SES-5", "it still hears")
    if session.identity is not None:
        held = session in (session.identity.connection, session.identity.waiting)
        verdict.check(not held, "SES-5", "an identity holds on to a session")
