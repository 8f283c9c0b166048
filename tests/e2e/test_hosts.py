"""The Host of a request (RFC 9112, section 3.2): which server is meant has to be said once."""

from collections.abc import Sequence
from contextlib import suppress

import pytest

from tests.e2e.conftest import Launch
from tests.process import ServerProcess
from tests.raw_socket import RawSocket

TILE = "/c/main/tiles/0/0/0.png"


@pytest.fixture(scope="module")
def server(launch: Launch) -> ServerProcess:
    """The server of the module's tests."""
    return launch("--width", "256", "--height", "256")


async def status(raw: RawSocket, path: str, version: str, hosts: Sequence[str]) -> int:
    """The status of the answer to a request with these Host lines."""
    lines = "".join(f"{name}: a\r\n" for name in hosts)
    await raw.send(f"HEAD {path} HTTP/{version}\r\n{lines}\r\n".encode())
    return int((await raw.read_head()).split()[1])


@pytest.mark.parametrize("path", [TILE, "/healthz"])
@pytest.mark.parametrize("hosts", [(), ("Host", "Host"), ("HOST", "host")])
async def test_no_host_or_two(server: ServerProcess, path: str, hosts: tuple[str, ...]) -> None:
    """HTTP-14: it is 400 and the end, also where the request before was a good one."""
    async with RawSocket(server.port) as raw:
        assert await status(raw, path, "1.1", ["Host"]) == 200
        assert await status(raw, path, "1.1", hosts) == 400
        with suppress(ConnectionError):
            await raw.ended(within_s=2)


async def test_an_upgrade_with_two_hosts(server: ServerProcess) -> None:
    """HTTP-14: which of them would be the origin of its own pages?"""
    async with RawSocket(server.port) as raw:
        assert await raw.upgrade(headers="Host: evil.example\r\n") == 400


async def test_the_first_version_needs_none(server: ServerProcess) -> None:
    """HTTP-14: HTTP/1.0 has no Host; two are wrong there too."""
    for hosts, due in (((), 200), (("Host",), 200), (("Host", "Host"), 400)):
        async with RawSocket(server.port) as raw:
            assert await status(raw, TILE, "1.0", hosts) == due
