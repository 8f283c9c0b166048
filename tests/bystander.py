"""Two sessions that paint and watch on undisturbed, whatever others do meanwhile."""

import asyncio
import time
from functools import partial
from operator import eq
from types import TracebackType
from typing import Self

from protocol.messages import Pixel
from tests.peer import Peer

PACE_S = 0.005
DELAY_MAX_S = 2.0
"""The longest that a pixel may take from being sent to being seen, with two busy cores."""
_COLOUR = 0xB5


class Bystander:
    """Paints pixel after pixel and sees each arrive; leaving it holds the server to that.

    It paints in the tile at the canvas's origin; nobody else may paint just what it does.
    """

    def __init__(self, url: str) -> None:
        self._painter = Peer(url)
        self._watcher = Peer(url)
        self._task: asyncio.Task[None] | None = None
        self._leaving = False
        self.seen = 0
        """Pixels that were sent and have arrived."""
        self.worst_s = 0.0
        """The longest that one took."""

    async def __aenter__(self) -> Self:
        try:
            await self._painter.__aenter__()
            await self._watcher.__aenter__()
            await self._watcher.look(0, 0, 63, 63)
            self._task = asyncio.create_task(self._paint())
            await self.more(3)
        except BaseException as failure:
            await self.__aexit__(type(failure), failure, failure.__traceback__)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                await self.more(5)
        finally:
            self._leaving = True
            if self._task is not None:
                await asyncio.gather(self._task, return_exceptions=True)
            await self._judge_and_close(error is None)

    async def more(self, pixels: int) -> None:
        """Wait until so many more have arrived."""
        wanted = self.seen + pixels
        while self.seen < wanted:
            assert self._task is not None
            if self._task.done():
                self._task.result()
            await asyncio.sleep(PACE_S)

    async def _judge_and_close(self, judge: bool) -> None:
        try:
            if judge:
                await self._painter.durable()
                sent = [_pixel(number) for number in range(1, self._painter.numbered + 1)]
                own = set(sent)
                assert [pixel for pixel in self._watcher.all(Pixel) if pixel in own] == sent
                assert self.worst_s < DELAY_MAX_S
        finally:
            await self._painter.close()
            await self._watcher.close()

    async def _paint(self) -> None:
        since = 0
        while not self._leaving:
            pixel = _pixel(self._painter.numbered + 1)
            began = time.monotonic()
            await self._painter.draw(pixel)
            await self._watcher.expect(Pixel, partial(eq, pixel), since=since)
            since = self._watcher.mark - 1
            self.worst_s = max(self.worst_s, time.monotonic() - began)
            self.seen += 1
            await asyncio.sleep(PACE_S)


def _pixel(number: int) -> Pixel:
    """Each differs from all others for a long time."""
    return Pixel(number % 64, (number >> 6) % 64, _COLOUR, number & 0xFF, number >> 8 & 0xFF)
