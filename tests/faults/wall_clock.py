"""The wall clock of one process, moved without the machine's: see ``wall_clock.c``."""

import shutil
import struct
import subprocess
import time
from pathlib import Path

from tests.process import COMMAND

_SOURCE = Path(__file__).with_name("wall_clock.c")


class NoCompilerError(Exception):
    """There is no C compiler to build the clock with."""


class WallClock:
    """Moves the wall clock of the servers that :attr:`command` starts, from Python's to SQLite's.

    Linux alone knows the time anew where a process waits for a moment of the wall clock, rather
    than for a span of time: such a wait isn't moved.
    """

    def __init__(self, folder: Path) -> None:
        """Build it in ``folder``. Raises :class:`NoCompilerError`."""
        compiler = shutil.which("cc")
        if compiler is None:
            raise NoCompilerError("there is no C compiler here")
        self._library = folder / "wall_clock.so"
        self._file = folder / "moved"
        self.moved_s = 0
        """By how much it is ahead of the machine's."""
        self.move(0)
        flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror"]
        subprocess.run([compiler, *flags, "-o", self._library, _SOURCE], check=True)

    @property
    def command(self) -> tuple[str, ...]:
        """For :class:`tests.process.ServerProcess`."""
        settings = (f"LD_PRELOAD={self._library}", f"WALL_CLOCK_FILE={self._file}")
        return "env", *settings, str(COMMAND), "serve"

    def move(self, seconds: int) -> None:
        """Set it forward, or back."""
        self.moved_s += seconds
        mode = "r+b" if self._file.exists() else "wb"  # in place: it is mapped
        with self._file.open(mode) as file:
            file.write(struct.pack("<q", self.moved_s))

    def now_s(self) -> float:
        """What it shows, Unix time."""
        return time.time() + self.moved_s
