"""A SQLite VFS over the system's own that fails when told to, and remembers what was synced.

From what it remembers a power cut is rehearsed: the files are built anew as a disk may hold them,
each with what was synced and any part of what was written since.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

Write = tuple[int, bytes] | int
"""Bytes at an offset, or a length that the file was cut to."""


@dataclass(slots=True)
class Contents:
    """One file: what the disk surely holds, and what was written since the last sync."""

    synced: bytearray
    unsynced: list[Write] = field(default_factory=list)

    def sync(self) -> None:
        """All that was written is on the disk."""
        for write in self.unsynced:
            apply(write, self.synced)
        self.unsynced.clear()


def apply(write: Write, contents: bytearray) -> None:
    """Do one write."""
    if isinstance(write, int):
        del contents[write:]
        return
    offset, data = write
    if len(contents) < offset:
        contents.extend(bytes(offset - len(contents)))
    contents[offset : offset + len(data)] = data


class FaultyVFS(apsw.VFS):
    """Registered under ``name`` until :meth:`unregister`.

    ``on_write`` and ``on_sync``, where set, are SQLite result codes that every such call on a file
    whose name ends with ``suffix`` fails with. A sync that fails forgets what it should have
    synced, as Linux does: the file still reads as written, a later sync succeeds, and the disk
    never gets it. ``before_sync`` is called at every sync, ``after_fault`` at every failure.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.on_write: int | None = None
        self.on_sync: int | None = None
        self.suffix = ""
        self.before_sync: Callable[[], None] | None = None
        self.after_fault: Callable[[], object] | None = None
        self.contents: dict[str, Contents] = {}
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "FaultyFile":
        """Open a file, remembering what it holds."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is not None and path not in self.contents:
            file = Path(path)
            self.contents[path] = Contents(bytearray(file.read_bytes() if file.exists() else b""))
        return FaultyFile(self, name, path, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """Delete a file, at once and for good."""
        super().xDelete(filename, syncdir)
        self.contents.pop(filename, None)

    def heal(self) -> None:
        """From here on everything succeeds."""
        self.on_write = self.on_sync = None

    def cut_power(self, folder: Path, chance: random.Random | None = None) -> None:
        """Write the files into ``folder`` as a disk may hold them now.

        Without ``chance`` none of the unsynced writes, with it any of them, in order.
        """
        for path, contents in self.contents.items():
            held = bytearray(contents.synced)
            for write in contents.unsynced:
                if chance is not None and chance.random() < 0.5:
                    apply(write, held)
            if not path.endswith("-shm"):
                (folder / Path(path).name).write_bytes(held)


class FaultyFile(apsw.VFSFile):
    """One open file of a :class:`FaultyVFS`."""

    def __init__(self, vfs: FaultyVFS, name: Any, path: str | None, flags: list[int]) -> None:
        self._vfs = vfs
        self._path = path
        super().__init__("", name, flags)

    def _hit(self, code: int | None) -> bool:
        if code is None or self._path is None or not self._path.endswith(self._vfs.suffix):
            return False
        if self._vfs.after_fault is not None:
            self._vfs.after_fault()
        return True

    def _contents(self) -> Contents | None:
        return None if self._path is None else self._vfs.contents.get(self._path)

    def xWrite(self, data: Any, offset: int) -> None:
        """Write, or fail."""
        if self._hit(self._vfs.on_write):
            raise apsw.exception_for(self._vfs.on_write or 0)
        super().xWrite(data, offset)
        if (contents := self._contents()) is not None:
            contents.unsynced.append((offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:
        """Cut the file."""
        super().xTruncate(newsize)
        if (contents := self._contents()) is not None:
            contents.unsynced.append(newsize)

    def xSync(self, flags: int) -> None:
        """Sync, or fail and forget."""
        if self._vfs.before_sync is not None:
            self._vfs.before_sync()
        contents = self._contents()
        if self._hit(self._vfs.on_sync):
            if contents is not None:
                contents.unsynced.clear()
            raise apsw.exception_for(self._vfs.on_sync or 0)
        super().xSync(flags)
        if contents is not None:
            contents.sync()
