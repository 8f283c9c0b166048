"""Processes behind one port ask each other for their figures, by sockets in their folders.

Whoever connects is told the figures of the moment, and the connection closes. The folders are
nobody else's to read.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from server.exposition import gauge
from server.workers.folder import WorkerFolder
from server.workers.merged_metrics import Merged, pack, unpack

logger = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 1.0
"""Who hasn't told its figures by then is left out."""
_SOCKET = "figures.sock"

Read = Callable[[], Iterable[Metric]]
"""Reads the figures of the moment, on the event loop; what it gives is gone through in a thread."""


class FiguresSocket:
    """Tells this process's figures to whoever connects to the socket in ``folder``."""

    def __init__(self, folder: Path, read: Read) -> None:
        self._folder = folder
        self._read = read
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen. Raises OSError."""
        self._remove()
        listener = socket.socket(socket.AF_UNIX)
        try:
            with _short(self._folder) as path:
                listener.bind(path)
            self._server = await asyncio.start_unix_server(self._answer, sock=listener)
        except BaseException:
            listener.close()
            raise

    def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._remove()

    def _remove(self) -> None:
        with suppress(FileNotFoundError):
            (self._folder / _SOCKET).unlink()

    async def _answer(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            reading = self._read()
            writer.write(await asyncio.to_thread(lambda: pack(reading)))
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await writer.drain()
        except (OSError, TimeoutError):
            logger.debug("figures were not taken", exc_info=True)
        finally:
            writer.close()


class Siblings:
    """The workers of one data folder, as number ``number`` of ``count`` sees them."""

    def __init__(self, folder: WorkerFolder, number: int, count: int) -> None:
        self._folder = folder
        self._number = number
        self._count = count

    async def merged(self, own: Collector) -> Collector:
        """The figures of all workers and of who started them, those that answer in time.

        Each sample says in the label ``worker`` whose it is.
        """
        others = [number for number in range(1, self._count + 1) if number != self._number]
        asked = [self._folder.workers, *(self._folder.of(number) for number in others)]
        of_parent, *told = await asyncio.gather(*(figures_of(folder) for folder in asked))
        answers = {self._number: own.collect(), **dict(zip(others, told, strict=True))}
        parts = {
            str(number): families
            for number, families in sorted(answers.items())
            if families is not None
        }
        up = [((str(number),), families is not None) for number, families in answers.items()]
        about = gauge(
            "worker_up", "1 where a worker told its figures in time.", ("worker",), sorted(up)
        )
        return Merged({"": [about, *(of_parent or ())], **parts})


async def figures_of(folder: Path) -> Iterable[Metric] | None:
    """The figures that are told in a folder; None where they aren't."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            with _short(folder) as path:
                reader, writer = await asyncio.open_unix_connection(path)
            try:
                return unpack(await reader.read())
            finally:
                writer.close()
    except (OSError, ValueError, TimeoutError):
        return None


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """A path of the socket in ``folder`` that fits: it may have 107 characters. Raises OSError."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{_SOCKET}"
    finally:
        os.close(descriptor)
