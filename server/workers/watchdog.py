"""A worker that stands still is ended: the system would go on sending it its share of everybody."""

import asyncio
import logging
import time
from pathlib import Path

from server.workers.process import WorkerProcess
from server.workers.siblings import figures_of

logger = logging.getLogger(__name__)

LOOK_INTERVAL_S = 5.0
STANDS_STILL_S = 30.0
"""A worker that hasn't told its figures for so long isn't merely busy."""


async def watch(worker: WorkerProcess, folder: Path) -> None:
    """Ask a worker, as long as this runs, in its folder how it is, and kill one that is stuck."""
    heard = time.monotonic()
    while True:
        await asyncio.sleep(LOOK_INTERVAL_S)
        asked = worker.pid
        if not worker.serving or await figures_of(folder) is not None or asked != worker.pid:
            heard = time.monotonic()
        elif time.monotonic() - heard > STANDS_STILL_S:
            logger.error(
                "worker %d stands still for more than %g s and is killed",
                worker.number,
                STANDS_STILL_S,
            )
            worker.kill()
            heard = time.monotonic()
