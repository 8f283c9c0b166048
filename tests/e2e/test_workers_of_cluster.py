"""``tilecast serve --workers N --cluster nats://…``: each worker is a node of that cluster."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from protocol.messages import Notice, Pixel
from server.cli import main
from tests.cluster_rig import Cluster, cluster
from tests.nats_rig import NatsProcess, one_server
from tests.peer import Peer
from tests.process import STOP_WITHIN_S, NotReady, ServerProcess
from tests.workers_rig import (
    figures,
    peer_on_each,
    processes,
    until,
    until_ended,
    until_equal,
    worker_of,
)

SIZE = ("--width", "256", "--height", "256")


@asynccontextmanager
async def workers_of(nats: NatsProcess, folder: Path, number: int) -> AsyncIterator[ServerProcess]:
    """Workers of a cluster, which stop cleanly at the end."""
    server = ServerProcess(folder, *SIZE, "--workers", str(number), "--cluster", nats.url)
    await asyncio.to_thread(server.start)
    try:
        yield server
        children = list(processes(server).values())
        code, took_s = await asyncio.to_thread(server.stop)
        assert (code, took_s < STOP_WITHIN_S) == (0, True), server.log
        await until_ended(children)
    finally:
        if server.running:
            server.kill()


async def refused(nats: NatsProcess | None, folder: Path, *flags: str) -> str:
    """What is said instead of serving; nothing is begun."""
    cluster_flags = () if nats is None else ("--cluster", nats.url)
    server = ServerProcess(folder, *SIZE, *flags, *cluster_flags)
    server.launch()
    try:
        with pytest.raises(NotReady) as ended:
            await asyncio.to_thread(server.wait_until_ready)
    finally:
        server.kill()
    assert "it ended with 1:" in str(ended.value)
    return server.log


async def test_workers_are_nodes_like_any_other(tmp_path: Path) -> None:
    """CLU-48: one canvas, and one count of people, whichever node or worker one is connected to."""
    with cluster(tmp_path, 1, *SIZE) as others:
        async with (
            workers_of(others.nats, tmp_path / "many", 2) as server,
            Peer(others.ws(0)) as painter,
            peer_on_each(server) as peers,
        ):
            assert processes(server).keys() == {"1", "2"}  # and no NATS of their own
            for viewer in peers.values():
                assert viewer.welcome.epoch == painter.welcome.epoch
                await viewer.look(0, 0, 127, 127)
            await painter.draw(Pixel(3, 4, 5, 6, 7))
            for viewer in peers.values():
                await viewer.expect(Pixel, lambda pixel: pixel == Pixel(3, 4, 5, 6, 7))
            await until(
                lambda: all(one.stats()["sessions"] == 3 for one in (*others.nodes, *[server] * 8))
            )
            await _a_worker_is_killed(server)
            await _backed_up(server, tmp_path / "copy")
            await _nats_is_killed(others, server)


async def _a_worker_is_killed(server: ServerProcess) -> None:
    """Its sessions go on at the other, and it is started again."""
    workers = processes(server)
    async with Peer(server.ws()) as peer:
        await peer.draw(Pixel(1, 1, 1, 1, 1))
        await peer.durable()
        killed = worker_of(peer, workers)
        workers[killed].kill()
        assert await peer.closed() == 1006
    # Who dials while its last thread is ending may be given to it.
    await until(lambda: not workers[killed].is_running())
    async with Peer(server.ws(), session=peer.welcome.session) as peer:
        assert peer.welcome.handled == 1
    await until(lambda: figures(server, "tilecast_worker_up")[killed] == 1)
    await until_equal(server, 2)


async def _backed_up(server: ServerProcess, copy: Path) -> None:
    data = str(server.folder / "data")
    assert await asyncio.to_thread(main, ["backup", str(copy), "--data", data]) == 0
    assert await asyncio.to_thread(main, ["check", "--data", str(copy)]) == 0


async def _nats_is_killed(others: Cluster, server: ServerProcess) -> None:
    """The workers wait for it, and go on."""
    others.troubled = True
    async with Peer(server.ws()) as peer:
        others.nats.kill()
        await peer.expect(Notice, lambda notice: notice.level == 2)
        others.nats.start()
        await peer.expect(Notice, lambda notice: notice.level == 0)
        await peer.draw(Pixel(2, 2, 2, 2, 2))
        assert (await peer.durable()).durable == 1
    # One was killed above, and none for want of NATS.
    assert sum(figures(server, "tilecast_worker_restarts_total").values()) == 1


async def test_nobody_begins_a_second_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CLU-48, CLU-37: a folder's canvases are its own or a cluster's; who mixes them up is told."""
    with one_server(tmp_path / "nats") as nats:
        plain, many = tmp_path / "plain", tmp_path / "many"
        alone = ServerProcess(plain, *SIZE)
        alone.start()
        alone.stop_well()
        said = await refused(nats, plain, "--workers", "2")
        assert "has canvases that aren't the cluster's (main)" in said
        async with workers_of(nats, many, 2) as server, Peer(server.ws()) as peer:
            await peer.draw(Pixel(1, 1, 1, 1, 1))
            await peer.durable()
        said = await refused(None, many)
        assert "the canvas main is the cluster's: serve it with --cluster" in said
        said = await refused(None, many, "--workers", "2")
        assert "folds/main.sqlite3 holds it with 1 messages. Is it the right cluster?" in said
        assert not (many / "data" / "nats").exists()
        data = str(many / "data")
        copy = str(tmp_path / "copy")
        assert await asyncio.to_thread(main, ["backup", copy, "--data", data]) == 1
        assert "start its workers, and back up beside them" in capsys.readouterr().err
        local = tmp_path / "local"
        own = ServerProcess(local, *SIZE, "--workers", "2")
        own.start()
        own.stop_well()
        said = await refused(nats, local, "--workers", "2")
        assert "take that without --cluster, or `tilecast migrate --from-workers" in said
