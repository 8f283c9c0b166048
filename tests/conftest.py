"""What the command line says to the tests that may run longer than they do in the gate."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("tilecast")
    group.addoption("--seed", type=int, default=1, help="first seed of the small simulation")
    group.addoption("--seeds", type=int, default=20, help="seeds of the small simulation")
