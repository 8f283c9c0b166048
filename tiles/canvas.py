"""The canvas: a sparse set of 64 × 64 RGB tiles, each with the seq of what touched it last."""

from collections.abc import Iterable, Iterator

import numpy as np

from tiles.geometry import TILE, Rectangle, key, tile_range, unkey
from tiles.log.base import SavedTile
from tiles.raster import Bytes, Paint
from tiles.residency import Ledger, Residents


class Canvas:
    """Level 0. A tile that nothing ever touched is background.

    ``width`` and ``height`` are in pixels; tiles reach past the edge and are background there.
    ``stored``: whether there may be tiles in the store, which have to be fetched before they can be
    read. Reading one that is absent raises :class:`tiles.residency.AbsentError`; painting doesn't.
    """

    def __init__(
        self,
        width: int,
        height: int,
        background: tuple[int, int, int],
        ledger: Ledger | None = None,
        *,
        stored: bool = False,
    ) -> None:
        self.width = width
        self.height = height
        self.background = np.array(background, np.uint8)
        self.residents = Residents(background, ledger or Ledger(), stored=stored)
        """Its tiles of all levels, as far as they are in memory."""

    def __len__(self) -> int:
        """How many tiles are in memory."""
        return self.residents.base_tiles

    @property
    def blank(self) -> Bytes:
        """The tile that nothing touched, (64, 64, 3) uint8, read-only."""
        return self.residents.blank

    def keys(self) -> Iterator[int]:
        """The keys of the tiles in memory that something touched."""
        for tile, record in self.residents.records.items():
            if record.seq and unkey(tile).level == 0:
                yield tile

    def tile(self, tile: int) -> Bytes:
        """A tile's (64, 64, 3) uint8 pixels, indexed [y, x]; to be read, not kept or changed."""
        return self.residents.pixels(tile)

    def seq(self, tile: int) -> int:
        """The seq of the last message that touched a tile, or 0."""
        return self.residents.seq(tile)

    def prepare(self, tile: int) -> None:
        """Have a tile ready to be painted; nobody sees a difference, but painting is quicker."""
        record = self.residents.to_paint(tile)
        if record.seq and record.mask is None and not record.unsaved:
            self.residents.painted(tile, record, record.seq)

    def paint(self, paints: Iterable[Paint], seq: int) -> list[int]:
        """Apply one message's paints; the distinct keys of the tiles that it touched.

        A tile that already holds ``seq`` is left as it is, so replaying over checkpoints is safe.
        """
        residents = self.residents
        records = residents.records
        touched: list[int] = []
        for paint in paints:
            tile = paint.tile
            record = records.get(tile)
            # A message may paint a tile in several pieces: its own seq is no obstacle.
            if record is not None and (
                record.seq > seq or (record.seq == seq and tile not in touched)
            ):
                continue
            if record is None or record.pixels is None:
                record = residents.to_paint(tile)
            assert record.pixels is not None
            paint.onto(record.pixels)
            if record.mask is not None:
                paint.cover(record.mask)
                if record.mask.all():
                    residents.covered(tile, record)
            if record.seq != seq:
                touched.append(tile)
                if record.unsaved and record.payload is None:
                    record.seq = seq
                    record.used = True
                else:
                    residents.painted(tile, record, seq)
        return touched

    def unpainted(self, paints: Iterable[Paint], seq: int) -> None:
        """The last message, ``seq``, was painted in part: have :meth:`paint` do all of it again."""
        residents = self.residents
        for tile in {paint.tile for paint in paints}:
            record = residents.records.get(tile)
            if record is not None and record.seq == seq:
                residents.painted(tile, residents.to_paint(tile), seq - 1)

    def load(self, tile: int, seq: int, data: bytes) -> None:
        """Take a tile from a checkpoint, as :func:`tiles.payload.encode_payload` made it.

        One that is whole in memory is left as it is.
        """
        self.residents.install(tile, SavedTile(tile, seq, data))

    def region(self, box: Rectangle) -> Bytes:
        """A copy of a rectangle's pixels, (height, width, 3) uint8; background off the canvas."""
        x0, y0, x1, y1 = box
        tiles = tile_range(0, box)
        left, top = tiles.tx0 * TILE, tiles.ty0 * TILE
        across, down = tiles.tx1 - tiles.tx0 + 1, tiles.ty1 - tiles.ty0 + 1
        out = np.empty((down * TILE, across * TILE, 3), np.uint8)
        for row in range(down):
            for column in range(across):
                pixels = self.tile(key(0, tiles.tx0 + column, tiles.ty0 + row))
                y, x = row * TILE, column * TILE
                out[y : y + TILE, x : x + TILE] = pixels
        return out[y0 - top : y1 - top + 1, x0 - left : x1 - left + 1]
