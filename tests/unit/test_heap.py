"""What is free in the C library's heap; in a process of its own, since its settings are for all."""

import platform
import random
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from server.heap import Trimming, share_heap
from server.supervisor import Supervisor
from tests.simulation.verdict import Verdict
from tests.simulation.virtual_time import Process, VirtualTime

_MIB = 1 << 20
_ROOT = Path(__file__).parents[2]


def fragment_and_trim() -> None:
    """Print the MiB that are resident: in use, after a third is let go, and ten seconds later."""
    time = VirtualTime(Verdict())
    loop = Process(time, random.Random(1), tick_s=0)
    service = Supervisor(loop).service("heap")
    share_heap()
    Trimming(service, loop.offload)
    resident = psutil.Process().memory_info
    rng = random.Random(2)
    blocks = [bytes(rng.randrange(8_000, 64_000)) for _ in range(4_000)]
    figures = [resident().rss]
    del blocks[::3]
    figures.append(resident().rss)
    for _ in range(2):  # it goes on after the first
        time.run(time.now + 11)
        figures.append(resident().rss)
        blocks = blocks[::2]
    print(*(figure // _MIB for figure in figures))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others give back by themselves")
def test_what_is_free_amid_the_heap_is_given_back() -> None:
    """TILE-6: glibc by itself would keep nearly all of it."""
    run = subprocess.run(
        (sys.executable, "-c", f"from {__name__} import fragment_and_trim as f; f()"),
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    used, freed, trimmed, trimmed_again = map(int, run.stdout.split())
    assert freed > 0.9 * used, "nothing would have to be given back"
    assert trimmed < 0.8 * used
    assert trimmed_again < 0.6 * used


def test_it_is_tried_again_after_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    """SUP-1: no thread could be had, say."""
    time = VirtualTime(Verdict())
    loop = Process(time, random.Random(1), tick_s=0)
    service = Supervisor(loop).service("heap")
    tries = 0

    def no_thread() -> NoReturn:
        nonlocal tries
        tries += 1
        raise RuntimeError("can't start new thread")

    Trimming(service, lambda work, done, failed: loop.offload(no_thread, done, failed))
    time.run(15)
    assert (tries, service.restarts) == (1, 1)
    time.run(25)
    assert (tries, service.restarts) == (2, 2)
    assert "can't start new thread" in caplog.text
