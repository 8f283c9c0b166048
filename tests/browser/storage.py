"""Where the servers of the browser's tests keep their canvases, and what can happen to that."""

import contextlib
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar, Final

import apsw

from tests.nats_rig import NatsProcess, one_server
from tests.process import ServerProcess


class Storage(ABC):
    """What outlives a server's process."""

    crash_changes_epoch: ClassVar[bool]
    """Whether updates may be gone once a server was killed, so that the canvas is another."""
    trouble_lets_newcomers_in: ClassVar[bool]
    """Whether a canvas can be looked at from its beginning while nothing can be stored."""

    @property
    @abstractmethod
    def flags(self) -> tuple[str, ...]:
        """Those of ``tilecast serve``."""

    @abstractmethod
    def trouble(self, server: ServerProcess) -> AbstractContextManager[None]:
        """For as long as it lasts, nothing can be stored."""

    @abstractmethod
    def forget(self, server: ServerProcess) -> None:
        """Lose all of it; the server must not run."""


class Files(Storage):
    """A file for each canvas."""

    crash_changes_epoch = True
    trouble_lets_newcomers_in = True
    flags: Final = ()

    @contextlib.contextmanager
    def trouble(self, server: ServerProcess) -> Iterator[None]:
        """Another process holds the file's lock."""
        disturber = apsw.Connection(str(server.canvas_file()))
        disturber.execute("BEGIN IMMEDIATE")
        yield
        disturber.execute("ROLLBACK")
        disturber.close()

    def forget(self, server: ServerProcess) -> None:
        shutil.rmtree(server.folder / "data")


class Streams(Storage):
    """A stream for each canvas, on a NATS server of its own."""

    crash_changes_epoch = False
    trouble_lets_newcomers_in = False

    def __init__(self, nats: NatsProcess) -> None:
        self._nats = nats

    @property
    def flags(self) -> tuple[str, ...]:
        return ("--cluster", self._nats.url)

    @contextlib.contextmanager
    def trouble(self, server: ServerProcess) -> Iterator[None]:
        """The NATS server answers nothing."""
        self._nats.pause()
        yield
        self._nats.resume()

    def forget(self, server: ServerProcess) -> None:
        Files().forget(server)
        self._nats.stop()
        self._nats.forget_store()
        self._nats.start()


@contextlib.contextmanager
def storage_of(kind: str, folder: Path) -> Iterator[Storage]:
    """The storage that ``--log`` names; what runs for it keeps its own files in a folder."""
    if kind == "sqlite":
        yield Files()
        return
    with one_server(folder) as nats:
        yield Streams(nats)
