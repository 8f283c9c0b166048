"""Bounds on work that costs: few at once, some waiting, the rest are told to come back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.problems import Unavailable


class Workshop:
    """Lets ``at_once`` callers work at a time and ``waiting_max`` wait, for ``wait_max_s`` each."""

    def __init__(self, at_once: int, waiting_max: int, wait_max_s: float) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._waiting = 0
        self._waiting_max = waiting_max
        self._wait_max_s = wait_max_s

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place to work. Raises :class:`server.problems.Unavailable`."""
        if self._places.locked() and self._waiting >= self._waiting_max:
            raise Unavailable("Too much is being worked on.")
        self._waiting += 1
        try:
            async with asyncio.timeout(self._wait_max_s):
                await self._places.acquire()
        except TimeoutError:
            raise Unavailable("Too much is being worked on.") from None
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()
