"""Commands the disk of servers that :mod:`tests.faults.vfs_server` starts, one after the other."""

import asyncio
import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.process import ServerProcess

WITHIN_S = 60.0
_LOOK_S = 0.1
WAL_PAGES = 100
"""A write-ahead log so short is copied into its file several times a second, as a test wants it."""


class Disk:
    """The disk of the server that was launched last with :attr:`command`.

    Each life of a server begins with :meth:`attach`; what was armed before is gone then.
    """

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._lines: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        self._lines = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._struck: asyncio.Future[str] | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._detach()
        await self._server.wait_closed()

    @property
    def command(self) -> tuple[str, ...]:
        """For :class:`tests.process.ServerProcess`."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        return sys.executable, "-m", "tests.faults.vfs_server", str(port)

    async def attach(self, server: ServerProcess) -> None:
        """Wait for the server that was just launched; it does nothing before :meth:`begin`."""
        await self._detach()
        arrival = asyncio.create_task(self._lines.get())
        try:
            async with asyncio.timeout(WITHIN_S):
                while not arrival.done():
                    assert server.running, f"it ended:\n{server.log}"
                    await asyncio.wait([arrival], timeout=_LOOK_S)
        finally:
            arrival.cancel()
        reader, self._writer = arrival.result()
        self._answers = asyncio.Queue()
        self._struck = None
        self._listening = asyncio.create_task(self._listen(reader))

    async def begin(self) -> None:
        """Let the server start."""
        await self._tell(do="begin", wal_pages=WAL_PAGES)

    async def arm_cut(
        self, folder: Path, *, after: int, seed: int | None, kill: bool
    ) -> "asyncio.Future[str]":
        """The power fails after so many changes; the future says at which, once it did."""
        return await self._arm(do="cut", folder=str(folder), after=after, seed=seed, kill=kill)

    async def arm_fault(
        self, call: str, code: int, *, after: int, suffix: str = "", partial: int = 0
    ) -> "asyncio.Future[str]":
        """Every ``call`` fails after so many changes, until :meth:`heal`."""
        return await self._arm(
            do="fail", call=call, code=code, after=after, suffix=suffix, partial=partial
        )

    async def heal(self) -> None:
        """End the fault."""
        await self._tell(do="heal")

    async def hold(self, folder: Path) -> None:
        """Nothing changes until :meth:`go`; ``folder`` gets what was synced, and nothing else."""
        await self._tell(do="hold", folder=str(folder), seed=None)

    async def go(self, *, held: bool = False) -> None:
        """Go on after a cut that doesn't kill, or after :meth:`hold`."""
        await self._tell(do="go", held=held)

    async def _arm(self, **command: Any) -> "asyncio.Future[str]":
        self._struck = asyncio.get_running_loop().create_future()
        await self._tell(**command)
        return self._struck

    async def _tell(self, **command: Any) -> None:
        assert self._writer is not None, "no server is attached"
        self._writer.write(json.dumps(command).encode() + b"\n")
        async with asyncio.timeout(WITHIN_S):
            answer = await self._answers.get()
        assert answer == {}, "the server ended"

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                said = json.loads(line)
                if "struck" in said:
                    assert self._struck is not None
                    self._struck.set_result(said["struck"])
                else:
                    self._answers.put_nowait(said)
        except ConnectionError:
            pass
        finally:
            self._answers.put_nowait({"ended": True})
            if self._struck is not None and not self._struck.done():
                self._struck.cancel()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.put_nowait((reader, writer))

    async def _detach(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None
