"""A recount of a live hub: every set, index and count from the sessions' own viewports."""

from collections.abc import Iterable

import numpy as np

from protocol.session import State
from server.door import Door
from server.hub import Hub
from server.person import Person
from server.session import Session
from tiles.geometry import unkey

_NAMED_MAX = 20
"""So many findings are told; where there is one there may be thousands."""


def census(hub: Hub, door: Door) -> list[str]:
    """What doesn't fit, in words; empty if all does. On the event loop, between two callbacks."""
    wrong: list[str] = []
    wrong += _subscriptions(hub)
    wrong += _areas(hub)
    wrong += _awareness(hub)
    wrong += _identities(hub)
    wrong += _queues(hub)
    if door.connections < len(hub.sessions):
        wrong.append(f"the door counts {door.connections} for {len(hub.sessions)} sessions")
    return wrong[:_NAMED_MAX]


def traces(hub: Hub, door: Door) -> list[str]:
    """What is left of anybody, once nobody is connected; empty if nothing is."""
    awareness, fanout = hub._awareness, hub.fanout
    viewing = hub.viewing
    left = {
        "connections": door.connections,
        "sessions": len(hub.sessions),
        "live pairs": viewing.live.pairs,
        "tiles with subscribers": len(list(viewing.live.tiles())),
        "stale pairs": viewing.stale_pairs,
        "viewports in the index": len(viewing.areas),
        "slots taken": sum(session is not None for session in viewing.slots),
        "areas with room for cursors": len(awareness._roomy),
        "cursors": len(awareness._moved) + len(awareness._moving),
        "hearers": len(awareness._hearers),
        "introductions": len(awareness._introduced) + len(awareness._introduced_at),
        "reviews of who hears of whom": len(awareness._unreviewed) + len(awareness._looking),
        "pairs that part": len(awareness._leaving),
        "followed": len(awareness.followers),
        "answers": len(fanout._answers),
        "due": len(fanout._due),
        "looking": len(fanout._looking),
        "viewports that wait or are known": len(hub._entering._waiting) + len(hub._entering._tiles),
        "addresses of somebody": len(hub._reception.addresses._present),
        "waiting for snapshots": len(fanout._snapshotting._waiting),
        "zoomed out": len(hub.overviews._zoomed_out),
        "held for memory": len(hub.ordering._held),
        "identities with a connection": sum(
            identity.connection is not None or identity.waiting is not None
            for identity in hub._reception.identities
        ),
    }
    return [f"{count} {what}" for what, count in left.items() if count]


def _subscriptions(hub: Hub) -> list[str]:
    """Live is viewport less stale, for every session, and the counts are the sums.

    It is so if each live pair lies in the viewport, none of them is stale, and they are as many as
    there have to be: there may be millions, so they are counted by tile.
    """
    viewing = hub.viewing
    nowhere = (-1, 0, 0, -1, -1)
    views = np.array([nowhere] * (len(viewing.slots) + 1))
    for session in hub.sessions:
        if session.view.tiles is not None:
            views[session.view.slot] = session.view.tiles
    counted = np.zeros(len(views), np.int64)
    strays = pairs = 0
    for tile in viewing.live.tiles():
        slots = np.asarray(viewing.live.of(tile), np.int64)
        level, tx, ty = unkey(tile)
        levels, tx0, ty0, tx1, ty1 = views[slots].T
        inside = (levels == level) & (tx0 <= tx) & (tx <= tx1) & (ty0 <= ty) & (ty <= ty1)
        strays += len(slots) - int(inside.sum())
        pairs += len(slots)
        counted[slots] += 1
    wrong = [f"{strays} live pairs are nobody's, or outside the viewport"] if strays else []
    stale = 0
    for session in hub.sessions:
        view = session.view
        stale += len(view.stale)
        if view.tiles is None:
            continue
        if viewing.slots[view.slot] is not session:
            wrong.append(f"client {session.client}'s slot is another's")
        if not all(view.tiles.holds(tile) for tile in view.stale):
            wrong.append(f"client {session.client} is owed tiles outside its view")
        if any(viewing.live.holds(tile, view.slot) for tile in view.stale):
            wrong.append(f"client {session.client} is live on what it is owed")
        if counted[view.slot] != view.tiles.total - len(view.stale):
            wrong.append(f"client {session.client} is live on {counted[view.slot]} of its tiles")
    if viewing.live.pairs != pairs:
        wrong.append(f"{viewing.live.pairs} live pairs are counted, there are {pairs}")
    if viewing.stale_pairs != stale:
        wrong.append(f"{viewing.stale_pairs} stale pairs are counted, there are {stale}")
    return wrong


