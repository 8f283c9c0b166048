"""The tiles held: snapshots, drawing, completeness, and the VIEWPORTs that CLOCK tells apart."""

import zlib

import numpy as np
import pytest

from client.view import View
from protocol.errors import ProtocolError
from protocol.messages import Patch, Pixel, Rect, Tile
from tiles.geometry import TileRange

WHITE, RED = (255, 255, 255), (255, 0, 0)
DOT = Pixel(1, 1, *RED)
LEFT, RIGHT, BOTH = TileRange(0, 0, 0, 0, 0), TileRange(0, 1, 0, 1, 0), TileRange(0, 0, 0, 1, 0)


def blank(tx: int, seq: int, level: int = 0) -> Tile:
    """A white snapshot in the first row."""
    return Tile(level, tx, 0, seq, 0, bytes(WHITE))


def opened(idle_tiles_max: int = 100) -> View:
    """A view of a canvas of 300 × 100 pixels, in epoch 1."""
    view = View(idle_tiles_max)
    assert not view.open(1, 300, 100, (9, 9, 9))
    return view


def looking(*tiles: Tile, at: TileRange = BOTH, clock: int = 10) -> View:
    """A view in step at a clock."""
    view = opened()
    view.look(1, at)
    for tile in tiles:
        view.tile_came(tile)
    view.clock_came(1, clock)
    return view


def is_red(view: View, x: int, y: int) -> bool:
    """Whether the view shows a red pixel there."""
    return tuple(view.array(x, y, x, y).pixels[0, 0]) == RED


def test_snapshots_decode_and_read_back() -> None:
    """Both encodings; what isn't held shows the background and is masked."""
    content = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    view = looking(blank(0, 10), Tile(0, 1, 0, 10, 1, zlib.compress(content.tobytes())))
    region = view.array(60, 2, 130, 4)
    assert region.pixels.shape == (3, 71, 3)
    assert (region.pixels[:, :4] == 255).all()
    assert (region.pixels[:, 4:68] == content[2:5]).all()
    assert (region.pixels[:, 68:] == 9).all()
    assert region.held[:, :68].all()
    assert not region.held[:, 68:].any()
    assert view.loaded
    assert view.clock == 10
    tile = view.tile(0, 1, 0)
    assert tile is not None
    assert (tile == content).all()
    assert view.tile(0, 2, 0) is None
    assert view.tile(0, 1000, 1000) is None


@pytest.mark.parametrize("box", [(0, 0, 300, 0), (-1, 0, 0, 0), (5, 0, 4, 0), (0, 0, 0, 100)])
def test_reading_off_the_canvas_is_an_error(box: tuple[int, int, int, int]) -> None:
    """Rather than a clipped answer of another shape."""
    view = opened()
    with pytest.raises(ValueError, match="no rectangle"):
        view.array(*box)
    with pytest.raises(ValueError, match="no rectangle"):
        view.complete(*box)


@pytest.mark.parametrize(
    "tile",
    [
        Tile(0, 5, 0, 1, 0, b"abc"),
        Tile(0, 0, 2, 1, 0, b"abc"),
        Tile(4, 0, 0, 1, 0, b"abc"),
        Tile(0, 0, 0, 1, 0, b"ab"),
        Tile(0, 0, 0, 1, 7, b"abc"),
        Tile(0, 0, 0, 1, 1, b"abc"),
        Tile(0, 0, 0, 1, 1, zlib.compress(bytes(64 * 64 * 3 + 1))),
        Tile(0, 0, 0, 1, 1, zlib.compress(bytes(64 * 64 * 3))[:-1]),
        Tile(0, 0, 0, 1, 1, zlib.compress(bytes(64 * 64 * 3)) + b"x"),
    ],
)
def test_malformed_snapshots_break_the_protocol(tile: Tile) -> None:
    """Off the canvas, of no known encoding, or not exactly one tile's pixels."""
    with pytest.raises(ProtocolError):
        opened().tile_came(tile)


def test_drawing_that_cannot_be_drawn_breaks_the_protocol() -> None:
    """The server has judged it before."""
    with pytest.raises(ProtocolError):
        opened().draw(Patch(0, 0, 1, 1, b"nothing"))


def test_drawing_falls_on_the_tiles_held() -> None:
    """A message across two tiles is drawn on the one that is there."""
    view = looking(blank(1, 10))
    view.draw(Rect(0, 60, 0, 70, 5, *RED))
    view.draw(DOT)
    assert is_red(view, 64, 0)
    assert not view.array(0, 0, 63, 0).held.any()
    assert not view.loaded


def test_one_colour_snapshots_of_one_payload_do_not_share_pixels() -> None:
    """They are copied when they are drawn on."""
    view = looking(blank(0, 10), blank(1, 10))
    view.draw(Pixel(64, 0, *RED))
    assert is_red(view, 64, 0)
    assert not is_red(view, 0, 0)


def test_a_tile_is_complete_through_the_greater_of_its_seq_and_the_clock() -> None:
    """And a rectangle through the least of its tiles."""
    view = looking(blank(0, 5), blank(1, 12), clock=10)
    assert view.tile_complete(0, 0, 0) == 10
    assert view.tile_complete(0, 1, 0) == 12
    assert view.complete(0, 0, 127, 99 - 64) == 10
    assert view.complete(0, 0, 130, 0) is None
    view.clock_came(1, 8)
    assert view.tile_complete(0, 0, 0) == 10
    view.clock_came(1, 30)
    assert view.known(BOTH, 9) == ((0, 0, 30), (1, 0, 30))
    assert len(view.known(BOTH, 1)) == 1


