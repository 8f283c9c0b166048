"""The drawing of one flush, in the order of its seqs as far as anybody can tell the difference.

Messages that touch one tile are joined by tile, once for all its subscribers. One that touches
several tiles is a barrier: what came before it goes out before it.
"""

from collections.abc import Iterator

_PIECE_MAX_BYTES = 64 * 1024

Segment = dict[int, bytearray]
"""Encoded messages by the one tile that they touch."""
Barrier = tuple[list[int], bytes]
"""The tiles that a message touches, and its bytes."""


class Feed:
    """Collects what was drawn since the last flush."""

    def __init__(self) -> None:
        self._parts: list[Segment | Barrier] = []

    def __bool__(self) -> bool:
        return bool(self._parts)

    def add(self, tiles: list[int], data: bytes) -> None:
        """One message, and the distinct tiles that it touches."""
        if len(tiles) != 1:
            if tiles:
                self._parts.append((tiles, data))
            return
        (tile,) = tiles
        last = self._parts[-1] if self._parts else None
        if not isinstance(last, dict) or len(last.get(tile, b"")) > _PIECE_MAX_BYTES:
            last = {}
            self._parts.append(last)
        last.setdefault(tile, bytearray()).extend(data)

    def take(self) -> Iterator[tuple[list[int], bytes]]:
        """What was collected, as (tiles, bytes for whoever is live on any of them); forgets it."""
        parts, self._parts = self._parts, []
        for part in parts:
            if isinstance(part, dict):
                for tile, data in part.items():
                    yield [tile], bytes(data)
            else:
                yield part
