"""Who looks at what: the subscribers that are live on each tile, and an R-tree of viewports."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

import numpy as np
from rtree.index import Index, Property

from tiles.geometry import Rectangle, grown, holds, overlap
from tiles.raster import Ints

S = TypeVar("S", bound=Hashable)

_FEW = 16
"""Up to so many subscribers of a tile are a tuple, more a bit mask."""
_KEPT_MAX = 1 << 20
"""Subscribers in unpacked masks that are kept for the next time."""


class TileSubscribers:
    """For each tile, at any level, the subscribers that are live on it.

    A subscriber is a small number. A thousand on one tile take a bit each, and a tile that one
    alone looks at takes hardly more than its place in the dictionary.
    """

    def __init__(self) -> None:
        self._by_tile: dict[int, tuple[int, ...] | int] = {}
        self._unpacked: dict[int, Ints] = {}
        self._unpacked_total = 0
        self.pairs = 0
        """Subscriber-tile pairs in all."""

    def add(self, tiles: Iterable[int], subscriber: int) -> None:
        """``subscriber``, which was live on none of ``tiles``, is so on each of them now."""
        by_tile = self._by_tile
        alone, bit = (subscriber,), 1 << subscriber
        for tile in tiles:
            held = by_tile.get(tile)
            self.pairs += 1
            if held is None:
                by_tile[tile] = alone
            elif not isinstance(held, tuple):
                by_tile[tile] = held | bit
                self._forget(tile)
            elif len(held) < _FEW:
                by_tile[tile] = held + alone
            else:
                by_tile[tile] = sum(1 << other for other in held) | bit

    def remove(self, tiles: Iterable[int], subscriber: int) -> None:
        """``subscriber``, which was live on each of ``tiles``, is so on none of them now."""
        by_tile = self._by_tile
        bit = 1 << subscriber
        for tile in tiles:
            held = by_tile[tile]
            self.pairs -= 1
            if not isinstance(held, tuple):
                left = held ^ bit
                few = left.bit_count() <= _FEW >> 1
                by_tile[tile] = tuple(_unpack(left).tolist()) if few else left
                self._forget(tile)
            elif len(held) > 1:
                at = held.index(subscriber)
                by_tile[tile] = held[:at] + held[at + 1 :]
            else:
                del by_tile[tile]

    def holds(self, tile: int, subscriber: int) -> bool:
        """Whether ``subscriber`` is live on ``tile``."""
        held = self._by_tile.get(tile, ())
        if isinstance(held, tuple):
            return subscriber in held
        return bool(held >> subscriber & 1)

    def of(self, tile: int) -> tuple[int, ...] | Ints:
        """Who is live on a tile, a tuple where they are few; to be read, not changed."""
        held = self._by_tile.get(tile, ())
        if isinstance(held, tuple):
            return held
        unpacked = self._unpacked.get(tile)
        if unpacked is None:
            if self._unpacked_total > _KEPT_MAX:
                self._unpacked.clear()
                self._unpacked_total = 0
            unpacked = self._unpacked[tile] = _unpack(held)
            self._unpacked_total += len(unpacked)
        return unpacked

    def of_any(self, tiles: Iterable[int]) -> tuple[int, ...] | Ints:
        """Who is live on any of some tiles, each once: one mask, however many watch them all."""
        mask = 0
        few: set[int] = set()
        for tile in tiles:
            held = self._by_tile.get(tile, ())
            if isinstance(held, tuple):
                few.update(held)
            else:
                mask |= held
        if not mask:
            return tuple(few)
        for subscriber in few:
            mask |= 1 << subscriber
        return _unpack(mask)

    def tiles(self) -> Iterable[int]:
        """The tiles that anybody is live on."""
        return self._by_tile.keys()

    def tiles_of(self, subscriber: int) -> set[int]:
        """By a scan of everything: for recounts in tests and debugging."""
        return {tile for tile in self._by_tile if self.holds(tile, subscriber)}

    def _forget(self, tile: int) -> None:
        unpacked = self._unpacked.pop(tile, None)
        if unpacked is not None:
            self._unpacked_total -= len(unpacked)


def _unpack(mask: int) -> Ints:
    data = np.frombuffer(mask.to_bytes((mask.bit_length() + 7) >> 3, "little"), np.uint8)
    return np.flatnonzero(np.unpackbits(data, bitorder="little"))


class Areas(Generic[S]):
    """Rectangles of canvas pixels and whose they are, found by what they overlap.

    The index holds each rectangle with a margin, so that one that moves a little is moved in the
    index only now and then: that takes longer than all the rest of a change of viewport.
    """

    def __init__(self) -> None:
        # Small nodes: deleting one of 10,000 rectangles is 25 times faster than by default.
        self._index = Index(properties=Property(leaf_capacity=10, index_capacity=10))
        self._owners: dict[int, tuple[S, Rectangle, Rectangle]] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def __contains__(self, number: int) -> bool:
        return number in self._owners

    def put(self, number: int, owner: S, box: Rectangle) -> None:
        """Set or move the rectangle that is kept under ``number``."""
        entry = self._owners.get(number)
        if entry is not None and holds(entry[2], box) and holds(grown(box, 1.0), entry[2]):
            self._owners[number] = (owner, box, entry[2])
            return
        self.drop(number)
        indexed = grown(box, 0.25)
        self._index.insert(number, indexed)
        self._owners[number] = (owner, box, indexed)

    def drop(self, number: int) -> None:
        """Forget the rectangle kept under ``number``, if there is one."""
        entry = self._owners.pop(number, None)
        if entry is not None:
            self._index.delete(number, entry[2])

    def overlapping(self, box: Rectangle) -> list[S]:
        """The owners of the rectangles that share a pixel with ``box``."""
        if not self._owners:
            return []
        near = map(self._owners.__getitem__, self._index.intersection(box))
        return [owner for owner, exact, _ in near if overlap(exact, box)]
