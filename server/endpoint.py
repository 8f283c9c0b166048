"""Where WebSockets are let in, and stay until they end."""

from http import HTTPStatus
from typing import cast

from starlette.types import Receive, Scope, Send

from protocol.messages import SUBPROTOCOL
from server import problems
from server.door import Door, Refused
from server.http.access import CLIENT
from server.websocket import EXTENSION, WebSocketLine


class WebSocketEndpoint:
    """The ASGI application at ``/c/{canvas}/ws``, for canvases that there are."""

    def __init__(self, door: Door) -> None:
        self._door = door

    @property
    def connections(self) -> int:
        """How many there are."""
        return self._door.connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection from its upgrade to its end."""
        await receive()
        # The line holds the scope: left in there it would hold itself.
        line = cast("WebSocketLine", scope["extensions"].pop(EXTENSION))
        if not self._door.admits_origin(scope):
            problem = problems.answer(HTTPStatus.FORBIDDEN, "Pages of this origin may not connect.")
            await problem(scope, receive, send)
            return
        offered = scope["subprotocols"]
        await send(
            {
                "type": "websocket.accept",
                "subprotocol": SUBPROTOCOL if SUBPROTOCOL in offered else None,
            }
        )
        try:
            session = self._door.enter(scope, line)
        except Refused as refused:
            self._door.refused(scope, refused.code)
            line.close(refused.code, refused.reason)
            return
        line.limit_unsent(self._door.slow_reader_bytes)
        line.serve(session)
        try:
            while (event := await receive())["type"] != "websocket.disconnect":
                if line.session is not None:
                    line.take(event.get("bytes"))  # it came before there was a session
        finally:
            scope[CLIENT] = session.client
            session.lost()
            self._door.left(scope)
