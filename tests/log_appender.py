"""A process to be killed: appends to a log without end, and prints each ticket told durable.

Run as ``python -m tests.log_appender PATH``; a line ``open SEQ`` comes first.
"""

import os
import sys
import threading
from pathlib import Path

from tests.log_rigs import Drawing
from tiles.log.base import SavedTile
from tiles.log.sqlite import SqliteLog

AHEAD = 40


class Printer:
    """Writes tickets to standard output, one system call a line, so that a kill tears none."""

    def __init__(self) -> None:
        self.room = threading.Semaphore(AHEAD)
        self._last = 0

    def durable(self, ticket: int) -> None:
        """Say it, and let so many more commits be appended."""
        os.write(1, b"%d\n" % ticket)
        self.room.release(ticket - self._last)
        self._last = ticket

    def trouble(self, error: Exception | None) -> None:
        """There is none here."""
        raise AssertionError(error)


def main() -> None:
    """Append until killed."""
    log = SqliteLog(Path(sys.argv[1]))
    drawing = Drawing(log.open().seq)
    printer = Printer()
    os.write(1, b"open %d\n" % drawing.seq)
    log.start(printer)
    while True:
        printer.room.acquire()
        log.append(drawing.commit(1, 2))
        if drawing.ticket % 50 == 0:
            tiles = [SavedTile(key, drawing.seq, os.urandom(900)) for key in range(100)]
            log.checkpoint(tiles, drawing.seq)
        drawing.batches.clear()


if __name__ == "__main__":
    main()
