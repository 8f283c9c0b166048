"""What the command line says to the tests that may run longer than they do in the gate."""

import pytest
from hypothesis import settings

# How long an example takes says more about the machine than about what is tested.
settings.register_profile("tilecast", deadline=None)
settings.load_profile("tilecast")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("tilecast")
    group.addoption(
        "--log",
        choices=("sqlite", "jetstream"),
        default="sqlite",
        help="the log of the servers that the browser's tests run on",
    )
    group.addoption("--seed", type=int, default=1, help="first seed of the small simulation")
    group.addoption("--seeds", type=int, default=20, help="seeds of the small simulation")
