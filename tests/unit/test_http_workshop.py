"""The bound on work that costs."""

import asyncio

import pytest

from server.http.workshop import Workshop
from server.problems import Unavailable


async def hold(workshop: Workshop, until: asyncio.Event) -> None:
    """Work until told."""
    async with workshop.place():
        await until.wait()


async def test_places_then_queue_then_refusal() -> None:
    """HTTP-9: two work, one waits, the next is told at once."""
    workshop, done = Workshop(2, 1, 60), asyncio.Event()
    workers = [asyncio.create_task(hold(workshop, done)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as refused:
        async with workshop.place():
            pass
    assert refused.value.headers == {"Retry-After": "1"}
    done.set()
    await asyncio.gather(*workers)
    async with workshop.place():
        pass


async def test_nobody_waits_for_ever() -> None:
    """HTTP-9: who waited long enough is told, and leaves the queue."""
    workshop, done = Workshop(1, 1, 0.01), asyncio.Event()
    worker = asyncio.create_task(hold(workshop, done))
    await asyncio.sleep(0)
    for _ in range(3):
        with pytest.raises(Unavailable):
            async with workshop.place():
                pass
    done.set()
    await worker


async def test_a_place_is_given_back_however_it_ends() -> None:
    """HTTP-9: by an error, or by being cancelled while waiting or working."""
    workshop, never = Workshop(1, 5, 60), asyncio.Event()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with workshop.place():
                raise ZeroDivisionError
    tasks = [asyncio.create_task(hold(workshop, never)) for _ in range(2)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    async with workshop.place():
        pass
