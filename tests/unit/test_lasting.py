"""Tasks that aren't to end (:mod:`server.lasting`)."""

import asyncio
from itertools import pairwise

import pytest

from server.lasting import lasting
from tests.stream_rigs import wait_until


async def test_it_fails_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    """CLU-27: what it fails of is logged with where it was, and told; then it is begun again."""
    begun: list[float] = []
    told: list[Exception] = []
    loop = asyncio.get_running_loop()

    async def work() -> None:
        begun.append(loop.time())
        if len(begun) < 4:
            raise KeyError("state")

    def failed(error: Exception) -> None:
        told.append(error)
        raise ValueError("nobody takes it in")

    await lasting(loop, "looking around", work, failed, canvas="main")
    assert len(begun) == 4
    assert [str(error) for error in told] == 3 * ["'state'"]
    records = [record for record in caplog.records if "canvas main: looking" in record.message]
    assert len(records) == 6
    assert all(record.exc_info for record in records)
    waits = [after - before for before, after in pairwise(begun)]
    assert waits[0] > 0.04
    assert waits[2] > 0.19, "they grow"


async def test_it_is_cancelled() -> None:
    """A task that is cancelled ends, at its work or in between."""
    loop = asyncio.get_running_loop()
    begun: list[int] = []

    async def wait() -> None:
        begun.append(1)
        await asyncio.Event().wait()

    async def fail() -> None:
        begun.append(2)
        raise OSError

    for work in (wait, fail):
        task = lasting(loop, "waiting", work)
        before = len(begun)
        await wait_until(lambda before=before: len(begun) > before)  # type: ignore[misc]
        task.cancel()
        await asyncio.wait({task}, timeout=5)
        assert task.cancelled()
