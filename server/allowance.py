"""What a session may paint: its own budget, and within what its address may paint in all.

A new session has a full budget, so sessions alone would bound nobody who keeps making them.
"""

import math
from collections import Counter

from protocol.errors import RejectCode
from protocol.messages import NO_LIMIT, Budget
from server.bucket import Bucket, Rate
from tiles.raster import DrawError

INSISTED_MAX_S = 1.0
"""Who keeps trying is told to wait for so long at most, unless the budget takes longer."""
_U32_MAX = 0xFFFF_FFFF


class OverBudget(DrawError):
    """Too much for now; ``retry_ms`` says when it fits, 0 that it never will.

    ``insists``: the session keeps trying, far beyond what it was told.
    """

    def __init__(self, retry_ms: int, insists: bool) -> None:
        super().__init__(RejectCode.RATE)
        self.retry_ms = retry_ms
        self.insists = insists


class Allowance:
    """Two buckets of pixels, of the session and of the address that it is connected from.

    The session's outlives its connections; ``shared`` is that of the present one's address.
    ``tried`` counts what is refused too: what a session may try, before it is told to wait longer.
    """

    __slots__ = ("_own", "_tried", "shared")

    def __init__(self, own: Bucket, tried: Bucket, shared: Bucket | None = None) -> None:
        self._own = own
        self._tried = tried
        self.shared = shared

    @property
    def unlimited(self) -> bool:
        """Whether there is nothing to count."""
        return self._own.unlimited and (self.shared is None or self.shared.unlimited)

    def require(self, pixels: int, now: float) -> None:
        """Raise :class:`OverBudget` if that many can't be taken now."""
        wait_s = self._wait_s(pixels, now)
        if wait_s > 0:
            insists_s = self._tried.wait_s(0, now)
            most = self._tried.level(now) + INSISTED_MAX_S * self._tried.refill
            self._tried.take(min(pixels, most), now)
            wait_s = max(wait_s, insists_s)
            raise OverBudget(0 if math.isinf(wait_s) else _milliseconds(wait_s), insists_s > 0)

    def holds(self, pixels: int, now: float) -> bool:
        """Whether that many can be taken now."""
        return self._wait_s(pixels, now) == 0

    def take(self, pixels: int, now: float) -> None:
        """Take what :meth:`require` allowed."""
        self._own.take(pixels, now)
        self._tried.take(pixels, now)
        if self.shared is not None:
            self.shared.take(pixels, now)

    def budget(self, now: float) -> Budget:
        """Pixels that may be painted now, and milliseconds until it is a session's full budget."""
        left = self._own.level(now)
        if self.shared is not None:
            left = min(left, self.shared.level(now))
        if math.isinf(left):
            return Budget(NO_LIMIT, 0)
        return Budget(max(0, int(left)), _milliseconds(self._wait_s(self._own.burst, now)))

    def _wait_s(self, pixels: float, now: float) -> float:
        wait_s = self._own.wait_s(pixels, now)
        if self.shared is not None:
            wait_s = max(wait_s, self.shared.wait_s(pixels, now))
        return wait_s


def _milliseconds(seconds: float) -> int:
    """Rounded up, as far as a u32 goes."""
    return min(math.ceil(1000 * seconds), _U32_MAX)


class AddressBuckets:
    """The buckets that the sessions of one address share; ``rate`` is each one's.

    A bucket stays while somebody of its address is connected, and then until it is full.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: dict[bytes, Bucket] = {}
        self._present: Counter[bytes] = Counter()

    def __len__(self) -> int:
        return len(self._buckets)

    def enter(self, address: bytes, now: float) -> Bucket:
        """A session of that address is connected; :meth:`leave` must follow."""
        self._present[address] += 1
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = Bucket(self._rate, now)
        return bucket

    def drawn_elsewhere(self, address: bytes, pixels: int, now: float) -> None:
        """Sessions of that address painted so much by other nodes."""
        if 0 in self._rate:
            return
        bucket = self._buckets.get(address)
        if bucket is None:
            bucket = self._buckets[address] = Bucket(self._rate, now)
        bucket.take(pixels, now)

    def leave(self, address: bytes, now: float) -> None:
        """A session that had entered is gone."""
        self._present[address] -= 1
        if not self._present[address]:
            del self._present[address]
            if self._buckets[address].is_full(now):
                del self._buckets[address]

    def sweep(self, now: float) -> None:
        """Drop the buckets of those who are away that a new one would equal."""
        for address in [
            address
            for address, bucket in self._buckets.items()
            if address not in self._present and bucket.is_full(now)
        ]:
            del self._buckets[address]
