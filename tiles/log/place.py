"""Whether a canvas's open files are still those at their paths.

SQLite goes on writing to a file that was deleted or moved away, and every sync of it succeeds. But
no start finds what is there: it isn't durable.
"""

import os
from pathlib import Path

from tiles.log.base import LogError

_Identity = tuple[int, int]


class VanishedError(LogError):
    """A file isn't where it was opened; the text says which."""


class Place:
    """The identities of a canvas's file and of its write-ahead log, as they were when opened.

    The file keeps its own for good: another one in its place, a copy too, may lack anything. The
    write-ahead log gets a new one with each connection.
    """

    def __init__(self, path: Path) -> None:
        self._file = path
        self._wal = path.with_name(path.name + "-wal")
        self._file_identity: _Identity | None = None
        self._wal_identity: _Identity | None = None

    def connected(self) -> None:
        """There is a new connection; the first :meth:`check` notes what it has opened."""
        self._wal_identity = None

    def check(self) -> None:
        """Raise :class:`VanishedError` unless both are there; called after something was written.

        What was written before this returns well could be found by another process.
        """
        self.check_file()
        if self.lacks_wal():
            raise VanishedError(f"{self._wal} was deleted or moved away while it was in use")
        self._wal_identity = _identity(self._wal)

    def check_file(self) -> None:
        """The same of the file alone."""
        found = _identity(self._file)
        if found is None:
            raise VanishedError(
                f"{self._file} was deleted or moved away while it was in use: put it back"
            )
        if self._file_identity not in (None, found):
            raise VanishedError(
                f"{self._file} was replaced while it was in use: put back the one that was there"
            )
        self._file_identity = found

    def lacks_wal(self) -> bool:
        """Whether the write-ahead log is gone. Raises :class:`VanishedError` for another one."""
        found = _identity(self._wal)
        if found is not None and self._wal_identity not in (None, found):
            raise VanishedError(
                f"{self._wal} was replaced while it was in use: move away the one that is there"
            )
        return found is None


def _identity(path: Path) -> _Identity | None:
    """Device and number of what is at a path; ``None`` where that is nothing."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise VanishedError(f"{path} can't be found: {error.strerror}") from error
    return status.st_dev, status.st_ino
