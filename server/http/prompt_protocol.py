"""uvicorn's HTTP protocol, answering on the spot what the application knows the answer to.

A task with its coroutines and a look at each header cost more than to find a known image and
to write it; such a request gets none of that. Everything else goes uvicorn's way.
"""

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle
from uvicorn.server import ServerState

from server.http.answer import Answer
from server.http.protocol import BoundedHttpProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGI3Application, HTTPScope


class AnswersAtOnce(Protocol):
    """What the application has to be, besides an ASGI application."""

    def answer_at_once(self, scope: "HTTPScope") -> Answer | None:
        """The whole answer, its length or that it has none included; ``None``: call me by ASGI."""


class PromptHttpProtocol(BoundedHttpProtocol):
    """One HTTP connection; given to uvicorn as ``http=``."""

    _may_answer = False

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._application = cast("AnswersAtOnce", config.loaded_app)

    def data_received(self, data: bytes) -> None:
        """One request of a piece may be answered on the spot: more would be others' wait."""
        self._may_answer = True
        super().data_received(data)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: "ASGI3Application") -> None:
        """uvicorn calls it when a request's head is there and all before it are answered."""
        answer = None
        if self._may_answer and cycle.keep_alive and not self.flow.write_paused:
            answer = self._application.answer_at_once(cycle.scope)
        if answer is None:
            # An answer on the spot has set it, and this request may have come along with that one.
            self._unset_keepalive_if_required()
            super()._start_asgi_task(cycle, app)
            return
        self._may_answer = False
        self._write(answer, with_body=cycle.scope["method"] != "HEAD")
        cycle.response_started = cycle.response_complete = True
        cycle.on_response()
        cycle.on_response = _nothing  # as uvicorn does: it holds this object

    def handle_websocket_upgrade(self) -> None:
        """The connection is another protocol's from here on."""
        super().handle_websocket_upgrade()
        # It holds this object: without it nothing needs to be looked for (server.garbage).
        self.parser = None  # type: ignore[assignment]

    def _write(self, answer: Answer, *, with_body: bool) -> None:
        status, headers, body = answer
        lines = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        lines += [b"%b: %b\r\n" % header for header in headers]
        head = b"".join((STATUS_LINE[status], *lines, b"\r\n"))
        if body and with_body:
            self.transport.writelines((head, body))
        else:
            self.transport.write(head)


def _nothing() -> None:
    """There is nothing more to do for an answered request."""
