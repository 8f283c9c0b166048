"""`tilecast serve` whose services can be made to crash: ``python -m … SOCKET FLAGS``.

The server is the real one, and knows nothing of it. On a Unix socket somebody may order a crash:
``crash SERVICE N [CALLEE]``, N from 1 up, says which of the calls that the service makes next is to
fail (:mod:`tests.sabotage`); ``ended`` whether that has come about.
"""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from server.app import Application
from server.cli import main
from server.supervisor import Service
from tests.faults.beside import beside
from tests.sabotage import Sabotage, crash_at, stand_down
from tiles.log.sqlite import SqliteLog
from tiles.log.writer import Writer

LOG_WRITER = "log-writer"
_WRITER_STEPS = ("_wait_for_work", "_write_commits", "_do_chore", "_succeed")
"""What the log's thread does in turn."""


class Saboteur:
    """Makes one service of an application crash at a time."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._writer_ended = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the commands of one connection, a line each."""
        try:
            while line := await reader.readline():
                match line.decode().split():
                    case ["crash", name, call, *callee]:
                        self._crash(name, int(call), *callee)
                        answer = "ordered"
                    case _:
                        answer = "yes" if sys.gettrace() is None and self._writer_ended else "no"
                writer.write(answer.encode() + b"\n")
                await writer.drain()
        finally:
            writer.close()

    def _crash(self, name: str, call: int, callee: str = "") -> None:
        stand_down()
        if name == LOG_WRITER:
            self._crash_writer(call)
            return
        services = self._app.context.canvases.supervisor
        assert services is not None, "the canvases are open"
        for service in services:
            if service.name == name and isinstance(service, Service):
                crash_at(service, call, callee)

    def _crash_writer(self, call: int) -> None:
        """Let the log's thread fail before one of its steps, or right after it."""
        (log,) = self._app.context.canvases._logs.values()
        assert isinstance(log, SqliteLog)
        writer = log._writer
        assert isinstance(writer, Writer)
        step = _WRITER_STEPS[call % len(_WRITER_STEPS)]
        after = call // len(_WRITER_STEPS) % 2 == 1
        work: Callable[[], object] = getattr(writer, step)

        def fail() -> None:
            delattr(writer, step)
            if after:
                work()
            self._writer_ended = True
            raise Sabotage(f"the writer fails {'after' if after else 'before'} {step}")

        self._writer_ended = False
        setattr(writer, step, fail)


if __name__ == "__main__":
    create = beside(Path(sys.argv[1]), lambda app: Saboteur(app).serve)
    with patch("server.serve.create_app", create):
        code = main(["serve", *sys.argv[2:]])
    stand_down()
    sys.exit(code)
