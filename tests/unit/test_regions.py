"""Regions, and what a node listens to: against a model that knows no numbers but coordinates."""

from collections.abc import Callable
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from server.cluster.regions import (
    ALL,
    EVERYWHERE,
    REGIONS_MAX,
    Listening,
    region_at,
    regions_of,
    subject,
)
from server.session import Session
from tests.memory_bus import MemoryBus, MemoryNetwork
from tiles.geometry import CANVAS_MAX, Rectangle

SIDE = 2048
ACROSS = CANVAS_MAX // SIDE

places = st.integers(0, CANVAS_MAX - 1)
boxes = st.builds(
    lambda x, y, w, h: (x, y, min(x + w, CANVAS_MAX - 1), min(y + h, CANVAS_MAX - 1)),
    places,
    places,
    st.integers(0, 9000),
    st.integers(0, 9000),
)


def squares(box: Rectangle) -> set[tuple[int, int]]:
    """The squares of 2,048 pixels that a rectangle touches."""
    x0, y0, x1, y1 = box
    return {
        (rx, ry)
        for ry in range(ACROSS)
        for rx in range(ACROSS)
        if x0 < SIDE * (rx + 1) and x1 >= SIDE * rx and y0 < SIDE * (ry + 1) and y1 >= SIDE * ry
    }


@given(places, places)
def test_the_region_of_a_pixel(x: int, y: int) -> None:
    """CLU-22: a pixel is in one region, the one of the rectangle that is this pixel."""
    assert subject("t", "cursors", region_at(x, y)) == f"t.cursors.{x // SIDE}.{y // SIDE}"
    assert regions_of((x, y, x, y)) == (region_at(x, y),)


@given(boxes)
def test_the_regions_of_a_rectangle(box: Rectangle) -> None:
    """CLU-22: all that it touches, or everywhere where these are many."""
    names = {subject("t", "people", region) for region in regions_of(box)}
    touched = squares(box)
    if len(touched) > REGIONS_MAX:
        assert names == {"t.people.wide"}
    else:
        assert names == {f"t.people.{rx}.{ry}" for rx, ry in touched}


def test_no_rectangle_touches_no_region() -> None:
    """CLU-22: who has no viewport yet looks nowhere."""
    assert regions_of(None) == ()


class Ear:
    """A node that listens, and what it heard."""

    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.bus: MemoryBus = self.network.bus()
        self.heard: list[str] = []
        self.listening = Listening(self.bus, "t", self.hearer("c"), self.hearer("p"))

    def hearer(self, kind: str) -> Callable[[str, bytes], None]:
        """Who notes what comes."""
        return lambda subject, _: self.heard.append(f"{kind} {subject}")

    def gets(self, subject: str) -> int:
        """How often a message with that subject is heard."""
        self.heard.clear()
        self.network.bus().publish(subject, b"")
        return len(self.heard)


def looker(number: int) -> Session:
    """Whoever looks; nothing of it is used but that it is somebody."""
    return cast(Session, f"session {number}")


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | boxes), max_size=12), boxes)
def test_listening_to_what_is_looked_at(
    looks: list[tuple[int, Rectangle | None]], far: Rectangle
) -> None:
    """CLU-22: each region that a session looks at once, and no other; in the end nothing."""
    ear = Ear()
    views: dict[int, Rectangle] = {}
    known: set[int] = set()
    for number, box in looks:
        ear.listening.look(looker(number), box)
        if box is None:
            views.pop(number, None)
        else:
            views[number] = box
        asked = ear.listening.settle()
        touched = [squares(view) for view in views.values()]
        wide = any(len(some) > REGIONS_MAX for some in touched)
        due = set().union(*(regions_of(view) for view in views.values()))
        if due:
            due.add(EVERYWHERE)
        if wide:
            due = {ALL}
        assert set(asked) == (set() if ALL in known else due - known)
        known = due
        for view in (*views.values(), far):
            for rx, ry in list(squares(view))[:20]:
                times = 1 if wide or any((rx, ry) in some for some in touched) else 0
                assert ear.gets(f"t.cursors.{rx}.{ry}") == times
                assert ear.gets(f"t.people.{rx}.{ry}") == times
        assert ear.gets("t.people.wide") == bool(views)
    for number in list(views):
        ear.listening.look(looker(number), None)
    assert ear.listening.settle() == []
    assert not ear.bus.subscriptions
    assert not ear.listening._lookers


def test_nothing_is_missed_on_the_way() -> None:
    """CLU-22: from a screen to everything and back a region is heard all the time."""
    ear = Ear()
    missed: list[str] = []
    subscribe = ear.bus.subscribe

    def watched(subject: str, heard: Callable[[str, bytes], None]) -> object:
        if ear.gets("t.cursors.1.1") == 0:
            missed.append(subject)
        return subscribe(subject, heard)

    ear.listening.look(looker(1), (SIDE, SIDE, SIDE + 9, SIDE + 9))
    ear.listening.settle()
    ear.bus.subscribe = watched  # type: ignore[method-assign,assignment]
    ear.listening.look(looker(2), (0, 0, CANVAS_MAX - 1, CANVAS_MAX - 1))
    ear.listening.settle()
    ear.listening.look(looker(2), None)
    ear.listening.settle()
    assert not missed
    assert ear.gets("t.cursors.1.1") == 1
    assert ear.gets("t.cursors.2.2") == 0
    ear.listening.close()
    assert not ear.bus.subscriptions
