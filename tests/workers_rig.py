"""A server of several workers, as a test sees it: its processes, and who is connected to which."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.peer import Peer
from tests.process import ServerProcess

WITHIN_S = 30.0
NATS = "nats"
_DIALS_MAX = 40
"""Of so many connections one in a billion or so times none goes to a certain one of two workers."""


def processes(server: ServerProcess) -> dict[str, psutil.Process]:
    """The processes that a server started: its workers by number, and its NATS server."""
    return {_name(child): child for child in parent(server).children()}


def parent(server: ServerProcess) -> psutil.Process:
    """The process that started them."""
    control = json.loads((server.folder / "data" / "server.json").read_bytes())
    return psutil.Process(control["pid"])


def figures(server: ServerProcess, name: str) -> dict[str, float]:
    """A figure of all workers, by worker, as any of them tells."""
    return figures_in(server.get("/metrics").decode(), name)


def figures_in(text: str, name: str) -> dict[str, float]:
    """A figure by worker, out of what ``/metrics`` answered."""
    return {
        sample.labels["worker"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


async def until_equal(server: ServerProcess, workers: int) -> None:
    """Wait until all workers are there, and have the same durable seq."""

    def equal() -> bool:
        seqs = figures(server, "tilecast_durable_seq")
        return len(seqs) == workers and len(set(seqs.values())) == 1

    await until(equal)


async def until_ended(all_: list[psutil.Process]) -> None:
    """Wait until these processes have ended."""
    await until(lambda: not any(_lives(process) for process in all_))


async def until(ready: Callable[[], bool]) -> None:
    """Wait until something holds, asked for in a thread."""
    async with asyncio.timeout(WITHIN_S):
        while not await asyncio.to_thread(ready):  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.02)


@asynccontextmanager
async def peer_on_each(server: ServerProcess) -> AsyncIterator[dict[str, Peer]]:
    """A peer on each worker, by its number: as many are dialled as that takes."""
    workers = {name: process for name, process in processes(server).items() if name != NATS}
    found: dict[str, Peer] = {}
    async with AsyncExitStack() as stack:
        for _ in range(_DIALS_MAX):
            peer = await stack.enter_async_context(Peer(server.ws()))
            at = worker_of(peer, workers)
            if at in found:
                await peer.close()
            found.setdefault(at, peer)
            if len(found) == len(workers):
                yield found
                return
    raise AssertionError(f"{_DIALS_MAX} connections went to {found.keys()} alone")


def worker_of(peer: Peer, workers: dict[str, psutil.Process]) -> str:
    """The number of the worker that a peer is connected to."""
    assert peer._socket is not None
    port = peer._socket.local_address[1]
    for name, process in workers.items():
        if any(line.raddr[1:] == (port,) for line in process.net_connections("tcp")):
            return name
    raise AssertionError("the peer is connected to none of them")


def _name(process: psutil.Process) -> str:
    command = process.cmdline()
    return command[-1] if "server.workers.child" in command else NATS


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
