"""A line between a browser and a server that can be cut, held up and mended."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.faults.relay import Relay

_NOBODY_PORT = 9
"""Nothing listens there: connections are refused."""


class Line:
    """All that a page says goes over it, the page itself too."""

    def __init__(self, relay: Relay, loop: asyncio.AbstractEventLoop) -> None:
        self._relay = relay
        self._loop = loop
        self._server_port = relay.target_port

    @property
    def http(self) -> str:
        """The server's address at this end, without a slash at the end."""
        return f"http://127.0.0.1:{self._relay.port}"

    def drop(self) -> None:
        """Cut every connection, and let no other be made."""
        self._relay.target_port = _NOBODY_PORT
        self._do(self._relay.cut_all)

    def mend(self, port: int | None = None) -> None:
        """Let connections be made again; from now on to another server, by its ``port``."""
        self._server_port = port or self._server_port
        self._relay.target_port = self._server_port

    def hold_up(self) -> None:
        """Let nothing pass any more, in either direction, all connections staying open."""
        self._do(self._relay.go_silent)

    def let_pass(self) -> None:
        """Let it speak again; what was held up comes late."""
        self._do(self._relay.speak_again)

    def _do(self, action: Callable[[], None]) -> None:
        async def act() -> None:
            action()

        asyncio.run_coroutine_threadsafe(act(), self._loop).result(10)


@contextmanager
def line_to(port: int) -> Iterator[Line]:
    """A line to a server's port; it works in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="line")
    thread.start()
    relay = Relay(port)
    try:
        asyncio.run_coroutine_threadsafe(relay.__aenter__(), loop).result(10)
        yield Line(relay, loop)
        asyncio.run_coroutine_threadsafe(relay.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
