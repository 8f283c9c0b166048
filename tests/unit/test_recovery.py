"""A start reads the log's tail, and tiles only when somebody wants them."""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from protocol.codec import encode
from protocol.messages import Drawing, Pixel, Rect
from tests.memory_log import MemoryLog, MemoryStore
from tests.whole_canvas import whole_canvas
from tiles.canvas import Canvas
from tiles.geometry import key, tile_range
from tiles.log.base import Author, Batch, CanvasInfo, SavedTile
from tiles.payload import encode_payload
from tiles.pyramid import Pyramid
from tiles.raster import rasterise
from tiles.recovery import recover

SIDE = 512
AUTHOR = Author(bytes(16))


class CountedLog(MemoryLog):
    """Counts the tiles that are read."""

    tiles_read = 0

    def saved(self, tiles: Sequence[int]) -> list[SavedTile]:
        """See :meth:`tiles.log.base.Log.saved`."""
        self.tiles_read += len(tiles)
        return super().saved(tiles)

    def tiles(self) -> Iterator[SavedTile]:
        """See :meth:`tiles.log.base.Log.tiles`."""
        for tile in super().tiles():
            self.tiles_read += 1
            yield tile


def drawings(rng: np.random.Generator, total: int) -> list[Drawing]:
    """Single pixels in short runs, and rectangles."""
    made: list[Drawing] = []
    for _ in range(total):
        x, y, r, g, b = rng.integers(0, 256, 5).tolist()
        if rng.random() < 0.1:
            made.append(Rect(0, x, y, x + 100, y + 60, r, g, b))
        else:
            made.append(Pixel(2 * x, 2 * y, r, g, b))
    return made


def painted(messages: Sequence[Drawing]) -> Pyramid:
    """The canvas after these messages, one by one."""
    pyramid = Pyramid(Canvas(SIDE, SIDE, (9, 9, 9)))
    for seq, message in enumerate(messages, 1):
        pyramid.mark(pyramid.canvas.paint(rasterise(message, SIDE, SIDE), seq))
    return pyramid


def store_of(messages: Sequence[Drawing], cut: int, extra: int) -> MemoryStore:
    """All messages in the log; tiles of all levels saved at ``cut``, some of them ``extra`` later.

    So it is after a crash in the middle of a pass.
    """
    store = MemoryStore(CanvasInfo(SIDE, SIDE, (9, 9, 9)), checkpoint_seq=cut)
    for first in range(1, len(messages) + 1, 7):
        part = messages[first - 1 : first + 6]
        data = b"".join(map(encode, part))
        box = (0, 0, SIDE - 1, SIDE - 1)
        store.batches.append(Batch(first, first + len(part) - 1, AUTHOR, 0, box, data))
    for through, every in ((cut, 1), (cut + extra, 3)):
        then = painted(messages[:through])
        for level in range(then.levels):
            for tile in list(tile_range(level, (0, 0, SIDE - 1, SIDE - 1)).keys())[::every]:
                seq = then.seq(tile)
                if seq:
                    store.tiles[tile] = SavedTile(tile, seq, encode_payload(then.tile(tile)))
    return store


@pytest.mark.parametrize("cut", [0, 40, 199, 200])
@pytest.mark.parametrize("extra", [0, 1, 30])
def test_a_start_equals_the_fold_of_the_log(cut: int, extra: int) -> None:
    """REC-1: at every level, with the seqs, wherever the passes ended."""
    messages = drawings(np.random.default_rng(cut + extra), 230)
    truth = painted(messages)
    log = MemoryLog(store_of(messages, cut, extra))
    found = whole_canvas(log, log.open())
    for level in range(truth.levels):
        for tile in tile_range(level, (0, 0, SIDE - 1, SIDE - 1)).keys():
            assert np.array_equal(found.tile(tile), truth.tile(tile))
            assert found.seq(tile) == truth.seq(tile)


def test_a_start_reads_no_tile() -> None:
    """REC-2: what the tail doesn't touch stays in the store, what it does waits for its base."""
    messages = drawings(np.random.default_rng(1), 100)
    store = store_of(messages, 99, 0)
    log = CountedLog(store)
    pyramid = recover(log, log.open())
    assert log.tiles_read == 0
    touched = {paint.tile for paint in rasterise(messages[-1], SIDE, SIDE)}
    assert set(pyramid.residents.records) == touched


def test_overviews_of_an_old_store_are_computed_anew() -> None:
    """LVL-1: a store of format 1 has level 0 alone."""
    messages = drawings(np.random.default_rng(2), 60)
    store = store_of(messages, 60, 0)
    store.overviews = False
    store.tiles = {tile: row for tile, row in store.tiles.items() if tile < key(1, 0, 0)}
    log = MemoryLog(store)
    found, truth = whole_canvas(log, log.open()), painted(messages)
    top = key(truth.levels - 1, 0, 0)
    assert np.array_equal(found.tile(top), truth.tile(top))
