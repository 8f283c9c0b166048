"""What a viewport brings over a real socket: tiles, levels, and nothing that wasn't asked for."""

import time
import zlib

import numpy as np
import pytest

from protocol.messages import Clock, Patch, Pixel, Rect, Stroke, Tile, Viewport
from tests.e2e.conftest import Launch
from tests.oracle.canvas import Canvas
from tests.peer import Peer
from tests.process import ServerProcess

WIDTH, HEIGHT = 700, 500
SMALL = ("--width", str(WIDTH), "--height", str(HEIGHT), "--background", "#102030")
BACKGROUND = (0x10, 0x20, 0x30)
RED = (255, 0, 0)
TileKey = tuple[int, int]


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """A server whose canvas ends in the middle of tiles."""
    return launch(*SMALL)


def content(tile: Tile) -> bytes:
    """A TILE's RGB rows."""
    return tile.payload * 4096 if tile.encoding == 0 else zlib.decompress(tile.payload)


def places(tiles: list[Tile]) -> list[TileKey]:
    """Where tiles lie, in the order in which they came."""
    return [(tile.tx, tile.ty) for tile in tiles]


async def test_every_tile_comes_once(server: ServerProcess) -> None:
    """VIEW-1, TILE-1: entering, each tile of the viewport comes once, blank ones too."""
    async with Peer(server.ws()) as peer:
        await peer.look(100, 100, 400, 300)
        tiles = peer.all(Tile)
        wanted = [(tx, ty) for tx in range(1, 7) for ty in range(1, 5)]
        assert sorted(places(tiles)) == wanted
        assert {tile.level for tile in tiles} == {0}
        blank = [tile for tile in tiles if (tile.tx, tile.ty) == (6, 4)]
        assert blank[0].encoding == 0
        assert blank[0].payload == bytes(BACKGROUND)


async def test_centre_first(server: ServerProcess) -> None:
    """VIEW-4: the tiles nearest the viewport's centre come first."""
    async with Peer(server.ws()) as peer:
        await peer.look(0, 0, WIDTH - 1, HEIGHT - 1)
        tiles = places(peer.all(Tile))
        distances = [(2 * tx - 10) ** 2 + (2 * ty - 7) ** 2 for tx, ty in tiles]
        assert len(distances) == 11 * 8
        assert distances == sorted(distances)


async def test_clipped_to_the_canvas(server: ServerProcess) -> None:
    """VIEW-3: of a viewport that reaches past the edge the part on the canvas counts."""
    async with Peer(server.ws()) as peer:
        since = await peer.look(640, 450, 65_535, 65_535)
        assert sorted(places(peer.all(Tile, since))) == [(10, 7)]
        since = await peer.look(WIDTH - 1, HEIGHT - 1, WIDTH, 65_535)
        assert peer.all(Tile, since) == []


async def test_panning(server: ServerProcess) -> None:
    """VIEW-1: tiles in both the old and the new viewport stay live, without a snapshot."""
    async with Peer(server.ws()) as peer, Peer(server.ws()) as painter:
        await peer.look(0, 0, 191, 63)
        since = await peer.look(64, 0, 255, 63)
        assert sorted(places(peer.all(Tile, since))) == [(3, 0)]
        await painter.draw(Pixel(10, 10, *RED), Pixel(70, 10, *RED), Pixel(200, 10, *RED))
        await peer.expect(Pixel, lambda pixel: pixel.x == 200)
        assert [pixel.x for pixel in peer.all(Pixel)] == [70, 200]
        since = await peer.look(0, 0, 191, 63)
        assert sorted(places(peer.all(Tile, since))) == [(0, 0)]


async def test_known_tiles(server: ServerProcess) -> None:
    """VIEW-1, VIEW-2: of known tiles a TILE comes for what changed, or lies beyond the seq."""
    async with Peer(server.ws()) as painter, Peer(server.ws()) as peer:
        await painter.draw(Pixel(64 * 4, 64, *RED))
        seq = (await painter.durable()).seq
        known = tuple((tx, 1, seq) for tx in (3, 4, 5))
        since = await peer.look(64 * 3, 64, 64 * 6 - 1, 127, known=known)
        assert peer.all(Tile, since) == []
        await painter.draw(Pixel(64 * 4, 65, *RED))
        await peer.expect(Pixel, lambda pixel: pixel.y == 65)
        await peer.look(0, 300, 63, 363)
        known = ((3, 1, seq), (4, 1, seq), (5, 1, seq + 1_000_000), (9, 1, seq))
        since = await peer.look(64 * 3, 64, 64 * 6 - 1, 127, known=known)
        assert sorted(places(peer.all(Tile, since))) == [(4, 1), (5, 1)]
        through = peer.all(Clock)[-1].seq
        assert all(tile.seq <= through for tile in peer.all(Tile))


