"""Servers for a module's tests, each a process; at the end each has to stop well."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack
from typing import Protocol

import pytest

from tests.bystander import Bystander
from tests.process import ServerProcess
from tiles.log.base import CanvasInfo


class Launch(Protocol):
    """Starts a server with flags, and canvases besides ``main``."""

    def __call__(
        self, *flags: str, canvases: Mapping[str, CanvasInfo] | None = None
    ) -> ServerProcess:
        """The server, ready."""


@pytest.fixture(scope="module")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launch]:
    """Starts servers that live as long as the module; those that still run then are stopped."""
    ends = ExitStack()

    def start(*flags: str, canvases: Mapping[str, CanvasInfo] | None = None) -> ServerProcess:
        server = ServerProcess(tmp_path_factory.mktemp("server"), *flags)
        for name, info in (canvases or {}).items():
            server.make_canvas(name, info)
        server.start()
        ends.callback(_stop, server)
        return server

    with ends:
        yield start


def _stop(server: ServerProcess) -> None:
    if server.running:
        server.stop_well()


@pytest.fixture
async def bystander(server: ServerProcess) -> AsyncIterator[Bystander]:
    """Two sessions that paint and watch while the test does its worst (rule SES-8)."""
    async with Bystander(server.ws()) as bystander:
        yield bystander
