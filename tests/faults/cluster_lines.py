"""Lines between processes that can be held, cut or left half open, whatever either end wants.

They run on a loop in a thread of their own: a busy test slows no cluster down.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import uvloop

T = TypeVar("T")

_HELD_MAX_BYTES = 1 << 20
"""An end that sends more than that to somebody who is held waits, as it would on a real line."""


class Lines:
    """The lines of one test. Use as a context manager."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lines")
        self._lines: list[Line] = []

    def to(self, target_port: int) -> "Line":
        """A new line to a port of this machine."""
        line = Line(self, target_port)
        asyncio.run_coroutine_threadsafe(line.open(self._loop), self._loop).result()
        self._lines.append(line)
        return line

    def do(self, what: Callable[[], T]) -> T:
        """Do something on the lines' own loop, and wait for it."""
        done: Future[T] = Future()

        def work() -> None:
            try:
                done.set_result(what())
            except BaseException as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(work)
        return done.result()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for line in self._lines:
            line.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _End(asyncio.Protocol):
    """One end of a connection, and what waits to be sent to whoever is there."""

    def __init__(self, line: "Line") -> None:
        self.other: _End | None = None
        self.transport: asyncio.Transport | None = None
        self.over = False
        self._line = line
        self._waiting: list[bytes] = []
        self._size = 0
        self._last_words = False
        """Whoever sends to this end has gone: the line ends behind what waits."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are none by their class
        self._line.ends.add(self)
        if self.over:
            self.transport.abort()
        else:
            self.go_on()

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            self.other.take(data)

    def take(self, data: bytes) -> None:
        """Send on what the other end says."""
        if self.transport is not None and not self._line.held:
            self.transport.write(data)
            return
        self._waiting.append(data)
        self._size += len(data)
        if self._size > _HELD_MAX_BYTES:
            self.pause_writing()

    def go_on(self) -> None:
        """Send what waited."""
        if self.transport is None or self._line.held or self.over:
            return
        waiting, self._waiting = self._waiting, []
        self._size = 0
        self.transport.writelines(waiting)
        self.resume_writing()
        if self._last_words:
            self.transport.close()

    def end(self) -> None:
        """Drop this end, with what waits."""
        self.over = True
        if self.transport is not None:
            self.transport.abort()

    def part(self) -> int:
        """Drop the other end, and keep this one; so many bytes wait for it."""
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            other.end()
        return self._size

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            with suppress(RuntimeError):  # it is paused
                self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            with suppress(RuntimeError):  # it isn't paused
                self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = True
        self._line.ends.discard(self)
        other, self.other = self.other, None
        if other is None:
            return
        other.other = None
        if self._line.held:
            other._last_words = True
        else:
            other.end()


class Line:
    """A port whose connections lead to another one. All of it may be called in any thread."""

    def __init__(self, lines: Lines, target_port: int) -> None:
        self.port = 0
        self.held = False
        self.ends: set[_End] = set()
        self._refuses = False
        self._lines = lines
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._dialling: set[asyncio.Task[Any]] = set()
        self._left: list[_End] = []

    async def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to listen."""
        self._server = await loop.create_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def hold(self) -> None:
        """Pass nothing on, in either direction, and tell nobody."""
        self._lines.do(lambda: setattr(self, "held", True))

    def go_on(self) -> None:
        """Pass on again, and first what was held."""
        self._lines.do(self._go_on)

    def cut(self) -> None:
        """Drop all connections, with what is on its way, and take no others."""
        self._lines.do(lambda: self._cut(refuse=True))

    def drop(self, share: float, choose: Callable[[], float]) -> int:
        """Drop some connections, whose ``choose()`` is below ``share``; how many."""

        def work() -> int:
            fronts = [end for end in self.ends if isinstance(end, _Front)]
            chosen = [end for end in fronts if choose() < share]
            for end in chosen:
                end.end()
            return len(chosen)

        return self._lines.do(work)

    def leave(self) -> int:
        """Drop all who dialled and take no others; those whom they dialled don't hear of it.

        How many bytes are held that they will hear all the same, once it goes on.
        """

        def work() -> int:
            self._refuses = True
            self._left = [end for end in self.ends if end.other and not isinstance(end, _Front)]
            late = sum(end.part() for end in self._left)
            for end in list(self.ends):
                if isinstance(end, _Front):
                    end.end()
            return late

        return self._lines.do(work)

    def mend(self) -> None:
        """Take connections again, after :meth:`cut` or :meth:`leave`."""
        self._lines.do(lambda: setattr(self, "_refuses", False))
        self.go_on()

    def forget(self) -> None:
        """End what :meth:`leave` left open."""

        def work() -> None:
            left, self._left = self._left, []
            for end in left:
                end.end()

        self._lines.do(work)

    def close(self) -> None:
        """Drop everything, and listen no more."""

        def work() -> None:
            self._cut(refuse=True)
            for task in self._dialling:
                task.cancel()
            if self._server is not None:
                self._server.close()

        self._lines.do(work)

    def _go_on(self) -> None:
        self.held = False
        for end in list(self.ends):
            end.go_on()

    def _cut(self, *, refuse: bool) -> None:
        self._refuses = refuse
        for end in list(self.ends):
            end.end()

    def _accept(self) -> "_End":
        front, back = _Front(self), _End(self)
        if self._refuses:
            front.over = True
            return front
        front.other, back.other = back, front
        task = asyncio.get_running_loop().create_task(self._dial(front, back))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)
        return front

    async def _dial(self, front: "_Front", back: "_End") -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: back, "127.0.0.1", self._target_port)
        except OSError:
            front.end()


class _Front(_End):
    """The end of who dialled."""
