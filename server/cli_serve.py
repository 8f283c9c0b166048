"""``tilecast serve``."""

import argparse
from typing import TYPE_CHECKING

from server.cli_flags import add_flags, settings_of
from server.serve import ServeError, serve
from server.settings import Settings

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

FAILURES: tuple[type[Exception], ...] = (ServeError,)


def add_command(commands: "Commands") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "serve",
        help="serve the canvases of a folder",
        description="Serve the canvases of a folder. Each flag is also TILECAST_NAME in the "
        "environment and a key in tilecast.toml; flags come first, then the environment.",
    )
    add_flags(parser, Settings.model_fields)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    settings = settings_of(options)
    if settings.workers:
        # With the library for NATS, which nobody else needs.
        from server.workers.parent import serve_workers  # noqa: PLC0415

        serve_workers(settings)
    else:
        serve(settings)
