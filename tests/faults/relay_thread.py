"""A :class:`tests.faults.relay.Relay` for tests that have no event loop: it runs in a thread."""

import asyncio
import threading
from types import TracebackType
from typing import Self

from tests.faults.relay import Relay


class RelayThread:
    """A relay to a port of this machine. Use as a context manager."""

    def __init__(self, target_port: int) -> None:
        self._relay = Relay(target_port)
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    @property
    def port(self) -> int:
        """Where to connect."""
        return self._relay.port

    def go_silent(self) -> None:
        """See :meth:`Relay.go_silent`."""
        self._loop.call_soon_threadsafe(self._relay.go_silent)

    def __enter__(self) -> Self:
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._loop.close()

    async def _run(self) -> None:
        async with self._relay:
            self._started.set()
            await self._ended.wait()
