"""Starts the bare servers of :mod:`benchmarks.bare` on the server's core."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.cores import bound_to, server_cores

_ROOT = Path(__file__).resolve().parent.parent
_STOP_WITHIN_S = 10.0


class BareServer(NamedTuple):
    """One that runs."""

    pid: int
    port: int


@contextmanager
def bare_server(kind: str) -> Iterator[BareServer]:
    """``hello`` or ``socket``, until the end of the block."""
    with bound_to(server_cores()):
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.bare", kind],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
    assert process.stdout is not None
    try:
        yield BareServer(process.pid, int(process.stdout.readline()))
    finally:
        process.terminate()
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
