"""A row's work shared among the machine's cores, where it is nothing but computing."""

import multiprocessing
import os
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import psutil

from tests.faults.row import Figures

MIB = 1024 * 1024
Work = Callable[[int, int], Figures]
"""``work(seed, units)``: a function of a module, so that another process finds it."""


def spread(work: Work, seed: int, units: int, *, pieces: int) -> list[Figures]:
    """The figures of ``units`` of the work, in ``pieces`` with a seed each.

    One piece is done in this process, more in as many others as there are cores. Raises
    AssertionError where a piece fails.
    """
    if pieces == 1:
        return [work(seed, units)]
    sizes = [units // pieces + (number < units % pieces) for number in range(pieces)]
    with ProcessPoolExecutor(
        os.cpu_count(), mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        done = [
            pool.submit(_told, work, 1000 * seed + number, size)
            for number, size in enumerate(sizes)
        ]
        return [piece.result() for piece in done]


def _told(work: Work, seed: int, units: int) -> Figures:
    """The work; what fails in it is told as text, for not every exception can be sent."""
    try:
        return work(seed, units)
    except Exception:
        raise AssertionError(f"seed {seed}:\n{traceback.format_exc()}") from None


def resident_mib() -> float:
    """What this process holds of memory."""
    return float(psutil.Process().memory_info().rss / MIB)
