"""The logs that hold to one contract, each over a rig of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.log_kinds import KINDS
from tests.log_rigs import Rig
from tests.nats_rig import NatsProcess, one_server


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsProcess]:
    """A real server, for all that don't stop it."""
    with one_server(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(params=KINDS)
def make_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Rig]]:
    """Makes rigs of one kind of log, and disposes of them."""
    rigs: list[Rig] = []

    def make() -> Rig:
        kind = KINDS[request.param]
        rigs.append(kind.make(tmp_path, lambda: request.getfixturevalue("nats_server")))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.dispose()


@pytest.fixture
def rig(make_rig: Callable[[], Rig]) -> Rig:
    """One new canvas."""
    return make_rig()
