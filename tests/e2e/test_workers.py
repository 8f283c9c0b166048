"""``tilecast serve --workers N``: several processes behind one port, over a NATS of their own."""

import asyncio
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from protocol.errors import CloseCode
from protocol.messages import Pixel
from server.cli import main
from server.datafolder import DataFolder, DataFolderError
from tests.e2e.conftest import Launch
from tests.faults.artist import Artist
from tests.faults.battle import FLAGS, Battle, artists
from tests.faults.evidence import Evidence
from tests.peer import Peer
from tests.process import COMMAND, STOP_WITHIN_S, ServerProcess
from tests.workers_rig import (
    NATS,
    figures,
    figures_in,
    parent,
    peer_on_each,
    processes,
    until,
    until_ended,
    until_equal,
    worker_of,
)

SIDE = 256
SIZE = ("--width", str(SIDE), "--height", str(SIDE))
WITHIN_S = 30.0


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """Two workers; what ends one of them is for a server of one's own."""
    return launch("--workers", "2", *SIZE)


async def tilecast(*arguments: str | Path) -> tuple[int, str]:
    """Run the command; its exit code and what it says."""
    process = await asyncio.create_subprocess_exec(
        COMMAND,
        *arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    async with asyncio.timeout(WITHIN_S):
        out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


async def test_whoever_connects_finds_the_same_canvas(server: ServerProcess) -> None:
    """CLU-40: what is painted by way of one worker is seen by way of the others."""
    async with peer_on_each(server) as peers:
        painter, viewer = peers["1"], peers["2"]
        assert painter.welcome.client != viewer.welcome.client
        assert painter.welcome.epoch == viewer.welcome.epoch
        await viewer.look(0, 0, 127, 127)
        await painter.draw(Pixel(3, 4, 5, 6, 7))
        await viewer.expect(Pixel, lambda pixel: pixel == Pixel(3, 4, 5, 6, 7))
        await painter.durable()
        sessions = figures(server, "tilecast_sessions")
        assert sessions.keys() == {"1", "2"}
        assert min(sessions.values()) >= 1
    assert server.region(3, 4, 3, 4).tolist() == [[[5, 6, 7]]]
    # Who said what is told by each line.
    assert " INFO [1] " in server.log
    assert " INFO [2] " in server.log


async def test_any_worker_tells_the_figures_of_all(server: ServerProcess) -> None:
    """CLU-44: each once, by worker; so whichever Prometheus asks, it hears the same."""
    told = 0
    while told < 8:
        text = server.get("/metrics").decode()
        if figures_in(text, "tilecast_worker_up") != {"1": 1, "2": 1}:
            continue  # this machine is too busy to be answered by within a second
        assert figures_in(text, "tilecast_worker_restarts_total") == {"1": 0, "2": 0}
        assert figures_in(text, "process_resident_memory_bytes").keys() == {"1", "2"}
        told += 1
    helps = [line.split()[2] for line in text.splitlines() if line.startswith("# HELP ")]
    assert len(helps) == len(set(helps))
    assert "tilecast_nats_server_restarts_total 0.0" in text


async def test_stats_are_of_all_workers(server: ServerProcess) -> None:
    """CLU-26: whichever answers, it tells how many are there in all."""
    async with peer_on_each(server) as peers:
        for peer in peers.values():
            await peer.look(0, 0, 127, 127)
        there = {"sessions": 2, "subscriptions": 8, "stale": 0}
        # One in two thousand times all of these are answered by the same worker.
        await until(lambda: all(there.items() <= server.stats().items() for _ in range(12)))
    await until(lambda: all(server.stats()["sessions"] == 0 for _ in range(12)))


async def test_all_that_is_durable_is_there_for_a_backup(server: ServerProcess) -> None:
    """CLU-45: it is painted here, and backed up below."""
    async with Peer(server.ws()) as peer:
        await peer.draw(*(Pixel(x, 100, 9, 9, 9) for x in range(100)))
        await peer.durable()


def test_commands_beside_act_through_it(
    server: ServerProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CLU-45: canvases are made, changed and backed up; what can't be done is said."""
    data, copy = str(server.folder / "data"), str(tmp_path / "copy")
    assert main(["canvas", "set", "main", "--title", "Harbour", "--data", data]) == 0
    assert main(["canvas", "list", "--data", data]) == 0
    assert "Harbour" in capsys.readouterr().out
    seq = server.stats()["seq"]
    assert seq >= 100
    assert main(["backup", copy, "--data", data]) == 0
    assert f"main: seq {seq}" in capsys.readouterr().out
    assert main(["check", "--data", copy]) == 0
    assert main(["backup", f"{copy}2", "--canvas", "other", "--data", data]) == 1
    assert "there is no canvas other" in capsys.readouterr().err
    assert main(["check", "--data", data]) == 1
    assert "`tilecast backup DEST` copies it" in capsys.readouterr().err
    with pytest.raises(DataFolderError, match="in use by another Tilecast"):
        DataFolder(Path(data)).acquire()


async def test_a_port_and_a_folder_are_one_servers(server: ServerProcess, tmp_path: Path) -> None:
    """CLU-45, CLU-47: nobody joins the workers of another, on the port or on the canvases."""
    for folder, reason in (
        (server.folder / "data", "in use by another Tilecast"),
        (tmp_path / "other", "Address already in use"),
    ):
        flags = ("--workers", "2", "--port", str(server.port), "--data", folder)
        code, said = await tilecast("serve", *flags)
        assert (code, reason in said) == (1, True), said


@pytest.mark.crash
async def test_no_end_of_any_process_loses_anything(tmp_path: Path) -> None:
    """CLU-41, CLU-42, CLU-43, CLU-49: NATS, a worker and the parent fail under load in turn."""
    server = ServerProcess(tmp_path, *FLAGS, "--workers", "2")
    server.start()
    again = ServerProcess(tmp_path, *FLAGS, "--workers", "3", port=server.port)
    try:
        async with artists(server.ws(), 1) as all_:
            battle = Battle(all_)
            await battle.draw_more(300)
            await _nats_fails(server, battle, psutil.Process.kill, 1)
            await _nats_fails(server, battle, psutil.Process.suspend, 2)
            assert "nats-server stands still and is killed" in server.log
            await _worker_is_killed(server, battle)
            children = list(processes(server).values())
            server.kill()
            await battle.until_gone()
            await until_ended(children)
            again.start()
            await battle.until_back()
            await battle.draw_more(300)
            await battle.settle()
            await until_equal(again, 3)
            pictures = [await battle.shown(again) for _ in range(6)]
            assert len({epoch for artist in all_ for epoch in artist.epochs}) == 1
            children = list(processes(again).values())
            assert len(children) == 4
            code, took_s = again.stop()
            assert code == 0, again.log
            assert took_s < STOP_WITHIN_S
            await until_ended(children)
        for number in (1, 2, 3):
            battle.evidence = Evidence(SIDE)
            fold = tmp_path / "data" / "workers" / str(number) / "folds" / "main.sqlite3"
            battle.evidence.examine(fold, battle.promises(), checks=number == 1)
            battle.judge(*(image for pair in pictures for image in pair))
    finally:
        for process in (server, again):
            if process.running:
                process.kill()


async def _nats_fails(
    server: ServerProcess, battle: Battle, fail: Callable[[psutil.Process], None], restarts: int
) -> None:
    """Everybody is told, nobody is sent away, and all goes on by itself."""

    def told(artist: Artist) -> list[int]:
        return [
            sum(notice.startswith(f"Storage is {state}") for notice in artist.notices)
            for state in ("in trouble", "well again")
        ]

    before = [told(artist) for artist in battle.artists]
    fail(processes(server)[NATS])
    await battle.until(
        lambda: all(
            now > then
            for artist, earlier in zip(battle.artists, before, strict=True)
            for now, then in zip(told(artist), earlier, strict=True)
        ),
        "being told",
    )
    await battle.draw_more(300)
    assert all(artist.disconnects == 0 for artist in battle.artists)
    assert f"tilecast_nats_server_restarts_total {restarts}.0".encode() in server.get("/metrics")


async def _worker_is_killed(server: ServerProcess, battle: Battle) -> None:
    """Its sessions go on elsewhere; then there is another one in its place."""
    workers = processes(server)
    async with Peer(server.ws()) as peer:
        killed = worker_of(peer, {name: workers[name] for name in ("1", "2")})
        workers[killed].kill()
        assert await peer.closed() == 1006
    # Who dials while its last thread is ending may be given to it.
    await until(lambda: not workers[killed].is_running())
    async with Peer(server.ws(), session=peer.welcome.session) as peer:
        assert peer.welcome.epoch == battle.artists[0].epochs[0]
    await battle.draw_more(300)
    await until(lambda: figures(server, "tilecast_worker_up")[killed] == 1)
    assert figures(server, "tilecast_worker_restarts_total")[killed] == 1
    assert f"worker {killed} was ended by SIGKILL; it is started again" in server.log


async def test_a_folder_of_plain_canvases_moves_in_and_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """CLU-45, CLU-43: sessions go on where they were; later with fewer workers; SIGINT twice."""
    plain = ServerProcess(tmp_path, *SIZE)
    plain.start()
    async with Peer(plain.ws()) as peer:
        await peer.draw(*(Pixel(x, 9, 1, 2, 3) for x in range(100)))
        await peer.durable()
        plain.stop_well()
    server = ServerProcess(tmp_path, *SIZE, "--workers", "3", port=plain.port)
    server.start()
    try:
        assert "canvas main: it is a file, and moves into the folder's NATS store" in server.log
        assert server.region(0, 9, 99, 9).tolist() == [[[1, 2, 3]] * 100]
        async with Peer(server.ws(), session=peer.welcome.session) as again:
            assert again.welcome.session == peer.welcome.session
            assert again.welcome.handled == 100
            children = list(processes(server).values())
            parent(server).send_signal(signal.SIGINT)
            assert await again.closed() == CloseCode.RESTARTING
            code, took_s = server.stop(signal.SIGINT)
            assert (code, took_s < STOP_WITHIN_S) == (0, True), server.log
            await until_ended(children)
    finally:
        if server.running:
            server.kill()
    data = str(tmp_path / "data")
    code, said = await tilecast("serve", "--port", "0", "--data", data)
    assert (code, "migrate --from-workers" in said) == (1, True), said
    for command in ("canvas list", f"backup {tmp_path / 'copy'}", "check", "migrate --to nats://x"):
        assert await asyncio.to_thread(main, [*command.split(), "--data", data]) == 1
        assert "in its NATS store" in capsys.readouterr().err
    fewer = ServerProcess(tmp_path, *SIZE, "--workers", "2")
    fewer.start()
    try:
        await until(lambda: "workers that are no more were removed: [3]" in fewer.log)
        assert fewer.region(0, 9, 99, 9).tolist() == [[[1, 2, 3]] * 100]
        async with Peer(fewer.ws(), session=peer.welcome.session) as again:
            await again.draw(Pixel(100, 9, 1, 2, 3))
            await again.durable()
    finally:
        fewer.stop_well()
    assert await asyncio.to_thread(main, ["migrate", "--from-workers", "--data", data]) == 0
    assert f"main: in {data}, seq 101\n" in capsys.readouterr().out
    plain.start()
    async with Peer(plain.ws(), session=peer.welcome.session) as again:
        assert again.welcome.handled == 101
        assert plain.region(0, 9, 100, 9).tolist() == [[[1, 2, 3]] * 101]
    plain.stop_well()


async def test_a_lost_store_is_not_begun_anew(tmp_path: Path) -> None:
    """CLU-48: it is said which copy there is, and from there all goes on."""
    server = ServerProcess(tmp_path, *SIZE, "--workers", "2")
    server.start()
    async with Peer(server.ws()) as peer:
        await peer.draw(*(Pixel(x, 9, 1, 2, 3) for x in range(100)))
        await peer.durable()
    server.stop_well()
    data = tmp_path / "data"
    shutil.rmtree(data / "nats")
    code, said = await tilecast("serve", "--workers", "2", "--port", "0", "--data", data)
    assert code == 1
    fold = re.search(r"(\S+) holds it with 100 messages", said)
    home = re.search(r"move it to (\S+)", said)
    assert fold is not None, said
    assert home is not None, said
    shutil.move(fold[1], home[1])
    server.start()
    try:
        assert server.region(0, 9, 99, 9).tolist() == [[[1, 2, 3]] * 100]
        async with Peer(server.ws(), session=peer.welcome.session) as again:
            assert again.welcome.handled == 100
            assert again.welcome.epoch != peer.welcome.epoch
    finally:
        server.stop_well()
