"""From a message in its place in the order to everybody: painted, counted, given to the fan-out."""

from typing import TYPE_CHECKING

from protocol.messages import PIXEL_BYTES
from server.checkpointer import Checkpointer
from server.fanout import Fanout
from tiles.pixel_run import Pixels
from tiles.raster import Paint

if TYPE_CHECKING:
    from server.hub import Hub


class Applying:
    """Applies to one hub what its log holds or is about to. Done twice it comes to the same."""

    def __init__(self, hub: "Hub", checkpointer: Checkpointer, fanout: Fanout) -> None:
        self._hub = hub
        self._checkpointer = checkpointer
        self._fanout = fanout

    def message(self, seq: int, data: bytes, paints: list[Paint]) -> None:
        """The message ``seq``, encoded, and what it paints."""
        self._hub.seq = seq
        tiles = self._hub.canvas.paint(paints, seq)
        self._fanout.add(tiles, data)
        self._hub.activity.drawn(tiles)
        self._painted(1, tiles, pixels=len(data) == PIXEL_BYTES)

    def pixels(self, seq: int, pixels: Pixels) -> None:
        """A run of PIXELs, of which ``seq`` is the last."""
        self._hub.seq = seq
        by_tile = pixels.by_tile()
        tiles = self._hub.canvas.paint([part.paint for part in by_tile], seq)
        for part in by_tile:
            self._fanout.add((part.paint.tile,), part.data)
            self._hub.activity.drawn((part.paint.tile,), len(part.data) // PIXEL_BYTES)
        self._painted(len(pixels), tiles, pixels=True)

    def _painted(self, messages: int, tiles: list[int], *, pixels: bool) -> None:
        """So many messages, single pixels alone or not, changed these tiles."""
        self._hub.pyramid.mark(tiles)
        self._hub.overviews.touch(tiles)
        self._checkpointer.drawn(messages, pixels=pixels)
