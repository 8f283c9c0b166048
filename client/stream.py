"""A session's events as an async iterator."""

import asyncio
from collections import deque
from typing import Self

from client.errors import EventsOverflow
from client.events import Event

STREAM_EVENTS_MAX = 65_536
"""Events that wait in one stream; with more it ends, for a reader that doesn't read."""


class EventStream:
    """Events from the moment it is made; ends with the client, raising what ended it if it failed.

    Raises :class:`client.errors.EventsOverflow` once more than ``STREAM_EVENTS_MAX`` wait. It is a
    context manager too: leaving it stops the collecting.
    """

    def __init__(self, kinds: tuple[type[Event], ...], streams: set["EventStream"]) -> None:
        self._kinds = kinds
        self._streams = streams
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._ended = False
        self._error: Exception | None = None
        streams.add(self)

    def put(self, event: Event) -> None:
        """Add an event if it is of a kind that is wanted."""
        if self._kinds and not isinstance(event, self._kinds):
            return
        if len(self._events) >= STREAM_EVENTS_MAX:
            self._events.clear()
            self.end(EventsOverflow(f"more than {STREAM_EVENTS_MAX} events were not read"))
            return
        self._events.append(event)
        self._arrived.set()

    def end(self, error: Exception | None = None) -> None:
        """No more events come."""
        self._ended = True
        self._error = error
        self._streams.discard(self)
        self._arrived.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()
