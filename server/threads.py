"""Work beside the event loop."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


class LoopOffload:
    """A :class:`tiles.loop.Offload` over threads of its own, for one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, threads: int) -> None:
        self._loop = loop
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="offload")

    def __call__(
        self,
        work: Callable[[], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """See :class:`tiles.loop.Offload`."""

        def finish(future: "asyncio.Future[Any]") -> None:
            if future.cancelled():
                return
            error = future.exception()
            if error is None:
                done(future.result())
            else:
                failed(_raisable(error))

        try:
            future = self._loop.run_in_executor(self._pool, work)
        except RuntimeError as error:  # no more threads are to be had, or it is closed
            self._loop.call_soon(failed, error)
        else:
            future.add_done_callback(finish)

    def close(self) -> None:
        """Begin nothing more; what runs is left to end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _raisable(error: BaseException) -> Exception:
    """What ends a thread doesn't end the event loop."""
    if isinstance(error, Exception):
        return error
    failure = RuntimeError(f"the work ended with {error!r}")
    failure.__cause__ = error
    return failure


async def run_in_daemon(work: Callable[[], T]) -> T:
    """The result of ``work``, run in a thread that doesn't keep the process from ending."""
    future: Future[T] = Future()

    def run() -> None:
        future.set_running_or_notify_cancel()
        try:
            result = work()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(future)
