"""A server process whose services can be made to crash: the test's side of ``debug_server``."""

import asyncio
import re
import socket
import sys
from pathlib import Path

from tests.process import ServerProcess

_ANSWER_WITHIN_S = 10.0
_LINE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.M)
_LABEL = re.compile(r'(\w+)="([^"]*)"')

Labels = frozenset[tuple[str, str]]


class SabotagedServer(ServerProcess):
    """The real server, and orders to it that no client may give."""

    def __init__(self, folder: Path, *flags: str) -> None:
        # A Unix socket's path has little room; what a test's folder is called may be long.
        self._socket = Path(f"/tmp/tilecast-{id(self):x}-{folder.name[-20:]}.socket")
        launcher = (sys.executable, "-m", "tests.faults.debug_server", str(self._socket))
        super().__init__(folder, *flags, command=launcher)

    async def crash(self, service: str, call: int, callee: str = "") -> None:
        """Let the ``call``-th call fail that a service makes from now on, ``callee``'s if named."""
        await asyncio.to_thread(self._ask, f"crash {service} {call} {callee}")

    async def crashed(self) -> bool:
        """Whether what was ordered last has come about."""
        return await asyncio.to_thread(self._ask, "ended") == "yes"

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's values that have these labels."""
        wanted = set(labels.items())
        found = (await asyncio.to_thread(self.metrics))[name]
        return sum(value for had, value in found.items() if wanted <= had)

    def metrics(self) -> dict[str, dict[Labels, float]]:
        """Everything that ``/metrics`` tells, by name and labels."""
        found: dict[str, dict[Labels, float]] = {}
        for name, labels, value in _LINE.findall(self.get("/metrics").decode()):
            found.setdefault(name, {})[frozenset(_LABEL.findall(labels))] = float(value)
        return found

    def _ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as orders:
            orders.settimeout(_ANSWER_WITHIN_S)
            orders.connect(str(self._socket))
            orders.sendall(command.encode() + b"\n")
            with orders.makefile() as answers:
                return answers.readline().strip()
