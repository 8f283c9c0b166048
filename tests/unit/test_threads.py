"""Work in threads: whatever becomes of it, somebody is told, once, on the loop."""

import asyncio
import threading

import pytest

from server.threads import LoopOffload


class Told:
    """What was told of one piece of work."""

    def __init__(self) -> None:
        self.results: list[object] = []
        self.errors: list[Exception] = []
        self.ended = asyncio.Event()

    def done(self, result: object) -> None:
        """It was done."""
        self.results.append((result, threading.get_ident()))
        self.ended.set()

    def failed(self, error: Exception) -> None:
        """It failed."""
        self.errors.append(error)
        self.ended.set()


async def told(offload: LoopOffload, error: BaseException | None) -> Told:
    """What is told of work that raises, or doesn't."""

    def work() -> str:
        if error is not None:
            raise error
        return "result"

    told = Told()
    offload(work, told.done, told.failed)
    async with asyncio.timeout(10):
        await told.ended.wait()
    return told


async def test_results_and_failures() -> None:
    """SUP-1: results come to the loop, and so does an error."""
    offload = LoopOffload(asyncio.get_running_loop(), 1)
    assert (await told(offload, None)).results == [("result", threading.get_ident())]
    error = ValueError("told")
    assert (await told(offload, error)).errors == [error]
    assert (await told(offload, None)).results
    offload.close()


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
async def test_what_would_end_the_process(error: BaseException) -> None:
    """SUP-1: in a thread it is a failure like any other, and the thread works on."""
    offload = LoopOffload(asyncio.get_running_loop(), 1)
    (failure,) = (await told(offload, error)).errors
    assert failure.__cause__ is error
    assert (await told(offload, None)).results
    offload.close()


async def test_no_thread_to_be_had() -> None:
    """SUP-1: a failure too, on a later turn of the loop."""
    offload = LoopOffload(asyncio.get_running_loop(), 1)
    offload.close()
    assert isinstance((await told(offload, None)).errors[0], RuntimeError)
