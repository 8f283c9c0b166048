"""The child's side of a load generator: commands come as JSON lines, and so do the answers."""

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, cast

from benchmarks.load.dialect import Dialect
from benchmarks.load.reactor import Reactor

Command = dict[str, Any]
Answer = dict[str, Any]


def dialect_maker(name: str) -> Callable[[], Dialect]:
    """The class that ``package.module:Class`` names."""
    module, _, attribute = name.partition(":")
    return cast("Callable[[], Dialect]", getattr(import_module(module), attribute))


class Worker:
    """Takes commands from standard input until it ends; each handler gives the answer.

    A handler that returns None answers later, by :meth:`answer`; answers name their command.
    """

    def __init__(self) -> None:
        self.reactor = Reactor()
        self._handlers: dict[str, Callable[[Command], Answer | None]] = {}
        self._over = False
        self._unread = b""

    def on(self, name: str, handler: Callable[[Command], Answer | None]) -> None:
        """Have ``handler`` take the commands of this name."""
        self._handlers[name] = handler

    def answer(self, command: Command, answer: Answer) -> None:
        """Answer a command."""
        sys.stdout.write(json.dumps({"id": command["id"], **answer}) + "\n")
        sys.stdout.flush()

    def run(self) -> None:
        """Take commands until the parent closes standard input."""
        fd = sys.stdin.fileno()
        os.set_blocking(fd, False)
        self.reactor.watch(fd, self._readable)
        self.reactor.run_until(lambda: self._over)

    def _readable(self) -> None:
        data = os.read(sys.stdin.fileno(), 1 << 20)
        if not data:
            self._over = True
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            try:
                answer = self._handlers[command["do"]](command)
            except Exception as error:
                self.answer(command, {"error": f"{type(error).__name__}: {error}"})
                raise
            if answer is not None:
                self.answer(command, answer)
