"""Whether a drawing message may be drawn: bounds, limits, role, palette, storage, budget."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from protocol.errors import RejectCode
from protocol.messages import NO_LIMIT, Budget, Drawing, Patch
from server.roles import Role
from tiles.log.base import CanvasInfo
from tiles.pixel_run import Pixels
from tiles.raster import DrawError, DrawLimits, Paint, check


class OverBudget(DrawError):
    """Too much for now; ``retry_ms`` says when it fits, 0 that it never will."""

    def __init__(self, retry_ms: int) -> None:
        super().__init__(RejectCode.RATE)
        self.retry_ms = retry_ms


class Rate(NamedTuple):
    """A budget in pixels: at most ``burst`` at once, ``refill`` more a second; 0 is no limit."""

    burst: int
    refill: int


class Bucket:
    """A token bucket of pixels. ``now`` is in seconds of the scheduler's clock."""

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._level = float(rate.burst)
        self._at = now

    @property
    def unlimited(self) -> bool:
        """Whether there is nothing to count."""
        return self._rate.burst == 0 or self._rate.refill == 0

    def require(self, pixels: int, now: float) -> None:
        """Raise :class:`OverBudget` if that many can't be taken now."""
        if self.unlimited:
            return
        if pixels > self._rate.burst:
            raise OverBudget(retry_ms=0)
        missing = pixels - self._refilled(now)
        if missing > 0:
            raise OverBudget(max(1, math.ceil(1000 * missing / self._rate.refill)))

    def holds(self, pixels: int, now: float) -> bool:
        """Whether that many can be taken now."""
        return self.unlimited or pixels <= self._refilled(now)

    def take(self, pixels: int, now: float) -> None:
        """Take what :meth:`require` allowed."""
        if not self.unlimited:
            self._level = self._refilled(now) - pixels
            self._at = now

    def budget(self, now: float) -> Budget:
        """Pixels left, and milliseconds until it is full."""
        if self.unlimited:
            return Budget(NO_LIMIT, 0)
        level = self._refilled(now)
        return Budget(int(level), math.ceil(1000 * (self._rate.burst - level) / self._rate.refill))

    def _refilled(self, now: float) -> float:
        # The clock is monotonic, but a bucket may be asked with a time just before its last one.
        elapsed = max(0.0, now - self._at)
        return min(float(self._rate.burst), self._level + elapsed * self._rate.refill)


def pack_colours(colours: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    """(…, 3) colours as (…) integers 0xRRGGBB."""
    r, g, b = (colours[..., channel].astype(np.uint32) for channel in range(3))
    packed: npt.NDArray[np.uint32] = np.bitwise_or(np.bitwise_or(r << 16, g << 8), b)
    return packed


class Admission:
    """The rules of one canvas, in the order in which they are asked."""

    def __init__(self, info: CanvasInfo, limits: DrawLimits) -> None:
        self._limits = limits
        self.change(info)

    def change(self, info: CanvasInfo) -> None:
        """Title, palette or frozen changed."""
        self._info = info
        self._palette = None if info.palette is None else pack_colours(np.array(info.palette))

    def admit(
        self, message: Drawing, role: Role, read_only: bool, bucket: Bucket, now: float
    ) -> int:
        """The message's cost in pixels, if it may be drawn as far as can be told without drawing.

        Raises :class:`tiles.raster.DrawError` with the REJECT code.
        """
        pixels = check(message, self._info.width, self._info.height, self._limits)
        if role < Role.PAINTER or (self._info.frozen and role < Role.MODERATOR):
            raise DrawError(RejectCode.NOT_ALLOWED)
        if read_only:
            raise DrawError(RejectCode.READ_ONLY)
        if (
            self._palette is not None
            and not isinstance(message, Patch)
            and pack_colours(np.array((message.r, message.g, message.b))) not in self._palette
        ):
            raise DrawError(RejectCode.NOT_IN_PALETTE)
        bucket.require(pixels, now)
        return pixels

    def admits_all(
        self, pixels: Pixels, role: Role, read_only: bool, bucket: Bucket, now: float
    ) -> bool:
        """Whether every pixel of a run may be drawn, as :meth:`admit` would say of each."""
        _, _, right, bottom = pixels.bounds
        return (
            right < self._info.width
            and bottom < self._info.height
            and role >= (Role.MODERATOR if self._info.frozen else Role.PAINTER)
            and not read_only
            and self._holds(pixels.colours)
            and bucket.holds(len(pixels), now)
        )

    def _holds(self, colours: npt.NDArray[Any]) -> bool:
        """Whether all of the (…, 3) colours are in the palette, if there is one."""
        palette = self._palette
        return palette is None or bool(np.isin(pack_colours(colours), palette).all())

    def admit_paints(self, message: Drawing, paints: list[Paint]) -> None:
        """Hold an inflated PATCH to the palette; may be called in any thread."""
        palette = self._palette  # may change meanwhile on the loop
        if palette is None or not isinstance(message, Patch):
            return
        for paint in paints:
            if not np.isin(pack_colours(paint.colour), palette).all():
                raise DrawError(RejectCode.NOT_IN_PALETTE)
