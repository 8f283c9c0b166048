"""Whether a drawing message may be drawn: bounds, limits, role, palette, storage, budget."""

from typing import Any

import numpy as np
import numpy.typing as npt

from protocol.errors import RejectCode
from protocol.messages import Drawing, Patch
from server.allowance import Allowance
from server.roles import Role
from tiles.log.base import CanvasInfo
from tiles.pixel_run import Pixels
from tiles.raster import DrawError, DrawLimits, Paint, check


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
        self, message: Drawing, role: Role, read_only: bool, allowance: Allowance, now: float
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
        allowance.require(pixels, now)
        return pixels

    def admits_all(
        self, pixels: Pixels, role: Role, read_only: bool, allowance: Allowance, now: float
    ) -> bool:
        """Whether every pixel of a run may be drawn, as :meth:`admit` would say of each."""
        _, _, right, bottom = pixels.bounds
        return (
            right < self._info.width
            and bottom < self._info.height
            and role >= (Role.MODERATOR if self._info.frozen else Role.PAINTER)
            and not read_only
            and self._holds(pixels.colours)
            and allowance.holds(len(pixels), now)
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
