"""A SQLite VFS over the system's own that fails when told to, and remembers what was synced.

From what it remembers a power cut is rehearsed: the files are built anew as a disk may hold them,
each with what was synced and any part of what was written since.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import apsw

SECTOR_BYTES = 512
"""What a disk writes whole or not at all."""

Write = tuple[int, bytes] | int
"""Bytes at an offset, or a length that the file was cut to."""


@dataclass(slots=True)
class Contents:
    """One file: what the disk surely holds, and what was written since the last sync.

    ``named``: its folder says on the disk that it is there.
    """

    synced: bytearray
    named: bool
    unsynced: list[Write] = field(default_factory=list)

    def sync(self) -> None:
        """All that was written is on the disk."""
        for write in self.unsynced:
            apply(write, self.synced)
        self.unsynced.clear()

    def after_power_cut(self, chance: random.Random | None) -> bytearray:
        """What a disk may hold: see :meth:`FaultyVFS.cut_power`."""
        held = bytearray(self.synced)
        if chance is not None:
            for write in self.unsynced:
                for part in survivors(write, chance):
                    apply(part, held)
        return held


def apply(write: Write, contents: bytearray) -> None:
    """Do one write."""
    if isinstance(write, int):
        del contents[write:]
        return
    offset, data = write
    if len(contents) < offset:
        contents.extend(bytes(offset - len(contents)))
    contents[offset : offset + len(data)] = data


def survivors(write: Write, chance: random.Random) -> list[Write]:
    """What of an unsynced write reaches the disk: all, nothing, or some of its sectors."""
    fate = chance.random()
    if fate < 0.4:
        return [write]
    if fate < 0.8 or isinstance(write, int):
        return []
    offset, data = write
    ends = range((offset // SECTOR_BYTES + 1) * SECTOR_BYTES, offset + len(data), SECTOR_BYTES)
    bounds = [offset, *ends, offset + len(data)]
    return [
        (start, data[start - offset : end - offset])
        for start, end in pairwise(bounds)
        if chance.random() < 0.5
    ]


class FaultyVFS(apsw.VFS):
    """Registered under ``name`` until :meth:`unregister`.

    ``on_write``, ``on_sync`` and ``on_read``, where set, are SQLite result codes that every such
    call on a file whose name ends with ``suffix`` fails with; cutting a file is a write. A write
    that fails leaves its first ``partial`` bytes. A sync that fails forgets what it should have
    synced, as Linux does: the file still reads as written, a later sync succeeds, and the disk
    never gets it. ``before_change`` is called before whatever changes a file or syncs it, with the
    file's name and what that is; ``before_sync`` at every sync, ``after_fault`` at every failure.
    Who holds ``gate`` keeps the files from changing.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.on_write: int | None = None
        self.on_sync: int | None = None
        self.on_read: int | None = None
        self.partial = 0
        self.suffix = ""
        self.before_change: Callable[[str], object] | None = None
        self.before_sync: Callable[[], object] | None = None
        self.after_fault: Callable[[], object] | None = None
        self.gate = threading.RLock()
        self.contents: dict[str, Contents] = {}
        self._deleted: dict[str, Contents] = {}
        """Files that are gone, but maybe not for their folder on the disk."""
        super().__init__(name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "FaultyFile":
        """Open a file, remembering what it holds."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        creates = bool(flags[0] & apsw.SQLITE_OPEN_CREATE)
        with self.gate:
            if path is None:
                return FaultyFile(self, name, path, flags)
            there = Path(path).exists()
            # Opened first: what can't be opened isn't to be remembered.
            file = FaultyFile(self, name, path, flags, syncs_folder=creates)
            if path not in self.contents:
                held = Path(path).read_bytes() if there else b""
                self.contents[path] = Contents(bytearray(held), named=there)
            return file

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """Delete a file; for good only where its folder is synced."""
        self.announce(filename, "delete")
        with self.gate:
            super().xDelete(filename, syncdir)
            contents = self.contents.pop(filename, None)
            if syncdir:
                self.folder_synced()
            elif contents is not None and contents.named:
                self._deleted[filename] = contents

    def announce(self, path: str, change: str) -> None:
        """Say what is about to be done."""
        if self.before_change is not None:
            self.before_change(f"{Path(path).name} {change}")

    def folder_synced(self) -> None:
        """The disk knows which files there are."""
        self._deleted.clear()
        for contents in self.contents.values():
            contents.named = True

    def heal(self) -> None:
        """From here on everything succeeds."""
        self.on_write = self.on_sync = self.on_read = None

    def cut_power(self, folder: Path, chance: random.Random | None = None) -> None:
        """Write the files into ``folder`` as a disk may hold them now.

        Without ``chance`` none of the unsynced writes, with it any of them, in order, some in part.
        A file whose name isn't synced may be missing then, one whose deletion isn't may be there.
        """
        with self.gate:
            held: dict[str, Contents] = {}
            for path, contents in self._deleted.items():
                if chance is None or chance.random() < 0.5:
                    held[path] = contents
            for path, contents in self.contents.items():
                if contents.named or (chance is not None and chance.random() < 0.5):
                    held[path] = contents
            for path, contents in held.items():
                if not path.endswith("-shm"):
                    (folder / Path(path).name).write_bytes(contents.after_power_cut(chance))


class FaultyFile(apsw.VFSFile):
    """One open file of a :class:`FaultyVFS`."""

    def __init__(
        self,
        vfs: FaultyVFS,
        name: Any,
        path: str | None,
        flags: list[int],
        *,
        syncs_folder: bool = False,
    ) -> None:
        self._vfs = vfs
        self._path = path
        self._syncs_folder = syncs_folder
        super().__init__("", name, flags)

    def _hit(self, code: int | None) -> bool:
        if code is None or self._path is None or not self._path.endswith(self._vfs.suffix):
            return False
        if self._vfs.after_fault is not None:
            self._vfs.after_fault()
        return True

    def _contents(self) -> Contents | None:
        return None if self._path is None else self._vfs.contents.get(self._path)

    def _announce(self, change: str) -> None:
        if self._path is not None:
            self._vfs.announce(self._path, change)

    def xRead(self, amount: int, offset: int) -> Any:
        """Read, or fail."""
        code = self._vfs.on_read
        if self._hit(code):
            raise apsw.exception_for(code or 0)
        return super().xRead(amount, offset)

    def xWrite(self, data: Any, offset: int) -> None:
        """Write, or fail."""
        self._announce("write")
        with self._vfs.gate:
            code = self._vfs.on_write
            failed = self._hit(code)
            written = bytes(data)[: self._vfs.partial] if failed else bytes(data)
            if written:
                super().xWrite(written, offset)
                if (contents := self._contents()) is not None:
                    contents.unsynced.append((offset, written))
        if failed:
            raise apsw.exception_for(code or 0)

    def xTruncate(self, newsize: int) -> None:
        """Cut the file, or fail."""
        self._announce("cut")
        with self._vfs.gate:
            code = self._vfs.on_write
            if self._hit(code):
                raise apsw.exception_for(code or 0)
            super().xTruncate(newsize)
            if (contents := self._contents()) is not None:
                contents.unsynced.append(newsize)

    def xSync(self, flags: int) -> None:
        """Sync, or fail and forget."""
        if self._vfs.before_sync is not None:
            self._vfs.before_sync()
        self._announce("sync")
        with self._vfs.gate:
            contents = self._contents()
            code = self._vfs.on_sync
            if self._hit(code):
                if contents is not None:
                    contents.unsynced.clear()
                raise apsw.exception_for(code or 0)
            super().xSync(flags)
            if contents is not None:
                contents.sync()
            if self._syncs_folder:
                self._syncs_folder = False
                self._vfs.folder_synced()
