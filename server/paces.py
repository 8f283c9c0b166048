"""How fast one session may do what isn't drawing, and be served for it."""

from server.bucket import Bucket, Rate
from server.flood import Flood, FloodLimits
from server.settings import Settings
from tiles.payload import TILE_BYTES

_VIEWPORTS_AT_ONCE = 4
"""A burst of so many of the largest: from level to level, each with tiles of its own."""
_TILE_MAX_BYTES = TILE_BYTES + 64
"""A TILE that can't be compressed."""


class Paces:
    """The buckets and the flood counts of one session, over all its connections."""

    __slots__ = ("entering", "flood", "snapshots")

    def __init__(self, settings: Settings, now: float) -> None:
        self.flood = Flood(
            FloodLimits(
                settings.flood_rejections,
                settings.flood_messages_per_second,
                settings.max_unacked,
            ),
            now,
        )
        tiles = settings.max_viewport_tiles
        self.entering = Bucket(
            Rate(_VIEWPORTS_AT_ONCE * tiles, settings.viewport_tiles_per_second), now
        )
        """Tiles that come into its viewport."""
        # Whoever sees the largest viewport for the first time doesn't wait for any of it.
        self.snapshots = Bucket(
            Rate(tiles * _TILE_MAX_BYTES, settings.snapshot_bytes_per_second), now
        )
        """Bytes of TILEs."""