async def test_known_over_a_reconnect_and_a_clean_restart(launch: Launch) -> None:
    """VIEW-1, LOG-4: within an epoch what a client still holds needs no snapshot."""
    server = launch(*SMALL)
    async with Peer(server.ws()) as peer:
        await peer.draw(Rect(0, 0, 0, 127, 63, *RED))
        seq = (await peer.durable()).seq
    for restart in (False, True):
        if restart:
            server.stop_well()
            server.start()
        async with Peer(server.ws(), session=peer.welcome.session) as again:
            assert again.welcome.epoch == peer.welcome.epoch
            known = tuple((tx, 0, seq) for tx in range(4))
            since = await again.look(0, 0, 255, 63, known=known)
            assert again.all(Tile, since) == []
            await again.draw(Pixel(200, 10, *RED))
            await again.expect(Pixel)
            seq = (await again.durable()).seq


async def test_overtaken_viewports(server: ServerProcess) -> None:
    """VIEW-1, CLK-1: of many VIEWPORTs at once the last one is answered, with its own number."""
    async with Peer(server.ws()) as peer:
        await peer.send(*(Viewport(0, x, 0, x + 63, 63) for x in range(0, 640, 64)))
        await peer.expect(Clock, lambda clock: clock.view == 10)
        tiles = peer.all(Tile)
        assert (9, 0) in places(tiles)
        assert len(tiles) <= 10


async def test_nothing_from_elsewhere(server: ServerProcess) -> None:
    """FAN-2: drawing goes to whoever looks at a tile that its pixels touch, and to nobody else."""
    async with Peer(server.ws()) as peer, Peer(server.ws()) as painter:
        await peer.look(64, 64, 127, 127)
        hollow = Rect(1, 0, 0, 300, 300, *RED)
        corner = Stroke(3, *RED, ((63, 62), (20, 20)))
        rows = np.zeros((3, 128, 4), np.uint8)
        rows[:, :64, 3] = 255
        beside = Patch(0, 64, 127, 66, zlib.compress(rows.tobytes()))
        await painter.draw(hollow, corner, beside, Pixel(63, 64, *RED), Pixel(128, 64, *RED))
        await painter.draw(Pixel(64, 64, 1, 2, 3))
        await peer.expect(Pixel)
        drawn = [each for each in peer.messages if isinstance(each, Pixel | Rect | Stroke | Patch)]
        assert drawn == [Pixel(64, 64, 1, 2, 3)]


@pytest.mark.parametrize("level", [1, 2, 4])
async def test_a_higher_level(launch: Launch, level: int) -> None:
    """LVL-1, LVL-2, LVL-3: TILEs of the mean, at most four a second, and no drawing messages."""
    server = launch(*SMALL)
    truth = Canvas(WIDTH, HEIGHT, BACKGROUND)
    async with Peer(server.ws()) as peer, Peer(server.ws()) as painter:
        await peer.look(0, 0, WIDTH - 1, HEIGHT - 1, level=level)
        first = peer.mark
        began = time.monotonic()
        number = 0
        while time.monotonic() - began < 1.5:
            number += 1
            stroke = Stroke(9, number % 256, 200, 7, ((number % 64, 9), (9, number % 64)))
            truth.apply(number, stroke)
            await painter.draw(stroke)
            await painter.handled()
        far = Pixel(WIDTH - 1, HEIGHT - 1, *RED)
        truth.apply(number + 1, far)
        await painter.draw(far)
        seq = (await painter.durable()).seq
        due = {(0, 0): number, places_of_pixel(far, level): seq}
        await peer.until(
            lambda: all(
                any((tile.tx, tile.ty) == place and tile.seq >= wanted for tile in peer.all(Tile))
                for place, wanted in due.items()
            )
        )
        took = time.monotonic() - began
        fresh = [tile for tile in peer.all(Tile, first) if (tile.tx, tile.ty) == (0, 0)]
        assert 3 <= len(fresh) <= took / 0.25 + 2
        newest = {(tile.tx, tile.ty): tile for tile in peer.all(Tile)}
        for (tx, ty), tile in newest.items():
            assert content(tile) == truth.tile(level, tx, ty, tile.seq)
        assert not [each for each in peer.messages if isinstance(each, Pixel | Stroke)]
        known = tuple((*place, tile.seq) for place, tile in newest.items())
        await peer.look(0, 0, 63, 63)
        since = await peer.look(0, 0, WIDTH - 1, HEIGHT - 1, level=level, known=known)
        assert peer.all(Tile, since) == []


def places_of_pixel(pixel: Pixel, level: int) -> TileKey:
    """The tile of a level that holds a pixel."""
    return pixel.x >> (6 + level), pixel.y >> (6 + level)
