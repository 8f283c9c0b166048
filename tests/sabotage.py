"""Deliberate crashes of background services: a call that one makes raises instead of being made.

Nothing in the server is there for it. Python's trace function sees each call of a Python function;
the one that is counted out raises at its entry. So a service may fail before, in the middle of, or
after anything that it has others do for it.
"""

import inspect
import sys
from types import FrameType
from typing import Any

from server.supervisor import Service

SOURCES = {
    "awareness": ("server/awareness.py",),
    "checkpointer": ("server/checkpointer.py",),
    "fan-out": ("server/fanout.py", "server/snapshotting.py"),
    "following": ("server/following.py",),
    "journal": ("server/journal.py",),
    "memory": ("server/memory.py",),
    "overviews": ("server/overviews.py",),
    "paging": ("server/paging.py",),
    "people": tuple(
        f"server/cluster/{part}.py"
        for part in ("people", "telling", "ghosts", "watching", "regions", "parcels")
    ),
    "sweeper": ("server/sweeper.py",),
}
"""The files that are a service's own, by its name: what is called from there may fail."""
OF_A_CLUSTER = frozenset({"following", "people"})
"""Those that only a node of a cluster has."""


class Sabotage(Exception):
    """The failure that a test ordered."""


def crash_at(service: Service, call: int, callee: str = "") -> None:
    """Let the ``call``-th call fail that this service makes from now on, counted from 1.

    With a ``callee`` only calls of the function of that name count (``Class.method``). One service
    at a time, and those of the calling thread; :func:`stand_down` calls it off.
    """
    sources = SOURCES[service.name]
    left = call

    def trace(frame: FrameType, event: str, _: Any) -> None:
        nonlocal left
        caller = frame.f_back
        if event != "call" or caller is None:
            return
        # One that is given up is entered too, to end: what it raises then reaches nobody.
        if frame.f_code.co_flags & inspect.CO_GENERATOR:
            return
        if callee not in {"", frame.f_code.co_qualname}:
            return
        if caller.f_code.co_filename.endswith(sources) and _works(service, caller):
            left -= 1
            if left == 0:
                raise Sabotage(f"{service} may not call {frame.f_code.co_qualname}")

    sys.settrace(trace)


def stand_down() -> None:
    """Let nothing fail."""
    sys.settrace(None)


def _works(service: Service, frame: FrameType | None) -> bool:
    """Whether a frame is part of what the service does by itself."""
    while frame is not None:
        if frame.f_code is Service._call.__code__ and frame.f_locals["self"] is service:
            return True
        frame = frame.f_back
    return False
