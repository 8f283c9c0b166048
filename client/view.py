"""The tiles that a session holds, and what each is complete through.

The server may still answer an older VIEWPORT while a newer one is under way, and it may skip one
that was overtaken: then a tile of the first and the third stays live, though not in the second. So
a tile counts as live here while it lies in any VIEWPORT that no CLOCK has superseded: drawing is
put on it, and it isn't evicted. If the server did drop it meanwhile, it can miss drawing that
touches it alone, and still get what touches a neighbour too. That is sound: either is later than
the seq that is reported for it, so a fresh TILE comes. Other tiles stay as they were on leaving.
"""

import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protocol.errors import ProtocolError
from protocol.messages import ENCODING_ONE_COLOUR, ENCODING_ZLIB, Drawing, Pixel, Tile
from tiles.geometry import (
    TILE,
    TILE_PIXELS,
    TileRange,
    centre_first,
    key,
    level_count,
    tile_at,
    tile_box,
    tile_range,
    tiles_across,
    unkey,
    within,
)
from tiles.raster import DrawError, Paint, rasterise

IDLE_TILES_MAX = 4096
"""Tiles kept that no viewport holds, least recently used first to go: 48 MiB."""
_TILE_BYTES = TILE_PIXELS * 3
_ANY_TILES = 1 << 20
"""The server has judged a message's size already."""

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Rasteriser = Callable[[Drawing, int, int, int], list[Paint]]
"""As :func:`tiles.raster.rasterise`: message, width, height, most tiles."""


class _Held:
    """One tile; its pixels are copied when first drawn on, so that blank tiles cost nothing."""

    __slots__ = ("complete", "live", "pixels", "seq")

    def __init__(self, pixels: Pixels, seq: int, live: bool) -> None:
        self.pixels = pixels
        self.seq = seq
        self.complete = seq
        self.live = live

    def writable(self) -> Pixels:
        if not self.pixels.flags.writeable:
            self.pixels = self.pixels.copy()
        return self.pixels


class _Sent(NamedTuple):
    """A VIEWPORT that no CLOCK has superseded."""

    number: int
    tiles: TileRange


class Region(NamedTuple):
    """A rectangle of the canvas as far as it is held."""

    pixels: Pixels
    """(height, width, 3) uint8 RGB; the background where nothing is held."""
    held: Mask
    """(height, width) bool."""


