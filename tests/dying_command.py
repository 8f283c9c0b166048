"""``tilecast`` as a process that is killed at a step of its own: before its n-th act, or after it.

Run as ``python -m tests.dying_command N ARGUMENTS…``; acts are what changes a folder or NATS. It
ends by SIGKILL, or as the command does where that has fewer acts.
"""

import inspect
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from server.cli import main
from server.cluster import move_in, move_out, moved, streams
from server.cluster.objects import Snapshots

ACTS: tuple[tuple[Any, str], ...] = (
    (Path, "rename"),
    (Snapshots, "put"),
    (streams, "create"),
    (streams, "delete"),
    (moved, "close"),
    (moved, "note"),
    (move_in, "take"),
    (move_in, "begin_life"),
    (move_out, "take"),
    (move_out, "begin_life"),
    (move_out, "begin_fold"),
)


class Clock:
    """Counts to the end."""

    def __init__(self, left: int) -> None:
        self._left = left

    def tick(self) -> None:
        """Once more; the last time this doesn't return."""
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        """``act``, with a tick before it and one after."""

        async def awaited(*args: Any, **options: Any) -> Any:
            self.tick()
            result = await act(*args, **options)
            self.tick()
            return result

        def called(*args: Any, **options: Any) -> Any:
            self.tick()
            result = act(*args, **options)
            self.tick()
            return result

        return awaited if inspect.iscoroutinefunction(act) else called


if __name__ == "__main__":
    clock = Clock(int(sys.argv[1]))
    for owner, name in ACTS:
        setattr(owner, name, clock.around(getattr(owner, name)))
    sys.exit(main(sys.argv[2:]))
