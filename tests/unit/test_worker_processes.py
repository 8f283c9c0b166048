"""Processes that a server starts: they end with it, and are started again when they end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from server.cluster.link import Link, LinkOptions
from server.cluster.nats_server import NatsServer
from server.tether import tied
from server.workers import process as process_module
from server.workers import watchdog
from server.workers.process import WorkerError, WorkerProcess
from server.workers.siblings import FiguresSocket

WITHIN_S = 20.0
READY = "import sys; sys.stdin.read(); print('ready', flush=True)"


async def until(ready: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(WITHIN_S):
        while not ready():  # noqa: ASYNC110  nothing tells
            await asyncio.sleep(0.005)


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], WorkerProcess]:
    """Makes a worker that runs a piece of Python instead."""
    monkeypatch.setattr(process_module, "RESTART_INITIAL_S", 0.01)

    def made(program: str) -> WorkerProcess:
        monkeypatch.setattr(process_module, "COMMAND", (sys.executable, "-IS", "-c", program))
        return WorkerProcess(7, b"task")

    return made


async def test_it_gets_its_task_and_says_when_it_is_ready(
    worker: Callable[[str], WorkerProcess], tmp_path: Path
) -> None:
    """CLU-40: on its standard input, where nobody else sees it."""
    seen = tmp_path / "seen"
    one = worker(
        f"import sys, time; open({str(seen)!r}, 'w').write(sys.stdin.read() + sys.argv[1]); "
        "print('ready', flush=True); time.sleep(60)"
    )
    run = asyncio.create_task(one.run())
    await one.ready.wait()
    assert seen.read_text() == "task7"
    one.stop()
    await run
    assert (one.pid, one.restarts) == (None, 0)


async def test_who_cannot_serve_is_not_tried_again(
    worker: Callable[[str], WorkerProcess],
) -> None:
    """CLU-41: it has said why, and the next would say the same."""
    with pytest.raises(WorkerError, match="worker 7"):
        await worker("import sys; sys.exit(1)").run()


async def test_who_keeps_ending_is_started_again_and_said_so(
    worker: Callable[[str], WorkerProcess], caplog: pytest.LogCaptureFixture
) -> None:
    """CLU-41: with growing pauses, by whatever it ended."""
    one = worker(f"{READY}; import os; os.kill(os.getpid(), 9)")
    run = asyncio.create_task(one.run())
    await until(lambda: one.restarts >= 4)
    one.stop()
    await run
    lines = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert lines[0] == "worker 7 was ended by SIGKILL; it is started again in 0.0 s"
    assert "SIGKILL, 3 times in a row; it" in lines[2]
    assert lines[3].endswith("again in 0.1 s")


async def test_who_was_asked_to_end_is_started_at_once(
    worker: Callable[[str], WorkerProcess], caplog: pytest.LogCaptureFixture
) -> None:
    """CLU-41: so workers can be renewed one by one."""
    one = worker(READY)
    run = asyncio.create_task(one.run())
    await until(lambda: one.restarts >= 2)
    one.stop()
    await run
    assert not any(record.levelname == "ERROR" for record in caplog.records)


async def test_a_stop_ends_the_pause_too(
    worker: Callable[[str], WorkerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CLU-43: nobody waits for a worker that isn't there."""
    one = worker(f"{READY}; sys.exit(3)")
    monkeypatch.setattr(process_module, "RESTART_INITIAL_S", 3600.0)
    run = asyncio.create_task(one.run())
    await until(lambda: one.restarts == 1)
    one.stop()
    async with asyncio.timeout(WITHIN_S):
        await run


async def test_who_stands_still_is_killed(
    worker: Callable[[str], WorkerProcess],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    """CLU-41: it would go on getting its share of the connections; who answers is left alone."""
    monkeypatch.setattr(watchdog, "LOOK_INTERVAL_S", 0.01)
    monkeypatch.setattr(watchdog, "STANDS_STILL_S", 0.1)
    one = worker(f"{READY}; import time; time.sleep(60)")
    told = FiguresSocket(tmp_path, list)
    await told.open()
    run = asyncio.create_task(one.run())
    watching = asyncio.create_task(watchdog.watch(one, tmp_path))
    await one.ready.wait()
    await asyncio.sleep(0.5)
    assert one.restarts == 0
    told.close()
    await until(lambda: one.restarts == 1)
    watching.cancel()
    one.stop()
    await run
    assert "worker 7 stands still" in caplog.text


async def test_a_nats_server_that_stands_still_is_killed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """CLU-49: it is started again at its address; who ended or is being started isn't killed."""
    monkeypatch.setattr(watchdog, "NATS_LOOK_INTERVAL_S", 0.01)
    nats = NatsServer(tmp_path)
    await nats.start()
    watching = asyncio.create_task(watchdog.watch_nats(nats))
    try:
        async with Link(LinkOptions((nats.url,))) as link:
            await link.wait_up(WITHIN_S)
            assert nats.pid is not None
            os.kill(nats.pid, signal.SIGSTOP)
            await until(lambda: nats.restarts == 1)
            await until(lambda: link.connects == 2)
            # While it starts, nobody is there to be dialled.
            os.kill(nats.pid, signal.SIGKILL)
            await until(lambda: nats.restarts == 2)
            await until(lambda: link.connects == 3)
    finally:
        watching.cancel()
        await nats.stop()
    assert caplog.text.count("nats-server stands still and is killed") == 1
    assert nats.restarts == 2


async def test_who_answers_again_has_never_been_silent() -> None:
    """CLU-49, CLU-41: it takes so many looks in a row, however long ago the first was."""
    answers = iter((False, False, True, False, False, False))

    async def lives() -> bool:
        return next(answers)

    await watchdog._silence(lives, 0.0, 3)
    assert next(answers, None) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_tied_process_ends_with_its_parent(number: signal.Signals) -> None:
    """CLU-43: by the signal that was chosen, though its parent had no time to send it."""
    child = "import time; print('up', flush=True); time.sleep(60)"
    program = (
        "import json, signal, subprocess, sys; from server.tether import tied; "
        f"child = subprocess.Popen([*tied(signal.Signals({int(number)})), sys.executable, '-c', "
        f"{child!r}], stdout=subprocess.PIPE, start_new_session=True); child.stdout.readline(); "
        "print(json.dumps(child.pid), flush=True); child.wait()"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    orphan = psutil.Process(json.loads(await parent.stdout.readline()))
    assert orphan.is_running()
    parent.kill()
    await parent.wait()
    await until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)


async def test_whose_parent_is_gone_already_ends_at_once() -> None:
    """CLU-43: between its start and its being tied the parent may die."""
    launcher = list(tied(signal.SIGKILL))
    launcher[3] = str(os.getpid() + 1)
    process = await asyncio.create_subprocess_exec(*launcher, sys.executable, "-c", "print()")
    assert await process.wait() == -signal.SIGKILL
