"""Makes a canvas with many scattered painted tiles, as a checkpoint would have left it."""

import random
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from protocol.codec import encode
from protocol.messages import Pixel
from tiles.geometry import TILE, children, key, level_count, parent, tiles_across
from tiles.log.base import Author, Batch, CanvasInfo, Commit, SavedTile, SessionCount
from tiles.log.sqlite import SqliteLog, create
from tiles.payload import encode_payload
from tiles.pyramid import halve
from tiles.raster import Bytes

_PATTERNS = 64
_HALF = TILE // 2
_CHUNK = 4096
_CLOSE_WITHIN_S = 300.0
_SESSION = bytes(range(16))
_TIME_MS = 1_700_000_000_000


class _Durable:
    """Waits for the log's first commit."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.error: Exception | None = None

    def durable(self, ticket: int) -> None:
        """See :class:`tiles.log.base.Listener`."""
        self.event.set()

    def trouble(self, error: Exception | None) -> None:
        """See :class:`tiles.log.base.Listener`."""
        self.error = error
        self.event.set()


def make_cold_canvas(data: Path, side: int, painted: int, seed: int) -> None:
    """A canvas ``main`` of ``side`` × ``side`` pixels in the folder ``data``, server stopped.

    ``painted`` of its level-0 tiles, at random places, hold one of 64 patterns of rectangles; every
    tile above them is their exact mean. All came with seq 1, which is all that the log holds.
    """
    data.mkdir(parents=True)
    path = data / "main.sqlite3"
    create(path, CanvasInfo(side, side))
    log = SqliteLog(path)
    log.open()
    listener = _Durable()
    log.start(listener)
    message = encode(Pixel(0, 0, 1, 2, 3))
    batch = Batch(1, 1, Author(_SESSION), _TIME_MS, (0, 0, 0, 0), message)
    log.append(Commit(1, [batch], [SessionCount(_SESSION, 1, (), _TIME_MS)]))
    listener.event.wait()
    if listener.error is not None:
        raise listener.error
    rows = _rows(side, painted, random.Random(seed))
    while chunk := list(islice(rows, _CHUNK)):
        written = threading.Event()
        log.checkpoint(chunk, None, written.set)
        written.wait()
    log.checkpoint([], 1)
    if not log.close(_CLOSE_WITHIN_S):
        raise TimeoutError("the tiles were not written in time")


def _rows(side: int, painted: int, rng: random.Random) -> Iterator[SavedTile]:
    """Level 0 first, then each level of the pyramid over it."""
    across = tiles_across(side, 0)
    patterns = [_pattern(rng) for _ in range(_PATTERNS)]
    payloads = [encode_payload(pattern) for pattern in patterns]
    below: dict[int, Bytes] = {}
    halves = [halve(pattern) for pattern in patterns]
    for place in rng.sample(range(across * across), painted):
        tile = key(0, place % across, place // across)
        chosen = rng.randrange(_PATTERNS)
        below[tile] = halves[chosen]
        yield SavedTile(tile, 1, payloads[chosen])
    for _ in range(1, level_count(side, side)):
        above: dict[int, Bytes] = {}
        for tile in dict.fromkeys(parent(child)[0] for child in below):
            pixels = np.full((TILE, TILE, 3), 255, dtype=np.uint8)
            for quadrant, child in enumerate(children(tile)):
                half = below.get(child)
                if half is not None:
                    y, x = quadrant // 2 * _HALF, quadrant % 2 * _HALF
                    pixels[y : y + _HALF, x : x + _HALF] = half
            above[tile] = halve(pixels)
            yield SavedTile(tile, 1, encode_payload(pixels))
        below = above


def _pattern(rng: random.Random) -> Bytes:
    """A few rectangles on white: (64, 64, 3) uint8."""
    pixels = np.full((TILE, TILE, 3), 255, dtype=np.uint8)
    for _ in range(2):
        y, x = rng.randrange(TILE - 8), rng.randrange(TILE - 8)
        pixels[y : y + rng.randrange(8, 32), x : x + rng.randrange(8, 32)] = tuple(rng.randbytes(3))
    return pixels
