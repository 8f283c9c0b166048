"""Tile images: found in the cache, or assembled on the loop and encoded in a thread."""

import asyncio
from collections import OrderedDict
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from server.http.imagery import copy_box, freshen, is_fresh, tiles_of, version
from server.http.tilegrid import TileGrid
from server.http.workshop import Workshop
from server.hub import Hub
from tiles.png import encode_png, encode_webp, enlarge
from tiles.raster import Bytes


class ImageFormat(StrEnum):
    """How an image is encoded; the value ends its path."""

    PNG = "png"
    WEBP = "webp"

    @property
    def media_type(self) -> str:
        """Its Content-Type."""
        return f"image/{self.value}"


class TileImage(NamedTuple):
    """Which image of a canvas: ``times`` is 2 for a doubled one."""

    size: int
    zoom: int
    x: int
    y: int
    times: int
    format: ImageFormat


class Encoded(NamedTuple):
    """An encoded image that holds every message up to ``seq``.

    ``version`` is the seq of the last message that touched it.
    """

    version: int
    seq: int
    data: bytes


class TileImages:
    """Every canvas's tile images. ``cache_max_bytes`` bounds what is kept of the encoded ones."""

    def __init__(self, workshop: Workshop, refreshing: Workshop, cache_max_bytes: int) -> None:
        self._workshop = workshop
        self._refreshing = refreshing
        self._cache_max_bytes = cache_max_bytes
        self._cache_bytes = 0
        self._cache: OrderedDict[tuple[str, TileImage], tuple[int, Encoded]] = OrderedDict()
        self._blanks: dict[tuple[bytes, int, ImageFormat], bytes] = {}
        self._under_way: dict[tuple[str, int, TileImage, int], asyncio.Task[Encoded]] = {}

    async def version(self, hub: Hub, image: TileImage) -> int:
        """The image's present version; what overviews it takes are computed.

        Raises :class:`server.problems.Unavailable`.
        """
        keys = _keys(hub, image)
        if not is_fresh(hub.pyramid, keys):
            async with self._refreshing.place():
                await freshen(hub.pyramid, keys)
        return await version(hub.pyramid, keys)

    async def encoded(self, hub: Hub, image: TileImage, version: int) -> Encoded:
        """The image at ``version``, which is its present one, or at a later one.

        Raises :class:`server.problems.Unavailable`.
        """
        if version == 0:
            return Encoded(0, hub.seq, await self._blank(hub, image))
        kept = self._cache.get((hub.name, image))
        if kept is not None and kept[0] == hub.epoch and kept[1].version == version:
            self._cache.move_to_end((hub.name, image))
            return kept[1]._replace(seq=hub.seq)
        # Whoever asks for the same image meanwhile waits for the same work.
        key = (hub.name, hub.epoch, image, version)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._encode(hub, image))
            task.add_done_callback(lambda task: self._done(key, task))
        return await asyncio.shield(task)

    def _done(self, key: tuple[str, int, TileImage, int], task: asyncio.Task[Encoded]) -> None:
        del self._under_way[key]
        if task.cancelled() or task.exception() is not None:
            return  # whoever still waits is told
        name, epoch, image, _ = key
        self._keep((name, image), epoch, task.result())

    async def _encode(self, hub: Hub, image: TileImage) -> Encoded:
        async with self._workshop.place():
            grid = TileGrid(image.size, hub.info.width, hub.info.height)
            level, keys = grid.level(image.zoom), _keys(hub, image)
            await freshen(hub.pyramid, keys)
            # From here to the copy nothing else runs: they belong together.
            latest, seq = max(map(hub.pyramid.seq, keys)), hub.seq
            pixels = copy_box(hub.pyramid, level, grid.box(image.x, image.y))
            return Encoded(latest, seq, await asyncio.to_thread(_encode, pixels, image))

    async def _blank(self, hub: Hub, image: TileImage) -> bytes:
        colour = hub.canvas.background
        key = (colour.tobytes(), image.size * image.times, image.format)
        if key not in self._blanks:
            pixels = np.tile(colour, (image.size, image.size, 1))
            self._blanks[key] = await asyncio.to_thread(_encode, pixels, image)
        return self._blanks[key]

    def _keep(self, key: tuple[str, TileImage], epoch: int, encoded: Encoded) -> None:
        old = self._cache.pop(key, None)
        if old is not None:
            self._cache_bytes -= len(old[1].data)
        self._cache[key] = (epoch, encoded)
        self._cache_bytes += len(encoded.data)
        while self._cache_bytes > self._cache_max_bytes:
            _, (_, oldest) = self._cache.popitem(last=False)
            self._cache_bytes -= len(oldest.data)


def _keys(hub: Hub, image: TileImage) -> list[int]:
    grid = TileGrid(image.size, hub.info.width, hub.info.height)
    return list(tiles_of(grid.level(image.zoom), grid.box(image.x, image.y)).keys())


def _encode(pixels: Bytes, image: TileImage) -> bytes:
    pixels = enlarge(pixels, image.times)
    return encode_png(pixels) if image.format is ImageFormat.PNG else encode_webp(pixels)