def _areas(hub: Hub) -> list[str]:
    """The R-tree holds the viewports, and no others."""
    areas = hub.viewing.areas
    looking = {session.client: session for session in hub.sessions if session.view.box is not None}
    wrong = []
    if len(areas) != len(looking):
        wrong.append(f"{len(areas)} viewports are indexed, there are {len(looking)}")
    for client, session in looking.items():
        if client not in areas:
            wrong.append(f"client {client}'s viewport isn't indexed")
            continue
        assert session.view.box is not None
        x0, y0, _, _ = session.view.box
        if session not in areas.overlapping((x0, y0, x0, y0)):
            wrong.append(f"client {client}'s viewport isn't found where it is")
    taken = sum(session is not None for session in hub.viewing.slots)
    if taken != len(looking):
        wrong.append(f"{taken} slots are taken by {len(looking)} sessions")
    return wrong


def _awareness(hub: Hub) -> list[str]:
    """Hearing is mutual knowledge among those who are here, and bounded."""
    wrong = []
    for session in hub.sessions:
        if len(session.hears) > hub.settings.max_cursors:
            wrong.append(f"client {session.client} hears of {len(session.hears)}")
        for other in session.hears:
            if session not in other.heard_by:
                wrong.append(f"client {session.client} hears of {other.client}, who doesn't know")
        for left in _of_here(session.hears) - hub.sessions:
            wrong.append(f"client {session.client} hears of {left.client}, who left")
        for other in session.heard_by:
            if other not in hub.sessions or session not in other.hears:
                wrong.append(f"client {session.client} isn't heard by {other.client}")
    awareness = hub._awareness
    held: set[Person] = {
        *awareness._moved,
        *awareness._introduced,
        *awareness._unreviewed,
        *awareness._looking,
        *(person for pair in awareness._leaving for person in pair),
        *awareness.followers.sessions(),
    }
    wrong += [f"client {one.client} left awareness behind" for one in _of_here(held) - hub.sessions]
    return wrong


def _of_here(people: Iterable[Person]) -> set[Session]:
    """Those who aren't another node's."""
    return {person for person in people if isinstance(person, Session)}


def _identities(hub: Hub) -> list[str]:
    """An identity's connection is a session that is here, and knows it."""
    wrong = []
    for identity in hub._reception.identities:
        for session in (identity.connection, identity.waiting):
            if session is None:
                continue
            if session not in hub.sessions or session.identity is not identity:
                wrong.append(f"identity {identity.client} holds on to a session that left")
        if identity.durable > identity.handled:
            wrong.append(f"identity {identity.client} has more durable than handled")
    for session in hub.sessions:
        opened = session.state is State.OPEN
        if opened and (session.identity is None or session.identity.connection is not session):
            wrong.append(f"client {session.client} is open without its identity")
    return wrong


def _queues(hub: Hub) -> list[str]:
    """Whoever is waited for is here; who doesn't read has no drawing queued."""
    waited: set[Session] = {
        *hub.fanout._answers,
        *hub.fanout._due,
        *hub.fanout._looking,
        *hub.fanout._snapshotting._waiting,
        *hub.overviews._zoomed_out,
        *hub.ordering._held,
    }
    wrong = [f"client {one.client} is waited for" for one in waited - hub.sessions]
    wrong += [
        f"client {session.client} doesn't read, and drawing is queued for it"
        for session in hub.sessions
        if session.outbox.behind and session.outbox.drawing
    ]
    return wrong
