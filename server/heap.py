"""The C library's heap: shared by all threads, and what is free in it given back."""

import ctypes
import sys
from typing import Any

from server.supervisor import Service, fail
from tiles.loop import Offload

_M_ARENA_MAX = -8  # <malloc.h>
_TRIM_INTERVAL_S = 10.0


def share_heap() -> None:
    """Have every thread allocate from one heap; to be called before there is a second thread.

    glibc gives threads heaps of their own. What is compressed in one thread and let go in another
    can then only be used again by the first: a server that keeps its tiles within their budget grew
    by another fifth. Threads that hold the interpreter's lock hardly ever want the heap at once.
    """
    mallopt = _function_of_libc("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


class Trimming:
    """Gives free pages amid the heap back to the system, every ten seconds, in a thread.

    By itself glibc gives back no more than the heap's end. Of sizes that change all the time, as
    those of compressed tiles do, ever more lies free between what is used: a tenth of all memory
    after an hour, and the process never stops growing.
    """

    def __init__(self, service: Service, offload: Offload) -> None:
        self._service = service
        self._offload = offload
        self._malloc_trim = _function_of_libc("malloc_trim")
        if self._malloc_trim is not None:
            service.on_restart(self._trim_later)
            self._trim_later()

    def _trim_later(self) -> None:
        self._service.call_later(_TRIM_INTERVAL_S, self._trim)

    def _trim(self) -> None:
        self._offload(
            lambda: self._malloc_trim(0),
            self._service.own(lambda _: self._trim_later()),
            self._service.own(fail),
        )


def _function_of_libc(name: str) -> Any:
    """A function that not every C library has; None where it hasn't."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
