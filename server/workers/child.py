"""One of the processes behind a port: ``python -P -m server.workers.child``, started by its parent.

Its task comes on standard input, where nobody else sees what is secret in it. It says on standard
output that it is ready, as a server by itself does.
"""

import signal
import sys

from pydantic import BaseModel

from server.serve import ServeError, Worker, serve
from server.settings import Settings
from server.tether import tie

REFUSED = 1
"""Its exit code when it can't serve, and has said why."""


class Task(BaseModel):
    """What a worker is told: who it is, its own settings, and the process that it ends with."""

    worker: Worker
    settings: Settings
    parent: int


def main() -> int:
    """Serve as a worker; the exit code."""
    task = Task.model_validate_json(sys.stdin.buffer.read())
    tie(task.parent, signal.SIGKILL)
    try:
        serve(task.settings, task.worker)
    except ServeError as error:
        print(f"tilecast: worker {task.worker.number}: {error}", file=sys.stderr)
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
