"""Tiles that come into memory, are painted before they come, and leave it again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiles.canvas import Canvas
from tiles.geometry import children, key
from tiles.log.base import SavedTile
from tiles.payload import encode_payload
from tiles.pyramid import Pyramid
from tiles.raster import Paint
from tiles.residency import (
    MASK_BYTES,
    PIXELS_BYTES,
    RECORD_BYTES,
    AbsentError,
    Ledger,
    Residents,
    payload_bytes,
)

BACKGROUND = (1, 2, 3)
TILES = [key(0, tx, 0) for tx in range(4)]


def square(tile: int, side: int, colour: int) -> Paint:
    """A square in the tile's upper left corner."""
    where = (slice(0, side), slice(0, side))
    return Paint(tile, where, np.array((colour, colour, colour), np.uint8))


def recounted(residents: Residents) -> tuple[int, int]:
    """Used and unsaved bytes, counted afresh."""
    used = unsaved = 0
    for record in residents.records.values():
        raw = RECORD_BYTES + PIXELS_BYTES
        used += raw if record.pixels is not None else RECORD_BYTES
        used += payload_bytes(record.payload) if record.payload is not None else 0
        used += MASK_BYTES if record.mask is not None else 0
        if record.unsaved and record.pixels is None and record.payload is not None:
            unsaved += RECORD_BYTES + payload_bytes(record.payload)
        elif record.unsaved:
            unsaved += raw
        unsaved += MASK_BYTES if record.mask is not None else 0
    return used, unsaved


class Store:
    """What is saved of a canvas, and the truth of what was painted."""

    def __init__(self) -> None:
        self.rows: dict[int, SavedTile] = {}
        self.ledger = Ledger()
        self.canvas = Canvas(256, 64, BACKGROUND, self.ledger, stored=True)
        self.truth = Canvas(256, 64, BACKGROUND)
        self.seq = 0

    def paint(self, tile: int, side: int, colour: int) -> None:
        """Paint both."""
        self.seq += 1
        assert self.canvas.paint([square(tile, side, colour)], self.seq) == [tile]
        self.truth.paint([square(tile, side, colour)], self.seq)

    def fetch(self, tile: int) -> None:
        """The store's answer comes."""
        self.canvas.residents.install(tile, self.rows.get(tile))

    def save(self, tile: int) -> None:
        """A pass saves a tile, as far as it is whole."""
        residents = self.canvas.residents
        if tile in residents.unsaved and residents.is_whole(tile):
            row = SavedTile(tile, residents.seq(tile), encode_payload(residents.pixels(tile)))
            self.rows[tile] = row
            residents.saved(row, residents.records[tile].version)


steps = st.one_of(
    st.tuples(st.just("paint"), st.sampled_from(TILES), st.integers(1, 64), st.integers(4, 255)),
    st.tuples(st.sampled_from(["fetch", "save", "look"]), st.sampled_from(TILES)),
    st.tuples(st.just("evict"), st.integers(1, 9)),
    st.tuples(st.just("compact"), st.integers(1, 9), st.integers(1, 3)),
)


@given(st.lists(steps, max_size=40))
def test_tiles_come_and_go_and_nobody_sees_it(steps: list[tuple[object, ...]]) -> None:
    """TILE-3, TILE-4: in any order what can be read is what was painted; the accounts hold."""
    store = Store()
    residents = store.canvas.residents
    for name, *values in steps:
        match name:
            case "paint":
                store.paint(*values)  # type: ignore[arg-type]
            case "evict":
                residents.evict(int(str(values[0])), 1 << 30)
            case "compact":
                residents.compact(*values)  # type: ignore[arg-type]
            case "look":
                if residents.is_whole(TILES[0]):
                    store.canvas.tile(TILES[0])
            case _:
                getattr(store, str(name))(*values)
        assert (store.ledger.used_bytes, store.ledger.unsaved_bytes) == recounted(residents)
        assert residents.bytes == store.ledger.used_bytes
    for tile in TILES:
        store.fetch(tile)
        assert np.array_equal(store.canvas.tile(tile), store.truth.tile(tile))
        assert store.canvas.seq(tile) == store.truth.seq(tile)
    residents.release()
    assert (store.ledger.used_bytes, store.ledger.unsaved_bytes) == (0, 0)


def test_an_absent_tile_is_not_taken_for_a_blank_one() -> None:
    """TILE-3: reading it is an error until it came, also under a painted part of it."""
    store = Store()
    for _ in range(2):
        for read in (store.canvas.tile, store.canvas.seq, store.canvas.residents.payload):
            try:
                read(TILES[0])
            except AbsentError:
                continue
            raise AssertionError("an absent tile was read")
        store.paint(TILES[0], 5, 9)
    store.fetch(TILES[0])
    assert store.canvas.tile(TILES[0])[4, 4].tolist() == [9, 9, 9]
    assert store.canvas.tile(TILES[0])[5, 5].tolist() == list(BACKGROUND)


def test_what_is_painted_all_over_needs_no_base() -> None:
    """TILE-4: nothing of what was saved is left."""
    store = Store()
    store.paint(TILES[0], 64, 7)
    assert store.canvas.residents.is_whole(TILES[0])
    assert not store.canvas.residents.overlays


def test_unsaved_tiles_stay_and_clean_ones_leave() -> None:
    """TILE-3: pixels first, then what is compressed."""
    store = Store()
    residents = store.canvas.residents
    store.paint(TILES[0], 64, 7)
    store.paint(TILES[1], 64, 8)
    store.save(TILES[0])
    sizes = [residents.bytes]
    for _ in range(3):
        residents.evict(2, 1 << 30)
        sizes.append(residents.bytes)
    assert sizes == sorted(sizes, reverse=True)
    assert len({*sizes}) == 3
    assert set(residents.records) == {TILES[1]}


def test_a_closed_canvas_is_not_a_blank_one() -> None:
    """TILE-4: whoever still reads it gets nothing, also where the store never held any of it."""
    canvas = Canvas(256, 64, BACKGROUND)
    canvas.paint([square(TILES[0], 64, 7)], 1)
    pyramid = Pyramid(canvas)
    canvas.residents.release()
    assert canvas.residents.ledger.used_bytes == canvas.residents.ledger.unsaved_bytes == 0
    assert pyramid.version(TILES) is None
    with pytest.raises(AbsentError):
        canvas.tile(TILES[0])


def test_an_overview_takes_from_the_store_what_did_not_change() -> None:
    """LVL-2, REC-2: of four quadrants one is computed; the tiles below the others aren't needed."""
    store = Store()
    pyramid = Pyramid(store.canvas)
    above = key(1, 0, 0)
    store.rows[above] = SavedTile(above, 3, encode_payload(np.full((64, 64, 3), 80, np.uint8)))
    store.seq = 10
    store.paint(TILES[0], 64, 200)
    pyramid.mark([TILES[0]])
    missing: set[int] = set()
    assert not pyramid.advance(above, 99, missing)
    assert missing == {above}
    store.fetch(above)
    assert pyramid.advance(above, 99, set())
    assert pyramid.tile(above)[31, 31].tolist() == [200, 200, 200]
    assert pyramid.tile(above)[31, 32].tolist() == [80, 80, 80]
    assert pyramid.seq(above) == 11
    assert not any(store.canvas.residents.is_whole(child) for child in children(above)[1:])
