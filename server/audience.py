"""Who gets what of one flush: sessions that get the same pieces are found together."""

from collections.abc import Iterator, Sequence

import numpy as np

from tiles.raster import Ints
from tiles.subscriptions import TileSubscribers

Members = tuple[Sequence[bool], list[int]]
"""Whether each of the pieces is among them, and the slots of those who get just these."""


def audiences(
    pieces: Sequence[Sequence[int]], live: TileSubscribers, slots: int
) -> Iterator[Members]:
    """The audiences of some pieces, each of which goes to whoever is live on one of its tiles.

    ``slots`` is a number that every subscriber is below. Each subscriber comes at most once.
    """
    if len(pieces) == 1 and len(pieces[0]) == 1:
        alone = live.of(pieces[0][0])
        if len(alone):
            yield (True,), list(alone) if isinstance(alone, tuple) else alone.tolist()
        return
    chosen, who = _matrix(pieces, live, slots)
    rows = np.packbits(chosen, axis=1)
    width, data = rows.shape[1], rows.tobytes()
    groups: dict[bytes, tuple[list[bool], list[int]]] = {}
    for index, slot in enumerate(who.tolist()):
        signature = data[index * width : (index + 1) * width]
        group = groups.get(signature)
        if group is None:
            groups[signature] = chosen[index].tolist(), [slot]
        else:
            group[1].append(slot)
    yield from groups.values()


def _matrix(
    pieces: Sequence[Sequence[int]], live: TileSubscribers, slots: int
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.bool_]], Ints]:
    """(n, pieces): whether each subscriber gets each piece; (n,): which subscribers these are."""
    few: list[int] = []
    few_pieces: list[int] = []
    many: list[Ints] = []
    many_pieces: list[int] = []
    for index, tiles in enumerate(pieces):
        members = live.of(tiles[0]) if len(tiles) == 1 else live.of_any(tiles)
        if isinstance(members, tuple):
            few += members
            few_pieces += [index] * len(members)
        else:
            many.append(members)
            many_pieces.append(index)
    subscriber = np.concatenate((np.array(few, np.int64), *many))
    piece = np.concatenate(
        (np.array(few_pieces, np.int64), np.repeat(many_pieces, [len(part) for part in many]))
    ).astype(np.int64)
    present = np.zeros(slots, np.bool_)
    present[subscriber] = True
    who = np.flatnonzero(present)
    row = np.empty(slots, np.int64)
    row[who] = np.arange(len(who))
    chosen = np.zeros((len(who), len(pieces)), np.bool_)
    chosen[row[subscriber], piece] = True
    return chosen, who
