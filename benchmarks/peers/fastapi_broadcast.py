"""FastAPI broadcasting every pixel to everybody, one ``send_bytes`` for each client.

What the original engine did, on today's uvicorn with its fastest settings.

    python -m benchmarks.peers.fastapi_broadcast PORT
"""

import sys

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from benchmarks.load.dialect import PIXEL_BYTES

READY = b"\x01"
app = FastAPI(openapi_url=None)
_clients: set[WebSocket] = set()


@app.websocket("/")
async def pixels(websocket: WebSocket) -> None:
    """Pass on each 8-byte message to all who are connected, its author included."""
    await websocket.accept()
    _clients.add(websocket)
    try:
        await websocket.send_bytes(READY)
        while True:
            message = await websocket.receive_bytes()
            if len(message) == PIXEL_BYTES:
                await _broadcast(message)
    except WebSocketDisconnect:
        pass
    finally:
        _clients.discard(websocket)


async def _broadcast(message: bytes) -> None:
    """One after the other: gathering the sends costs more than it hides."""
    for client in list(_clients):
        try:
            await client.send_bytes(message)
        except (RuntimeError, WebSocketDisconnect):
            # It has left; its own task says so to the rest.
            _clients.discard(client)


def main() -> None:
    """Serve on the loopback, at the port from the command line."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        lifespan="off",
        backlog=4096,
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
