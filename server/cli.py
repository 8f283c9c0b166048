"""The command line: ``tilecast serve``, ``canvas …``, ``check``, ``backup``, ``migrate``.

Exit codes: 0 well, 1 failed, 2 wrong usage.
"""

import argparse
import importlib
import importlib.metadata
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

from server.settings_loading import SettingsError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_FAILED, _WRONG_USAGE = 1, 2
_COMMANDS = ("serve", "canvas", "check", "backup", "migrate")
"""Each is a module of its own, ``server.cli_{name}``."""


class _Module(Protocol):
    """What such a module has; ``FAILURES`` are told without a traceback."""

    FAILURES: tuple[type[Exception], ...]

    def add_command(self, commands: "Commands") -> None:
        """Add the command to the parser."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # The others, and what they work with, would be a tenth of what a server takes to start.
    named = [name for name in _COMMANDS if name in arguments[:1]] or _COMMANDS
    modules = [cast(_Module, importlib.import_module(f"server.cli_{name}")) for name in named]
    options = _parser(modules).parse_args(arguments)
    failures = tuple(failure for module in modules for failure in module.FAILURES)
    try:
        options.run(options)
    except SettingsError as error:
        print(f"tilecast: {error}", file=sys.stderr)
        return _WRONG_USAGE
    except failures as error:
        print(f"tilecast: {error}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        return _FAILED
    return 0


def _parser(modules: Sequence[_Module]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tilecast", description="A tile server for live, shared pixel canvases."
    )
    version = importlib.metadata.version("tilecast")
    parser.add_argument("--version", action="version", version=f"tilecast {version}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for module in modules:
        module.add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
