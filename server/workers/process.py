"""A worker as its parent sees it: started, listened to, and started again when it ends."""

import asyncio
import logging
import os
import signal
import sys
import time
from contextlib import suppress

from server.workers.child import REFUSED

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-P", "-m", "server.workers.child")
RESTART_INITIAL_S = 0.1
RESTART_MAX_S = 10.0
HEALTHY_S = 30.0
"""Who has served for so long is started again as soon after its next end as after the first."""
_KEEPS_ENDING = 3


class WorkerError(Exception):
    """A worker can't serve at all; it has said why."""


class WorkerProcess:
    """Number ``number`` of the workers; ``task`` is what it reads on its standard input."""

    def __init__(self, number: int, task: bytes) -> None:
        self.number = number
        self.restarts = 0
        """How often it had to be started again."""
        self.ready = asyncio.Event()
        """It has been ready once."""
        self.serving = False
        """It is ready now."""
        self._task = task
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process; None while there is none."""
        return None if self._process is None else self._process.pid

    async def run(self) -> None:
        """Keep it running until :meth:`stop`.

        Raises :class:`WorkerError` if it says that it can't serve before it was ever ready.
        """
        wait_s, quick_ends = RESTART_INITIAL_S, 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                code = await self._live()
            except OSError as error:
                logger.error("worker %d can't be started: %s", self.number, error)
                code = None
            if self._stopping.is_set():
                return
            if code == REFUSED and not self.ready.is_set():
                raise WorkerError(f"worker {self.number} can't serve")
            self.restarts += 1
            if code == 0:  # somebody asked it to
                logger.info("worker %d has stopped; it is started again", self.number)
                continue
            if time.monotonic() - began > HEALTHY_S:
                wait_s, quick_ends = RESTART_INITIAL_S, 0
            quick_ends += 1
            often = f", {quick_ends} times in a row" if quick_ends >= _KEEPS_ENDING else ""
            logger.error(
                "worker %d was ended by %s%s; it is started again in %.1f s",
                self.number,
                _name(code),
                often,
                wait_s,
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopping.wait()
            wait_s = min(2 * wait_s, RESTART_MAX_S)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, for good."""
        self._stopping.set()
        self._send(number)

    def kill(self) -> None:
        """End it as a crash would, so that it is started again."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def _live(self) -> int:
        """One life; the exit code, negative for a signal."""
        environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            str(self.number),  # for whoever looks at the list of processes
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the parent, which asks the workers
        )
        self._process = process
        try:
            if self._stopping.is_set():
                process.terminate()
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(ConnectionError):
                process.stdin.write(self._task)
                await process.stdin.drain()
            process.stdin.close()
            if await process.stdout.readline():
                logger.info("worker %d is ready as process %d", self.number, process.pid)
                self.ready.set()
                self.serving = True
            return await process.wait()
        finally:
            self._process, self.serving = None, False


def _name(code: int | None) -> str:
    if code is None:
        return "the system"
    if code >= 0:
        return f"itself with exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:  # one of those without a name
        return f"signal {-code}"
