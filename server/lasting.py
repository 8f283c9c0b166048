"""Tasks that aren't to end: one that fails says so, waits a while, and begins again.

This is for work that awaits; what is made of calls is a service (:mod:`server.supervisor`).
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from server.supervisor import HEALTHY_S, RESTART_INITIAL_S, RESTART_MAX_S

logger = logging.getLogger(__name__)


def lasting(
    loop: asyncio.AbstractEventLoop,
    name: str,
    work: Callable[[], Coroutine[Any, Any, None]],
    failed: Callable[[Exception], object] | None = None,
    *,
    canvas: str = "",
) -> "asyncio.Task[None]":
    """A task that does ``work``, anew whenever that raises; it ends with it, or is cancelled.

    ``failed`` is told of each failure at once, so that nobody relies on what stands still.
    ``name`` and ``canvas`` are for the log.
    """
    return loop.create_task(_last(loop, name, work, failed, canvas))


async def _last(
    loop: asyncio.AbstractEventLoop,
    name: str,
    work: Callable[[], Coroutine[Any, Any, None]],
    failed: Callable[[Exception], object] | None,
    canvas: str,
) -> None:
    wait_s = RESTART_INITIAL_S
    while True:
        began = loop.time()
        try:
            await work()
        except Exception as error:
            if loop.time() - began > HEALTHY_S:
                wait_s = RESTART_INITIAL_S
            what = f"canvas {canvas}: {name}" if canvas else name
            logger.exception("%s failed; restart in %g s", what, wait_s, extra={"canvas": canvas})
            if failed is not None:
                try:
                    failed(error)
                except Exception:
                    logger.exception("%s: its failure was not taken in", what)
        else:
            return
        await asyncio.sleep(wait_s)
        wait_s = min(2 * wait_s, RESTART_MAX_S)
