"""Large bodies, sent in pieces, and bounded in what unread ones keep in memory."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.problems import Unavailable

logger = logging.getLogger(__name__)

_SEND_TIMEOUT_S = 120.0


class Outgoing:
    """Counts the bytes of the large answers that are on their way."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.bytes = 0

    def require_room(self) -> None:
        """Raise :class:`server.problems.Unavailable` if too much is on its way already."""
        if self.bytes >= self._max_bytes:
            raise Unavailable("Too many large images are being sent.", retry_s=5)


class LargeAnswer(Response):
    """A body in pieces. Who doesn't take it within two minutes loses the connection."""

    def __init__(
        self,
        pieces: Sequence[bytes],
        headers: Mapping[str, str],
        media_type: str,
        outgoing: Outgoing,
    ) -> None:
        size = sum(map(len, pieces))
        super().__init__(None, 200, {**headers, "Content-Length": str(size)}, media_type)
        self._pieces = pieces
        self._size = size
        self._outgoing = outgoing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, at the pace of the line."""
        self._outgoing.bytes += self._size
        try:
            async with asyncio.timeout(_SEND_TIMEOUT_S):
                await send(
                    {
                        "type": "http.response.start",
                        "status": self.status_code,
                        "headers": self.raw_headers,
                    }
                )
                for piece in self._pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            logger.info("a large image was not read in time")
        finally:
            self._outgoing.bytes -= self._size
