"""From a message in its place in the order to everybody: painted, counted, given to the fan-out."""

from typing import TYPE_CHECKING

from protocol.messages import PIXEL_BYTES
from server.checkpointer import Checkpointer
from server.fanout import Fanout
from tiles.pixel_run import Pixels
from tiles.raster import Paint

if TYPE_CHECKING:
    from server.hub import Hub


OFFLOAD_PIXELS = 4096
"""What costs more is rasterised in a thread: up to there it takes a millisecond or two."""
_PREPARED_TILES = 64
"""Tiles that are made ready to be painted at a time, for a message that touches more: 1 ms."""


class Applying:
    """Applies to one hub what its log holds or is about to.

    Where it fails it may be done ``again``, before anything else is: then it comes to the same as
    if it hadn't failed. The hub's seq is past it only once it is done.
    """

    def __init__(self, hub: "Hub", checkpointer: Checkpointer, fanout: Fanout) -> None:
        self._hub = hub
        self._checkpointer = checkpointer
        self._fanout = fanout

    def message(self, seq: int, data: bytes, paints: list[Paint], *, again: bool = False) -> None:
        """The message ``seq``, encoded, and what it paints."""
        if again and not self._begin_again(seq, paints):
            return
        tiles = self._hub.canvas.paint(paints, seq)
        self._painted(1, tiles, pixels=len(data) == PIXEL_BYTES)
        self._hub.activity.drawn(tiles)
        self._fanout.add(tiles, data)
        self._hub.seq = seq

    def pixels(self, seq: int, pixels: Pixels, *, again: bool = False) -> None:
        """A run of PIXELs, of which ``seq`` is the last."""
        by_tile = pixels.by_tile()
        paints = [part.paint for part in by_tile]
        if again and not self._begin_again(seq, paints):
            return
        tiles = self._hub.canvas.paint(paints, seq)
        self._painted(len(pixels), tiles, pixels=True)
        self._fanout.add_pixels(by_tile)
        self._hub.activity.drawn_pixels(by_tile)
        self._hub.seq = seq

    def prepare(self, paints: list[Paint], begin: int) -> int:
        """Make some tiles ready to be painted, from that paint on; where to go on."""
        end = begin + _PREPARED_TILES
        tiles = [paint.tile for paint in paints[begin:end]]
        for tile in tiles:
            self._hub.canvas.prepare(tile)
        self._hub.pyramid.mark(tiles)
        return end

    def _begin_again(self, seq: int, paints: list[Paint]) -> bool:
        """Have ``seq`` painted as if it weren't in part; False if all of it was done."""
        if self._hub.seq >= seq:
            return False
        self._hub.canvas.unpainted(paints, seq)
        return True

    def _painted(self, messages: int, tiles: list[int], *, pixels: bool) -> None:
        """So many messages, single pixels alone or not, changed these tiles."""
        self._hub.pyramid.mark(tiles)
        self._hub.overviews.touch(tiles)
        self._checkpointer.drawn(messages, pixels=pixels)
