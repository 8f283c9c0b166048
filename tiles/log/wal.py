"""What of a write-ahead log counts, told from its bytes alone, as SQLite will decide on opening it.

Frames count up to the last commit before the first frame that is of another generation or fails the
running checksum. What a crash leaves behind that point is part of one transaction, which nobody was
told to be durable. More than that can only be damage: each transaction is synced before the next.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_HEADER_BYTES = 32
_FRAME_HEADER_BYTES = 24
_MAGIC = 0x377F0682
_PAGE_MIN, _PAGE_MAX = 512, 65_536
_WORD = 1 << 32
_FRAMES_AT_ONCE = 256

Words = npt.NDArray[np.uint32]


class WalEnd(NamedTuple):
    """How a write-ahead log ends.

    ``dropped_frames`` were written after the last commit that counts, of ``page_bytes`` each;
    ``damaged`` if transactions that were durable are among them, or all, since its header is.
    """

    frames: int
    dropped_frames: int
    page_bytes: int
    damaged: bool

    def __str__(self) -> str:
        if self.damaged and not self.page_bytes:
            return "the write-ahead log's header is damaged: nothing in it can be used"
        size = self.dropped_frames * self.page_bytes
        what = f"{self.dropped_frames} pages ({size} B) after page {self.frames}"
        if self.damaged:
            return f"the write-ahead log is damaged: {what} can't be used, and they were durable"
        return f"a transaction that was never whole was dropped from the write-ahead log: {what}"


_NOTHING = WalEnd(0, 0, 0, damaged=False)


def wal_of(path: Path) -> Path:
    """The write-ahead log of a SQLite file."""
    return path.with_name(path.name + "-wal")


def wal_end(path: Path) -> WalEnd:
    """How the write-ahead log of a SQLite file ends; without one nothing is dropped.

    Raises OSError.
    """
    try:
        if wal_of(path).stat().st_size < _HEADER_BYTES:
            return _NOTHING
        data = np.memmap(wal_of(path), np.uint8, "r")
    except FileNotFoundError:
        return _NOTHING
    if not data[:_HEADER_BYTES].any():
        return _NOTHING
    header = np.frombuffer(data, ">u4", _HEADER_BYTES // 4).astype(np.uint32)
    magic, page = int(header[0]), int(header[2])
    order = ">u4" if magic & 1 else "<u4"
    proper = magic & ~1 == _MAGIC and _PAGE_MIN <= page <= _PAGE_MAX and page & (page - 1) == 0
    covered = np.frombuffer(data, order, 6).astype(np.uint32)[None]
    if not proper or _chained((0, 0), covered) != [(int(header[6]), int(header[7]))]:
        return WalEnd(0, 0, 0, damaged=True)
    return _walk(data, header, page, order)


def _walk(data: npt.NDArray[np.uint8], header: Words, page: int, order: str) -> WalEnd:
    size = _FRAME_HEADER_BYTES + page
    total = (len(data) - _HEADER_BYTES) // size
    frames = np.frombuffer(data, np.uint8, total * size, _HEADER_BYTES).reshape(total, size)
    heads = frames[:, :_FRAME_HEADER_BYTES].copy().view(">u4").astype(np.uint32)
    ours = (heads[:, 2:4] == header[4:6]).all(axis=1) & (heads[:, 0] != 0)
    whole = _whole_frames(frames, heads, ours, (int(header[6]), int(header[7])), order)
    commits = np.flatnonzero(heads[:whole, 1])
    counted = int(commits[-1]) + 1 if len(commits) else 0
    left = np.flatnonzero(ours[counted:]) + counted
    if not len(left):
        return WalEnd(counted, 0, page, damaged=False)
    # All that is left may be of one transaction: its commit, if it got there, comes last.
    damaged = bool(heads[left[:-1], 1].any())
    return WalEnd(counted, len(left), page, damaged)


def _whole_frames(
    frames: npt.NDArray[np.uint8],
    heads: Words,
    ours: npt.NDArray[np.bool_],
    seed: tuple[int, int],
    order: str,
) -> int:
    """How many frames there are up to the first that isn't what was written."""
    others = np.flatnonzero(~ours)
    total = int(others[0]) if len(others) else len(ours)
    for start in range(0, total, _FRAMES_AT_ONCE):
        some = frames[start : min(start + _FRAMES_AT_ONCE, total)]
        covered = np.concatenate((some[:, :8], some[:, _FRAME_HEADER_BYTES:]), axis=1)
        sums = _chained(seed, covered.view(order).astype(np.uint32))
        stated = heads[start : start + len(some), 4:6].tolist()
        for index, (found, expected) in enumerate(zip(sums, stated, strict=True)):
            if list(found) != expected:
                return start + index
        seed = sums[-1]
    return total


def _chained(seed: tuple[int, int], blocks: Words) -> list[tuple[int, int]]:
    """SQLite's checksum after each block of words, each going on from the one before.

    Of each two words (x, y) it makes s += x + t, then t += y + s. That is linear: what a block adds
    is a sum of its words times weights, whatever the sum before it was.
    """
    weights, power = _weights(blocks.shape[1] // 2)
    added = (blocks @ weights).tolist()
    s, t = seed
    (a, b), (c, d) = power
    sums = []
    for more_s, more_t in added:
        s, t = (a * s + b * t + more_s) % _WORD, (c * s + d * t + more_t) % _WORD
        sums.append((s, t))
    return sums


@lru_cache(maxsize=8)
def _weights(pairs: int) -> tuple[Words, tuple[tuple[int, int], tuple[int, int]]]:
    """What each word of a block adds to (s, t), and what the block makes of the sums before."""
    a, b, c, d = 1, 0, 0, 1  # the step s' = s + t, t' = s + 2 t, so many times
    weights = np.empty((2 * pairs, 2), np.uint32)
    for pair in range(pairs - 1, -1, -1):
        # x goes into s, and through it into t; y into t alone.
        weights[2 * pair] = (a + b) % _WORD, (c + d) % _WORD
        weights[2 * pair + 1] = b, d
        a, b, c, d = (a + b) % _WORD, (a + 2 * b) % _WORD, (c + d) % _WORD, (c + 2 * d) % _WORD
    return weights, ((a, b), (c, d))
