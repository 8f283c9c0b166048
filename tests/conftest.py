"""What the command line says to the tests that may run longer than they do in the gate."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("tilecast")
    group.addoption("--rounds", type=int, default=20, help="kills of the crash test")
    group.addoption("--seed", type=int, default=1, help="first seed of crash test and simulation")
    group.addoption("--seeds", type=int, default=20, help="seeds of the small simulation")


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> int:
    """How often the crash test kills the server while it is drawn on."""
    count: int = request.config.getoption("--rounds")
    return count


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """What decides on the moments of the crash test."""
    number: int = request.config.getoption("--seed")
    return number
