"""A naive canvas that remembers every past state: dicts and loops, no numpy.

It is what a simulation compares its clients' views with: the content of any tile at any level
after any ``seq``, which messages touch a rectangle, and when a tile last changed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from tests.oracle.drawing import TILE_SIDE, Colour, Point, pixels, refusal, tiles

TILE_BYTES = TILE_SIDE * TILE_SIDE * 3

_CHECKPOINT_EVERY = 16
_CACHE_TILES_MAX = 4_096
_CACHE_ROWS = 1_024
_CACHE_MESSAGES = 1_024

TileKey = tuple[int, int, int]  # level, tx, ty
_Painted = tuple[Mapping[Point, Colour], frozenset[Point], tuple[int, int, int, int] | None]


class RefusedError(ValueError):
    """The message can't be drawn on this canvas."""

    def __init__(self, code: int) -> None:
        """``code``: of the REJECT."""
        super().__init__(f"REJECT {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Drawn:
    """One message on the canvas: its ``seq`` and what it painted."""

    seq: int
    pixels: Mapping[Point, Colour]
    tiles: frozenset[Point]
    """The level-0 tiles that it touches."""
    box: tuple[int, int, int, int] | None
    """The least rectangle (x0, y0, x1, y1) around the pixels; None if there are none."""

    def touches(self, x0: int, y0: int, x1: int, y1: int) -> bool:
        """Whether a pixel of it lies in the rectangle, both corners included."""
        if self.box is None or not _overlap(self.box, (x0, y0, x1, y1)):
            return False
        if (x1 - x0 + 1) * (y1 - y0 + 1) < len(self.pixels):
            return any((x, y) in self.pixels for y in range(y0, y1 + 1) for x in range(x0, x1 + 1))
        return any(x0 <= x <= x1 and y0 <= y <= y1 for x, y in self.pixels)


def drawn(seq: int, message: object, width: int, height: int) -> Drawn:
    """What the message paints on a canvas of that size; RefusedError if it can't be drawn."""
    code = refusal(message, width, height)
    if code is not None:
        raise RefusedError(code)
    # A simulation folds its log again after each crash. The vectors' dicts can't be remembered.
    find = _painted.__wrapped__ if isinstance(message, Mapping) else _painted
    return Drawn(seq, *find(message, width, height))


@lru_cache(_CACHE_MESSAGES)
def _painted(message: object, width: int, height: int) -> _Painted:
    painted = pixels(message, width, height)
    box = None
    if painted:
        xs = [x for x, _ in painted]
        ys = [y for _, y in painted]
        box = (min(xs), min(ys), max(xs), max(ys))
    return painted, frozenset(tiles(painted)), box


def levels(width: int, height: int) -> int:
    """How many levels a canvas has, until one tile holds all of it."""
    count, side = 1, TILE_SIDE
    while side < max(width, height):
        count, side = count + 1, side * 2
    return count


class Canvas:
    """A canvas of ``width`` × ``height`` pixels with all its history."""

    def __init__(self, width: int, height: int, background: Colour = (255, 255, 255)) -> None:
        """Empty, all of it ``background``."""
        self.width = width
        self.height = height
        self.background = background
        self.seq = 0
        self.log: list[Drawn] = []
        self._blank = bytes(background) * (TILE_SIDE * TILE_SIDE)
        self._now: dict[Point, dict[Point, Colour]] = defaultdict(dict)
        self._edits: dict[Point, list[list[tuple[int, Colour]]]] = defaultdict(list)
        self._seqs: dict[TileKey, list[int]] = defaultdict(list)
        self._checkpoints: dict[Point, list[bytes]] = {}
        self._cache: dict[tuple[TileKey, int], bytes] = {}

    def apply(self, seq: int, message: object) -> Drawn:
        """Draws the message as number ``seq`` and tells what it painted.

        RefusedError if it can't be drawn, ValueError unless ``seq`` is beyond the last one.
        """
        if seq <= self.seq:
            raise ValueError(f"{seq} after {self.seq}")
        done = drawn(seq, message, self.width, self.height)
        self.seq = seq
        self.log.append(done)
        edits: dict[Point, list[tuple[int, Colour]]] = {tile: [] for tile in done.tiles}
        for (x, y), colour in done.pixels.items():
            tile = x // TILE_SIDE, y // TILE_SIDE
            self._now[tile][x, y] = colour
            edits[tile].append((((y % TILE_SIDE) * TILE_SIDE + x % TILE_SIDE) * 3, colour))
        for tile, changes in edits.items():
            self._edits[tile].append(changes)
        for level in range(levels(self.width, self.height)):
            for tx, ty in {(tx // 2**level, ty // 2**level) for tx, ty in done.tiles}:
                self._seqs[level, tx, ty].append(seq)
        return done

    def pixel(self, x: int, y: int) -> Colour:
        """The colour there now; the background where nothing was painted, off the canvas too."""
        painted = self._now.get((x // TILE_SIDE, y // TILE_SIDE), {})
        return painted.get((x, y), self.background)

    def region(self, x0: int, y0: int, x1: int, y1: int) -> bytes:
        """The RGB rows of a rectangle as it is now, both corners included."""
        rows = bytearray()
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                rows.extend(self.pixel(x, y))
        return bytes(rows)

    def tile(self, level: int, tx: int, ty: int, seq: int | None = None) -> bytes:
        """The 64 × 64 RGB rows of a tile after message ``seq`` (None: the last one)."""
        key = level, tx, ty
        version = self._version(key, seq)
        if version == 0:
            return self._blank
        if (key, version) not in self._cache:
            if level == 0:
                content = self._replayed((tx, ty), version)
            else:
                content = shrink(
                    [
                        self.tile(level - 1, 2 * tx + right, 2 * ty + down, seq)
                        for down in (0, 1)
                        for right in (0, 1)
                    ]
                )
            if len(self._cache) >= _CACHE_TILES_MAX:
                self._cache.clear()
            self._cache[key, version] = content
        return self._cache[key, version]

    def last_touch(self, level: int, tx: int, ty: int, seq: int | None = None) -> int:
        """The last message up to ``seq`` (None: ever) that touched the tile; 0 if none did."""
        version = self._version((level, tx, ty), seq)
        return self._seqs[level, tx, ty][version - 1] if version else 0

    def touching(
        self, x0: int, y0: int, x1: int, y1: int, *, after: int = 0, through: int | None = None
    ) -> list[Drawn]:
        """The messages with after < seq ≤ through that touch the rectangle, in order."""
        last = self.seq if through is None else through
        start = bisect_right(self.log, after, key=lambda done: done.seq)
        end = bisect_right(self.log, last, key=lambda done: done.seq)
        return [done for done in self.log[start:end] if done.touches(x0, y0, x1, y1)]

    def _version(self, key: TileKey, seq: int | None) -> int:
        """How many messages up to ``seq`` touched the tile."""
        seqs = self._seqs.get(key, [])
        return len(seqs) if seq is None else bisect_right(seqs, seq)

    def _replayed(self, tile: Point, version: int) -> bytes:
        """A level-0 tile after the first ``version`` messages that touched it."""
        checkpoints = self._checkpoints.setdefault(tile, [self._blank])
        edits = self._edits[tile]
        while len(checkpoints) <= version // _CHECKPOINT_EVERY:
            done = (len(checkpoints) - 1) * _CHECKPOINT_EVERY
            checkpoints.append(_edited(checkpoints[-1], edits[done : done + _CHECKPOINT_EVERY]))
        base = version // _CHECKPOINT_EVERY
        return _edited(checkpoints[base], edits[base * _CHECKPOINT_EVERY : version])


def shrink(quarters: list[bytes]) -> bytes:
    """The tile above four: 2 × 2 means, (sum + 2) >> 2; upper two first, left before right."""
    row_bytes, half = TILE_SIDE * 3, TILE_SIDE // 2
    above = bytearray(TILE_BYTES)
    for index, below in enumerate(quarters):
        right, down = index % 2, index // 2
        for y in range(half):
            upper = below[2 * y * row_bytes : (2 * y + 1) * row_bytes]
            lower = below[(2 * y + 1) * row_bytes : (2 * y + 2) * row_bytes]
            at = ((down * half + y) * TILE_SIDE + right * half) * 3
            above[at : at + half * 3] = _means(upper, lower)
    return bytes(above)


@lru_cache(_CACHE_ROWS)
def _means(upper: bytes, lower: bytes) -> bytes:
    """The row of RGB means below two rows; most pairs of rows are blank, and so the same."""
    means = bytearray(len(upper) // 2)
    for channel in range(3):
        # Every other pixel's value, and that of its neighbour to the right.
        means[channel::3] = bytes(
            [
                (a + b + c + d + 2) >> 2
                for a, b, c, d in zip(
                    upper[channel::6],
                    upper[channel + 3 :: 6],
                    lower[channel::6],
                    lower[channel + 3 :: 6],
                    strict=True,
                )
            ]
        )
    return bytes(means)


def _edited(content: bytes, edits: list[list[tuple[int, Colour]]]) -> bytes:
    edited = bytearray(content)
    for changes in edits:
        for at, colour in changes:
            edited[at : at + 3] = bytes(colour)
    return bytes(edited)


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> bool:
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]
