"""One process at a time writes a canvas: an advisory lock that dies with its holder."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tiles.log.base import LogError


class FileLock:
    """An exclusive lock on ``{path}.lock``, a file of its own that stays when it is released.

    Beside the canvas's file and not on it, since closing a descriptor of that one would drop the
    locks that SQLite holds on it. The kernel releases it when the process ends, however it ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise :class:`LogError` naming who has it."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise LogError(f"{self._path} can't be opened: {error}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise LogError(
                f"{self._path.with_suffix('')} is in use by another writer (process {holder})"
            ) from error
        except OSError as error:
            os.close(descriptor)
            raise LogError(f"{self._path} can't be locked: {error}") from error
        self._descriptor = descriptor
        # For whoever finds it locked; on a full disk the lock holds all the same.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """Give the lock back; without it, do nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "FileLock":
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
