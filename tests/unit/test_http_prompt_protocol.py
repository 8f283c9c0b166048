"""The HTTP protocol that answers some requests on the spot, and leaves the others to uvicorn."""

import asyncio
from typing import Any

from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from server.http.answer import Answer
from server.http.prompt_protocol import PromptHttpProtocol

WITHIN_S = 10.0


class Application:
    """Knows the answer at ``/known`` at once; at any other path it takes its time."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    def answer_at_once(self, scope: Scope) -> Answer | None:
        """See :class:`server.http.prompt_protocol.AnswersAtOnce`."""
        if scope["path"] != "/known":
            return None
        return Answer(200, [(b"content-length", b"5")], b"known")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer when it is told to."""
        self.asked.set()
        await self.may_answer.wait()
        headers = [(b"content-length", b"4")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"slow"})


def is_timed(protocol: PromptHttpProtocol) -> bool:
    """Whether the connection is closed if nothing comes."""
    return protocol.timeout_keep_alive_task is not None


async def test_a_request_that_came_with_a_known_one_is_waited_for() -> None:
    """HTTP-2: the time until an idle connection is closed doesn't run while one is answered."""
    app = Application()
    config = Config(app, lifespan="off", log_config=None, proxy_headers=False)
    config.load()
    protocols: list[PromptHttpProtocol] = []

    def connected() -> PromptHttpProtocol:
        states: dict[str, Any] = {}
        protocols.append(PromptHttpProtocol(config, ServerState(), states))
        return protocols[0]

    listener = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0)
    async with listener, asyncio.timeout(WITHIN_S):
        reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
        head = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n"
        writer.write(head % b"/known" + head % b"/slow")
        assert (await reader.readuntil(b"known")).startswith(b"HTTP/1.1 200 OK\r\n")
        await app.asked.wait()
        assert not is_timed(protocols[0])
        app.may_answer.set()
        await reader.readuntil(b"slow")
        assert is_timed(protocols[0])
        writer.close()
        await writer.wait_closed()
