"""The drawing of one flush, in the order of its seqs as far as anybody can tell the difference.

Messages that touch one tile are joined by tile, once for all its subscribers. One that touches
several tiles is a barrier: what came before it goes out before it.
"""

from collections.abc import Iterable, Iterator, Sequence

from protocol.messages import PIXEL_BYTES
from tiles.pixel_run import TilePixels

_PIECE_MAX_BYTES = 32 * 1024
"""Joined; a message that is longer comes alone. A frame holds whole pieces."""

Segment = dict[int, bytes | bytearray]
"""Encoded messages by the one tile that they touch."""
Barrier = tuple[Sequence[int], bytes]
"""The tiles that a message touches, and its bytes."""


class Feed:
    """Collects what was drawn since the last flush."""

    def __init__(self) -> None:
        self._parts: list[Segment | Barrier] = []
        self._counts: list[dict[int, int]] = []
        """Of each part: how many messages by tile; by the first where one touches several."""
        self.taken: list[int] = []
        """How many messages each piece of the last :meth:`take` holds."""

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, tiles: Sequence[int], data: bytes) -> None:
        """One message, and the distinct tiles that it touches."""
        if len(tiles) == 1:
            self._join(tiles[0], data, 1)
        elif tiles:
            self._parts.append((tiles, data))
            self._counts.append({tiles[0]: 1})

    def add_pixels(self, parts: Iterable[TilePixels]) -> None:
        """A run of PIXELs by the tiles that they touch."""
        join = self._join
        for part in parts:
            join(part.paint.tile, part.data, len(part.data) // PIXEL_BYTES)

    def _join(self, tile: int, data: bytes, messages: int) -> None:
        last = self._parts[-1] if self._parts else None
        if not isinstance(last, dict):
            last = {}
            self._parts.append(last)
            self._counts.append({})
        held = last.get(tile)
        if held is None:
            last[tile] = data
        elif len(held) > _PIECE_MAX_BYTES:
            self._parts.append({tile: data})
            self._counts.append({})
        elif isinstance(held, bytearray):
            held += data
        else:
            last[tile] = bytearray(held + data)
        counts = self._counts[-1]
        counts[tile] = counts.get(tile, 0) + messages

    def take(self) -> Iterator[tuple[Sequence[int], bytes]]:
        """What was collected, as (tiles, bytes for whoever is live on any of them); forgets it."""
        parts, self._parts = self._parts, []
        counts, self._counts = self._counts, []
        self.taken = []
        for part, count in zip(parts, counts, strict=True):
            if isinstance(part, dict):
                for tile, data in part.items():
                    self.taken.append(count.get(tile, 0))
                    yield (tile,), bytes(data)
            else:
                self.taken.append(1)
                yield part
