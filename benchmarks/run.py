"""What the rows share in one run: its size, its folder, its progress, the peers' figures."""

import sys
import time
from pathlib import Path


class Run:
    """One call of ``make bench``."""

    def __init__(self, folder: Path, peers: tuple[str, ...]) -> None:
        self.peers = peers
        """The kinds of peers to measure beside Tilecast."""
        self._folder = folder
        self._folders = 0
        self._planned_s = 0.0
        self._began = time.monotonic()
        self._row_began = self._began
        self._done_s = 0.0

    def plan(self, seconds: float) -> None:
        """All rows together are going to take about so long."""
        self._planned_s = seconds

    def row_done(self, planned_s: float) -> None:
        """A row that was planned to take so long is over."""
        self._done_s += planned_s
        self._row_began = time.monotonic()

    def new_folder(self) -> Path:
        """An empty folder for data and logs; it goes with the run."""
        self._folders += 1
        folder = self._folder / str(self._folders)
        folder.mkdir()
        return folder

    def say(self, text: str) -> None:
        """Show what is measured now, the time since the start and about how much is left."""
        now = time.monotonic()
        passed = now - self._began
        in_row = now - self._row_began
        left = max(0.0, self._planned_s - self._done_s - in_row)
        print(f"[{_clock(passed)}, about {_clock(left)} left] {text}", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
