"""What stands still, its connections open, is ended, so that it is started again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from server.cluster.nats_server import NatsServer
from server.workers.process import WorkerProcess
from server.workers.siblings import figures_of

logger = logging.getLogger(__name__)

LOOK_INTERVAL_S = 5.0
STANDS_STILL_S = 30.0
"""A worker that hasn't told its figures for so long isn't merely busy."""
NATS_LOOK_INTERVAL_S = 1.0
NATS_ANSWER_TIMEOUT_S = 1.0
NATS_SILENT_LOOKS = 3
"""The NATS server that greeted nobody so many times in a row isn't merely busy: its nodes have left
it by then (:attr:`server.cluster.connection.LinkOptions.silence_s`)."""


async def watch(worker: WorkerProcess, folder: Path) -> None:
    """Ask a worker, as long as this runs, in its folder how it is, and kill one that is stuck.

    The system would go on sending it its share of everybody.
    """

    async def lives() -> bool:
        asked = worker.pid
        told = not worker.serving or await figures_of(folder) is not None
        return told or asked != worker.pid

    while True:
        await _silence(lives, LOOK_INTERVAL_S, round(STANDS_STILL_S / LOOK_INTERVAL_S))
        logger.error(
            "worker %d stands still for more than %g s and is killed",
            worker.number,
            STANDS_STILL_S,
        )
        worker.kill()


async def watch_nats(nats: NatsServer) -> None:
    """Dial the NATS server, as long as this runs, and kill it when it is stuck."""

    async def lives() -> bool:
        asked = nats.pid
        return await _greets(nats.url) or asked != nats.pid

    while True:
        await _silence(lives, NATS_LOOK_INTERVAL_S, NATS_SILENT_LOOKS)
        logger.error("nats-server stands still and is killed")
        nats.kill()


async def _silence(lives: Callable[[], Awaitable[bool]], interval_s: float, looks: int) -> None:
    """Wait until it was found not to live so many times in a row.

    Looks are counted, and no time: all of a machine may stand still, and go on together.
    """
    silent = 0
    while silent < looks:
        await asyncio.sleep(interval_s)
        silent = 0 if await lives() else silent + 1


async def _greets(url: str) -> bool:
    """Whether the server greets who dials, or isn't there to be dialled.

    While it is stuck, the system takes connections for it and nobody says anything.
    """
    address = urlsplit(url)
    try:
        async with asyncio.timeout(NATS_ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                await reader.read(1)
            finally:
                writer.close()
    except TimeoutError:
        return False
    except OSError:
        pass
    return True
