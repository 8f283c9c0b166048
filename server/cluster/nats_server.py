"""A NATS server of our own on this machine: started, watched, started again."""

import asyncio
import fcntl
import logging
import os
import re
import secrets
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from server.cluster.nats_config import (
    NatsConfig,
    NatsServerError,
    find_binary,
    free_port,
    ports_file,
    read_port,
)
from tiles.log.base import LogError
from tiles.log.lock import FileLock

logger = logging.getLogger(__name__)

READY_TIMEOUT_S = 60.0
"""A store of many gigabytes that wasn't closed well takes its time."""
READY_POLL_S = 0.01
STOP_TIMEOUT_S = 10.0
RESTART_INITIAL_S = 0.05
RESTART_MAX_S = 5.0
HEALTHY_S = 10.0
"""Who has run for so long is restarted as soon after its next end as after the first."""
_LINE = re.compile(r"^\[\d+\] \[(\w+)\] (.*)$")
_LEVELS = {"WRN": logging.WARNING, "ERR": logging.ERROR, "FTL": logging.CRITICAL}


class NatsServer:
    """A server for this machine alone: on loopback, by a token that nobody else has.

    It keeps its address over restarts. What it stores is in ``folder``, written to disk before it
    is answered for. One that a killed process of ours left behind is stopped first. ``launcher`` is
    a program, with arguments, that becomes the one named after them.
    """

    def __init__(
        self, folder: Path, *, port: int = 0, binary: str = "", launcher: Sequence[str] = ()
    ) -> None:
        self.restarts = 0
        """How often it had to be started again."""
        token = secrets.token_hex(16)
        self._config = NatsConfig("tilecast", folder, token, port=port or free_port())
        self._folder = folder
        self._named_binary = binary
        self._launcher = launcher
        self._ours = FileLock(folder / "nats")
        self._process: asyncio.subprocess.Process | None = None
        self._watching: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Its address with the token, once it has started."""
        return f"nats://{self._config.token}@{self._config.host}:{self._config.port}"

    @property
    def pid(self) -> int | None:
        """The process; None while there is none."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises :class:`NatsServerError`."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._ours.acquire()
        except (OSError, LogError) as error:
            raise NatsServerError(str(error)) from error
        try:
            await self._launch()
        except BaseException:
            await self._end()
            self._ours.release()
            raise
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop it cleanly, and wait until it has ended."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._end()
        self._ours.release()

    def kill(self) -> None:
        """End it as a crash would, so that it is started again."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    # -- one life ------------------------------------------------------------------------------

    async def _launch(self) -> None:
        binary = find_binary(self._named_binary)
        held = await self._hold_store()
        try:
            file = self._write_config()
            process = await asyncio.create_subprocess_exec(
                *(*self._launcher, str(binary), "--config", str(file)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(held,),  # the lock lasts as long as that process, whatever becomes of us
                start_new_session=True,  # Ctrl-C is for us; we stop it when its nodes have ended
            )
            os.pwrite(held, b"%-20d\n" % process.pid, 0)
        except OSError as error:
            raise NatsServerError(f"{binary} can't be run in {self._folder}: {error}") from error
        finally:
            os.close(held)
        self._process = process
        self._reading = asyncio.create_task(self._read(process))
        port = await self._ready(ports_file(self._folder, binary, process.pid), process)
        self._config = replace(self._config, port=port)
        logger.info("NATS runs on this machine as process %d, port %d", process.pid, port)

    def _write_config(self) -> Path:
        """Write the configuration, for our eyes only, and remove what earlier lives said."""
        for left in self._folder.glob("*.ports"):
            left.unlink(missing_ok=True)
        file = self._folder / "nats.conf"
        file.unlink(missing_ok=True)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as config:
            config.write(self._config.text())
        return file

    async def _ready(self, file: Path, process: asyncio.subprocess.Process) -> int:
        """The port it has, once it listens there."""
        end = time.monotonic() + READY_TIMEOUT_S
        while (port := read_port(file)) is None:
            if process.returncode is not None:
                raise NatsServerError(f"nats-server ended with {process.returncode}")
            if time.monotonic() > end:
                raise NatsServerError(f"nats-server was not ready within {READY_TIMEOUT_S} s")
            await asyncio.sleep(READY_POLL_S)
        return port

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Log what it says: what is usual, for those who debug."""
        assert process.stderr is not None
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:  # longer than is ever said, and dropped
                continue
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            found = _LINE.match(text)
            level, said = (found[1], found[2]) if found else ("INF", text)
            logger.log(_LEVELS.get(level, logging.DEBUG), "nats-server: %s", said)

    async def _watch(self) -> None:
        """Start it again whenever it ends."""
        wait_s = RESTART_INITIAL_S
        while True:
            began = time.monotonic()
            if self._process is not None:
                code = await self._process.wait()
                logger.error("nats-server ended with %d; it is started again", code)
            if time.monotonic() - began > HEALTHY_S:
                wait_s = RESTART_INITIAL_S
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RESTART_MAX_S)
            await self._end()
            self.restarts += 1
            try:
                await self._launch()
            except NatsServerError as error:
                logger.error("%s", error)
                await self._end()

    async def _end(self) -> None:
        """Have no process any more."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.terminate()
            try:
                async with asyncio.timeout(STOP_TIMEOUT_S):
                    await process.wait()
            except TimeoutError:
                logger.error("nats-server didn't stop within %g s and is killed", STOP_TIMEOUT_S)
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        reading, self._reading = self._reading, None
        if reading is not None:
            await reading

    # -- its store -----------------------------------------------------------------------------

    async def _hold_store(self) -> int:
        """A descriptor that holds the store's lock; whoever had it is stopped.

        That one was started by us, or by one of us that is gone: our own lock is held.
        """
        held = os.open(self._folder / "store.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not await _lock(held, 0.0):
                pid = int(os.pread(held, 32, 0) or b"0")
                logger.warning("a nats-server that was left behind is stopped: process %d", pid)
                for number in (signal.SIGTERM, signal.SIGKILL):
                    if pid:
                        with suppress(ProcessLookupError):
                            os.kill(pid, number)
                    if await _lock(held, STOP_TIMEOUT_S):
                        break
                else:
                    raise NatsServerError(f"process {pid} has the store in {self._folder}")
            os.ftruncate(held, 0)
        except BaseException:
            os.close(held)
            raise
        return held


async def _lock(descriptor: int, within_s: float) -> bool:
    """Take a lock; whether it was to be had within that time."""
    end = time.monotonic() + within_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            await asyncio.sleep(READY_POLL_S)
        else:
            return True
