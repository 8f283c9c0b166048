"""Tiles of all levels as far as they are in memory, and what they cost there.

    absent --a row of the store, or blank--> whole
    absent --painted--> overlay --its base comes--> whole
    whole, clean --memory is short--> absent

A tile is absent where nobody has asked for it since the start or since it left: the store may hold
it. Painting an absent tile doesn't wait for the store: what is painted stands in an *overlay* of
pixels and a mask, and goes on top of the base once that comes. Only what the store holds as it is
here (*clean*) may leave; the rest is *unsaved*.
"""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from tiles.geometry import TILE, unkey
from tiles.log.base import SavedTile
from tiles.payload import decode_payload, encode_payload
from tiles.raster import Bytes, Mask
from tiles.slabs import Slabs

RECORD_BYTES = 320
"""A record with its place in the dictionaries."""
PIXELS_BYTES = TILE * TILE * 3 + 160
MASK_BYTES = TILE * TILE + 160
_PAYLOAD_SHARE = 8
"""Of a payload's bytes the heap loses about one in so many between pieces of different sizes."""


class AbsentError(LookupError):
    """The tile isn't in memory, at least not all of it: it has to be fetched from the store."""


class Ledger:
    """Bytes of tiles in memory, over every canvas that shares it; nothing is done about them."""

    def __init__(self) -> None:
        self.used_bytes = 0
        """Everything that the tiles in memory take."""
        self.unsaved_bytes = 0
        """What of it can't leave before it is saved; an overlay counts with its mask."""

    def grow(self, size: int) -> None:
        """So many bytes more are used, or fewer."""
        self.used_bytes += size

    def owe(self, size: int) -> None:
        """So many bytes more are unsaved, or fewer."""
        self.unsaved_bytes += size


class Resident:
    """A tile in memory. Without pixels and payload it is blank."""

    __slots__ = (
        "marked",
        "mask",
        "payload",
        "pixels",
        "place",
        "seq",
        "unsaved",
        "used",
        "version",
    )

    def __init__(self, seq: int = 0) -> None:
        self.seq = seq
        self.pixels: Bytes | None = None
        self.place = 0
        """Where in the slabs the pixels are."""
        self.payload: bytes | None = None
        """TILE.payload of the pixels as they are."""
        self.mask: Mask | None = None
        """(64, 64): which pixels are known; ``None``: all."""
        self.unsaved = False
        self.marked = False
        """The tiles above it are known to be out of date."""
        self.version = 0
        """Told apart by this where seq doesn't: an overview may be computed in several steps."""
        self.used = True
        """Somebody wanted it since the last look at whether it may leave."""


