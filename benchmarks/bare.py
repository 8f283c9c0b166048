"""The bare servers that Tilecast's HTTP and idle connections are measured against.

    python -m benchmarks.bare hello      an ASGI application that says hello, under uvicorn
    python -m benchmarks.bare socket     a FastAPI WebSocket endpoint that reads and does no more

Both run under uvicorn as ``tilecast serve`` does: httptools, uvloop, no access log, no deflate.
Each prints its port.
"""

import resource
import socket
import sys

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from starlette.types import Receive, Scope, Send

_BACKLOG = 2048


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """The least that an ASGI application can answer."""
    assert scope["type"] == "http"
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"13")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"Hello, world!"})


def endpoint() -> FastAPI:
    """FastAPI with one WebSocket that reads until its client leaves."""
    app = FastAPI()

    @app.websocket("/ws")
    async def read(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.receive_bytes()
        except WebSocketDisconnect:
            pass

    return app


def main(kind: str) -> None:
    """Serve until SIGTERM."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    listener = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
    config = uvicorn.Config(
        hello if kind == "hello" else endpoint(),
        http="httptools",
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=1,
    )
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main(sys.argv[1])
