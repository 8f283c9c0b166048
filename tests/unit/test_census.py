"""The recount of a live hub finds whatever is wrong in it."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from protocol.messages import NEW_SESSION, VERSION, Hello, Viewport
from server.door import Door
from server.hub import Hub
from server.session import Session
from server.settings import Settings
from tests.faults.census import census, traces
from tests.simulation.table import Table
from tiles.geometry import key


class Scene(NamedTuple):
    """Two sessions who look at the same 100 × 100 canvas, and a third who has left."""

    hub: Hub
    here: Session
    other: Session
    gone: Session


@pytest.fixture
def scene() -> Scene:
    """The two have all that they look at."""
    table = Table()
    sessions = []
    for _ in range(3):
        session, _ = table.join()
        table.say(session, Hello(VERSION, NEW_SESSION, ""))
        table.say(session, Viewport(0, 0, 0, 99, 99, ()))
        sessions.append(session)
    sessions[2].lost()
    table.time.run(table.time.now + 5)
    return Scene(table.hub, *sessions)


def _door(connections: int) -> Door:
    """A door through which so many came."""
    door = Door(Settings(), lambda _: None, lambda: b"")
    door.by_address[b"somewhere"] = connections
    return door


def test_all_is_well(scene: Scene) -> None:
    """SES-5, FAN-6: nothing is found where nothing is wrong, and nobody once all have left."""
    assert census(scene.hub, _door(2)) == []
    assert traces(scene.hub, _door(2)) != []
    scene.here.lost()
    scene.other.lost()
    assert traces(scene.hub, _door(0)) == []


def _widen_view(scene: Scene) -> None:
    assert scene.here.view.tiles is not None
    scene.here.view.tiles = scene.here.view.tiles._replace(tx1=3)


def _narrow_view(scene: Scene) -> None:
    assert scene.here.view.tiles is not None
    scene.here.view.tiles = scene.here.view.tiles._replace(tx1=0)


def _hold_on(scene: Scene) -> None:
    assert scene.gone.identity is not None
    scene.gone.identity.connection = scene.gone


_BREACHES: dict[str, Callable[[Scene], object]] = {
    "a tile lacks a subscriber": lambda scene: scene.hub.viewing.live.remove(
        (key(0, 0, 0),), scene.here.view.slot
    ),
    "a subscriber is nobody": lambda scene: scene.hub.viewing.live.add((key(0, 1, 1),), 2),
    "a tile that isn't looked at has a subscriber": _narrow_view,
    "a tile that is looked at has none": _widen_view,
    "live and stale at once": lambda scene: scene.here.view.stale.add(key(0, 0, 0)),
    "a viewport isn't indexed": lambda scene: scene.hub.viewing.areas.drop(scene.here.client),
    "a viewport of nobody is indexed": lambda scene: scene.hub.viewing.areas.put(
        99, scene.gone, (0, 0, 5, 5)
    ),
    "one hears of another who doesn't know": lambda scene: scene.other.heard_by.clear(),
    "one hears of somebody who left": lambda scene: scene.here.hears.add(scene.gone),
    "somebody who left is to be told of": lambda scene: scene.hub._awareness._moved.update(
        {scene.gone: None}
    ),
    "an identity holds on to who left": _hold_on,
    "who left is due": lambda scene: scene.hub.fanout._due.update({scene.gone: None}),
    "a session is missing": lambda scene: scene.hub.sessions.discard(scene.here),
}


@pytest.mark.parametrize("breach", _BREACHES)
def test_what_is_wrong_is_found(scene: Scene, breach: str) -> None:
    """FAN-6: each set, index and count is looked at."""
    assert census(scene.hub, _door(2)) == []
    _BREACHES[breach](scene)
    assert census(scene.hub, _door(2)) != []


def test_connections_that_are_not_counted(scene: Scene) -> None:
    """SES-5: the door counts whoever is inside."""
    assert census(scene.hub, _door(1)) != []