class Residents:
    """The tiles of one canvas that are in memory, by key.

    ``stored``: whether the store may hold tiles that aren't here; else those are blank.
    """

    def __init__(self, background: Sequence[int], ledger: Ledger, *, stored: bool) -> None:
        self.blank = np.tile(np.array(background, np.uint8), (TILE, TILE, 1))
        self.blank.flags.writeable = False
        self.blank_payload = encode_payload(self.blank)
        self.ledger = ledger
        self.stored = stored
        self.records: dict[int, Resident] = {}
        self.unsaved: set[int] = set()
        """Tiles that the store doesn't hold as they are here."""
        self.overlays: dict[int, None] = {}
        """Tiles whose base has to be fetched."""
        self.fetching: set[int] = set()
        """Tiles that are being fetched. They don't leave: else what comes could be older."""
        self.bytes = 0
        self.base_tiles = 0
        """Tiles of level 0 with pixels or a payload."""
        self.overview_tiles = 0
        """Tiles above level 0 with pixels or a payload."""
        self.evicted = 0
        """Tiles that left so far."""
        self.on_overlay: Callable[[], None] = lambda: None
        """Called when a tile becomes an overlay."""
        self._ring: deque[int] = deque()
        self._slabs = Slabs()

    @property
    def clean_tiles(self) -> int:
        """How many tiles may leave memory."""
        return max(0, len(self._ring) - len(self.unsaved) - len(self.fetching))

    # -- reading -------------------------------------------------------------------------------

    def is_whole(self, tile: int) -> bool:
        """Whether a tile can be read."""
        record = self.records.get(tile)
        return record.mask is None if record is not None else not self.stored

    def seq(self, tile: int) -> int:
        """The seq of the last message that touched a tile, or 0. Raises :class:`AbsentError`."""
        record = self.whole(tile)
        return record.seq if record is not None else 0

    def pixels(self, tile: int) -> Bytes:
        """(64, 64, 3) uint8, to be read at once. Raises :class:`AbsentError`."""
        record = self.whole(tile)
        if record is None:
            return self.blank
        if record.pixels is None:
            if record.payload is None:
                return self.blank
            self._inflate(record, record.payload)
            assert record.pixels is not None
        return record.pixels

    def payload(self, tile: int) -> bytes:
        """TILE.payload, made once per version. Raises :class:`AbsentError`."""
        record = self.whole(tile)
        if record is None:
            return self.blank_payload
        if record.payload is None:
            if record.pixels is None:
                return self.blank_payload
            self._set_payload(record, encode_payload(record.pixels))
            assert record.payload is not None
        return record.payload

    def whole(self, tile: int) -> Resident | None:
        """A tile's record, or ``None`` where nothing ever touched it.

        Raises :class:`AbsentError`.
        """
        record = self.records.get(tile)
        if record is None:
            if self.stored:
                raise AbsentError(unkey(tile))
        elif record.mask is not None:
            raise AbsentError(unkey(tile))
        else:
            record.used = True
        return record

    # -- changing ------------------------------------------------------------------------------

    def to_paint(self, tile: int) -> Resident:
        """A tile's record with pixels to paint on, an overlay where the tile is absent.

        Whoever paints on an overlay sets its mask too, and calls :meth:`painted` at the end.
        """
        record = self.records.get(tile)
        if record is None:
            record = self._add(tile, 0)
            if self.stored:
                record.mask = np.zeros((TILE, TILE), np.bool_)
                self._give_pixels(record)
                self.overlays[tile] = None
                self._grow(MASK_BYTES)
                self.ledger.owe(MASK_BYTES)
                self._count(tile, 1)
                self.on_overlay()
                return record
        if record.pixels is None:
            if record.payload is not None:
                self._inflate(record, record.payload)
            else:
                self._give_pixels(record)[:] = self.blank
                self._count(tile, 1)
        return record

    def painted(self, tile: int, record: Resident, seq: int) -> None:
        """A tile's pixels changed: they are as of ``seq``, and unsaved."""
        record.seq = seq
        record.version += 1
        record.used = True
        if record.payload is not None:
            self._set_payload(record, None)
        if not record.unsaved:
            record.unsaved = True
            self.unsaved.add(tile)
            self.ledger.owe(_owed_bytes(record))

    def covered(self, tile: int, record: Resident) -> None:
        """All of an overlay is painted: it needs no base."""
        record.mask = None
        self.overlays.pop(tile, None)
        self._grow(-MASK_BYTES)
        self.ledger.owe(-MASK_BYTES)

    # -- from the store and back ---------------------------------------------------------------

    def install(self, tile: int, row: SavedTile | None, pixels: Bytes | None = None) -> None:
        """Take what the store holds of a tile; without a row it is blank.

        ``pixels`` may be what the row decodes to. A tile that is whole is left as it is.
        """
        record = self.records.get(tile)
        if record is None:
            record = self._add(tile, row.seq if row else 0)
            if row is not None:
                self._count(tile, 1)
                self._set_payload(record, row.data)
        elif record.mask is not None:
            if row is not None:
                record.seq = max(record.seq, row.seq)
                if pixels is None:
                    pixels = decode_payload(row.data)
            base = self.blank if pixels is None else pixels
            put_under(record, base)
            self.covered(tile, record)

    def save_again(self, tile: int) -> None:
        """The store doesn't hold a tile, which is whole, as it is here after all."""
        record = self.to_paint(tile)
        self.painted(tile, record, record.seq)

    def saved(self, row: SavedTile, version: int) -> None:
        """The store holds a tile as it was when its record had this version and the row's seq."""
        record = self.records.get(row.key)
        if record is None or not record.unsaved:
            return
        if record.seq != row.seq or record.version != version:
            return
        self.ledger.owe(-_owed_bytes(record))
        record.unsaved = False
        self.unsaved.discard(row.key)
        if record.payload is None:
            self._set_payload(record, row.data)

    def evict(self, looks: int, enough_bytes: int) -> None:
        """Look at so many tiles and let those go that nobody wanted lately, pixels first.

        It ends once that has freed ``enough_bytes``: what has just been fetched for somebody goes
        last.
        """
        ring, until = self._ring, self.bytes - enough_bytes
        for _ in range(min(looks, len(ring))):
            if self.bytes <= until:
                break
            tile = ring[0]
            ring.rotate(-1)
            record = self.records[tile]
            if record.unsaved or tile in self.fetching:
                continue
            if record.used:
                record.used = False
            elif record.pixels is not None and record.payload is not None:
                self._take_pixels(record)
            else:
                ring.pop()
                self._drop(tile, record)
                self.evicted += 1

    def compact(self, looks: int, most: int) -> None:
        """Look at so many tiles and compress the unsaved ones that nobody wanted lately.

        At most ``most`` of them: each takes some 30 µs.
        """
        ring = self._ring
        for _ in range(min(looks, len(ring))):
            tile = ring[0]
            ring.rotate(-1)
            record = self.records[tile]
            whole = record.mask is None and tile not in self.fetching
            if not (record.unsaved and whole) or record.pixels is None:
                continue
            if record.used:
                record.used = False
                continue
            if record.payload is None:
                self._set_payload(record, encode_payload(record.pixels))
            self._take_pixels(record)
            most -= 1
            if most == 0:
                return

    def release(self) -> None:
        """The canvas is closed: what it had no longer counts."""
        owed = sum(_owed_bytes(self.records[tile]) for tile in self.unsaved)
        owed += len(self.overlays) * MASK_BYTES
        self.ledger.owe(-owed)
        self._grow(-self.bytes)
        self.records, self.unsaved, self.overlays = {}, set(), {}
        self.stored = True  # who still reads is told that it isn't here, not that it is blank
        self._ring.clear()

    # -- accounts ------------------------------------------------------------------------------

    def _add(self, tile: int, seq: int) -> Resident:
        record = self.records[tile] = Resident(seq)
        self._ring.append(tile)
        self._grow(RECORD_BYTES)
        return record

    def _drop(self, tile: int, record: Resident) -> None:
        del self.records[tile]
        self.stored = True
        if record.pixels is not None or record.payload is not None:
            self._count(tile, -1)
        if record.pixels is not None:
            self._take_pixels(record)
        if record.payload is not None:
            self._set_payload(record, None)
        self._grow(-RECORD_BYTES)

    def _set_payload(self, record: Resident, payload: bytes | None) -> None:
        size = 0
        if record.payload is not None:
            size -= payload_bytes(record.payload)
        if payload is not None:
            size += payload_bytes(payload)
        record.payload = payload
        self._grow(size)

    def _inflate(self, record: Resident, payload: bytes) -> None:
        self._give_pixels(record)[:] = decode_payload(payload)

    def _give_pixels(self, record: Resident) -> Bytes:
        owed = _owed_bytes(record)
        record.place, record.pixels = self._slabs.take()
        self._grow(PIXELS_BYTES)
        self.ledger.owe(_owed_bytes(record) - owed)
        return record.pixels

    def _take_pixels(self, record: Resident) -> None:
        owed = _owed_bytes(record)
        record.pixels = None
        self._slabs.give(record.place)
        self._grow(-PIXELS_BYTES)
        self.ledger.owe(_owed_bytes(record) - owed)

    def _count(self, tile: int, more: int) -> None:
        if unkey(tile).level == 0:
            self.base_tiles += more
        else:
            self.overview_tiles += more

    def _grow(self, size: int) -> None:
        self.bytes += size
        self.ledger.grow(size)


def _owed_bytes(record: Resident) -> int:
    """What a tile takes, but for its mask, as long as it is unsaved."""
    if not record.unsaved:
        return 0
    if record.pixels is not None or record.payload is None:
        return RECORD_BYTES + PIXELS_BYTES
    return RECORD_BYTES + payload_bytes(record.payload)


def payload_bytes(payload: bytes) -> int:
    """What a payload takes in memory."""
    return len(payload) + len(payload) // _PAYLOAD_SHARE + 64


def put_under(record: Resident, base: Bytes) -> None:
    """Fill what isn't known of an overlay from its base."""
    assert record.pixels is not None
    assert record.mask is not None
    np.copyto(record.pixels, base, where=~record.mask[..., None])
