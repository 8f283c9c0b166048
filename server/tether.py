"""A process that ends when the one that started it ends, however that ends.

As a program, ``python -IS tether.py PARENT SIGNAL PROGRAM ARGUMENT…`` becomes another program, tied
to the process ``PARENT``. So it imports nothing but the standard library.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def tie(parent: int, number: int) -> None:
    """Have the kernel send this process signal ``number`` when its parent ends. Raises OSError.

    Counted is the parent's thread that started this process: its main one, here. If ``parent`` has
    ended already the signal comes at once.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def tied(number: signal.Signals) -> Sequence[str]:
    """What comes before a program and its arguments so that it ends with this process."""
    return (sys.executable, "-IS", __file__, str(os.getpid()), str(int(number)))


if __name__ == "__main__":
    tie(int(sys.argv[1]), int(sys.argv[2]))
    os.execv(sys.argv[3], sys.argv[3:])
