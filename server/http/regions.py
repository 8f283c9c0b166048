"""Images of any rectangle, made band by band."""

import asyncio
import re
from fractions import Fraction
from typing import NamedTuple

from server.http.imagery import bands, tiles_of, version
from server.http.large_answer import Outgoing
from server.http.workshop import Workshop
from server.hub import Hub
from server.problems import Unprocessable
from tiles.geometry import Rectangle
from tiles.png import PngStream, enlarge
from tiles.raster import Bytes

ENLARGE_MAX = 64
SCALE = re.compile(r"[1-9]\d?|1/[1-9]\d{0,4}|0\.\d{1,12}", re.ASCII)


class Scale(NamedTuple):
    """Pixels of ``level``, each shown as ``times`` × ``times``."""

    level: int
    times: int


class Region(NamedTuple):
    """A rectangle of canvas pixels at a scale."""

    box: Rectangle
    scale: Scale

    @property
    def level_box(self) -> Rectangle:
        """The rectangle of the level's own pixels that holds it."""
        x0, y0, x1, y1 = (corner >> self.scale.level for corner in self.box)
        return x0, y0, x1, y1

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its image, in pixels."""
        x0, y0, x1, y1 = self.level_box
        return (x1 - x0 + 1) * self.scale.times, (y1 - y0 + 1) * self.scale.times


def parse_scale(text: str, levels: int) -> Scale:
    """A whole number from 1 to 64, or 1/2, 1/4, … (0.5, 0.25, …) down to the topmost level.

    Raises :class:`server.problems.Unprocessable`.
    """
    ratio = Fraction(text) if SCALE.fullmatch(text) else Fraction(0)
    if ratio.denominator == 1 and 1 <= ratio <= ENLARGE_MAX:
        return Scale(0, int(ratio))
    level = ratio.denominator.bit_length() - 1
    if ratio.numerator == 1 and ratio.denominator == 1 << level and level < levels:
        return Scale(level, 1)
    raise Unprocessable(
        f"scale: it takes 1 to {ENLARGE_MAX}, or 1/2, 1/4, … down to 1/{1 << (levels - 1)}"
    )


class RegionImages:
    """Makes region images."""

    def __init__(self, workshop: Workshop, outgoing: Outgoing) -> None:
        self._workshop = workshop
        self.outgoing = outgoing

    async def version(self, hub: Hub, region: Region) -> int:
        """The seq of the last message that touched what the region's tiles cover, or 0.

        Raises :class:`server.problems.Unavailable`.
        """
        keys = list(tiles_of(region.scale.level, region.level_box).keys())
        if hub.pyramid.version(keys) is None:
            async with self._workshop.place():
                return await version(hub.paging, keys)
        return await version(hub.paging, keys)

    async def png(self, hub: Hub, region: Region) -> list[bytes]:
        """The image, in pieces to be joined. Raises :class:`server.problems.Unavailable`."""
        async with self._workshop.place():
            self.outgoing.require_room()
            stream = PngStream(*region.size)
            async for band in bands(hub.paging, region.scale.level, region.level_box):
                await asyncio.to_thread(_add, stream, band, region.scale.times)
            await asyncio.to_thread(stream.finish)
            return stream.pieces


def _add(stream: PngStream, band: Bytes, times: int) -> None:
    stream.add(enlarge(band, times))
