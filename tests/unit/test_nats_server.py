"""The NATS server that Tilecast runs for itself (:mod:`server.cluster.nats_server`)."""

import asyncio
import logging
import os
import re
import signal
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from server.cluster import streams
from server.cluster.link import Link, LinkOptions
from server.cluster.nats_config import NatsConfig, NatsServerError, find_binary, free_port
from server.cluster.nats_server import NatsServer
from tests.stream_rigs import EPOCH, WAIT_S, wait_until
from tiles.shared.stream import StreamError

LEAVER = """
import asyncio, os, sys
from pathlib import Path
from server.cluster.nats_server import NatsServer

async def main():
    server = NatsServer(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    os._exit(1)

asyncio.run(main())
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A server that runs."""
    made = NatsServer(tmp_path / "nats")
    await made.start()
    yield made
    await made.stop()


async def reached(url: str) -> None:
    """Connect, and see that JetStream answers. Raises StreamError."""
    async with Link(LinkOptions((url,))) as link:
        await link.wait_up(WAIT_S)
        assert await streams.canvases(link) == []


async def refused(url: str) -> None:
    """Try to connect, and see that it isn't allowed."""
    async with Link(LinkOptions((url,))) as link, asyncio.timeout(WAIT_S):
        why = ""
        while "Authorization" not in why:
            with pytest.raises(StreamError) as error:
                await link.wait_up(0.1)
            why = str(error.value)


async def test_only_who_has_the_token_connects(server: NatsServer) -> None:
    """It listens on loopback, to those who have the token that it made at its start."""
    await reached(server.url)
    for url in (re.sub(r"//\w+@", "//", server.url), re.sub(r"//\w+@", "//guess@", server.url)):
        await refused(url)
    assert server.pid is not None
    listening = {
        connection.laddr.ip
        for connection in psutil.Process(server.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


async def test_its_secrets_are_its_owners(server: NatsServer, tmp_path: Path) -> None:
    """Nobody else may read the file that holds the token, nor does a process list show it."""
    assert stat.S_IMODE((tmp_path / "nats/nats.conf").stat().st_mode) == 0o600
    token = re.search(r"//(\w+)@", server.url)
    assert token is not None
    assert server.pid is not None
    assert token[1] not in " ".join(psutil.Process(server.pid).cmdline())


async def test_it_comes_back(server: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    """CLU-9: a server that ends is started again at the same address, with all it stored."""
    url = server.url
    async with Link(LinkOptions((url,))) as link:
        await link.wait_up(WAIT_S)
        await streams.create(link, "main", EPOCH, 1)
        for count in (1, 2):
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            await wait_until(lambda: not link.up)
            await link.wait_up(WAIT_S)
            assert (await streams.state(link, "main")).bounds.epoch == EPOCH
            await wait_until(lambda count=count: server.restarts == count)  # type: ignore[misc]
    assert server.url == url
    ended = [record for record in caplog.records if "ended with -9" in record.getMessage()]
    assert len(ended) == 2


async def test_a_clean_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It stops when it is told to, leaves no process, and can be started again on its folder."""
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        server = NatsServer(tmp_path / "nats")
        await server.start()
        pid = server.pid
        assert pid is not None
        await server.stop()
        assert not psutil.pid_exists(pid)
        assert server.restarts == 0
        await server.stop()
    assert not caplog.records


async def test_one_that_was_left_behind_is_stopped(tmp_path: Path) -> None:
    """CLU-9: a server whose Tilecast was killed doesn't keep the next one from its store."""
    folder = tmp_path / "nats"
    leaver = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", LEAVER, str(folder)), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await leaver.communicate()
    left = psutil.Process(int(said))
    assert left.is_running()
    server = NatsServer(folder)
    await server.start()
    try:
        assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
        await reached(server.url)
    finally:
        await server.stop()


async def test_two_do_not_share_a_folder(server: NatsServer, tmp_path: Path) -> None:
    """A second one on the same folder is refused, and the first isn't disturbed."""
    pid = server.pid
    with pytest.raises(NatsServerError, match="in use"):
        await NatsServer(tmp_path / "nats").start()
    await reached(server.url)
    assert server.pid == pid


async def test_what_can_not_be_run(tmp_path: Path) -> None:
    """A program that isn't there, or ends at once, is an error that says so."""
    with pytest.raises(NatsServerError, match="no program"):
        await NatsServer(tmp_path / "a", binary="no-such-nats-server").start()
    with pytest.raises(NatsServerError, match="ended with 1"):
        await NatsServer(tmp_path / "b", binary="false").start()
    with pytest.raises(NatsServerError):
        await NatsServer(Path("/proc/nothing")).start()
    # Nothing holds the folder after that.
    server = NatsServer(tmp_path / "b")
    await server.start()
    await server.stop()


async def test_a_port_may_be_named(tmp_path: Path) -> None:
    """It listens where it is told; if it can't, it says that it ended."""
    port = free_port()
    server = NatsServer(tmp_path / "a", port=port)
    await server.start()
    try:
        assert server.url.endswith(f":{port}")
        with pytest.raises(NatsServerError, match="ended"):
            await NatsServer(tmp_path / "b", port=port).start()
    finally:
        await server.stop()


def test_configuration_is_quoted(tmp_path: Path) -> None:
    """No name or path says anything but itself in the configuration."""
    text = NatsConfig('a"b', tmp_path / 'c" { d \\ e', "t").text()
    assert 'server_name: "a\\"b"' in text
    with pytest.raises(NatsServerError):
        NatsConfig("a\nb", tmp_path, "t").text()


def test_the_program_is_found() -> None:
    """The package's program is used, whatever PATH says."""
    assert find_binary().name == "nats-server"
    assert find_binary("sh").name == "sh"
