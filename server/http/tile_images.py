"""Tile images: found in the cache, or assembled on the loop and encoded in a thread."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from server.http.imagery import copy_box, freshen, is_fresh, tiles_of, version
from server.http.tile_path import ImageFormat, TileImage
from server.http.tilegrid import TileGrid
from server.http.workshop import Workshop
from server.hub import Hub
from tiles.geometry import unkey
from tiles.png import encode_png, encode_webp, enlarge
from tiles.raster import Bytes

_ENTRY_BYTES = 1024
"""What an image takes in the cache beside its encoded bytes."""
_QUICK_MAX_PIXELS = 128
"""Side of the largest PNG that is encoded on the event loop: under 0.2 ms."""


class TileEntry:
    """One version of an image: ``version`` is the seq of the last message that touched it.

    It holds every message up to ``seq``, which grows as long as the version stands. ``data`` are
    its encoded bytes; ``None`` if nobody has asked for more than its version yet.
    """

    __slots__ = ("data", "etag", "hub", "image", "keys", "level", "seq", "tag", "version")

    def __init__(
        self,
        hub: Hub,
        image: TileImage,
        keys: Sequence[int],
        version: int,
        seq: int,
        data: bytes | None = None,
    ) -> None:
        self.hub = hub
        self.image = image
        self.keys = keys
        """The keys of the tiles that the image shows."""
        self.level = unkey(keys[0]).level
        self.version = version
        self.seq = seq
        self.data = data
        self.tag = f"{hub.epoch:x}-{version:x}"
        """Its entity tag."""
        self.etag = f'"{self.tag}"'.encode()
        """The tag as it stands in a header."""

    @property
    def cost_bytes(self) -> int:
        """About what it takes in memory; the empty image is everybody's."""
        return _ENTRY_BYTES + (len(self.data) if self.version and self.data is not None else 0)


class TileImages:
    """Every canvas's tile images. ``cache_max_bytes`` bounds what is kept of them."""

    def __init__(self, workshop: Workshop, refreshing: Workshop, cache_max_bytes: int) -> None:
        self._workshop = workshop
        self._refreshing = refreshing
        self._cache_max_bytes = cache_max_bytes
        self._cache_bytes = 0
        self._cache: OrderedDict[tuple[str, TileImage], TileEntry] = OrderedDict()
        self._blanks: dict[tuple[bytes, int, ImageFormat], bytes] = {}
        self._under_way: dict[tuple[str, int, TileImage, int], asyncio.Task[TileEntry]] = {}

    def current(self, hub: Hub, image: TileImage) -> TileEntry | None:
        """The image's present version, if that is known without computing or waiting."""
        key = (hub.name, image)
        entry = self._cache.get(key)
        if entry is None or entry.hub is not hub:
            return None
        if entry.seq != hub.seq:
            # Most of what is drawn is drawn elsewhere.
            if entry.version != hub.pyramid.version(entry.keys):
                return None
            entry.seq = hub.seq
        self._cache.move_to_end(key)
        return entry

    async def latest(self, hub: Hub, image: TileImage) -> TileEntry:
        """The image's present version; what overviews it takes are computed.

        Raises :class:`server.problems.Unavailable`.
        """
        entry = self.current(hub, image)
        if entry is not None:
            return entry
        keys = _keys(hub, image)
        if not is_fresh(hub.pyramid, keys):
            async with self._refreshing.place():
                await freshen(hub.paging, keys)
        seq = hub.seq
        latest = await version(hub.paging, keys)
        kept = self._cache.get((hub.name, image))
        if kept is not None and kept.hub is hub and kept.version == latest:
            kept.seq = max(kept.seq, seq)
            return kept
        entry = TileEntry(hub, image, keys, latest, seq)
        self._keep(entry)
        return entry

    async def encoded(self, entry: TileEntry) -> TileEntry:
        """The same version of the image, or a later one, with its encoded bytes.

        Raises :class:`server.problems.Unavailable`.
        """
        hub, image = entry.hub, entry.image
        if entry.data is None and entry.version == 0:
            entry.data = await self._blank(hub, image)
        if entry.data is not None:
            return entry
        # Whoever asks for the same image meanwhile waits for the same work.
        key = (hub.name, hub.epoch, image, entry.version)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._encode(hub, image, entry.keys))
            task.add_done_callback(lambda task: self._done(key, task))
        return await asyncio.shield(task)

    def _done(self, key: tuple[str, int, TileImage, int], task: asyncio.Task[TileEntry]) -> None:
        del self._under_way[key]
        if task.cancelled() or task.exception() is not None:
            return  # whoever still waits is told
        self._keep(task.result())

    async def _encode(self, hub: Hub, image: TileImage, keys: Sequence[int]) -> TileEntry:
        async with self._workshop.place():
            grid = TileGrid(image.size, hub.info.width, hub.info.height)
            await freshen(hub.paging, keys)
            # From here to the copy nothing else runs: they belong together.
            latest, seq = max(map(hub.pyramid.seq, keys)), hub.seq
            pixels = copy_box(hub.pyramid, grid.level(image.zoom), grid.box(image.x, image.y))
            if _is_quick(image):
                data = _encode(pixels, image)
            else:
                data = await asyncio.to_thread(_encode, pixels, image)
            return TileEntry(hub, image, keys, latest, seq, data)

    async def _blank(self, hub: Hub, image: TileImage) -> bytes:
        colour = hub.canvas.background
        key = (colour.tobytes(), image.size * image.times, image.format)
        if key not in self._blanks:
            pixels = np.tile(colour, (image.size, image.size, 1))
            self._blanks[key] = await asyncio.to_thread(_encode, pixels, image)
        return self._blanks[key]

    def _keep(self, entry: TileEntry) -> None:
        key = (entry.hub.name, entry.image)
        old = self._cache.pop(key, None)
        if old is not None:
            self._cache_bytes -= old.cost_bytes
        self._cache[key] = entry
        self._cache_bytes += entry.cost_bytes
        while self._cache_bytes > self._cache_max_bytes:
            _, oldest = self._cache.popitem(last=False)
            self._cache_bytes -= oldest.cost_bytes


def _keys(hub: Hub, image: TileImage) -> tuple[int, ...]:
    grid = TileGrid(image.size, hub.info.width, hub.info.height)
    return tuple(tiles_of(grid.level(image.zoom), grid.box(image.x, image.y)).keys())


def _is_quick(image: TileImage) -> bool:
    """Whether a thread would cost more than it relieves the event loop of."""
    return image.format is ImageFormat.PNG and image.size * image.times <= _QUICK_MAX_PIXELS


def _encode(pixels: Bytes, image: TileImage) -> bytes:
    pixels = enlarge(pixels, image.times)
    return encode_png(pixels) if image.format is ImageFormat.PNG else encode_webp(pixels)
