"""The parent's side of a load generator: a process that takes commands and answers."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.cores import bound_to, load_cores

_ROOT = Path(__file__).resolve().parent.parent
_STOP_WITHIN_S = 10.0


class WorkerError(Exception):
    """A load generator failed or ended; the text says why."""


class LoadProcess:
    """Runs a module of :mod:`benchmarks.load` on the load's cores. ``nice`` yields to others.

    ``under`` is a command that runs it, if it isn't run as it is.
    """

    def __init__(self, module: str, nice: int = 0, under: Sequence[str] = ()) -> None:
        self._name = module
        with bound_to(load_cores()):
            self._process = subprocess.Popen(
                [*under, sys.executable, "-m", f"benchmarks.load.{module}"],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        os.setpriority(os.PRIO_PROCESS, self._process.pid, nice)
        self._last_id = 0
        self._answers: dict[int, dict[str, Any]] = {}

    def begin(self, do: str, **arguments: Any) -> int:
        """Give a command and don't wait; the number to :meth:`finish` it by."""
        self._last_id += 1
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"id": self._last_id, "do": do, **arguments}))
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise WorkerError(f"the load generator {self._name} has ended") from None
        return self._last_id

    def finish(self, number: int) -> dict[str, Any]:
        """Wait for a command's answer. Raises :class:`WorkerError`."""
        assert self._process.stdout is not None
        while number not in self._answers:
            line = self._process.stdout.readline()
            if not line:
                raise WorkerError(f"the load generator {self._name} has ended")
            answer = json.loads(line)
            self._answers[answer.pop("id")] = answer
        answer = self._answers.pop(number)
        if "error" in answer:
            raise WorkerError(f"{self._name}: {answer['error']}")
        return answer

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Give a command and wait for the answer. Raises :class:`WorkerError`."""
        return self.finish(self.begin(do, **arguments))

    def check(self) -> None:
        """Raise :class:`WorkerError` if it has ended, which it may say only later."""
        if self._process.poll() is not None:
            raise WorkerError(f"the load generator {self._name} has ended")

    def connect(self, **arguments: Any) -> None:
        """Have it connect all its clients. Raises :class:`WorkerError` if any fails."""
        answer = self.ask("connect", **arguments)
        if answer["ready"] != answer["asked"]:
            codes = ", ".join(f"{code} {count} times" for code, count in answer["close_codes"])
            raise WorkerError(
                f"only {answer['ready']} of {answer['asked']} clients got ready (closed with: "
                f"{codes or 'nothing'})"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
