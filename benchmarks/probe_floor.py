"""What the latency probe measures where the server does next to nothing."""

import subprocess
import sys
from pathlib import Path

from benchmarks.cores import bound_to, server_cores
from benchmarks.figures import percentile
from benchmarks.views import HOT_SCREEN
from benchmarks.workers import LoadProcess

_ROOT = Path(__file__).resolve().parent.parent
_DIALECT = "benchmarks.peers.dialects:BroadcastDialect"
_RATE = 50


def probe_floor_ms(seconds: float, seed: int) -> tuple[float, float]:
    """p50 and p99 in milliseconds of painter to echo server to viewer, on an idle machine."""
    with bound_to(server_cores()):
        echo = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.load.echo"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    try:
        assert echo.stdout is not None
        port = int(echo.stdout.readline())
        with LoadProcess("probe") as probe:
            probe.connect(view=HOT_SCREEN, dialect=_DIALECT, port=port)
            took = probe.ask("measure", rate=_RATE, seconds=seconds, box=HOT_SCREEN[:4], seed=seed)[
                "took_ns"
            ]
    finally:
        assert echo.stdin is not None
        assert echo.stdout is not None
        echo.stdin.close()
        echo.wait()
        echo.stdout.close()
    took_ms = [one / 1e6 for one in took]
    return percentile(took_ms, 0.5), percentile(took_ms, 0.99)
