"""Which cores are the server's and which the load generators'."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def server_cores() -> set[int]:
    """One core, if there is a second for the load; otherwise all there are."""
    cores = _all()
    return {max(cores)} if len(cores) > 1 else cores


def load_cores() -> set[int]:
    """All cores but the server's, if there are any."""
    return _all() - server_cores() or _all()


def pinned() -> bool:
    """Whether the server has a core to itself."""
    return server_cores() != load_cores()


@contextmanager
def bound_to(cores: set[int]) -> Iterator[None]:
    """Within it, a process that is started runs on these cores, from its first thread on."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def _all() -> set[int]:
    return set(os.sched_getaffinity(0))