class View:
    """Tiles by level and place, kept in step with the server by what it sends.

    ``rasterise`` may be a cached one where many sessions in one process draw the same.
    """

    def __init__(
        self, idle_tiles_max: int = IDLE_TILES_MAX, rasterise: Rasteriser = rasterise
    ) -> None:
        self._idle_tiles_max = idle_tiles_max
        self._rasterise = rasterise
        self._tiles: dict[int, _Held] = {}
        """By key, least recently used first."""
        self._sent: list[_Sent] = []
        self._answered: _Sent | None = None
        self._clock = 0
        self._epoch: int | None = None
        self._width = self._height = 1
        self._levels = 1
        self._background: tuple[int, int, int] = (0, 0, 0)

    def __len__(self) -> int:
        """How many tiles are held."""
        return len(self._tiles)

    @property
    def clock(self) -> int | None:
        """The latest VIEWPORT is in step through this seq; ``None`` until it is answered."""
        if self._answered is None or self._sent[-1].number != self._answered.number:
            return None
        return self._clock

    @property
    def loaded(self) -> bool:
        """Whether the latest VIEWPORT is answered and all its tiles are held."""
        if self.clock is None:
            return False
        return all(tile in self._tiles for tile in self._sent[-1].tiles.keys())

    def open(self, epoch: int, width: int, height: int, background: tuple[int, int, int]) -> bool:
        """A connection is welcomed; VIEWPORTs count anew. Returns whether the epoch changed."""
        changed = self._epoch not in (None, epoch)
        if changed or (width, height) != (self._width, self._height):
            self._tiles.clear()
        self._epoch = epoch
        self._width, self._height = width, height
        self._levels = level_count(width, height)
        self._background = background
        self.close()
        return changed

    def close(self) -> None:
        """The connection ended: no tile is live."""
        self._settle_clock()
        self._sent.clear()
        self._answered = None
        self._refresh()

    def reset(self, epoch: int, seq: int) -> None:
        """RESET: another epoch begins at ``seq``; every tile is dropped and will come unasked."""
        self._epoch = epoch
        self._tiles.clear()
        self._clock = seq

    def known(self, tiles: TileRange, limit: int) -> tuple[tuple[int, int, int], ...]:
        """The tiles of a range that are held, as VIEWPORT reports them, at most ``limit``."""
        held = [tile for tile in tiles.keys() if tile in self._tiles]
        if len(held) > limit:
            held = centre_first(tiles, held)[:limit]
        return tuple((*unkey(tile)[1:], self._completeness(tile)) for tile in held)

    def look(self, number: int, tiles: TileRange) -> None:
        """VIEWPORT ``number`` is sent."""
        self._sent.append(_Sent(number, tiles))
        for tile in tiles.keys():
            held = self._tiles.pop(tile, None)
            if held is not None:
                self._tiles[tile] = held
        self._refresh()
        self._evict()

    def tile_came(self, message: Tile) -> None:
        """Hold a snapshot. Raises :class:`ProtocolError` if it is malformed or lies nowhere."""
        level, tx, ty = message.level, message.tx, message.ty
        if not self._exists(level, tx, ty):
            raise ProtocolError(f"TILE {level}/{tx}/{ty} lies off the canvas")
        tile = key(level, tx, ty)
        self._tiles[tile] = _Held(_decode(message), message.seq, self._is_live(tile))

    def draw(self, message: Drawing) -> None:
        """Put drawing on the live level-0 tiles. Raises :class:`ProtocolError` if it can't be."""
        if isinstance(message, Pixel):
            held = self._tiles.get(tile_at(message.x, message.y))
            if held is not None and held.live:
                x, y = within(message.x, message.y)
                held.writable()[y, x] = message.r, message.g, message.b
            return
        try:
            paints = self._rasterise(message, self._width, self._height, _ANY_TILES)
        except DrawError as error:
            raise ProtocolError(f"the server sent drawing that can't be drawn: {error}") from None
        for paint in paints:
            held = self._tiles.get(paint.tile)
            if held is not None and held.live:
                paint.onto(held.writable())

    def clock_came(self, number: int, seq: int) -> None:
        """CLOCK. Raises :class:`ProtocolError` if that VIEWPORT was never sent."""
        if self._answered is not None and number == self._answered.number:
            self._clock = max(self._clock, seq)
            return
        if number < (self._sent[0].number if self._sent else 1):
            return  # before the first VIEWPORT, or of a superseded one: it says nothing new
        if not self._sent or number > self._sent[-1].number:
            raise ProtocolError(f"CLOCK of VIEWPORT {number}, which was not sent")
        self._settle_clock()
        self._sent = [sent for sent in self._sent if sent.number >= number]
        self._answered = self._sent[0]
        self._clock = seq
        self._refresh()
        self._evict()

    def complete(self, x0: int, y0: int, x1: int, y1: int, level: int = 0) -> int | None:
        """The seq that all of a rectangle (corners included) is complete through, at one level.

        ``None`` if a tile of it isn't held. Raises ``ValueError`` as :meth:`array`.
        """
        self._check(x0, y0, x1, y1)
        tiles = tile_range(level, (x0, y0, x1, y1))
        if any(tile not in self._tiles for tile in tiles.keys()):
            return None
        return min(self._completeness(tile) for tile in tiles.keys())

    def array(self, x0: int, y0: int, x1: int, y1: int) -> Region:
        """The canvas pixels of a rectangle, corners included, copied.

        Tiles outside the viewport are as they were when they left it. Raises ``ValueError`` for a
        rectangle that isn't on the canvas.
        """
        self._check(x0, y0, x1, y1)
        pixels = np.empty((y1 - y0 + 1, x1 - x0 + 1, 3), np.uint8)
        pixels[:] = self._background
        mask = np.zeros(pixels.shape[:2], np.bool_)
        for tile in tile_range(0, (x0, y0, x1, y1)).keys():
            held = self._tiles.get(tile)
            if held is None:
                continue
            left, top, right, bottom = tile_box(tile)
            ax, ay, bx, by = max(x0, left), max(y0, top), min(x1, right), min(y1, bottom)
            target = slice(ay - y0, by - y0 + 1), slice(ax - x0, bx - x0 + 1)
            pixels[target] = held.pixels[ay - top : by - top + 1, ax - left : bx - left + 1]
            mask[target] = True
        return Region(pixels, mask)

    def tile(self, level: int, tx: int, ty: int) -> Pixels | None:
        """A tile's (64, 64, 3) uint8 RGB pixels, indexed [y, x], copied; ``None`` if not held."""
        held = self._find(level, tx, ty)
        return None if held is None else held.pixels.copy()

    def tile_complete(self, level: int, tx: int, ty: int) -> int | None:
        """The seq that a tile is complete through; ``None`` if it isn't held."""
        held = self._find(level, tx, ty)
        return None if held is None else self._completeness(key(level, tx, ty))

    def is_live(self, level: int, tx: int, ty: int) -> bool:
        """Whether a tile is held and lies in a VIEWPORT that isn't superseded."""
        held = self._find(level, tx, ty)
        return held is not None and held.live

    def _exists(self, level: int, tx: int, ty: int) -> bool:
        return (
            0 <= level < self._levels
            and 0 <= tx < tiles_across(self._width, level)
            and 0 <= ty < tiles_across(self._height, level)
        )

    def _find(self, level: int, tx: int, ty: int) -> _Held | None:
        return self._tiles.get(key(level, tx, ty)) if self._exists(level, tx, ty) else None

    def _check(self, x0: int, y0: int, x1: int, y1: int) -> None:
        if not (0 <= x0 <= x1 < self._width and 0 <= y0 <= y1 < self._height):
            raise ValueError(f"({x0}, {y0}, {x1}, {y1}) is no rectangle of the canvas")

    def _completeness(self, tile: int) -> int:
        held = self._tiles[tile]
        answered = self._answered
        if answered is None or answered.tiles.level or not answered.tiles.holds(tile):
            return held.complete  # the clock speaks of the viewport's level-0 tiles only
        return max(held.complete, self._clock)

    def _settle_clock(self) -> None:
        """Write the answered view's clock into its tiles, before another view's takes its place."""
        if self._answered is None or self._answered.tiles.level:
            return
        for tile in self._answered.tiles.keys():
            held = self._tiles.get(tile)
            if held is not None:
                held.complete = max(held.complete, self._clock)

    def _is_live(self, tile: int) -> bool:
        return any(sent.tiles.holds(tile) for sent in self._sent)

    def _refresh(self) -> None:
        """Note which tiles are live."""
        for tile, held in self._tiles.items():
            held.live = self._is_live(tile)

    def _evict(self) -> None:
        """Drop what is idle beyond the bound, least recently used first."""
        idle = [tile for tile, held in self._tiles.items() if not held.live]
        for tile in idle[: max(0, len(idle) - self._idle_tiles_max)]:
            del self._tiles[tile]


def _decode(tile: Tile) -> Pixels:
    """A TILE's (64, 64, 3) pixels, read-only."""
    payload = tile.payload
    if tile.encoding == ENCODING_ONE_COLOUR and len(payload) == 3:  # noqa: PLR2004 - RGB
        return np.broadcast_to(np.frombuffer(payload, np.uint8), (TILE, TILE, 3))
    if tile.encoding != ENCODING_ZLIB:
        raise ProtocolError(f"TILE of encoding {tile.encoding} with {len(payload)} B")
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(payload, _TILE_BYTES + 1)
    except zlib.error as error:
        raise ProtocolError(f"TILE: {error}") from None
    if len(plain) != _TILE_BYTES or not inflater.eof or inflater.unused_data:
        raise ProtocolError("TILE doesn't inflate to 64 × 64 RGB pixels")
    return np.frombuffer(plain, np.uint8).reshape(TILE, TILE, 3)
