"""The command line: ``tilecast serve``, ``canvas …``, ``check``, ``backup``, ``migrate``.

Exit codes: 0 well, 1 failed, 2 wrong usage.
"""

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence

from server import cli_backup, cli_canvas, cli_check, cli_migrate, cli_serve
from server.settings_loading import SettingsError

_FAILED, _WRONG_USAGE = 1, 2
_FAILURES = (
    *cli_serve.FAILURES,
    *cli_canvas.FAILURES,
    *cli_check.FAILURES,
    *cli_backup.FAILURES,
    *cli_migrate.FAILURES,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except SettingsError as error:
        print(f"tilecast: {error}", file=sys.stderr)
        return _WRONG_USAGE
    except _FAILURES as error:
        print(f"tilecast: {error}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        return _FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tilecast", description="A tile server for live, shared pixel canvases."
    )
    version = importlib.metadata.version("tilecast")
    parser.add_argument("--version", action="version", version=f"tilecast {version}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    cli_serve.add_command(commands)
    cli_canvas.add_commands(commands)
    cli_check.add_command(commands)
    cli_backup.add_command(commands)
    cli_migrate.add_command(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