def test_above_level_0_only_the_snapshots_seq_counts() -> None:
    """CLOCK speaks of level 0."""
    view = opened()
    tiles = TileRange(1, 0, 0, 1, 0)
    view.look(1, tiles)
    view.tile_came(blank(0, 5, level=1))
    view.clock_came(1, 50)
    view.tile_came(blank(1, 6, level=1))
    assert view.loaded
    assert view.known(tiles, 9) == ((0, 0, 5), (1, 0, 6))
    view.draw(DOT)
    assert view.tile(1, 0, 0) is not None
    assert (view.array(0, 0, 9, 9).pixels == 9).all()


def test_the_old_viewports_clock_counts_for_its_tiles_alone() -> None:
    """It may come, unchanged or not, after a newer VIEWPORT was sent."""
    view = looking(blank(0, 10), at=LEFT)
    view.look(2, RIGHT)
    view.tile_came(blank(1, 11))
    assert view.clock is None
    view.clock_came(1, 15)
    assert view.tile_complete(0, 0, 0) == 15
    assert view.tile_complete(0, 1, 0) == 11
    view.clock_came(2, 20)
    assert view.tile_complete(0, 0, 0) == 15
    assert view.tile_complete(0, 1, 0) == 20
    view.clock_came(1, 40)
    assert view.tile_complete(0, 0, 0) == 15


def test_drawing_goes_on_tiles_that_the_server_may_still_hold_live() -> None:
    """VIEWPORT 2 may be skipped: then the tile of 1 and 3 was live throughout, and none comes."""
    view = looking(blank(0, 10), at=LEFT)
    view.look(2, RIGHT)
    view.draw(DOT)
    view.look(3, LEFT)
    view.clock_came(3, 11)
    assert is_red(view, 1, 1)
    assert view.tile_complete(0, 0, 0) == 11


def test_a_tile_that_left_is_frozen_once_the_server_said_so() -> None:
    """What touches it and a neighbour must not make it newer in part."""
    view = looking(blank(0, 10), blank(1, 10))
    view.look(2, RIGHT)
    assert view.is_live(0, 0, 0)
    view.clock_came(2, 12)
    assert not view.is_live(0, 0, 0)
    view.draw(Rect(0, 0, 0, 100, 5, *RED))
    assert not is_red(view, 1, 1)
    assert is_red(view, 64, 1)
    assert view.known(BOTH, 9) == ((0, 0, 10), (1, 0, 12))


def test_a_clock_of_a_viewport_never_sent_breaks_the_protocol() -> None:
    """And one before the first VIEWPORT says nothing."""
    view = opened()
    view.clock_came(0, 5)
    assert view.clock is None
    with pytest.raises(ProtocolError):
        view.clock_came(1, 5)
    view.look(1, LEFT)
    view.clock_came(0, 5)
    assert view.clock is None
    with pytest.raises(ProtocolError):
        view.clock_came(2, 5)


def test_a_reconnect_keeps_tiles_and_what_they_are_complete_through() -> None:
    """VIEWPORTs count anew; the older clock doesn't speak of them."""
    view = looking(blank(0, 10), at=LEFT, clock=20)
    view.close()
    assert not view.is_live(0, 0, 0)
    assert not view.open(1, 300, 100, WHITE)
    assert view.known(LEFT, 9) == ((0, 0, 20),)
    view.look(1, LEFT)
    assert view.clock is None
    view.clock_came(1, 25)
    assert view.loaded
    assert view.known(LEFT, 9) == ((0, 0, 25),)


def test_another_epoch_or_size_drops_every_tile() -> None:
    """At WELCOME and by RESET; the epoch's first seq is then its clock."""
    view = looking(blank(0, 10), at=LEFT)
    assert view.open(2, 300, 100, WHITE)
    assert len(view) == 0
    view = looking(blank(0, 10), at=LEFT)
    assert not view.open(1, 310, 100, WHITE)
    assert len(view) == 0
    view = looking(blank(0, 10), at=LEFT, clock=90)
    view.reset(7, 3)
    assert len(view) == 0
    view.tile_came(blank(0, 4))
    assert view.is_live(0, 0, 0)
    view.clock_came(1, 5)
    assert view.tile_complete(0, 0, 0) == 5
    assert not view.open(7, 300, 100, WHITE)
    assert len(view) == 1


def test_idle_tiles_are_evicted_least_recently_used_first() -> None:
    """Tiles that the server may hold live are not: it wouldn't send them again."""
    view = opened(idle_tiles_max=1)
    view.look(1, TileRange(0, 0, 0, 2, 0))
    for tx in range(3):
        view.tile_came(blank(tx, 1))
    view.clock_came(1, 1)
    view.look(2, TileRange(0, 0, 0, 0, 0))
    view.look(3, TileRange(0, 3, 0, 3, 0))
    assert len(view) == 3
    view.clock_came(3, 1)
    assert view.tile(0, 0, 0) is not None
    assert len(view) == 1
