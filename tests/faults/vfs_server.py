"""`tilecast serve` over a disk that a test commands.

``python -m tests.faults.vfs_server PORT FLAGS``: the server is the real one, but the files of its
canvases go through :class:`tests.faulty_vfs.FaultyVFS`. Before it starts, the process connects to
PORT of this machine, where :class:`tests.faults.disk.Disk` tells it what the disk does: lines of
JSON, each answered by one.
"""

import json
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tiles.log.store
from server.cli import main
from server.datafolder import DataFolder
from tests.faulty_vfs import FaultyVFS
from tiles.log.sqlite import SqliteLog

Command = dict[str, Any]


class Commanded:
    """The end of a :class:`tests.faults.disk.Disk` that is in the server's process."""

    def __init__(self, port: int) -> None:
        self.vfs = FaultyVFS("commanded")
        self.vfs.before_change = self._change
        self.begun = threading.Event()
        self._line = socket.create_connection(("127.0.0.1", port))
        self._sending = threading.Lock()
        self._countdown = threading.Lock()
        self._due: tuple[int, Callable[[str], None]] | None = None
        self._go = threading.Event()
        threading.Thread(target=self._obey, name="commands", daemon=True).start()

    def _obey(self) -> None:
        commands: dict[str, Callable[[Command], None]] = {
            "begin": self._begin,
            "cut": self._cut,
            "fail": self._fail,
            "go": self._go_on,
            "heal": self._heal,
            "hold": self._hold,
        }
        with self._line.makefile("r") as lines:
            for line in lines:
                command = json.loads(line)
                commands[command["do"]](command)
                self._say({})

    def _say(self, what: Command) -> None:
        with self._sending:
            self._line.sendall(json.dumps(what).encode() + b"\n")

    def _change(self, what: str) -> None:
        """Something is about to change a file: it may be what was waited for."""
        with self._countdown:
            if self._due is None:
                return
            left, strike = self._due
            self._due = None if left == 0 else (left - 1, strike)
        if left == 0:
            strike(what)

    def _strike_after(self, changes: int, strike: Callable[[str], None]) -> None:
        with self._countdown:
            self._due = changes, strike

    # -- what may be told ----------------------------------------------------------------------

    def _begin(self, command: Command) -> None:
        """Start the server; ``wal_pages``: how long the write-ahead log may become."""
        tiles.log.store.WAL_CHECKPOINT_PAGES = command["wal_pages"]
        self.begun.set()

    def _cut(self, command: Command) -> None:
        """After some more changes the power fails: ``folder`` gets what the disk holds.

        ``kill``: and the process ends there; otherwise the log's thread stands still until "go".
        """

        def strike(what: str) -> None:
            self._write_files(command)
            self._go.clear()
            self._say({"struck": what})
            if command["kill"]:
                os.kill(os.getpid(), signal.SIGKILL)
            self._go.wait()

        self._strike_after(command["after"], strike)

    def _fail(self, command: Command) -> None:
        """After some more changes each ``call`` on files of that ``suffix`` fails with ``code``."""

        def strike(what: str) -> None:
            self.vfs.suffix = command["suffix"]
            self.vfs.partial = command["partial"]
            setattr(self.vfs, f"on_{command['call']}", command["code"])
            self._say({"struck": what})

        self._strike_after(command["after"], strike)

    def _heal(self, _: Command) -> None:
        """The disk is well again."""
        with self._countdown:
            self._due = None
        self.vfs.heal()

    def _hold(self, command: Command) -> None:
        """Nothing changes any more until "go"; ``folder`` gets what the disk holds."""
        self.vfs.gate.acquire()
        self._write_files(command)

    def _go_on(self, command: Command) -> None:
        """What stands still goes on."""
        if command["held"]:
            self.vfs.gate.release()
        self._go.set()

    def _write_files(self, command: Command) -> None:
        seed = command["seed"]
        chance = None if seed is None else random.Random(seed)
        folder = Path(command["folder"])
        folder.mkdir(parents=True)
        self.vfs.cut_power(folder, chance)


def serve(port: int, flags: list[str]) -> int:
    """Serve, once told to begin; the exit code."""
    commanded = Commanded(port)

    def log(folder: DataFolder, name: str, commit_interval_s: float = 0.0) -> SqliteLog:
        file = folder.file(name)
        return SqliteLog(file, commit_interval_s=commit_interval_s, vfs=commanded.vfs.name)

    DataFolder.log = log  # type: ignore[assignment, method-assign]
    commanded.begun.wait()
    return main(["serve", *flags])


if __name__ == "__main__":
    sys.exit(serve(int(sys.argv[1]), sys.argv[2:]))
